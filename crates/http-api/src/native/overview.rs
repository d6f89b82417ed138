//! The loop at one glance: what the UI's main page shows.

use super::delivery::was_put_in_charge;
use super::stages::{Sources, stages};
use super::{ApiError, NativeState, delivery, pipelines};
use axum::Json;
use axum::extract::{Query, State};
use mainspring_domain::delivery::Rollout;
use mainspring_domain::events::Event;
use mainspring_domain::monitoring::MonitorWindow;
use mainspring_domain::{Clock as _, SystemClock, Timestamp};
use mainspring_metadata_store::{ReadTx, StoreError};
use mainspring_serving::RouteView;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Events that say too little to be shown among the latest.
const QUIET: [&str; 14] = [
    "run.logged",
    "run.tagged",
    "run.updated",
    "run.created",
    "logged_model.created",
    "logged_model.updated",
    "task.started",
    "task.ended",
    "experiment.created",
    "experiment.tagged",
    "model.updated",
    "model_version.tagged",
    "model_version.updated",
    "dag.imported",
];
/// The stretch over which traffic is counted.
const TRAFFIC_WINDOW: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
pub(super) struct EventsQuery {
    limit: Option<u32>,
}

/// `GET /api/v1/loop`
pub(super) async fn snapshot(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let routes = state.gateway.views();
    let leads = state.delivery.leads();
    let config = state.config.clone();
    let now = SystemClock.now();
    let view = state
        .store
        .read(move |tx| {
            let mut models = Vec::new();
            for name in config.model.keys() {
                let route = routes.iter().find(|route| route.model == *name);
                let limits = config.monitor.get(name).map_or(Value::Null, |monitor| {
                    json!({
                        "min_auc": monitor.min_auc,
                        "max_calibration_gap": monitor.max_calibration_gap,
                        "max_psi": monitor.max_psi,
                    })
                });
                models.push(model(tx, name, route, &limits, now)?);
            }
            let runs = tx.dag_runs(None, 5)?;
            let gate = tx.gate_reports(Some("data"), 1)?.into_iter().next();
            let battery = tx.gate_reports(Some("battery"), 1)?.into_iter().next();
            let name = config.model.keys().next().map_or("", String::as_str);
            let sources = Sources {
                arrivals: tx.recent_arrivals(10)?,
                versions: tx.data_versions(tx.newest_data_version()?)?,
                gate: gate.as_ref(),
                battery: battery.as_ref(),
                runs: &runs,
                deployment: tx.deployment(name)?,
                newest_version: tx.model_versions(name)?.into_iter().next_back(),
                rollout: tx.rollouts(Some(name), 1)?.into_iter().next(),
                window: tx.monitor_windows(name, 1)?.into_iter().next(),
                alert: tx.open_alert(name)?,
            };
            let events: Vec<Value> = tx.recent_events(&QUIET, 40)?.iter().map(event).collect();
            Ok::<_, StoreError>(json!({
                "project": { "name": config.project.name },
                "version": env!("CARGO_PKG_VERSION"),
                "leads": leads,
                "time": now,
                "stages": stages(&sources),
                "models": models,
                "runs": runs.iter().map(pipelines::view).collect::<Vec<_>>(),
                "gate": gate,
                "events": events,
            }))
        })
        .await?;
    Ok(Json(view))
}

/// `GET /api/v1/events?limit=`
pub(super) async fn events(
    State(state): State<NativeState>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(100).min(1000);
    let events = state.store.read(move |tx| tx.recent_events(&[], limit)).await?;
    let events: Vec<Value> = events.iter().map(event).collect();
    Ok(Json(json!({ "events": events })))
}

fn model(
    tx: &dyn ReadTx,
    name: &str,
    route: Option<&RouteView>,
    limits: &Value,
    now: Timestamp,
) -> Result<Value, StoreError> {
    let deployment = tx.deployment(name)?;
    let rollouts = tx.rollouts(Some(name), 20)?;
    let active = rollouts.iter().find(|rollout| rollout.ended.is_none());
    let last = rollouts.iter().find(|rollout| rollout.ended.is_some());
    let stable = deployment.as_ref().and_then(|deployment| deployment.stable);
    let champion = match (stable, &deployment) {
        (Some(version), Some(deployment)) => {
            let by = rollouts.iter().find(|rollout| Some(&rollout.id) == deployment.stable_rollout.as_ref());
            let run_id = tx.model_version(name, version)?.and_then(|version| version.run_id);
            json!({
                "version": version,
                "since": by.and_then(|rollout| rollout.ended).unwrap_or(deployment.updated),
                "run_id": run_id,
                "reason": by.map(|rollout| rollout.reason.as_str()),
                "metrics": metrics(tx, name, version)?,
            })
        }
        _ => Value::Null,
    };
    let candidate = match active {
        Some(rollout) => {
            json!({ "version": rollout.version, "metrics": metrics(tx, name, rollout.version)? })
        }
        None => Value::Null,
    };
    let shown = |rollout: Option<&Rollout>| -> Result<Option<Value>, StoreError> {
        Ok(delivery::views(tx, rollout.map_or(&[], std::slice::from_ref))?.pop())
    };
    let (requests, errors) = tx.traffic_since(name, now - TRAFFIC_WINDOW)?;
    let (predictions, labelled) = tx.prediction_counts(name)?;
    let mut windows = tx.monitor_windows(name, 200)?;
    windows.reverse();
    Ok(json!({
        "name": name,
        "champion": champion,
        "candidate": candidate,
        "rollout": shown(active)?,
        "last_rollout": shown(last)?,
        "traffic": {
            "weight": route.map_or(0, |route| route.weight),
            "requests_per_second": requests as f64 / TRAFFIC_WINDOW.as_secs_f64(),
            "requests": requests,
            "errors": errors,
            "window_seconds": TRAFFIC_WINDOW.as_secs(),
        },
        "limits": limits,
        "marks": marks(tx, name, &windows)?,
        "windows": windows,
        "alert": tx.open_alert(name)?,
        "counts": { "predictions": predictions, "labelled": labelled },
    }))
}

