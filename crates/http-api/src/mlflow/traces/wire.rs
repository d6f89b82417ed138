//! Traces and assessments as clients know them.

use crate::mlflow::ApiError;
use crate::mlflow::request::Params;
use mainspring_domain::Timestamp;
use mainspring_domain::traces::{Assessment, Judgement, SpanKind, SpanStatus, TraceInfo, TraceState};
use mainspring_domain::tracking::KeyValue;
use mainspring_tracking::traces::spans::Trace;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::values;

/// A trace without or with its spans.
#[derive(Debug, Serialize)]
pub(super) struct TraceWire {
    trace_info: TraceInfoWire,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Value>,
}

impl From<TraceInfo> for TraceWire {
    fn from(info: TraceInfo) -> Self {
        Self { trace_info: info.into(), spans: Vec::new() }
    }
}

impl From<Trace> for TraceWire {
    fn from(trace: Trace) -> Self {
        Self { trace_info: trace.info.into(), spans: trace.spans.iter().map(values::otlp_span).collect() }
    }
}

/// What is known of a trace.
#[derive(Debug, Serialize)]
pub(super) struct TraceInfoWire {
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<String>,
    trace_location: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_preview: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_preview: Option<String>,
    request_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_duration: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    trace_metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assessments: Vec<AssessmentWire>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

fn map(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

impl From<TraceInfo> for TraceInfoWire {
    fn from(info: TraceInfo) -> Self {
        Self {
            trace_id: info.id,
            client_request_id: info.client_request_id,
            trace_location: json!({
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": { "experiment_id": info.experiment.to_string() },
            }),
            request_preview: info.request_preview,
            response_preview: info.response_preview,
            request_time: instant(info.started),
            execution_duration: info.duration.map(duration),
            state: info.state.as_str(),
            trace_metadata: map(info.metadata),
            assessments: info.assessments.into_iter().map(Into::into).collect(),
            tags: map(info.tags),
        }
    }
}

/// A time in the form of protocol buffers: without a fraction where there is none.
pub(super) fn instant(time: Timestamp) -> String {
    let text = time.to_string();
    text.strip_suffix(".000Z").map_or(text.clone(), |whole| format!("{whole}Z"))
}

fn duration(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    if rest == 0 { format!("{sign}{seconds}s") } else { format!("{sign}{seconds}.{rest:03}s") }
}

/// Reads the form of [`duration`], in milliseconds; finer parts are left off.
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (seconds.is_finite() && seconds.abs() < 1e12).then(|| (seconds * 1000.0 + 1e-6 * seconds.signum()) as i64)
}

/// A state, by its name or its number in the wire format.
pub(super) fn state(params: &Params, name: &str) -> Result<TraceState, ApiError> {
    const NUMBERED: [TraceState; 4] =
        [TraceState::Unspecified, TraceState::Ok, TraceState::Error, TraceState::InProgress];
    let given = params.any(name);
    let found = match &given {
        Value::Null => Some(TraceState::Unspecified),
        Value::Number(number) => {
            number.as_u64().and_then(|number| NUMBERED.get(usize::try_from(number).ok()?).copied())
        }
        Value::String(text) if text == "TRACE_STATUS_UNSPECIFIED" => Some(TraceState::Unspecified),
        Value::String(text) => TraceState::parse(text),
        _ => None,
    };
    found.ok_or_else(|| params.wrong(name, &given))
}

/// What is known of a trace, in the older form.
#[derive(Debug, Serialize)]
pub(super) struct LegacyInfoWire {
    request_id: String,
    experiment_id: String,
    timestamp_ms: i64,
    execution_time_ms: i64,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    request_metadata: Vec<KeyValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue>,
}

impl From<TraceInfo> for LegacyInfoWire {
    fn from(info: TraceInfo) -> Self {
        Self {
            request_id: info.id,
            experiment_id: info.experiment.to_string(),
            timestamp_ms: info.started.as_millis(),
            execution_time_ms: info.duration.unwrap_or_default(),
            status: match info.state {
                TraceState::Unspecified => "TRACE_STATUS_UNSPECIFIED",
                state => state.as_str(),
            },
            request_metadata: info.metadata,
            tags: info.tags,
        }
    }
}

/// Something that was said about a trace.
#[derive(Debug, Serialize)]
pub(super) struct AssessmentWire {
    assessment_id: String,
    assessment_name: String,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    source: Value,
    create_time: String,
    last_update_time: String,
    #[serde(flatten)]
    judgement: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rationale: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<String>,
    valid: bool,
}

impl From<Assessment> for AssessmentWire {
    fn from(assessment: Assessment) -> Self {
        let mut source = Map::new();
        source.insert("source_type".to_owned(), super::assessments::source_name(assessment.source).into());
        if let Some(id) = assessment.source_id {
            source.insert("source_id".to_owned(), id.into());
        }
        Self {
            assessment_id: assessment.id,
            assessment_name: assessment.name,
            trace_id: assessment.trace,
            span_id: assessment.span,
            source: source.into(),
            create_time: instant(assessment.created),
            last_update_time: instant(assessment.updated),
            judgement: judgement(assessment.judgement),
            rationale: assessment.rationale,
            metadata: assessment.metadata,
            overrides: assessment.overrides,
            valid: assessment.valid,
        }
    }
}

fn judgement(judgement: Judgement) -> Map<String, Value> {
    let mut wire = Map::new();
    match judgement {
        Judgement::Feedback { value, error } => {
            let mut feedback = Map::from_iter([("value".to_owned(), value)]);
            if let Some(error) = error {
                let mut told = Map::from_iter([("error_code".to_owned(), error.code.into())]);
                let more = [("error_message", error.message), ("stack_trace", error.stack_trace)];
                told.extend(more.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into()))));
                feedback.insert("error".to_owned(), told.into());
            }
            wire.insert("feedback".to_owned(), feedback.into());
        }
        // What is not a single value travels as JSON text.
        Judgement::Expectation { value: value @ (Value::Array(_) | Value::Object(_)) } => {
            let text = values::python_json(&value);
            let serialized = json!({ "serialization_format": "JSON_FORMAT", "value": text });
            wire.insert("expectation".to_owned(), json!({ "serialized_value": serialized }));
        }
        Judgement::Expectation { value } => {
            wire.insert("expectation".to_owned(), json!({ "value": value }));
        }
        Judgement::Issue { name } => {
            let issue = name.map_or_else(|| json!({}), |name| json!({ "issue_name": name }));
            wire.insert("issue".to_owned(), issue);
        }
    }
    wire
}

/// The name of a kind of span in OpenTelemetry.
pub(super) const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

/// The name of a span's end in OpenTelemetry.
pub(super) const fn status_name(status: SpanStatus) -> &'static str {
    match status {
        SpanStatus::Unset => "STATUS_CODE_UNSET",
        SpanStatus::Ok => "STATUS_CODE_OK",
        SpanStatus::Error => "STATUS_CODE_ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, instant, parse_duration};
    use mainspring_domain::Timestamp;

    #[test]
    fn times_have_the_form_of_protocol_buffers() {
        assert_eq!(instant(Timestamp::from_millis(1000)), "1970-01-01T00:00:01Z");
        assert_eq!(instant(Timestamp::from_millis(1001)), "1970-01-01T00:00:01.001Z");
        for (millis, text) in [(0, "0s"), (43, "0.043s"), (2000, "2s"), (-1500, "-1.500s")] {
            assert_eq!(duration(millis), text);
            assert_eq!(parse_duration(text), Some(millis), "{text}");
        }
        assert_eq!(parse_duration("0.0015s"), Some(1));
        assert_eq!(parse_duration("soon"), None);
    }
}
