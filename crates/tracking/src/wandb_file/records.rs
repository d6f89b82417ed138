//! Records of a run's file.

use super::blocks::Blocks;
use super::fields::{Field, fields};
use crate::wandb::parse_lenient;
use serde_json::{Map, Value};
use thiserror::Error;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileError {
    /// It is of another kind.
    #[error("this is no file of a W&B run: it does not begin as one")]
    Kind,
    /// Its checksums are wrong from a byte on.
    #[error("the file is damaged at byte {0}")]
    Damaged(usize),
}

/// What a run's beginning says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunStart {
    /// The client's id.
    pub id: String,
    /// The entity; empty when none was given.
    pub entity: String,
    /// The project.
    pub project: String,
    /// The configuration.
    pub config: Map<String, Value>,
    /// The group.
    pub group: String,
    /// The kind of work.
    pub job_type: String,
    /// The name for people.
    pub display_name: String,
    /// Notes for people.
    pub notes: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The machine.
    pub host: String,
    /// The Git commit.
    pub commit: String,
    /// The Git repository.
    pub repo: String,
}

/// A record, as far as an import needs it.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The run begins, or says more of itself.
    Run(Box<RunStart>),
    /// The configuration changes.
    Config {
        /// New values.
        update: Map<String, Value>,
        /// Keys that go away.
        remove: Vec<String>,
    },
    /// One line of history.
    History(Map<String, Value>),
    /// The summary changes.
    Summary {
        /// New values.
        update: Map<String, Value>,
        /// Keys that go away.
        remove: Vec<String>,
    },
    /// System metrics at a time in seconds.
    Stats {
        /// When.
        seconds: f64,
        /// What.
        values: Map<String, Value>,
    },
    /// Something was printed.
    Output {
        /// When, in seconds.
        seconds: f64,
        /// Whether it was an error message.
        error: bool,
        /// What.
        text: String,
    },
    /// A file of the run, relative to the folder `files` beside it.
    File(String),
    /// An artifact was logged.
    Artifact(String),
    /// The run ended.
    Exit(i64),
}

/// Reads the records of a file; those of other kinds are left out.
///
/// # Errors
/// When the file is of another kind or damaged.
pub fn read(bytes: &[u8]) -> Result<Vec<Record>, FileError> {
    let mut blocks = Blocks::new(bytes)?;
    let mut records = Vec::new();
    while let Some(bytes) = blocks.next_record()? {
        let found = fields(&bytes).ok_or(FileError::Damaged(bytes.len()))?;
        for (number, field) in found {
            interpret(number, field.bytes(), &mut records);
        }
    }
    Ok(records)
}

/// Fields of a message; a damaged one has none, since its checksum was right and somebody wrote it so.
fn parts(message: &[u8]) -> Vec<(u64, Field<'_>)> {
    fields(message).unwrap_or_default()
}

fn interpret(number: u64, message: &[u8], records: &mut Vec<Record>) {
    match number {
        2 => records.push(Record::History(history(message))),
        3 => {
            let (update, remove) = changes(message);
            records.push(Record::Summary { update, remove });
        }
        // Console text, whole lines and raw pieces.
        4 | 13 => records.push(output(message)),
        5 => {
            let (update, remove) = changes(message);
            records.push(Record::Config { update, remove });
        }
        6 => {
            let files = parts(message).into_iter().filter(|(number, _)| *number == 1);
            let paths = files.flat_map(|(_, file)| parts(file.bytes()));
            let paths = paths.filter(|(number, _)| *number == 1);
            records.extend(paths.map(|(_, path)| Record::File(path.text())));
        }
        7 => records.push(stats(message)),
        8 => {
            let name = parts(message).into_iter().find(|(number, _)| *number == 5);
            records.extend(name.map(|(_, name)| Record::Artifact(name.text())));
        }
        17 => records.push(Record::Run(Box::new(run(message)))),
        18 => {
            let code = parts(message).into_iter().find(|(number, _)| *number == 1);
            records.push(Record::Exit(code.map_or(0, |(_, code)| code.number())));
        }
        _ => {}
    }
}

/// An item's key, perhaps nested, and its value.
fn item(message: &[u8]) -> (Vec<String>, Value) {
    let (mut keys, mut value) = (Vec::new(), Value::Null);
    for (number, field) in parts(message) {
        match number {
            1 | 2 => keys.push(field.text()),
            16 => value = parse_lenient(&field.text()).unwrap_or(Value::Null),
            _ => {}
        }
    }
    (keys, value)
}

/// Puts a value where its keys lead.
fn put(object: &mut Map<String, Value>, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        object.insert(first.clone(), value);
        return;
    }
    let inner = object.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

fn history(message: &[u8]) -> Map<String, Value> {
    let mut row = Map::new();
    for (number, field) in parts(message) {
        match number {
            1 => {
                let (keys, value) = item(field.bytes());
                put(&mut row, &keys, value);
            }
            2 => {
                let step = parts(field.bytes()).into_iter().find(|(number, _)| *number == 1);
                let step = step.map_or(0, |(_, step)| step.number());
                row.entry("_step").or_insert_with(|| Value::from(step));
            }
            _ => {}
        }
    }
    row
}

fn changes(message: &[u8]) -> (Map<String, Value>, Vec<String>) {
    let (mut update, mut remove) = (Map::new(), Vec::new());
    for (number, field) in parts(message) {
        let (keys, value) = item(field.bytes());
        match number {
            1 => put(&mut update, &keys, value),
            2 => remove.extend(keys.into_iter().next()),
            _ => {}
        }
    }
    (update, remove)
}

fn output(message: &[u8]) -> Record {
    let (mut seconds, mut error, mut text) = (0.0, true, String::new());
    for (number, field) in parts(message) {
        match number {
            1 => error = field.number() == 0,
            2 => seconds = time(field.bytes()),
            3 => text = field.text(),
            _ => {}
        }
    }
    Record::Output { seconds, error, text }
}

/// A time as seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds and nanoseconds of a time are small enough")]
fn time(message: &[u8]) -> f64 {
    let part = |wanted: u64| {
        let found = parts(message).into_iter().find(|(number, _)| *number == wanted);
        found.map_or(0.0, |(_, part)| part.number() as f64)
    };
    part(1) + part(2) / 1e9
}

fn stats(message: &[u8]) -> Record {
    let (mut seconds, mut values) = (0.0, Map::new());
    for (number, field) in parts(message) {
        match number {
            2 => seconds = time(field.bytes()),
            3 => {
                let (keys, value) = item(field.bytes());
                values.extend(keys.into_iter().next().map(|key| (key, value)));
            }
            _ => {}
        }
    }
    Record::Stats { seconds, values }
}

fn run(message: &[u8]) -> RunStart {
    let mut run = RunStart::default();
    for (number, field) in parts(message) {
        match number {
            1 => run.id = field.text(),
            2 => run.entity = field.text(),
            3 => run.project = field.text(),
            4 => run.config = changes(field.bytes()).0,
            6 => run.group = field.text(),
            7 => run.job_type = field.text(),
            8 => run.display_name = field.text(),
            9 => run.notes = field.text(),
            10 => run.tags.push(field.text()),
            13 => run.host = field.text(),
            21 => {
                for (number, part) in parts(field.bytes()) {
                    match number {
                        1 => run.repo = part.text(),
                        2 => run.commit = part.text(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    run
}
