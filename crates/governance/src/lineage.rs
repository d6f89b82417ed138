//! From a prediction or a model version back to the data.

use mainspring_domain::data::DataVersion;
use mainspring_domain::events::AuditEntry;
use mainspring_domain::gates::GateReport;
use mainspring_domain::pipelines::{AttemptState, DagRun};
use mainspring_domain::registry::ModelVersion;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{ReadTx, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

/// The chain behind one prediction or one model version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lineage {
    /// What was asked for.
    pub id: String,
    /// The prediction, when one was asked for.
    pub prediction: Option<PredictionLink>,
    /// The model version.
    pub model: ModelLink,
    /// The rollout that brought it to production, when there was one.
    pub rollout: Option<RolloutLink>,
    /// The run that trained it.
    pub run: Option<RunLink>,
    /// Gates that judged the run, newest first for each kind.
    pub gates: Vec<GateLink>,
    /// The pipeline run and the attempt that trained it.
    pub pipeline: Option<PipelineLink>,
    /// The data that training saw.
    pub data: Vec<DataLink>,
    /// Links that could not be followed, and why.
    pub gaps: Vec<String>,
}

/// One prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictionLink {
    /// When it was answered.
    pub time: Timestamp,
    /// The side of the rollout.
    pub arm: String,
    /// The canary's share at that moment, in percent.
    pub canary_weight: u8,
    /// The score.
    pub score: Option<f64>,
    /// The error, when the model failed.
    pub error: Option<String>,
    /// The label that came later.
    pub label: Option<f64>,
}

/// One model version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelLink {
    /// The registered model.
    pub name: String,
    /// The version.
    pub version: u32,
    /// Its stage.
    pub stage: String,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Who registered it.
    pub registered_by: String,
    /// When.
    pub registered: Timestamp,
    /// Who asked for production, when and why.
    pub promoted: Option<Decision>,
}

/// Who did something, when and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Who.
    pub actor: String,
    /// When.
    pub time: Timestamp,
    /// Why.
    pub reason: Option<String>,
    /// Number of the audit entry.
    pub audit_seq: i64,
}

/// One rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RolloutLink {
    /// Its id.
    pub id: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Why.
    pub reason: String,
    /// Its phase.
    pub phase: Value,
    /// How it ended, or where it stands.
    pub message: Value,
    /// What happened.
    pub history: Value,
}

/// One training run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunLink {
    /// Its id.
    pub run_id: String,
    /// Its name.
    pub name: String,
    /// Who created it.
    pub created_by: String,
    /// Its latest metrics.
    pub metrics: Value,
    /// Its parameters.
    pub params: Value,
}

/// One gate's judgement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateLink {
    /// The gate.
    pub gate: String,
    /// What was judged.
    pub subject: String,
    /// The decision.
    pub verdict: &'static str,
    /// In a sentence.
    pub summary: String,
    /// When.
    pub time: Timestamp,
}

/// The pipeline run that trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineLink {
    /// The graph.
    pub dag_id: String,
    /// The run.
    pub run_id: String,
    /// What started it.
    pub run_type: String,
    /// Why.
    pub reason: String,
    /// The Git commit that the training attempt saw.
    pub commit: Option<String>,
    /// All attempts of the run.
    pub attempts: Vec<AttemptLink>,
}

/// One attempt of a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptLink {
    /// The task.
    pub task: String,
    /// The attempt's number.
    pub try_number: u32,
    /// How it ended.
    pub state: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// One data file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataLink {
    /// Its path.
    pub path: String,
    /// MD5 of its content.
    pub md5: String,
    /// Its size in bytes.
    pub size: u64,
    /// The Git commit that holds its version.
    pub commit: Option<String>,
}

/// Follows a request id, or `model/version`. `None` when neither is known.
///
/// # Errors
/// Of the store.
pub fn trace(tx: &dyn ReadTx, id: &str) -> Result<Option<Lineage>, StoreError> {
    if let Some(prediction) = tx.prediction(id)? {
        let link = PredictionLink {
            time: prediction.time,
            arm: prediction.arm.as_str().to_owned(),
            canary_weight: prediction.canary_weight,
            score: prediction.score,
            error: prediction.error,
            label: prediction.label,
        };
        let Some(version) = tx.model_version(&prediction.model, prediction.version)? else { return Ok(None) };
        return follow(tx, id, Some(link), &version, prediction.rollout.as_deref()).map(Some);
    }
    let id = id.strip_prefix("models:/").unwrap_or(id);
    let Some((name, number)) = id.rsplit_once('/') else { return Ok(None) };
    let Ok(number) = number.parse() else { return Ok(None) };
    let Some(version) = tx.model_version(name, number)? else { return Ok(None) };
    let rollout = tx.rollouts(Some(name), 100)?.into_iter().find(|rollout| rollout.version == number);
    follow(tx, id, None, &version, rollout.as_ref().map(|rollout| rollout.id.as_str())).map(Some)
}

