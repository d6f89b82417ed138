//! Spans: the steps of traces.

use super::keys::{
    COST, FINALIZED, IN_STORE, INPUTS, OUTPUTS, SERVER_TAGS, SESSION, SIZE_STATS, SPANS_LOCATION, TAG_PREFIX,
    TOKEN_USAGE, USER,
};
use super::{conventions, info, preview, usage};
use crate::validation::{self, invalid};
use crate::{Result, TrackingError, experiments};
use mainspring_domain::traces::{Span, SpanStatus, TraceInfo, TraceState};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::{Timestamp, names};
use mainspring_metadata_store::traits::SpanRecord;
use mainspring_metadata_store::traits::trace_figures::trace_measures;
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

const NANOS: i64 = 1_000_000;
/// Characters of the ids of a session and a user.
const SESSION_ID: usize = 250;
const USER_ID: usize = 250;
/// Spans that one trace may have, and bytes of all its spans.
const MOST_SPANS: i64 = 100_000;
const MOST_BYTES: i64 = 64 << 20;
/// Bytes of spans that one answer may have.
const MOST_AT_ONCE: i64 = 128 << 20;

/// A trace with its spans.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What is known of the whole.
    pub info: TraceInfo,
    /// Its steps, the root first.
    pub spans: Vec<Span>,
}

/// Spans that came together from one source.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The spans.
    pub spans: Vec<Span>,
    /// What the source says of itself.
    pub source: Vec<KeyValue>,
}

/// The id of the trace of a span.
#[must_use]
pub fn trace_id(span: &Span) -> String {
    format!("tr-{}", span.trace)
}

/// Takes spans into traces of an experiment; traces that are not there yet begin with them. Either
/// all spans are taken or none.
///
/// # Errors
/// When the experiment is not in use, a trace belongs to another one, or becomes too large.
pub fn log(tx: &mut dyn WriteTx, experiment: i64, batches: Vec<Batch>) -> Result<()> {
    let mut traces: BTreeMap<String, Batch> = BTreeMap::new();
    for batch in batches {
        for mut span in batch.spans {
            conventions::translate(&mut span);
            let own = traces.entry(trace_id(&span)).or_default();
            if own.source.is_empty() {
                own.source.clone_from(&batch.source);
            }
            own.spans.push(span);
        }
    }
    for (id, batch) in traces {
        log_trace(tx, experiment, &id, batch)?;
    }
    tx.bookkeeping();
    Ok(())
}

fn log_trace(tx: &mut dyn WriteTx, experiment: i64, id: &str, batch: Batch) -> Result<()> {
    let Batch { spans, source } = batch;
    let mut trace = match tx.trace(id)? {
        Some(trace) if trace.experiment != experiment => return Err(info::elsewhere(id)),
        Some(trace) => trace,
        None if tx.has_trace_out_of_sight(id)? => return Err(info::elsewhere(id)),
        None => begin(tx, experiment, id, &spans)?,
    };
    let records: Vec<SpanRecord> = spans.iter().cloned().map(SpanRecord::of).collect();
    tx.put_spans(id, &records)?;
    check_volume(tx, id)?;
    let told = told(tx, &trace, &spans)?;
    tx.set_trace_measures(id, &trace_measures(&told))?;
    tx.set_trace_metadata(id, &told)?;
    if trace.metadata(FINALIZED).is_none() {
        widen(&mut trace, &spans);
    }
    let root = spans.iter().find(|span| span.parent.is_none());
    if let Some(root) = root {
        if trace.state.is_open() {
            trace.state = state_of(root);
        }
        let preview_of = |key: &str, role| root.attributes.get(key).map(|json| preview::of(json, role));
        trace.request_preview = trace.request_preview.take().or_else(|| preview_of(INPUTS, "user"));
        trace.response_preview = trace.response_preview.take().or_else(|| preview_of(OUTPUTS, "assistant"));
    }
    tx.update_trace(&trace)?;
    tx.set_trace_tags(id, &tags(source, root))?;
    Ok(())
}

fn begin(tx: &mut dyn WriteTx, experiment: i64, id: &str, spans: &[Span]) -> Result<TraceInfo> {
    let experiment = experiments::get_active(tx, experiment)?;
    let start = spans.iter().map(|span| span.start).min().unwrap_or_default();
    let trace = TraceInfo {
        id: id.to_owned(),
        experiment: experiment.id,
        started: Timestamp::from_millis(start / NANOS),
        duration: None,
        state: TraceState::InProgress,
        client_request_id: None,
        request_preview: None,
        response_preview: None,
        metadata: Vec::new(),
        tags: vec![info::artifact_location(&experiment, id)],
        assessments: Vec::new(),
    };
    tx.insert_trace(&trace)?;
    Ok(trace)
}

fn check_volume(tx: &dyn ReadTx, id: &str) -> Result<()> {
    let (count, bytes) = tx.span_volume(id)?;
    if count > MOST_SPANS || bytes > MOST_BYTES {
        return invalid(format!(
            "A trace can have at most {MOST_SPANS} spans and {MOST_BYTES} bytes of spans. Trace with ID '{id}' \
             would have {count} spans and {bytes} bytes."
        ));
    }
    Ok(())
}

/// Makes the time of a trace hold its spans.
fn widen(trace: &mut TraceInfo, spans: &[Span]) {
    let known_end = trace.duration.map(|duration| trace.started.as_millis() + duration);
    let start = spans.iter().map(|span| span.start / NANOS).chain([trace.started.as_millis()]).min();
    let end = spans.iter().filter_map(|span| Some(span.end? / NANOS)).chain(known_end).max();
    trace.started = start.map_or(trace.started, Timestamp::from_millis);
    trace.duration = end.map(|end| end - trace.started.as_millis());
}

