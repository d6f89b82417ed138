//! Streams of lines: history, system metrics, console, and the summary.

use super::runs::{check_size, details, summary_tags};
use super::values::{Leaf, flatten, kind, name, parse_object};
use crate::runs::subject;
use crate::validation::{self, invalid};
use crate::{Result, logging, runs};
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Metric, RunStatus};
use mainspring_domain::wandb::{LineStream, RunDetails};
use mainspring_metadata_store::WriteTx;
use mainspring_metadata_store::traits::Line;
use serde_json::{Map, Value, json};

/// Distinct keys of a history that are counted.
const KEYS: usize = 10_000;

/// Lines with the number of the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The number of the first.
    pub offset: i64,
    /// The lines.
    pub lines: Vec<String>,
}

/// What one request of a run brings.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// History.
    pub history: Lines,
    /// System metrics.
    pub events: Lines,
    /// What was printed.
    pub console: Lines,
    /// The summary as a whole.
    pub summary: Option<String>,
    /// The exit code, when the run is over.
    pub exit_code: Option<i64>,
}

/// Takes what a run sends. Lines that are there already count nothing, so that it may be sent again.
///
/// # Errors
/// When the run is not in use, or a number of a line is negative.
pub fn append(tx: &mut dyn WriteTx, run: &str, chunk: Chunk) -> Result<()> {
    let mut info = runs::get_active(tx, run)?;
    let mut known = details(tx, &info)?;
    known.details.heartbeat = tx.now();
    tx.put_wandb_run(&known)?;
    let mut points = Vec::new();
    let history = new_lines(tx, run, LineStream::History, chunk.history)?;
    let history: Vec<Line> =
        history.into_iter().map(|line| read_history(line, &mut known.details, &mut points)).collect();
    let events = new_lines(tx, run, LineStream::Events, chunk.events)?;
    for line in &events {
        read_event(line, &mut known.details, &mut points);
    }
    // A console rewrites lines that it has printed.
    let console = numbered(chunk.console)?;
    tx.put_wandb_lines(run, LineStream::History, &history, false)?;
    tx.put_wandb_lines(run, LineStream::Events, &events, false)?;
    tx.put_wandb_lines(run, LineStream::Console, &console, true)?;
    let added = logging::write_points(tx, run, &points)?;
    let lines = history.len() + events.len() + console.len();
    let quiet = lines == 0 && chunk.exit_code.is_none() && chunk.summary.is_none();
    if let Some(code) = chunk.exit_code {
        info.status = if code == 0 { RunStatus::Finished } else { RunStatus::Failed };
        info.end = Some(tx.now());
        tx.update_run(&info)?;
        let facts = json!({ "status": info.status.as_str(), "exit_code": code });
        tx.record(Record::new("run.updated", subject(run)).with(facts))?;
    }
    tx.put_wandb_run(&known)?;
    if let Some(summary) = chunk.summary.as_deref().and_then(parse_object) {
        set_summary(tx, run, summary)?;
    }
    if quiet {
        tx.bookkeeping();
    } else {
        tx.record(Record::new("run.logged", subject(run)).with(json!({ "lines": lines, "metrics": added })))?;
    }
    Ok(())
}

fn numbered(lines: Lines) -> Result<Vec<Line>> {
    let count = i64::try_from(lines.lines.len()).unwrap_or(i64::MAX);
    if lines.offset < 0 || lines.offset.checked_add(count).is_none() {
        return invalid(format!("{} is no number of a line.", lines.offset));
    }
    let texts = (lines.offset..).zip(lines.lines);
    Ok(texts.map(|(number, text)| Line { number, step: None, text: text.replace('\0', "") }).collect())
}

/// The lines that the stream does not have yet. They arrive in order, so these are the last ones.
fn new_lines(tx: &dyn WriteTx, run: &str, stream: LineStream, lines: Lines) -> Result<Vec<Line>> {
    let mut lines = numbered(lines)?;
    if !lines.is_empty() {
        let count = tx.wandb_line_count(run, stream)?;
        lines.retain(|line| line.number >= count);
    }
    Ok(lines)
}

