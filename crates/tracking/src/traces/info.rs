//! What is known of a whole trace, and what is done to it.

use super::keys::{ARTIFACT_LOCATION, FINALIZED, REMOVABLE_TAG, SERVER_TAGS, SESSION};
use super::{assessments, preview};
use crate::validation::{self, invalid};
use crate::{Result, TrackingError, experiments, runs};
use mainspring_domain::events::Record;
use mainspring_domain::names;
use mainspring_domain::traces::{TraceInfo, TraceState};
use mainspring_domain::tracking::{Experiment, KeyValue};
use mainspring_domain::{Timestamp, traces};
use mainspring_metadata_store::traits::TraceSelection;
use mainspring_metadata_store::traits::trace_figures::trace_measures;
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;
use uuid::Uuid;

const KEY: usize = 250;
const VALUE: usize = 8000;
const SESSION_ID: usize = 250;
const MOST_PAIRS: usize = 1000;
const MOST_LINKS: usize = 100;

/// What a client says of a trace, by keys.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Metadata.
    pub metadata: Vec<KeyValue>,
    /// Tags; those that only the server sets are left out.
    pub tags: Vec<KeyValue>,
}

impl Said {
    /// Keys and values in the lengths that are kept, each key once.
    fn checked(self) -> Result<Self> {
        let metadata = pairs("trace_metadata", self.metadata)?;
        if let Some(session) = metadata.iter().find(|pair| pair.key == SESSION) {
            validation::check_length("Session ID", &session.value, SESSION_ID)?;
        }
        let mut tags = pairs("tags", self.tags)?;
        tags.retain(|tag| !SERVER_TAGS.contains(&tag.key.as_str()));
        Ok(Self { metadata, tags })
    }
}

fn pairs(what: &str, given: Vec<KeyValue>) -> Result<Vec<KeyValue>> {
    if given.len() > MOST_PAIRS {
        return invalid(format!("A trace can have at most {MOST_PAIRS} {what}. Got {}.", given.len()));
    }
    let kept = |pair: KeyValue| KeyValue {
        key: names::truncate(pair.key, KEY),
        value: names::truncate(pair.value, VALUE),
    };
    let mut pairs: Vec<KeyValue> = given.into_iter().map(kept).collect();
    // Of two with one key the later counts.
    pairs.reverse();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    pairs.dedup_by(|a, b| a.key == b.key);
    Ok(pairs)
}

pub(super) fn subject(id: &str) -> String {
    format!("trace:{id}")
}

pub(super) fn artifact_location(experiment: &Experiment, id: &str) -> KeyValue {
    let root = experiment.artifact_location.trim_end_matches('/');
    KeyValue { key: ARTIFACT_LOCATION.to_owned(), value: format!("{root}/traces/{id}/artifacts") }
}

/// The id becomes a part of a URI.
fn check_id(id: &str) -> Result<()> {
    let kept = !id.is_empty()
        && !matches!(id, "." | "..")
        && id.len() <= KEY
        && !id.contains(['%', '?', '#', '/', '\\'])
        && !id.chars().any(char::is_control);
    if kept {
        return Ok(());
    }
    invalid(format!(
        "Invalid value {} for parameter 'trace_id' supplied: must not be empty, a path or longer than {KEY} \
         characters, and must not contain '%', '?', '#' or control characters",
        json!(id)
    ))
}

