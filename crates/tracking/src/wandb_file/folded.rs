//! A run as a whole, out of the records of its files.

use super::records::{Record, RunStart};
use mainspring_domain::Timestamp;
use serde_json::{Map, Value, json};

/// Everything that a run's files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WholeRun {
    /// What it said of itself.
    pub start: RunStart,
    /// The configuration with each value wrapped, as the API takes it.
    pub config: Map<String, Value>,
    /// The summary.
    pub summary: Map<String, Value>,
    /// The lines of the history.
    pub history: Vec<String>,
    /// The lines of the system metrics.
    pub events: Vec<String>,
    /// What was printed.
    pub console: Vec<String>,
    /// Files of the run that the records name.
    pub files: Vec<String>,
    /// Artifacts that were logged.
    pub artifacts: Vec<String>,
    /// How it ended, when it did.
    pub exit_code: Option<i64>,
    /// What was printed since the last end of a line.
    open_line: String,
}

impl WholeRun {
    /// Adds records; those of a run's later files come after those of its first.
    pub fn add(&mut self, records: Vec<Record>) {
        for record in records {
            self.add_one(record);
        }
        if !self.open_line.is_empty() {
            self.console.push(std::mem::take(&mut self.open_line));
        }
    }

    fn add_one(&mut self, record: Record) {
        match record {
            Record::Run(start) => {
                self.set_config(start.config.clone());
                self.start = *start;
            }
            Record::Config { update, remove } => {
                self.set_config(update);
                self.config.retain(|key, _| !remove.contains(key));
            }
            Record::History(row) => {
                self.summary.extend(row.iter().map(|(key, value)| (key.clone(), value.clone())));
                self.history.push(Value::Object(row).to_string());
            }
            Record::Summary { update, remove } => {
                merge(&mut self.summary, update);
                self.summary.retain(|key, _| !remove.contains(key));
            }
            Record::Stats { seconds, values } => {
                let named = values.into_iter().map(|(key, value)| (format!("system.{key}"), value));
                let mut row: Map<String, Value> = named.collect();
                row.insert("_timestamp".to_owned(), json!(seconds));
                self.events.push(Value::Object(row).to_string());
            }
            Record::Output { seconds, error, text } => self.print(seconds, error, &text),
            Record::File(path) => self.files.push(path),
            Record::Artifact(name) => self.artifacts.push(name),
            Record::Exit(code) => self.exit_code = Some(code),
        }
    }

    fn set_config(&mut self, update: Map<String, Value>) {
        self.config.extend(update.into_iter().map(|(key, value)| (key, json!({ "value": value }))));
    }

    /// Text comes in pieces that end anywhere.
    #[expect(clippy::cast_possible_truncation, reason = "a cast from floating point saturates")]
    fn print(&mut self, seconds: f64, error: bool, text: &str) {
        let time = Timestamp::from_millis((seconds * 1000.0) as i64);
        for piece in text.split_inclusive('\n') {
            if self.open_line.is_empty() {
                let level = if error { "ERROR " } else { "" };
                self.open_line = format!("{level}{time} ");
            }
            self.open_line.push_str(piece.trim_end_matches(['\n', '\r']));
            if piece.ends_with('\n') {
                self.console.push(std::mem::take(&mut self.open_line));
            }
        }
    }
}

/// Puts values into an object; objects within both are joined.
fn merge(into: &mut Map<String, Value>, update: Map<String, Value>) {
    for (key, value) in update {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(held)), Value::Object(value)) => merge(held, value),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::WholeRun;
    use crate::wandb_file::records::{Record, RunStart};
    use serde_json::{Map, Value, json};

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { unreachable!() };
        object
    }

    #[test]
    fn records_add_up_to_a_run() {
        let mut run = WholeRun::default();
        let start =
            RunStart { id: "r".into(), config: object(json!({ "lr": 1, "gone": 2 })), ..RunStart::default() };
        run.add(vec![
            Record::Run(Box::new(start)),
            Record::Config { update: object(json!({ "lr": 3 })), remove: vec!["gone".into()] },
            Record::History(object(json!({ "_step": 0, "loss": 2 }))),
            Record::Summary { update: object(json!({ "best": { "a": 1 } })), remove: Vec::new() },
            Record::Summary { update: object(json!({ "best": { "b": 2 } })), remove: Vec::new() },
            Record::Stats { seconds: 5.0, values: object(json!({ "cpu": 50 })) },
            Record::Output { seconds: 1.5, error: false, text: "one\ntw".into() },
            Record::Output { seconds: 2.5, error: true, text: "o\n".into() },
            Record::Output { seconds: 3.0, error: true, text: "three".into() },
        ]);
        run.add(vec![Record::History(object(json!({ "_step": 1, "loss": 1 }))), Record::Exit(0)]);
        assert_eq!(Value::Object(run.config), json!({ "lr": { "value": 3 } }));
        assert_eq!(run.history.len(), 2);
        assert_eq!(run.summary["best"], json!({ "a": 1, "b": 2 }));
        assert_eq!((&run.summary["loss"], run.exit_code), (&json!(1), Some(0)));
        assert_eq!(run.events, [r#"{"system.cpu":50,"_timestamp":5.0}"#]);
        let lines = ["1970-01-01T00:00:01.500Z one", "1970-01-01T00:00:01.500Z two"];
        assert_eq!(run.console[..2], lines);
        assert!(run.console[2].starts_with("ERROR 1970-01-01T00:00:03"), "{:?}", run.console);
    }
}