/// Reads a line of the history; one that is not understood is kept all the same.
fn read_history(mut line: Line, details: &mut RunDetails, points: &mut Vec<Metric>) -> Line {
    let Some(row) = parse_object(&line.text) else { return line };
    let step = row.get("_step").and_then(Value::as_f64).map_or(line.number, whole);
    line.step = Some(step);
    details.last_step = details.last_step.max(Some(step));
    for (key, value) in &row {
        let counted = details.history_keys.contains_key(key) || details.history_keys.len() < KEYS;
        if counted {
            let kinds = details.history_keys.entry(key.clone()).or_default();
            *kinds.entry(kind(value).to_owned()).or_default() += 1;
        }
    }
    collect(&row, step, name, points);
    line
}

fn read_event(line: &Line, details: &mut RunDetails, points: &mut Vec<Metric>) {
    let Some(row) = parse_object(&line.text) else { return };
    let named = |key: &str| name(&format!("system/{}", key.strip_prefix("system.").unwrap_or(key)));
    collect(&row, line.number, named, points);
    details.system.extend(row);
}

/// The numbers of a row as points.
fn collect(
    row: &Map<String, Value>,
    step: i64,
    named: impl Fn(&str) -> Option<String>,
    points: &mut Vec<Metric>,
) {
    let seconds = row.get("_timestamp").and_then(Value::as_f64).unwrap_or(0.0);
    let timestamp = Timestamp::from_millis(whole(seconds * 1000.0).max(0));
    for (key, leaf) in flatten(row) {
        let Leaf::Number(value) = leaf else { continue };
        let point = named(&key).map(|key| Metric { key, value, timestamp, step });
        points.extend(point.and_then(|point| validation::metric(point, validation::Place::Alone).ok()));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast from floating point saturates")]
const fn whole(number: f64) -> i64 {
    number as i64
}

/// Makes this the summary of a run. Its numbers are the latest values of their metrics, its texts
/// tags.
pub(super) fn set_summary(tx: &mut dyn WriteTx, run: &str, summary: Map<String, Value>) -> Result<()> {
    check_size("summary", &summary)?;
    let info = runs::get_active(tx, run)?;
    let mut known = details(tx, &info)?;
    let (now, step) = (tx.now(), known.details.last_step.unwrap_or(0));
    let held = flatten(&known.details.summary);
    let mut points = Vec::new();
    for (key, leaf) in flatten(&summary) {
        let Leaf::Number(value) = leaf else { continue };
        // What has not changed is not written again, so that a repeated request changes nothing.
        let same = held.iter().any(|(known, leaf)| {
            *known == key && matches!(leaf, Leaf::Number(old) if old.total_cmp(&value).is_eq())
        });
        let Some(name) = name(&key).filter(|_| !same || known.details.history_keys.contains_key(&key)) else {
            continue;
        };
        let point =
            validation::metric(Metric { key: name, value, timestamp: now, step }, validation::Place::Alone)
                .ok();
        points.extend(point.map(|point| (known.details.history_keys.contains_key(&key), point)));
    }
    // A key without a history gets one from its summaries.
    let alone: Vec<Metric> =
        points.iter().filter(|(logged, _)| !logged).map(|(_, point)| point.clone()).collect();
    tx.insert_metric_points(run, &alone)?;
    let points: Vec<Metric> = points.into_iter().map(|(_, point)| point).collect();
    tx.set_latest_metrics(run, &points)?;
    tx.set_run_tags(run, &summary_tags(&summary))?;
    known.details.summary = summary;
    tx.put_wandb_run(&known)?;
    tx.record(Record::new("run.logged", subject(run)).with(json!({ "summary": points.len() })))?;
    Ok(())
}
