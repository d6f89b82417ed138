//! Creating runs.

use crate::PipelineError;
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::pipelines::{DagRun, RunState};
use mainspring_metadata_store::WriteTx;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A run to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateRun {
    /// The graph.
    pub dag_id: String,
    /// `manual`, `scheduled`, `data_triggered` or `alert_triggered`.
    pub run_type: &'static str,
    /// Why, for people.
    pub reason: String,
    /// What the run is given.
    pub conf: Map<String, Value>,
    /// The data interval; the present moment when not scheduled.
    pub interval: Option<(Timestamp, Timestamp)>,
}

/// Creates a queued run; gives its id.
///
/// # Errors
/// When there is no such graph.
pub fn create_run(tx: &mut dyn WriteTx, request: CreateRun) -> Result<String, PipelineError> {
    let dag = tx.dag(&request.dag_id)?.ok_or_else(|| PipelineError::UnknownDag(request.dag_id.clone()))?;
    let now = tx.now();
    let (interval_start, interval_end) = request.interval.unwrap_or((now, now));
    let run_id = free_id(tx, &request, interval_start)?;
    let run = DagRun {
        run_id: run_id.clone(),
        dag: dag.spec,
        file: dag.file,
        state: RunState::Queued,
        run_type: request.run_type.to_owned(),
        reason: request.reason.clone(),
        conf: request.conf,
        interval_start,
        interval_end,
        created: now,
        started: None,
        ended: None,
        tasks: BTreeMap::new(),
    };
    tx.put_dag_run(&run)?;
    tx.record(
        Record::new("dag_run.created", format!("dag_run:{run_id}"))
            .because(request.reason)
            .with(json!({ "dag_id": run.dag.dag_id, "run_type": run.run_type, "conf": run.conf })),
    )?;
    Ok(run_id)
}

/// `<type>__<time>`, as Airflow names runs, made unique. Safe in file names and URLs.
fn free_id(tx: &dyn WriteTx, request: &CreateRun, at: Timestamp) -> Result<String, PipelineError> {
    let time: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    let base = format!("{}__{}__{time}", request.dag_id, request.run_type);
    let mut id = base.clone();
    let mut number = 1;
    while tx.dag_run(&id)?.is_some() {
        number += 1;
        id = format!("{base}_{number}");
    }
    Ok(id)
}
