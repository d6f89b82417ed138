//! `mainspring why ID`: where a prediction or a model version comes from.

use crate::client::{ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json};
use clap::Args;
use serde_json::Value;

/// Show what is behind a prediction (by its request id) or a model version (MODEL/VERSION).
#[derive(Args)]
pub(crate) struct Why {
    /// A request id, or MODEL/VERSION.
    id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

impl Why {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let lineage = self.server.client()?.get(&format!("/api/v1/why?id={}", encode(&self.id)))?;
        if self.json {
            say_json(&lineage);
        } else {
            say(&render(&lineage));
        }
        Ok(ExitCode::Ok)
    }
}

fn short(value: &Value, length: usize) -> String {
    cell(value).chars().take(length).collect()
}

fn render(lineage: &Value) -> String {
    let mut lines = Vec::new();
    let mut step = |name: &str, text: String| lines.push(format!("{name:>12}  {text}"));
    let prediction = &lineage["prediction"];
    if !prediction.is_null() {
        let answer = match &prediction["error"] {
            Value::Null => format!("score {}", cell(&prediction["score"])),
            error => format!("failed: {}", cell(error)),
        };
        step("prediction", format!("{}, {answer}, {}", cell(&lineage["id"]), ago(&prediction["time"])));
        let (arm, weight) = (cell(&prediction["arm"]), cell(&prediction["canary_weight"]));
        step(
            "traffic",
            format!("arm {arm} while the canary had {weight} %; label {}", cell(&prediction["label"])),
        );
    }
    let model = &lineage["model"];
    let aliases: Vec<String> = model["aliases"].as_array().into_iter().flatten().map(cell).collect();
    let named = if aliases.is_empty() { String::new() } else { format!(", alias {}", aliases.join(", ")) };
    step(
        "model",
        format!("{}/{} in {}{named}", cell(&model["name"]), cell(&model["version"]), cell(&model["stage"])),
    );
    let promoted = &model["promoted"];
    if !promoted.is_null() {
        let reason = promoted["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        let (actor, seq) = (cell(&promoted["actor"]), cell(&promoted["audit_seq"]));
        step("promoted by", format!("{actor}{reason} (audit entry {seq}), {}", ago(&promoted["time"])));
    }
    let rollout = &lineage["rollout"];
    if !rollout.is_null() {
        let (id, phase) = (short(&rollout["id"], 12), cell(&rollout["phase"]));
        step(
            "rollout",
            format!(
                "{id} {phase}, asked for by {}: {}",
                cell(&rollout["requested_by"]),
                cell(&rollout["reason"])
            ),
        );
    }
    let run = &lineage["run"];
    if !run.is_null() {
        let metrics: Vec<String> = run["metrics"]
            .as_object()
            .into_iter()
            .flatten()
            .take(6)
            .map(|(name, value)| format!("{name} {}", cell(value)))
            .collect();
        step("run", format!("{} ({})", cell(&run["run_id"]), metrics.join(", ")));
    }
    for gate in lineage["gates"].as_array().into_iter().flatten() {
        step(
            "gate",
            format!("{} {}: {}", cell(&gate["gate"]), cell(&gate["verdict"]), cell(&gate["summary"])),
        );
    }
    let pipeline = &lineage["pipeline"];
    if !pipeline.is_null() {
        step("pipeline", format!("{}: {}", cell(&pipeline["run_id"]), cell(&pipeline["reason"])));
        for attempt in pipeline["attempts"].as_array().into_iter().flatten() {
            let seconds = match (attempt["started"].as_i64(), attempt["ended"].as_i64()) {
                (Some(started), Some(ended)) => format!(" in {:.1} s", (ended - started) as f64 / 1000.0),
                _ => String::new(),
            };
            let (task, number) = (cell(&attempt["task"]), cell(&attempt["try_number"]));
            step("task", format!("{task} #{number} {}{seconds}", cell(&attempt["state"])));
        }
        step("code", format!("Git commit {}", cell(&pipeline["commit"])));
    }
    for data in lineage["data"].as_array().into_iter().flatten() {
        let commit = short(&data["commit"], 10);
        step(
            "data",
            format!(
                "{} md5 {} ({} bytes, commit {commit})",
                cell(&data["path"]),
                cell(&data["md5"]),
                cell(&data["size"])
            ),
        );
    }
    for gap in lineage["gaps"].as_array().into_iter().flatten() {
        step("unknown", cell(gap));
    }
    lines.join("\n")
}
