//! Histories: the lines of runs, or for runs of other clients rows made of their metrics.

use super::asked::Asked;
use super::nodes::look;
use super::resolvers::{Answer, Call, connection, object};
use crate::graphql::{GraphqlError, Resolvers};
use mainspring_domain::wandb::LineStream;
use mainspring_metadata_store::ReadTx;
use mainspring_tracking::{TrackingError, runs, wandb};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Lines that are read for one answer.
const MOST: usize = 100_000;
/// Points of each metric that rows are made of.
const POINTS: usize = 10_000;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Run.historyLineCount", |call: Call| count(call, LineStream::History));
    resolvers.add("Run.eventsLineCount", |call: Call| count(call, LineStream::Events));
    resolvers.add("Run.logLineCount", |call: Call| count(call, LineStream::Console));
    resolvers.add("Run.historyTail", |call: Call| tail(call, LineStream::History));
    resolvers.add("Run.eventsTail", |call: Call| tail(call, LineStream::Events));
    resolvers.add("Run.historyKeys", keys);
    resolvers.add("Run.history", |call: Call| async move {
        let steps =
            (call.integer("minStep").unwrap_or(i64::MIN), call.integer("maxStep").unwrap_or(i64::MAX));
        let run = call.parent_text("_run").to_owned();
        let lines = call.context.read(move |tx| rows(tx, &run, steps)).await?;
        Ok(json!(sample(lines, samples(call.integer("samples")))))
    });
    resolvers.add("Run.events", |call: Call| async move {
        let run = call.parent_text("_run").to_owned();
        let lines =
            call.context.read(move |tx| Ok(tx.wandb_lines(&run, LineStream::Events, 0, MOST)?)).await?;
        let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
        Ok(json!(sample(lines, samples(call.integer("samples")))))
    });
    resolvers.add("Run.sampledHistory", sampled);
    // Histories are always given line by line, never as files.
    resolvers.add("Run.parquetHistory", |_: Call| async {
        Ok(json!({ "parquetUrls": [], "liveData": [{ "_step": 0 }] }))
    });
    resolvers.add("Run.logLines", console);
}

fn samples(wanted: Option<i64>) -> usize {
    wanted.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(500).min(MOST)
}

/// At most `count` items, evenly spread, the first and the last among them.
fn sample<T>(items: Vec<T>, count: usize) -> Vec<T> {
    let total = items.len();
    if total <= count {
        return items;
    }
    let place = |index: usize| if count < 2 { 0 } else { index * (total - 1) / (count - 1) };
    let mut wanted = (0..count).map(place).peekable();
    let numbered = items.into_iter().enumerate();
    numbered.filter(|(index, _)| wanted.next_if_eq(index).is_some()).map(|(_, item)| item).collect()
}

async fn count(call: Call, stream: LineStream) -> Answer {
    let run = call.parent_text("_run").to_owned();
    Ok(json!(call.context.read(move |tx| Ok(tx.wandb_line_count(&run, stream)?)).await?))
}

/// The last line of a stream, as a list in JSON text.
async fn tail(call: Call, stream: LineStream) -> Answer {
    let run = call.parent_text("_run").to_owned();
    let lines = call
        .context
        .read(move |tx| {
            let count = tx.wandb_line_count(&run, stream)?;
            Ok(tx.wandb_lines(&run, stream, (count - 1).max(0), 1)?)
        })
        .await?;
    let texts: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    Ok(Value::String(json!(texts).to_string()))
}

/// The rows of a run with steps from the first up to but without the second.
fn rows(tx: &dyn ReadTx, run: &str, (from, to): (i64, i64)) -> Result<Vec<String>, TrackingError> {
    if tx.wandb_run_of(run)?.is_some() {
        let lines = tx.wandb_lines_of_steps(run, LineStream::History, (from, to), MOST)?;
        return Ok(lines.into_iter().map(|line| line.text).collect());
    }
    let mut rows: BTreeMap<i64, Map<String, Value>> = BTreeMap::new();
    for metric in runs::get(tx, run)?.metrics {
        let points = tx.metric_history(run, &metric.key, POINTS, 0)?;
        for point in points.into_iter().filter(|point| (from..to).contains(&point.step)) {
            let row = rows.entry(point.step).or_default();
            row.insert("_step".to_owned(), json!(point.step));
            row.insert("_timestamp".to_owned(), json!(point.timestamp.as_millis() / 1000));
            let value = if point.value.is_finite() { json!(point.value) } else { json!("NaN") };
            row.insert(point.key, value);
        }
    }
    Ok(rows.into_values().map(|row| Value::Object(row).to_string()).collect())
}