/// Takes what is known of a whole trace. When spans of it have come before, they stay; what is said
/// here counts more than what they said.
///
/// # Errors
/// When the experiment is not in use, or the trace belongs to another one.
pub fn start(tx: &mut dyn WriteTx, mut trace: TraceInfo) -> Result<TraceInfo> {
    check_id(&trace.id)?;
    let experiment = experiments::get_active(tx, trace.experiment)?;
    let said = Said { metadata: std::mem::take(&mut trace.metadata), tags: std::mem::take(&mut trace.tags) };
    let Said { mut metadata, mut tags } = said.checked()?;
    metadata.push(KeyValue { key: FINALIZED.to_owned(), value: "true".to_owned() });
    tags.push(artifact_location(&experiment, &trace.id));
    let measures = trace_measures(&metadata);
    trace.request_preview = trace.request_preview.map(preview::cut);
    trace.response_preview = trace.response_preview.map(preview::cut);
    let said = std::mem::take(&mut trace.assessments);
    let held = tx.trace(&trace.id)?;
    match &held {
        None if tx.has_trace_out_of_sight(&trace.id)? => return Err(elsewhere(&trace.id)),
        None => tx.insert_trace(&TraceInfo { metadata, tags, ..trace.clone() })?,
        Some(held) if held.experiment != trace.experiment => return Err(elsewhere(&trace.id)),
        Some(held) => {
            trace.request_preview = trace.request_preview.or_else(|| held.request_preview.clone());
            trace.response_preview = trace.response_preview.or_else(|| held.response_preview.clone());
            tx.update_trace(&trace)?;
            tx.set_trace_tags(&trace.id, &tags)?;
            tx.set_trace_metadata(&trace.id, &metadata)?;
        }
    }
    tx.set_trace_measures(&trace.id, &measures)?;
    for assessment in said {
        let assessment = assessments::complete(tx, &trace.id, assessment)?;
        tx.put_assessment(&assessment)?;
    }
    tx.bookkeeping();
    get(tx, &trace.id)
}

pub(super) fn elsewhere(id: &str) -> TrackingError {
    TrackingError::Invalid(format!("Trace with ID '{id}' already exists in another experiment."))
}

/// Begins a trace whose end is told later.
///
/// # Errors
/// When the experiment is not in use.
pub fn begin(tx: &mut dyn WriteTx, experiment: i64, started: Timestamp, said: Said) -> Result<TraceInfo> {
    let experiment = experiments::get_active(tx, experiment)?;
    let Said { metadata, mut tags } = said.checked()?;
    let id = Uuid::new_v4().simple().to_string();
    tags.push(artifact_location(&experiment, &id));
    let measures = trace_measures(&metadata);
    tx.insert_trace(&TraceInfo {
        experiment: experiment.id,
        started,
        duration: None,
        state: TraceState::InProgress,
        client_request_id: None,
        request_preview: None,
        response_preview: None,
        metadata,
        tags,
        assessments: Vec::new(),
        id: id.clone(),
    })?;
    tx.set_trace_measures(&id, &measures)?;
    tx.bookkeeping();
    get(tx, &id)
}

/// Tells the end of a trace that was begun; metadata and tags are added to those it has.
///
/// # Errors
/// When there is no such trace.
pub fn end(
    tx: &mut dyn WriteTx,
    id: &str,
    ended: Timestamp,
    state: TraceState,
    said: Said,
) -> Result<TraceInfo> {
    let mut trace = get(tx, id)?;
    let Said { metadata, tags } = said.checked()?;
    trace.duration = Some(ended.as_millis().saturating_sub(trace.started.as_millis()));
    trace.state = state;
    tx.update_trace(&trace)?;
    tx.set_trace_measures(id, &trace_measures(&metadata))?;
    tx.set_trace_metadata(id, &metadata)?;
    tx.set_trace_tags(id, &tags)?;
    tx.bookkeeping();
    get(tx, id)
}

/// One trace, without its spans.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, id: &str) -> Result<TraceInfo> {
    tx.trace(id)?.ok_or_else(|| TrackingError::NoTrace(id.to_owned()))
}

/// Traces in the order of the ids, without their spans; those that do not exist, or belong to other
/// experiments than the given ones, are left out.
///
/// # Errors
/// When there are too many ids.
pub fn get_many(tx: &dyn ReadTx, ids: &[String], experiments: Option<&[i64]>) -> Result<Vec<TraceInfo>> {
    if ids.len() > MOST_PAIRS {
        return invalid(format!("At most {MOST_PAIRS} traces can be asked for at once. Got {}.", ids.len()));
    }
    let mut found = tx.traces(ids)?;
    found.retain(|trace| experiments.is_none_or(|wanted| wanted.contains(&trace.experiment)));
    found.sort_by_cached_key(|trace| ids.iter().position(|id| *id == trace.id));
    Ok(found)
}