fn follow(
    tx: &dyn ReadTx,
    id: &str,
    prediction: Option<PredictionLink>,
    version: &ModelVersion,
    rollout: Option<&str>,
) -> Result<Lineage, StoreError> {
    let mut gaps = Vec::new();
    let rollout = match rollout {
        Some(rollout) => tx.rollout(rollout)?,
        None => None,
    };
    let mut lineage = Lineage {
        id: id.to_owned(),
        prediction,
        model: model_link(tx, version)?,
        rollout: rollout.map(|rollout| RolloutLink {
            phase: rollout.state["phase"].clone(),
            message: rollout.state["message"].clone(),
            history: rollout.state["history"].clone(),
            id: rollout.id,
            requested_by: rollout.requested_by,
            reason: rollout.reason,
        }),
        run: None,
        gates: Vec::new(),
        pipeline: None,
        data: Vec::new(),
        gaps: Vec::new(),
    };
    let run = match &version.run_id {
        Some(run_id) => tx.run(run_id)?,
        None => None,
    };
    if let Some(run) = run {
        let subject = format!("run:{}", run.info.id);
        lineage.gates.extend(tx.gate_report("battery", &subject)?.map(gate_link));
        pipeline(tx, &run.info.created_by, &mut lineage, &mut gaps)?;
        let pairs = |pairs: Vec<mainspring_domain::tracking::KeyValue>| {
            Value::Object(pairs.into_iter().map(|pair| (pair.key, Value::String(pair.value))).collect())
        };
        lineage.run = Some(RunLink {
            run_id: run.info.id,
            name: run.info.name,
            created_by: run.info.created_by.to_string(),
            metrics: Value::Object(run.metrics.into_iter().map(|m| (m.key, json!(m.value))).collect()),
            params: pairs(run.params),
        });
    } else {
        gaps.push("the version names no run that is known here".to_owned());
    }
    lineage.gaps = gaps;
    Ok(lineage)
}

fn model_link(tx: &dyn ReadTx, version: &ModelVersion) -> Result<ModelLink, StoreError> {
    let subject = format!("model:{}/{}", version.name, version.version);
    let mut promoted = None;
    // Entries come by prefix, so those of version 12 lie among those of version 1: a first look takes
    // the newest, and only if it is full, a second one takes all.
    for limit in [200, u32::MAX] {
        let entries = tx.audit_entries(&subject, limit)?;
        let is_all = entries.len() < limit as usize;
        promoted = entries.into_iter().find(|entry| is_promotion(entry, &subject)).map(decision);
        if promoted.is_some() || is_all {
            break;
        }
    }
    Ok(ModelLink {
        name: version.name.clone(),
        version: version.version,
        stage: version.stage.as_str().to_owned(),
        aliases: version.aliases.clone(),
        registered_by: version.created_by.to_string(),
        registered: version.created,
        promoted,
    })
}

fn is_promotion(entry: &AuditEntry, subject: &str) -> bool {
    let event = &entry.event;
    event.subject == subject
        && event.action == "model_version.stage_changed"
        && event.details["to"] == "Production"
}

fn decision(entry: AuditEntry) -> Decision {
    Decision {
        actor: entry.event.actor.to_string(),
        time: entry.event.time,
        reason: entry.event.reason,
        audit_seq: entry.event.seq,
    }
}

fn gate_link(report: GateReport) -> GateLink {
    GateLink {
        gate: report.gate,
        subject: report.subject,
        verdict: report.verdict.as_str(),
        summary: report.summary,
        time: report.time,
    }
}

fn pipeline(
    tx: &dyn ReadTx,
    creator: &Actor,
    lineage: &mut Lineage,
    gaps: &mut Vec<String>,
) -> Result<(), StoreError> {
    let Some((_, run_id, task, try_number)) = creator.as_task() else {
        gaps.push(format!("the run was made by {creator}, not by a pipeline"));
        return Ok(());
    };
    let Some(run) = tx.dag_run(run_id)? else {
        gaps.push(format!("the pipeline run {run_id} is not known"));
        return Ok(());
    };
    let training = tx.attempt(run_id, task, try_number)?;
    let seen = training.as_ref().map_or(0, |attempt| attempt.data_version);
    lineage.data = tx.data_versions(seen)?.into_iter().map(data_link).collect();
    for data in &lineage.data {
        lineage.gates.extend(tx.gate_report("data", &format!("md5:{}", data.md5))?.map(gate_link));
    }
    lineage.pipeline = Some(PipelineLink {
        dag_id: run.dag.dag_id.clone(),
        run_id: run.run_id.clone(),
        run_type: run.run_type.clone(),
        reason: run.reason.clone(),
        commit: training.and_then(|attempt| attempt.commit),
        attempts: attempts(tx, &run)?,
    });
    Ok(())
}

fn attempts(tx: &dyn ReadTx, run: &DagRun) -> Result<Vec<AttemptLink>, StoreError> {
    let links = tx.attempts(&run.run_id)?.into_iter().map(|attempt| {
        let outcome = attempt.result.as_ref().and_then(|result| result.outcome.as_ref());
        let state = match attempt.state {
            AttemptState::Running => "running".to_owned(),
            AttemptState::Lost => "lost".to_owned(),
            AttemptState::Ended => {
                outcome.map_or_else(|| "failed".to_owned(), |outcome| outcome.state.clone())
            }
        };
        AttemptLink {
            task: attempt.task_id,
            try_number: attempt.try_number,
            state,
            started: attempt.started,
            ended: attempt.ended,
        }
    });
    Ok(links.collect())
}

fn data_link(version: DataVersion) -> DataLink {
    DataLink { path: version.path, md5: version.md5, size: version.size, commit: version.commit }
}