async fn keys(call: Call) -> Answer {
    let run = call.parent_text("_run").to_owned();
    let (kinds, last) = call
        .context
        .read(move |tx| {
            let run = runs::get(tx, &run)?;
            let details = wandb::runs::details(tx, &run.info)?.details;
            if !details.history_keys.is_empty() {
                return Ok((details.history_keys, details.last_step));
            }
            let last = run.metrics.iter().map(|metric| metric.step).max();
            let number = BTreeMap::from([("number".to_owned(), 1)]);
            Ok((run.metrics.into_iter().map(|metric| (metric.key, number.clone())).collect(), last))
        })
        .await?;
    let Some(last) = last else { return Ok(Value::Null) };
    let keys: Map<String, Value> = kinds
        .into_iter()
        .map(|(key, kinds)| {
            let counts: Vec<Value> =
                kinds.into_iter().map(|(kind, count)| json!({ "type": kind, "count": count })).collect();
            (key, json!({ "typeCounts": counts, "monotonic": false }))
        })
        .collect();
    Ok(json!({ "keys": keys, "lastStep": last, "sets": [] }))
}

/// Rows that have all the keys of a specification, with these alone.
async fn sampled(call: Call) -> Answer {
    let specs = call.arguments.get("specs").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut answers = Vec::new();
    for spec in specs.iter().take(16) {
        let spec = object("specs", spec.as_str().unwrap_or_default())?;
        answers.push(Value::Array(sampled_by(&call, &spec).await?));
    }
    Ok(Value::Array(answers))
}

async fn sampled_by(call: &Call, spec: &Map<String, Value>) -> Result<Vec<Value>, GraphqlError> {
    let keys: Vec<String> = spec
        .get("keys")
        .and_then(Value::as_array)
        .map(|keys| keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    let number = |key: &str| spec.get(key).and_then(Value::as_i64);
    let steps = (
        number("minStep").unwrap_or(i64::MIN),
        number("maxStep").map_or(i64::MAX, |step| step.saturating_add(1)),
    );
    let run = call.parent_text("_run").to_owned();
    let rows = call
        .context
        .read(move |tx| {
            let rows = rows(tx, &run, steps)?;
            Ok(rows.iter().filter_map(|row| with_keys(row, &keys)).collect::<Vec<_>>())
        })
        .await?;
    Ok(sample(rows, samples(number("samples"))))
}

fn with_keys(row: &str, keys: &[String]) -> Option<Value> {
    let Some(Value::Object(row)) = wandb::parse_lenient(row) else { return None };
    let mut chosen = Map::new();
    for key in keys {
        let value = look(&row, key);
        if value.is_null() {
            return None;
        }
        chosen.insert(key.clone(), value);
    }
    Some(Value::Object(chosen))
}

async fn console(call: Call) -> Answer {
    let run = call.parent_text("_run").to_owned();
    let (after, last) =
        (call.text("after").and_then(|after| after.parse::<i64>().ok()), call.integer("last"));
    let first = call.integer("first").unwrap_or(10_000).clamp(0, 10_000);
    let (lines, total) = call
        .context
        .read(move |tx| {
            let total = tx.wandb_line_count(&run, LineStream::Console)?;
            let from = last.map_or_else(|| after.unwrap_or(0), |last| (total - last.clamp(0, 10_000)).max(0));
            let count = usize::try_from(last.unwrap_or(first)).unwrap_or(0);
            Ok((tx.wandb_lines(&run, LineStream::Console, from, count)?, total))
        })
        .await?;
    let place = |number: i64| usize::try_from(number).unwrap_or(0);
    let nodes = lines.iter().map(|line| (place(line.number + 1), log_line(line.number, &line.text)));
    Ok(connection(nodes.collect(), place(total)))
}

/// A printed line; it carries its time in front, and `ERROR` before that when it was one.
fn log_line(number: i64, text: &str) -> Value {
    let (level, rest) = match text.strip_prefix("ERROR ") {
        Some(rest) => ("error", rest),
        None => ("info", text),
    };
    let (time, line) = rest.split_once(' ').unwrap_or(("", rest));
    json!({ "number": number, "timestamp": time, "level": level, "line": line })
}

#[cfg(test)]
mod tests {
    use super::{log_line, sample, with_keys};
    use serde_json::json;

    #[test]
    fn samples_are_spread_and_keep_both_ends() {
        assert_eq!(sample((0..3).collect(), 5), [0, 1, 2]);
        assert_eq!(sample((0..101).collect(), 5), [0, 25, 50, 75, 100]);
        assert_eq!(sample((0..10).collect(), 1), [0]);
        assert!(sample((0..10).collect::<Vec<_>>(), 0).is_empty());
        assert_eq!(sample((0..10).collect::<Vec<_>>(), 7).len(), 7);
    }

    #[test]
    fn rows_need_all_keys() {
        let keys = ["_step".to_owned(), "a.b".to_owned()];
        let row = with_keys(r#"{"_step": 1, "a": {"b": NaN}, "c": 3}"#, &keys);
        assert_eq!(row, Some(json!({ "_step": 1, "a.b": "NaN" })));
        assert_eq!(with_keys(r#"{"_step": 1}"#, &keys), None);
        assert_eq!(with_keys("broken", &keys), None);
    }

    #[test]
    fn printed_lines_have_a_time() {
        assert_eq!(log_line(0, "ERROR 2026-01-01T00:00:00 oh no")["level"], "error");
        assert_eq!(log_line(1, "2026-01-01T00:00:00 hi there")["line"], "hi there");
    }
}