/// Sets a tag.
///
/// # Errors
/// When the tag is not taken, or there is no such trace.
pub fn set_tag(tx: &mut dyn WriteTx, id: &str, key: &str, value: String) -> Result<()> {
    check_mutable(key, "set")?;
    let tag = checked_tag(key, value)?;
    get(tx, id)?;
    tx.set_trace_tags(id, &[tag])?;
    tx.record(Record::new("trace.tagged", subject(id)).with(json!({ "key": key })))?;
    Ok(())
}

/// A tag that is taken; a value that is too long is cut.
pub(super) fn checked_tag(key: &str, value: String) -> Result<KeyValue> {
    validation::tag(KeyValue { key: key.to_owned(), value }, validation::Place::Alone)
}

fn check_mutable(key: &str, operation: &str) -> Result<()> {
    if SERVER_TAGS.contains(&key) && !(operation == "deleted" && key == REMOVABLE_TAG) {
        return invalid(format!("Tag '{key}' is immutable and cannot be {operation} on a trace."));
    }
    Ok(())
}

/// Removes a tag.
///
/// # Errors
/// When there is no such tag or trace, or only the server sets it.
pub fn delete_tag(tx: &mut dyn WriteTx, id: &str, key: &str) -> Result<()> {
    check_mutable(key, "deleted")?;
    // MLflow answers a trace that is not there like one without the tag.
    if tx.trace(id)?.is_none() || !tx.delete_trace_tag(id, key)? {
        return Err(TrackingError::NoTraceTag { key: key.to_owned(), trace: id.to_owned() });
    }
    tx.record(Record::new("trace.tagged", subject(id)).with(json!({ "key": key, "removed": true })))?;
    Ok(())
}

/// Deletes traces with all that belongs to them; they cannot be restored. Gives their number.
///
/// # Errors
/// When nothing is selected.
pub fn delete(tx: &mut dyn WriteTx, experiment: i64, selection: &TraceSelection) -> Result<usize> {
    if let TraceSelection::Ids(ids) = selection
        && ids.is_empty()
    {
        return invalid("Either `max_timestamp_millis` or `trace_ids` must be specified.");
    }
    let count = tx.delete_traces(experiment, selection)?;
    if count > 0 {
        let details = json!({ "traces": count });
        tx.record(Record::new("traces.deleted", format!("experiment:{experiment}")).with(details))?;
    }
    Ok(count)
}

/// Links traces to a run. A trace may be linked before it has come.
///
/// # Errors
/// When there are too many, or there is no such run.
pub fn link_to_run(tx: &mut dyn WriteTx, run: &str, ids: &[String]) -> Result<()> {
    if ids.len() > MOST_LINKS {
        return invalid(format!(
            "Cannot link more than {MOST_LINKS} traces to a run in a single request. Provided {} traces.",
            ids.len()
        ));
    }
    ids.iter().try_for_each(|id| check_id(id))?;
    runs::info(tx, run)?;
    tx.link_traces(run, ids)?;
    let details = json!({ "traces": ids.len() });
    tx.record(Record::new("run.traces_linked", format!("run:{run}")).with(details))?;
    Ok(())
}

/// Links versions of prompts, by name and number, to a trace.
///
/// # Errors
/// When there are too many, or there is no such trace.
pub fn link_prompts(tx: &mut dyn WriteTx, id: &str, prompts: &[(String, u64)]) -> Result<()> {
    if prompts.len() > MOST_LINKS {
        return invalid(format!(
            "Cannot link more than {MOST_LINKS} prompts to a trace in a single request. Provided {}.",
            prompts.len()
        ));
    }
    for (name, _) in prompts {
        validation::check_length("name", name, KEY)?;
    }
    get(tx, id)?;
    let prompts: Vec<String> = prompts.iter().map(|(name, version)| format!("{name}/{version}")).collect();
    tx.link_prompts(id, &prompts)?;
    tx.record(Record::new("trace.prompts_linked", subject(id)).with(json!({ "prompts": prompts })))?;
    Ok(())
}

/// Where the files of a trace live, as a URI.
#[must_use]
pub fn artifact_uri(trace: &traces::TraceInfo) -> Option<&str> {
    trace.tag(ARTIFACT_LOCATION)
}
