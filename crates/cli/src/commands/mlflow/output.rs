//! Output in the shapes that MLflow's commands have.

use mainspring_domain::Timestamp;
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};

/// A table with a line below its header.
pub(super) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize, header: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header.chars().count() + 2, 4]).max().unwrap_or(4)
    };
    let widths: Vec<usize> = headers.iter().enumerate().map(|(i, header)| width(i, header)).collect();
    let line = |cells: Vec<String>| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    let mut lines = vec![
        line(headers.iter().map(|&header| header.to_owned()).collect()),
        line(widths.iter().map(|width| "-".repeat(*width)).collect()),
    ];
    lines.extend(rows.iter().cloned().map(line));
    lines.join("\n")
}

/// JSON with this many spaces of indentation.
pub(super) fn json_text(value: &Value, indent: usize) -> String {
    let mut bytes = Vec::new();
    let indent = " ".repeat(indent);
    let mut serializer =
        Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent.as_bytes()));
    // A value that is in memory can be written there.
    let _ = value.serialize(&mut serializer);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A moment to the second, in UTC.
pub(super) fn date(millis: &Value) -> String {
    let text = Timestamp::from_millis(millis.as_i64().unwrap_or(0)).to_string();
    format!("{} UTC", text.split('.').next().unwrap_or_default().replace('T', " "))
}

/// A list of keys with values as an object.
pub(super) fn object(pairs: &Value) -> Map<String, Value> {
    let pairs = pairs.as_array().into_iter().flatten();
    pairs.map(|pair| (pair["key"].as_str().unwrap_or_default().to_owned(), pair["value"].clone())).collect()
}

/// Runs as comma-separated values, a column for each metric, parameter and tag.
pub(super) fn csv(runs: &[Value]) -> String {
    const INFO: [&str; 6] = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"];
    let mut columns: Vec<String> = Vec::new();
    for part in ["metrics", "params", "tags"] {
        for run in runs {
            for key in object(&run["data"][part]).into_iter().map(|(key, _)| format!("{part}.{key}")) {
                if !columns.contains(&key) {
                    columns.push(key);
                }
            }
        }
    }
    let mut lines = vec![
        INFO.iter().map(|&name| name.to_owned()).chain(columns.iter().map(|name| field(name))).collect(),
    ];
    for run in runs {
        let info = &run["info"];
        let mut cells: Vec<String> = INFO
            .iter()
            .map(|name| match info[*name].as_i64() {
                Some(millis) => instant(millis),
                None => field(info[*name].as_str().unwrap_or_default()),
            })
            .collect();
        let parts = ["metrics", "params", "tags"].map(|part| (part, object(&run["data"][part])));
        cells.extend(columns.iter().map(|column| {
            let (part, key) = column.split_once('.').unwrap_or_default();
            let found = parts.iter().find(|(name, _)| *name == part).and_then(|(_, held)| held.get(key));
            match found {
                None => String::new(),
                Some(Value::String(text)) if part == "metrics" && text == "NaN" => String::new(),
                Some(Value::String(text)) => field(text),
                Some(other) => other.to_string(),
            }
        }));
        lines.push(cells);
    }
    lines.iter().map(|cells| cells.join(",") + "\n").collect()
}

fn instant(millis: i64) -> String {
    Timestamp::from_millis(millis).to_string().replace('T', " ").replace('Z', "+00:00")
}

/// A field of comma-separated values, quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A run as `runs describe` shows it.
pub(super) fn description(run: &Value) -> Value {
    let mut info: Vec<(String, Value)> = run["info"].as_object().into_iter().flatten().map(pair).collect();
    info.retain(|(key, _)| key != "run_uuid");
    info.sort_by(|a, b| a.0.cmp(&b.0));
    let info: Map<String, Value> = info.into_iter().collect();
    let list = |value: &Value| if value.is_null() { json!([]) } else { value.clone() };
    let datasets = run["inputs"]["dataset_inputs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|input| json!({ "dataset": input["dataset"], "tags": object(&input["tags"]) }));
    json!({
        "info": info,
        "data": {
            "metrics": object(&run["data"]["metrics"]),
            "params": object(&run["data"]["params"]),
            "tags": object(&run["data"]["tags"]),
        },
        "inputs": {
            "model_inputs": list(&run["inputs"]["model_inputs"]),
            "dataset_inputs": datasets.collect::<Vec<_>>(),
        },
        "outputs": { "model_outputs": list(&run["outputs"]["model_outputs"]) },
    })
}

fn pair((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::{csv, date, table};
    use serde_json::json;

    #[test]
    fn tables_look_like_mlflows() {
        let rows = [vec!["0".to_owned(), "Default".to_owned()]];
        assert_eq!(table(&["Id", "Name"], &rows), "Id    Name   \n----  -------\n0     Default");
        assert_eq!(table(&["Id"], &[]), "Id  \n----");
        assert_eq!(date(&json!(1_795_643_176_133_i64)), "2026-11-25 21:46:16 UTC");
    }

    #[test]
    fn values_with_commas_are_quoted_and_missing_ones_are_empty() {
        let run = |id: &str, data| {
            json!({
                "info": { "run_id": id, "experiment_id": "1", "status": "FINISHED", "artifact_uri": "a",
                          "start_time": 1000, "run_name": "not shown" },
                "data": data,
            })
        };
        let one = run("r1", json!({ "metrics": [{ "key": "m", "value": 0.5 }] }));
        let two = run("r2", json!({ "params": [{ "key": "p", "value": "a,\"b\"" }] }));
        assert_eq!(
            csv(&[one, two]),
            "run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.m,params.p\n\
             r1,1,FINISHED,a,1970-01-01 00:00:01.000+00:00,,0.5,\n\
             r2,1,FINISHED,a,1970-01-01 00:00:01.000+00:00,,,\"a,\"\"b\"\"\"\n"
        );
    }
}
