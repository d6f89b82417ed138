//! The stages of the loop with their last results.

use super::delivery::was_put_in_charge;
use mainspring_domain::Timestamp;
use mainspring_domain::data::{Arrival, DataVersion};
use mainspring_domain::delivery::{Deployment, Rollout};
use mainspring_domain::gates::{GateReport, Verdict};
use mainspring_domain::monitoring::{Alert, MonitorWindow};
use mainspring_domain::pipelines::{DagRun, TaskInstance, TaskState};
use mainspring_domain::registry::ModelVersion;
use serde_json::{Value, json};

/// What the stages are told from.
pub(super) struct Sources<'a> {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) versions: Vec<DataVersion>,
    pub(super) gate: Option<&'a GateReport>,
    pub(super) battery: Option<&'a GateReport>,
    pub(super) runs: &'a [DagRun],
    pub(super) deployment: Option<Deployment>,
    pub(super) newest_version: Option<ModelVersion>,
    pub(super) rollout: Option<Rollout>,
    pub(super) window: Option<MonitorWindow>,
    pub(super) alert: Option<Alert>,
}

struct Stage {
    id: &'static str,
    title: &'static str,
    state: &'static str,
    headline: String,
    detail: String,
    time: Option<Timestamp>,
}

impl Stage {
    fn idle(id: &'static str, title: &'static str, detail: &str) -> Self {
        Self { id, title, state: "idle", headline: "–".to_owned(), detail: detail.to_owned(), time: None }
    }
}

/// The stages in the order of the loop.
pub(super) fn stages(sources: &Sources<'_>) -> Vec<Value> {
    let stages = [
        data(sources),
        gate("gate", "Gate", "no data was judged yet", sources.gate, at_work(sources, "validate")),
        training(sources),
        gate("test", "Test", "no model was tested yet", sources.battery, at_work(sources, "test_battery")),
        registry(sources),
        rollout(sources),
        monitor(sources),
    ];
    stages
        .into_iter()
        .map(|stage| {
            json!({
                "id": stage.id, "title": stage.title, "state": stage.state, "headline": stage.headline,
                "detail": stage.detail, "time": stage.time,
            })
        })
        .collect()
}

fn at_work(sources: &Sources<'_>, task: &str) -> bool {
    sources.runs.iter().any(|run| {
        run.tasks.get(task).is_some_and(|instance| instance.state == TaskState::Running)
            && !run.state.is_final()
    })
}

fn data(sources: &Sources<'_>) -> Stage {
    let waiting = sources.arrivals.iter().filter(|arrival| arrival.claimed_by.is_none()).count();
    let newest = sources.versions.iter().max_by_key(|version| version.id);
    let Some(arrival) = sources.arrivals.first() else {
        return Stage::idle("data", "Data", "no file has arrived yet");
    };
    let headline = match sources.versions.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    let detail = match newest {
        _ if waiting > 0 => format!("{} arrived", arrival.path),
        Some(version) => format!("{} {}", version.path, &version.md5[..version.md5.len().min(8)]),
        None => format!("{} arrived", arrival.path),
    };
    let state = if waiting > 0 || at_work(sources, "version_data") { "active" } else { "ok" };
    Stage { id: "data", title: "Data", state, headline, detail, time: Some(arrival.time) }
}

fn gate(
    id: &'static str,
    title: &'static str,
    nothing: &str,
    report: Option<&GateReport>,
    active: bool,
) -> Stage {
    let Some(report) = report else {
        let mut stage = Stage::idle(id, title, nothing);
        if active {
            stage.state = "active";
        }
        return stage;
    };
    let state = match report.verdict {
        _ if active => "active",
        Verdict::Pass => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    };
    let headline = match report.verdict {
        Verdict::Pass => "passed",
        Verdict::Warn => "passed with warnings",
        Verdict::Fail => "stopped",
    };
    Stage {
        id,
        title,
        state,
        headline: headline.to_owned(),
        detail: report.summary.clone(),
        time: Some(report.time),
    }
}

fn training(sources: &Sources<'_>) -> Stage {
    let last = sources.runs.iter().find_map(|run| {
        let task: &TaskInstance = run.tasks.get("train").or_else(|| {
            let id = run.dag.tasks.iter().map(|task| &task.task_id).find(|id| id.contains("train"))?;
            run.tasks.get(id)
        })?;
        task.started.map(|started| (run, task, started))
    });
    let Some((run, task, started)) = last else {
        return Stage::idle("train", "Train", "nothing was trained yet");
    };
    let (state, headline) = match task.state {
        TaskState::Success => ("ok", "trained"),
        TaskState::Failed => ("fail", "failed"),
        TaskState::Skipped => ("idle", "skipped"),
        _ => ("active", "training"),
    };
    Stage {
        id: "train",
        title: "Train",
        state,
        headline: headline.to_owned(),
        detail: task.reason.clone().unwrap_or_else(|| run.reason.clone()),
        time: Some(task.ended.unwrap_or(started)),
    }
}

fn registry(sources: &Sources<'_>) -> Stage {
    let Some(version) = &sources.newest_version else {
        return Stage::idle("registry", "Registry", "no version is registered yet");
    };
    Stage {
        id: "registry",
        title: "Registry",
        state: if at_work(sources, "register") { "active" } else { "ok" },
        headline: format!("version {}", version.version),
        detail: format!("{} · {}", version.name, version.stage.as_str()),
        time: Some(version.updated),
    }
}

fn rollout(sources: &Sources<'_>) -> Stage {
    let Some(rollout) = &sources.rollout else {
        return Stage::idle("rollout", "Rollout", "nothing is deployed yet");
    };
    let message = rollout.state["message"].as_str().unwrap_or_default();
    let (state, headline) = match (rollout.ended, rollout.state["phase"].as_str()) {
        (None, _) => ("active", format!("v{} at {} %", rollout.version, rollout.state["weight"])),
        (Some(_), _) if was_put_in_charge(rollout) => ("ok", format!("v{} in charge", rollout.version)),
        (Some(_), Some("Healthy")) => ("ok", format!("v{} withdrawn", rollout.version)),
        (Some(_), _) => ("fail", format!("v{} rolled back", rollout.version)),
    };
    let serving = sources.deployment.as_ref().and_then(|deployment| deployment.stable);
    let detail = match serving {
        Some(stable) if state == "fail" => format!("v{stable} answers; {message}"),
        _ => message.to_owned(),
    };
    Stage {
        id: "rollout",
        title: "Rollout",
        state,
        headline,
        detail,
        time: Some(rollout.ended.unwrap_or(rollout.created)),
    }
}

fn monitor(sources: &Sources<'_>) -> Stage {
    let Some(window) = &sources.window else {
        return Stage::idle("monitor", "Monitor", "no labels have come yet");
    };
    let auc = window.values.get("auc").and_then(Value::as_f64);
    let headline = auc.map_or_else(|| "no AUC".to_owned(), |auc| format!("AUC {auc:.3}"));
    let (state, detail) = match &sources.alert {
        Some(alert) => ("warn", alert.breaches.join("; ")),
        None => ("ok", format!("v{} on {} labelled requests", window.version, window.rows)),
    };
    Stage { id: "monitor", title: "Monitor", state, headline, detail, time: Some(window.time) }
}