/// The latest metrics of a version's run.
fn metrics(tx: &dyn ReadTx, name: &str, version: u32) -> Result<Map<String, Value>, StoreError> {
    let Some(run_id) = tx.model_version(name, version)?.and_then(|version| version.run_id) else {
        return Ok(Map::new());
    };
    let metrics = tx.run(&run_id)?.map(|run| run.metrics).unwrap_or_default();
    Ok(metrics.into_iter().map(|metric| (metric.key, json!(metric.value))).collect())
}

/// What stands beside the curve of the metric: retrainings and changes of the champion, each placed
/// on the axis of event time by the newest window before it.
fn marks(tx: &dyn ReadTx, name: &str, windows: &[MonitorWindow]) -> Result<Vec<Value>, StoreError> {
    let at =
        |time: Timestamp| windows.iter().rev().find(|window| window.time <= time).and_then(|w| w.event_end);
    let mut marks = Vec::new();
    for alert in tx.alerts(Some(name), 50)?.into_iter().filter(|alert| alert.run_id.is_some()) {
        marks.push(json!({
            "time": alert.time, "event_time": at(alert.time), "kind": "retraining", "label": "retraining",
        }));
    }
    for rollout in tx.rollouts(Some(name), 50)? {
        let Some(ended) = rollout.ended else { continue };
        let (kind, label) = if was_put_in_charge(&rollout) {
            ("champion", format!("v{} champion", rollout.version))
        } else {
            ("rollback", format!("v{} rolled back", rollout.version))
        };
        marks.push(json!({ "time": ended, "event_time": at(ended), "kind": kind, "label": label }));
    }
    marks.sort_by_key(|mark| mark["time"].as_i64());
    Ok(marks)
}

fn event(event: &Event) -> Value {
    let level = match event.action.as_str() {
        "alert.raised" | "alert.continues" | "task.lost" => "warn",
        "rollout.aborted" | "rollout.refused" | "dag.refused" => "bad",
        "rollout.completed" | "alert.resolved" => "good",
        "gate.judged" if event.details["verdict"] == "fail" => "bad",
        "gate.judged" => "good",
        "dag_run.state_changed" if event.details["to"] == "failed" => "bad",
        "dag_run.state_changed" if event.details["to"] == "success" => "good",
        _ => "info",
    };
    json!({
        "seq": event.seq, "time": event.time, "actor": event.actor, "action": event.action,
        "subject": event.subject, "reason": event.reason, "level": level, "text": sentence(event),
    })
}

/// An event as a person would say it.
fn sentence(event: &Event) -> String {
    let details = &event.details;
    let subject = event.subject.split_once(':').map_or(event.subject.as_str(), |(_, id)| id);
    let version =
        || format!("{} version {}", details["model"].as_str().unwrap_or("model"), details["version"]);
    let text = |key: &str| details[key].as_str().unwrap_or_default().to_owned();
    let said = match event.action.as_str() {
        "data.arrived" => format!("New data: {subject}"),
        "data.versioned" => format!("{subject} is under version control"),
        "gate.judged" => format!("The {} gate says {}", text("gate"), text("verdict")),
        "dag_run.created" => format!("Pipeline {} was started", text("dag_id")),
        "dag_run.state_changed" => format!("Pipeline {} is {}", text("dag_id"), text("to")),
        "model_version.created" => format!("Model {subject} was registered"),
        "model_version.stage_changed" => {
            format!("Model {subject} went from {} to {}", text("from"), text("to"))
        }
        "model.alias_set" => format!("{subject}: {} is now version {}", text("alias"), details["version"]),
        "rollout.created" => format!("Rollout of {} was asked for", version()),
        "rollout.progressed" => format!("Rollout of {}: {}", version(), text("what")),
        "rollout.completed" => format!("{} is in charge", version()),
        "rollout.aborted" => format!("{} was rolled back", version()),
        "rollout.retried" => format!("The rollout of {} is tried again", version()),
        "rollout.refused" => format!("The rollout of {subject} was refused"),
        "monitor.evaluated" => match details["values"]["auc"].as_f64() {
            Some(auc) => {
                format!("Monitor of {subject}: AUC {auc:.3} on {} labelled requests", details["rows"])
            }
            None => format!("Monitor of {subject}: AUC cannot be computed"),
        },
        "alert.raised" => format!("Alert on {subject}"),
        "alert.continues" => format!("The alert on {subject} continues"),
        "alert.resolved" => format!("The alert on {subject} is resolved"),
        "retraining.triggered" => format!("Retraining of {subject} was started"),
        "dag.refused" => format!("The DAG file {subject} has a mistake"),
        other => format!("{} {subject}", other.replace(['.', '_'], " ")),
    };
    match &event.reason {
        Some(reason) if reason.len() < 400 => format!("{said}: {reason}"),
        _ => said,
    }
}
