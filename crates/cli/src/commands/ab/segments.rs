//! `mainspring ab segments`: where an effect holds, and how long.

use super::status::{list, number, plain};
use crate::client::{Client, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{cell, day, say, say_json, table};
use serde_json::Value;

/// The level at which groups are said to differ.
const ALPHA: f64 = 0.05;

pub(super) fn run(client: &Client, name: &str, by: Option<&str>, json: bool) -> Result<ExitCode, CliError> {
    let path = format!("/api/v1/ab/tests/{}", encode(name));
    let test = client.get(&path)?;
    let found = client.get(&match by {
        Some(by) => format!("{path}/segments?by={}", encode(by)),
        None => format!("{path}/novelty"),
    })?;
    if json {
        say_json(&found);
        return Ok(ExitCode::Ok);
    }
    for one in list(&found["comparisons"]) {
        let arm = one["arm"].as_u64().and_then(|arm| usize::try_from(arm).ok()).unwrap_or_default();
        say(&format!("{} of {}", cell(&one["metric"]), cell(&test["arms"][arm]["name"])));
        let rows: Vec<Vec<String>> = list(&one["groups"]).map(|group| row(group, by)).collect();
        say(&table(&[by.unwrap_or("CAME"), "UNITS", "GAIN", "ERROR", "DIFFERS"], rows));
        say(&said(one));
    }
    if by.is_none() {
        let attributes = client.get(&format!("{path}/segments"))?;
        let known: Vec<String> = list(&attributes["attributes"]).map(cell).collect();
        if !known.is_empty() {
            say(&format!("by attribute: `mainspring ab segments {name} --by {}`", known.join(" | ")));
        }
    }
    Ok(ExitCode::Ok)
}

fn row(group: &Value, by: Option<&str>) -> Vec<String> {
    let units: u64 = list(&group["units"]).filter_map(Value::as_u64).sum();
    let name = match by {
        Some(_) => cell(&group["name"]),
        None => format!("{} to {}", day(&group["first"]), day(&group["last"])),
    };
    let gain = match group["undecided"].is_null() {
        true => number(&group["estimate"]),
        false => plain(&group["undecided"]),
    };
    vec![name, units.to_string(), gain, number(&group["standard_error"]), number(&group["differs"])]
}

/// What the groups of a comparison say together.
fn said(one: &Value) -> String {
    let below = |value: &Value| value.as_f64().is_some_and(|p| p < ALPHA);
    let trend = &one["trend"];
    if trend["novelty"] == true {
        return format!(
            "fades with time: {} a day (p {})",
            number(&trend["slope_per_day"]),
            number(&trend["p"])
        );
    }
    match (trend.is_null(), one["p"].is_null()) {
        (false, _) if below(&trend["p"]) => {
            format!("moves with time: {} a day (p {})", number(&trend["slope_per_day"]), number(&trend["p"]))
        }
        (false, _) => format!("no sign of fading (p {})", number(&trend["p"])),
        (true, true) => "too few units to compare".to_owned(),
        (true, false) if below(&one["p"]) => format!("differs between groups (p {})", number(&one["p"])),
        (true, false) => format!("no sign of a difference (p {})", number(&one["p"])),
    }
}
