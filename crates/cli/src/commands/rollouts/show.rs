//! One rollout as text.

use crate::terminal::{cell, table};
use serde_json::Value;

/// A rollout with its steps, traffic and measurements.
pub(super) fn rollout(rollout: &Value) -> String {
    let state = &rollout["state"];
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{:<16}{value}\n", format!("{name}:")));
    line("Rollout", cell(&rollout["id"]));
    line("Model", format!("{}/{}", cell(&rollout["model"]), rollout["version"]));
    line("Stable", cell(&rollout["previous"]));
    line("Strategy", cell(&rollout["strategy"]));
    line("Status", cell(&state["phase"]));
    line("Message", cell(&state["message"]));
    line("Weight", format!("{} %", state["weight"]));
    let names = |list: &Value| list.as_array().into_iter().flatten().map(cell).collect::<Vec<_>>().join(", ");
    if rollout["header_routes"].as_array().is_some_and(|routes| !routes.is_empty()) {
        line("Header routes", names(&rollout["header_routes"]));
    }
    for mirror in rollout["mirrors"].as_array().into_iter().flatten() {
        line("Mirror", format!("{} {} %", cell(&mirror["name"]), mirror["percentage"]));
    }
    if !state["completion"].is_null() {
        line("Completion", cell(&state["completion"]));
    }
    line("Reason", cell(&rollout["reason"]));
    text.push('\n');
    for step in rollout["steps"].as_array().into_iter().flatten() {
        let mark = match step["state"].as_str() {
            Some("done") => '✔',
            Some("active") => '▶',
            _ => '·',
        };
        text.push_str(&format!("  {mark} {}\n", cell(&step["label"])));
    }
    for (title, run) in [("ANALYSIS", &state["analysis"]), ("BACKGROUND", &state["background"])] {
        if let Some(metrics) = run["metrics"].as_array() {
            text.push('\n');
            text.push_str(&measurements(title, metrics));
            text.push('\n');
        }
    }
    for warning in rollout["warnings"].as_array().into_iter().flatten() {
        text.push_str(&format!("\nwarning: line {}: {}", warning["line"], cell(&warning["message"])));
    }
    text.trim_end().to_owned()
}

fn measurements(title: &str, metrics: &[Value]) -> String {
    let rows = metrics.iter().map(|metric| {
        let counts = &metric["counts"];
        let count = |name: &str| counts[name].as_i64().unwrap_or(0);
        let latest = metric["measurements"].as_array().and_then(|all| all.last());
        vec![
            cell(&metric["name"]),
            latest.map_or_else(|| "–".to_owned(), |latest| cell(&latest["value"])),
            cell(&metric["limit"]),
            format!(
                "✔ {} ✖ {} ? {} ⚠ {}",
                count("successful"),
                count("failed"),
                count("inconclusive"),
                count("error")
            ),
            metric["assessment"].as_str().unwrap_or("measuring").to_owned(),
        ]
    });
    table(&[title, "LATEST", "LIMIT", "MEASUREMENTS", "VERDICT"], rows)
}

#[cfg(test)]
mod tests {
    use super::rollout;
    use serde_json::json;

    #[test]
    fn a_rollout_is_shown_with_its_steps_and_measurements() {
        let text = rollout(&json!({
            "id": "r1", "model": "flights", "version": 2, "previous": 1, "strategy": "canary", "reason": "a test",
            "steps": [
                { "label": "set weight 10 %", "state": "done" }, { "label": "analysis live", "state": "active" },
                { "label": "set weight 100 %", "state": "pending" },
            ],
            "header_routes": ["beta"], "mirrors": [{ "name": "shadow", "percentage": 50 }],
            "warnings": [{ "line": 3, "message": "`replicas` has no effect here" }],
            "state": {
                "phase": "Progressing", "message": "waiting for analysis to complete", "weight": 10, "completion": null,
                "background": null,
                "analysis": { "metrics": [{
                    "name": "error-rate", "limit": "result <= 0.02", "assessment": null,
                    "measurements": [{ "value": 0.01 }],
                    "counts": { "successful": 1, "failed": 0, "inconclusive": 0, "error": 2 },
                }] },
            },
        }));
        insta::assert_snapshot!(text);
    }
}
