//! `mainspring ab status`.

use crate::client::{Client, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json, table};
use serde_json::Value;

pub(super) fn run(client: &Client, name: &str, json: bool) -> Result<ExitCode, CliError> {
    let test = client.get(&format!("/api/v1/ab/tests/{}", encode(name)))?;
    if json {
        say_json(&test);
        return Ok(ExitCode::Ok);
    }
    let model = test["model"].as_str().map(|model| format!(" of {model}")).unwrap_or_default();
    say(&format!(
        "{}{model}: {}, phase {}, {}",
        cell(&test["name"]),
        cell(&test["status"]),
        test["phase"],
        match test["started"].is_null() {
            true => "not started".to_owned(),
            false => format!("started {}", ago(&test["started"])),
        }
    ));
    if let Some(outcome) = test["outcome"].as_str() {
        say(&format!("outcome: {outcome}"));
    }
    let failed = &test["look_failed"];
    if let Some(message) = failed["message"].as_str() {
        match test["started"].is_null() {
            true => say(&format!("waits to start: {message}")),
            false => say(&format!("the look {} failed: {message}", ago(&failed["time"]))),
        }
        if let Some(hint) = failed["hint"].as_str() {
            say(&format!("  hint: {hint}"));
        }
    }
    let decision = &test["decision"]["decision"];
    let units = |arm: usize| decision["snapshot"]["units"][arm].as_u64();
    let arms: Vec<Vec<String>> = list(&test["arms"])
        .enumerate()
        .map(|(number, arm)| {
            vec![
                cell(&arm["name"]),
                arm["version"].as_u64().map_or_else(|| "–".to_owned(), |version| version.to_string()),
                format!("{:.1} %", arm["weight"].as_f64().unwrap_or_default() * 100.0),
                units(number).map_or_else(|| "–".to_owned(), |units| units.to_string()),
            ]
        })
        .collect();
    say(&table(&["ARM", "VERSION", "WEIGHT", "UNITS"], arms));
    if decision.is_null() {
        say("nothing was looked at yet");
        return Ok(ExitCode::Ok);
    }
    let comparisons: Vec<Vec<String>> = list(&decision["comparisons"])
        .map(|one| {
            let arm = one["arm"].as_u64().and_then(|arm| usize::try_from(arm).ok()).unwrap_or_default();
            vec![
                cell(&one["metric"]),
                cell(&one["role"]),
                cell(&test["arms"][arm]["name"]),
                number(&one["effect"]["estimate"]),
                format!("[{}, {}]", number(&one["low"]), number(&one["high"])),
                number(&one["p"]),
                verdict(&one["verdict"]),
            ]
        })
        .collect();
    say(&table(&["METRIC", "ROLE", "ARM", "GAIN", "INTERVAL", "P", "VERDICT"], comparisons));
    for one in list(&test["progress"]) {
        say(&reached(one));
    }
    say(&format!("decision {}: {}", test["decision"]["number"], outcome(&decision["outcome"])));
    for warning in list(&decision["warnings"]) {
        say(&format!("note: {}", plain(warning)));
    }
    Ok(ExitCode::Ok)
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Decisions hold their numbers as text, which keeps the last bit.
pub(super) fn number(value: &Value) -> String {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.map_or_else(
        || "–".to_owned(),
        |number| {
            if number != 0.0 && number.abs() < 1e-3 {
                format!("{number:.2e}")
            } else {
                format!("{number:.4}")
            }
        },
    )
}

fn verdict(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(members) => members
            .values()
            .next()
            .map_or_else(|| "undecided".to_owned(), |why| format!("undecided: {}", plain(why))),
        _ => "–".to_owned(),
    }
}

/// How far a goal has come.
fn reached(one: &Value) -> String {
    let percent = |value: &Value| format!("{:.1} %", value.as_f64().unwrap_or_default() * 100.0);
    let mut said = format!(
        "{}: better with {} (Bayes, flat prior)",
        cell(&one["metric"]),
        percent(&one["chance_to_win"])
    );
    if !one["detectable"].is_null() {
        said += &format!("; a look now finds {} or more with 80 %", number(&one["detectable"]));
    }
    if !one["power"].is_null() {
        said += &format!(", and {} with {}", number(&one["smallest"]), percent(&one["power"]));
    }
    said
}

/// `{"outcome": "continue", "waiting": "time"}` in words.
fn outcome(value: &Value) -> String {
    match (value["outcome"].as_str(), value["waiting"].as_str(), value["because"].as_str()) {
        (Some("continue"), Some("look"), _) => "go on; waiting for the next look of the plan".to_owned(),
        (Some("continue"), Some("earning"), _) => {
            "go on; weights follow results until the maximum of units".to_owned()
        }
        (Some("continue"), Some(waiting), _) => format!("go on; waiting for {}", waiting.replace('_', " ")),
        (Some(outcome), _, Some(because)) => {
            format!("{}: {}", outcome.replace('_', " "), because.replace('_', " "))
        }
        (Some("winner"), ..) => format!("arm {} wins", value["arm"]),
        _ => value.to_string(),
    }
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('_', " "),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| format!("{} ({})", key.replace('_', " "), plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_of_decisions_are_read_from_text() {
        let shown = [json!("0.0123"), json!("-4.31"), json!(0.5), json!("0.0004"), json!(null), json!("NaN")];
        assert_eq!(shown.each_ref().map(number), ["0.0123", "-4.3100", "0.5000", "4.00e-4", "–", "NaN"]);
    }
}
