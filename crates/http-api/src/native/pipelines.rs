//! Graphs and runs.

use super::{ApiError, Body, NativeState};
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use mainspring_domain::Actor;
use mainspring_domain::pipelines::DagRun;
use mainspring_metadata_store::StoreError;
use mainspring_pipelines::{CreateRun, PipelineError, create_run};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Bytes of a log that one answer holds.
const LOG_LIMIT: u64 = 256 << 10;

#[derive(Deserialize)]
pub(super) struct RunsQuery {
    dag_id: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Trigger {
    #[serde(default)]
    conf: Map<String, Value>,
    #[serde(default)]
    reason: Option<String>,
}

/// `GET /api/v1/dags`
pub(super) async fn dags(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let (dags, errors) =
        state.store.read(|tx| Ok::<_, StoreError>((tx.dags()?, tx.import_errors()?))).await?;
    Ok(Json(json!({ "dags": dags, "import_errors": errors })))
}

/// `POST /api/v1/dags/import`: reads changed DAG files now; answers when that is done.
pub(super) async fn import(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    state.import.read_now().await?;
    Ok(Json(json!({})))
}

/// `POST /api/v1/dags/{dag_id}/runs`
pub(super) async fn trigger(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(dag_id): Path<String>,
    Body(trigger): Body<Trigger>,
) -> Result<Json<Value>, ApiError> {
    let reason = trigger.reason.unwrap_or_else(|| format!("asked for by {actor}"));
    let request = CreateRun { dag_id, run_type: "manual", reason, conf: trigger.conf, interval: None };
    let run_id =
        state.store.write(actor, |tx| create_run(tx, request)).await.map_err(|e: PipelineError| e)?;
    Ok(Json(json!({ "run_id": run_id })))
}

/// `GET /api/v1/runs?dag_id=&limit=`
pub(super) async fn runs(
    State(state): State<NativeState>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<Value>, ApiError> {
    let limit = query.limit.unwrap_or(20).min(500);
    let runs = state.store.read(move |tx| tx.dag_runs(query.dag_id.as_deref(), limit)).await?;
    let runs: Vec<Value> = runs.iter().map(view).collect();
    Ok(Json(json!({ "runs": runs })))
}

/// `GET /api/v1/runs/{run_id}`
pub(super) async fn run(
    State(state): State<NativeState>,
    Path(run_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = run_id.clone();
    let found =
        state.store.read(move |tx| Ok::<_, StoreError>((tx.dag_run(&id)?, tx.attempts(&id)?))).await?;
    let (Some(run), attempts) = found else {
        return Err(ApiError::not_found(format!("there is no run `{run_id}`")));
    };
    let mut view = view(&run);
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|attempt| {
            json!({
                "task_id": attempt.task_id, "try_number": attempt.try_number, "state": attempt.state,
                "started": attempt.started, "ended": attempt.ended, "commit": attempt.commit,
                "result": attempt.result,
            })
        })
        .collect();
    view["attempts"] = json!(attempts);
    Ok(Json(view))
}

/// `GET /api/v1/runs/{run_id}/tasks/{task_id}/{try_number}/log`: the end of what it printed.
pub(super) async fn log(
    State(state): State<NativeState>,
    Path((run_id, task_id, try_number)): Path<(String, String, u32)>,
) -> Result<String, ApiError> {
    let attempt = state.store.read(move |tx| tx.attempt(&run_id, &task_id, try_number)).await?;
    let Some(attempt) = attempt else { return Err(ApiError::not_found("there is no such attempt")) };
    let executor = state.executor.clone();
    tokio::task::spawn_blocking(move || executor.log_tail(&attempt.id, LOG_LIMIT))
        .await
        .map_err(|error| error.to_string())
        .and_then(|log| log.map_err(|error| error.to_string()))
        .map_err(|error| ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, error))
}

/// A run as the API shows it: its tasks in the order of the file, what they handed on left out.
pub(super) fn view(run: &DagRun) -> Value {
    let tasks: Vec<Value> = run
        .dag
        .tasks
        .iter()
        .map(|task| {
            let instance = run.tasks.get(&task.task_id);
            json!({
                "task_id": task.task_id,
                "operator": task.operator,
                "upstream": task.upstream,
                "state": instance.map_or("none", |instance| instance.state.as_str()),
                "try_number": instance.map_or(0, |instance| instance.try_number),
                "started": instance.and_then(|instance| instance.started),
                "ended": instance.and_then(|instance| instance.ended),
                "reason": instance.and_then(|instance| instance.reason.as_deref()),
            })
        })
        .collect();
    json!({
        "run_id": run.run_id, "dag_id": run.dag.dag_id, "state": run.state, "run_type": run.run_type,
        "reason": run.reason, "conf": run.conf, "interval_start": run.interval_start,
        "interval_end": run.interval_end, "created": run.created, "started": run.started,
        "ended": run.ended, "tasks": tasks,
    })
}