fn state_of(root: &Span) -> TraceState {
    if root.status == SpanStatus::Error { TraceState::Error } else { TraceState::Ok }
}

/// What the spans tell of the whole trace. What was told of the whole itself counts more.
fn told(tx: &dyn ReadTx, trace: &TraceInfo, spans: &[Span]) -> Result<Vec<KeyValue>> {
    let mut told = Vec::new();
    let own: Vec<&Span> = spans.iter().collect();
    let finalized = trace.metadata(FINALIZED).is_some();
    for sum in [usage::tokens as fn(&[&Span]) -> Option<KeyValue>, usage::costs] {
        let Some(of_batch) = sum(&own) else { continue };
        if finalized && trace.metadata(&of_batch.key).is_some() {
            continue;
        }
        // A parent that includes these may have come before, so all spans are looked at.
        let held = tx.spans(&trace.id)?;
        told.extend(sum(&held.iter().collect::<Vec<_>>()));
    }
    let first = |keys: &[&str]| {
        spans.iter().find_map(|span| {
            keys.iter().find_map(|key| match span.attribute(key)? {
                Value::String(text) if text.is_empty() => None,
                Value::String(text) => Some(text),
                Value::Null => None,
                other => Some(other.to_string()),
            })
        })
    };
    if let Some(session) = first(&["session.id", "gen_ai.conversation.id"]) {
        validation::check_length("Session ID", &session, SESSION_ID)?;
        told.push(KeyValue { key: SESSION.to_owned(), value: session });
    }
    if let Some(user) = first(&["user.id"]) {
        told.push(KeyValue { key: USER.to_owned(), value: names::truncate(user, USER_ID) });
    }
    told.retain(|pair| {
        matches!(pair.key.as_str(), TOKEN_USAGE | COST) || trace.metadata(&pair.key).is_none()
    });
    Ok(told)
}

/// Tags from what the source says of itself and from the root span, which counts more. Those that
/// are not taken are left out: they are no reason to lose the spans.
fn tags(source: Vec<KeyValue>, root: Option<&Span>) -> Vec<KeyValue> {
    let of_source = source
        .into_iter()
        .filter(|tag| !tag.key.starts_with("telemetry.sdk.") && !tag.key.starts_with("mlflow."));
    let of_root = root.into_iter().flat_map(|root| {
        root.attributes.iter().filter_map(|(key, json)| {
            let key = key.strip_prefix(TAG_PREFIX)?;
            let value = match serde_json::from_str(json) {
                Ok(Value::String(text)) => text,
                _ => json.clone(),
            };
            Some(KeyValue { key: key.to_owned(), value }).filter(|_| !SERVER_TAGS.contains(&key))
        })
    });
    let taken = |tag: KeyValue| info::checked_tag(&tag.key, tag.value).ok();
    let mut tags: Vec<KeyValue> = of_source.chain(of_root).filter_map(taken).collect();
    tags.push(KeyValue { key: SPANS_LOCATION.to_owned(), value: IN_STORE.to_owned() });
    tags
}

/// A trace with its spans. Unless a part suffices, all the spans that it was said to have must be
/// there.
///
/// # Errors
/// When there is no such trace, or its spans are elsewhere or have not all come.
pub fn get(tx: &dyn ReadTx, id: &str, partial: bool) -> Result<Trace> {
    let info = tx.trace(id)?.ok_or_else(|| TrackingError::NoWholeTrace(id.to_owned()))?;
    if !is_here(&info) {
        return Err(TrackingError::SpansElsewhere(id.to_owned()));
    }
    let spans = tx.spans(id)?;
    if !partial && !is_whole(&info, &spans) {
        return Err(TrackingError::NotExported(id.to_owned()));
    }
    Ok(Trace { info, spans })
}

fn is_here(info: &TraceInfo) -> bool {
    info.tag(SPANS_LOCATION) == Some(IN_STORE)
}

fn is_whole(info: &TraceInfo, spans: &[Span]) -> bool {
    let stats: Option<Value> = info.metadata(SIZE_STATS).and_then(|text| serde_json::from_str(text).ok());
    let expected = stats.and_then(|stats| stats.get("num_spans")?.as_u64()).unwrap_or(1);
    u64::try_from(spans.len()).is_ok_and(|count| count > 0 && count >= expected)
}

/// Traces with their spans in the order of the ids. Those that are not whole, or belong to other
/// experiments than the given ones, are left out.
///
/// # Errors
/// When there is too much to give at once.
pub fn get_many(tx: &dyn ReadTx, ids: &[String], experiments: Option<&[i64]>) -> Result<Vec<Trace>> {
    let mut seen = HashSet::new();
    let ids: Vec<String> = ids.iter().filter(|id| seen.insert(id.as_str())).cloned().collect();
    let mut bytes = 0;
    let mut traces = Vec::new();
    for info in info::get_many(tx, &ids, experiments)?.into_iter().filter(is_here) {
        bytes += tx.span_volume(&info.id)?.1;
        if bytes > MOST_AT_ONCE {
            return invalid(format!(
                "The spans of these traces have more than {MOST_AT_ONCE} bytes. Ask for fewer at once."
            ));
        }
        let spans = tx.spans(&info.id)?;
        if is_whole(&info, &spans) {
            traces.push(Trace { info, spans });
        }
    }
    Ok(traces)
}
