//! Traces as MLflow writes them: what is known of the whole and what was said about it in the JSON
//! of its protocol (answers of a server and the YAML of a file store alike), spans as the documents
//! of its databases and as OpenTelemetry's JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainspring_domain::Timestamp;
use mainspring_domain::traces::{
    Assessment, AssessmentError, AssessmentSource, Judgement, Span, SpanEvent, SpanKind, SpanLink,
    SpanStatus, TraceInfo, TraceState,
};
use mainspring_domain::tracking::KeyValue;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Tag: where the trace's files live.
pub(crate) const ARTIFACT_LOCATION: &str = "mlflow.artifactLocation";
/// Tag: where the spans are kept.
pub(crate) const SPANS_LOCATION: &str = "mlflow.trace.spansLocation";
/// The value of [`SPANS_LOCATION`] for spans in the store.
pub(crate) const IN_STORE: &str = "TRACKING_STORE";

/// What is known of a trace. The names of version 2 stand beside those of version 3.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    #[serde(alias = "request_id")]
    pub(super) trace_id: String,
    request_time: Option<String>,
    timestamp_ms: Option<i64>,
    execution_duration: Option<String>,
    #[serde(alias = "execution_time_ms")]
    execution_duration_ms: Option<i64>,
    #[serde(alias = "status")]
    state: Option<String>,
    client_request_id: Option<String>,
    request_preview: Option<String>,
    response_preview: Option<String>,
    #[serde(default)]
    trace_metadata: BTreeMap<String, String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    assessments: Vec<Said>,
}

impl Info {
    /// The trace in our words, and what of it cannot be read.
    pub(super) fn into_info(self, experiment: i64) -> (TraceInfo, Vec<String>) {
        let mut unreadable = Vec::new();
        let mut assessments = Vec::new();
        for said in self.assessments {
            match said.into_assessment(&self.trace_id) {
                Ok(assessment) => assessments.push(assessment),
                Err(why) => unreadable.push(why),
            }
        }
        let started = self.request_time.as_deref().and_then(Timestamp::parse);
        let duration = self.execution_duration.as_deref().and_then(seconds);
        let info = TraceInfo {
            experiment,
            started: started.unwrap_or_else(|| Timestamp::from_millis(self.timestamp_ms.unwrap_or_default())),
            duration: self.execution_duration_ms.or(duration),
            state: self.state.as_deref().and_then(TraceState::parse).unwrap_or_default(),
            client_request_id: self.client_request_id,
            request_preview: self.request_preview,
            response_preview: self.response_preview,
            metadata: pairs(self.trace_metadata),
            tags: pairs(self.tags),
            assessments,
            id: self.trace_id,
        };
        (info, unreadable)
    }
}

fn pairs(map: BTreeMap<String, String>) -> Vec<KeyValue> {
    map.into_iter().map(|(key, value)| KeyValue { key, value }).collect()
}

/// `0.043s` in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn seconds(text: &str) -> Option<i64> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Some((seconds * 1000.0).round() as i64)
}

/// What was said about a trace.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    assessment_id: String,
    assessment_name: String,
    source: Option<SaidBy>,
    create_time: Option<String>,
    last_update_time: Option<String>,
    feedback: Option<Feedback>,
    expectation: Option<Expectation>,
    issue: Option<Issue>,
    rationale: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    span_id: Option<String>,
    overrides: Option<String>,
    valid: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct SaidBy {
    source_type: Option<String>,
    source_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Feedback {
    #[serde(default)]
    value: Value,
    error: Option<Failure>,
}

/// Why there is no verdict.
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    #[serde(default)]
    error_code: String,
    error_message: Option<String>,
    stack_trace: Option<String>,
}

impl From<Failure> for AssessmentError {
    fn from(failure: Failure) -> Self {
        Self { code: failure.error_code, message: failure.error_message, stack_trace: failure.stack_trace }
    }
}

#[derive(Debug, Deserialize)]
struct Expectation {
    value: Option<Value>,
    serialized_value: Option<Serialized>,
}

#[derive(Debug, Deserialize)]
struct Serialized {
    value: String,
}

#[derive(Debug, Deserialize)]
struct Issue {
    issue_name: Option<String>,
}

impl Said {
    /// The assessment in our words.
    pub(super) fn into_assessment(self, trace: &str) -> Result<Assessment, String> {
        let judgement = match (self.feedback, self.expectation, self.issue) {
            (Some(feedback), ..) => {
                Judgement::Feedback { value: feedback.value, error: feedback.error.map(Into::into) }
            }
            (_, Some(expectation), _) => Judgement::Expectation {
                value: match expectation.serialized_value {
                    Some(text) => serde_json::from_str(&text.value)
                        .map_err(|error| format!("{}: {error}", self.assessment_id))?,
                    None => expectation.value.unwrap_or_default(),
                },
            },
            (_, _, Some(issue)) => Judgement::Issue { name: issue.issue_name },
            _ => return Err(format!("{} is neither a feedback nor an expectation", self.assessment_id)),
        };
        let time = |text: Option<String>| text.as_deref().and_then(Timestamp::parse).unwrap_or_default();
        let created = time(self.create_time);
        let by = self.source.as_ref();
        Ok(Assessment {
            trace: trace.to_owned(),
            name: self.assessment_name,
            judgement,
            source: by.and_then(|by| source(by.source_type.as_deref()?)).unwrap_or_default(),
            source_id: self.source.and_then(|by| by.source_id),
            created,
            updated: self.last_update_time.map_or(created, |text| time(Some(text))),
            rationale: self.rationale,
            metadata: self.metadata,
            span: self.span_id,
            overrides: self.overrides,
            valid: self.valid.unwrap_or(true),
            id: self.assessment_id,
        })
    }
}

/// A kind of source by its name.
pub(super) fn source(name: &str) -> Option<AssessmentSource> {
    Some(match name {
        "HUMAN" => AssessmentSource::Human,
        "LLM_JUDGE" | "AI_JUDGE" => AssessmentSource::LlmJudge,
        "CODE" => AssessmentSource::Code,
        _ => return None,
    })
}

/// The JSON of a span.
#[derive(Debug, Deserialize)]
struct Document {
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    #[serde(default)]
    name: String,
    kind: Option<String>,
    start_time_unix_nano: Value,
    end_time_unix_nano: Option<Value>,
    status: Option<Status>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(default)]
    name: String,
    time_unix_nano: Value,
    #[serde(default)]
    attributes: Value,
}

#[derive(Debug, Deserialize)]
struct Link {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    attributes: Value,
}

/// Reads a span.
///
/// # Errors
/// What is wrong with it.
pub(super) fn span(document: Value) -> Result<Span, String> {
    let found: Document = serde_json::from_value(document).map_err(|error| error.to_string())?;
    let time = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let status = found.status.unwrap_or(Status { code: None, message: None });
    Ok(Span {
        trace: id(&found.trace_id, 16)?,
        id: id(&found.span_id, 8)?,
        parent: match found.parent_span_id.as_deref() {
            None | Some("") => None,
            Some(parent) => Some(id(parent, 8)?),
        },
        name: found.name,
        kind: match found.kind.as_deref() {
            Some("SPAN_KIND_INTERNAL") => SpanKind::Internal,
            Some("SPAN_KIND_SERVER") => SpanKind::Server,
            Some("SPAN_KIND_CLIENT") => SpanKind::Client,
            Some("SPAN_KIND_PRODUCER") => SpanKind::Producer,
            Some("SPAN_KIND_CONSUMER") => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        },
        start: time(&found.start_time_unix_nano).ok_or("it has no time")?,
        end: found.end_time_unix_nano.as_ref().and_then(time).filter(|end| *end > 0),
        status: match status.code.as_deref() {
            Some("STATUS_CODE_OK") => SpanStatus::Ok,
            Some("STATUS_CODE_ERROR") => SpanStatus::Error,
            _ => SpanStatus::Unset,
        },
        message: status.message.unwrap_or_default(),
        attributes: match found.attributes {
            // The documents of databases hold each value as JSON text already.
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| match value {
                    Value::String(text) => (key, text),
                    other => (key, other.to_string()),
                })
                .collect(),
            listed => members(&listed).map(|(key, value)| (key.to_owned(), any(value))).collect(),
        },
        events: found
            .events
            .into_iter()
            .map(|event| SpanEvent {
                name: event.name,
                time: time(&event.time_unix_nano).unwrap_or_default(),
                attributes: plain(event.attributes),
            })
            .collect(),
        links: found
            .links
            .into_iter()
            .map(|link| {
                Ok(SpanLink {
                    trace: id(&link.trace_id, 16)?,
                    span: id(&link.span_id, 8)?,
                    attributes: plain(link.attributes),
                })
            })
            .collect::<Result<_, String>>()?,
    })
}

/// An id of so many bytes, in hexadecimal digits. It may come in these, or in base64.
fn id(text: &str, bytes: usize) -> Result<String, String> {
    let digits = text.trim_start_matches("0x");
    if digits.len() == 2 * bytes && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    let decoded = STANDARD.decode(text).ok().filter(|decoded| decoded.len() == bytes);
    let decoded = decoded.ok_or_else(|| format!("`{text}` is no id of a span or trace"))?;
    Ok(decoded.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The members of a list of keys with values, as OpenTelemetry has them.
fn members(list: &Value) -> impl Iterator<Item = (&str, &Value)> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.get("key")?.as_str()?, &pair["value"])))
}

/// Attributes as plain values.
fn plain(attributes: Value) -> BTreeMap<String, Value> {
    match attributes {
        Value::Object(members) => members.into_iter().collect(),
        listed => {
            let value = |value| serde_json::from_str(&any(value)).unwrap_or_default();
            members(&listed).map(|(key, found)| (key.to_owned(), value(found))).collect()
        }
    }
}

/// A typed value of OpenTelemetry as JSON text. Numbers that JSON does not have are written as
/// MLflow's clients write them.
fn any(value: &Value) -> String {
    let Some((kind, held)) = value.as_object().and_then(|members| members.iter().next()) else {
        return "null".to_owned();
    };
    match (kind.as_str(), held) {
        ("int_value" | "double_value", Value::String(number)) => number.clone(),
        ("array_value", held) => {
            let items = held["values"].as_array().into_iter().flatten();
            format!("[{}]", items.map(any).collect::<Vec<_>>().join(", "))
        }
        ("kvlist_value", held) => {
            let pairs = members(&held["values"]);
            let texts = pairs.map(|(key, value)| format!("{}: {}", Value::from(key), any(value)));
            format!("{{{}}}", texts.collect::<Vec<_>>().join(", "))
        }
        (_, held) => held.to_string(),
    }
}

/// A span as a document of MLflow's databases: the reverse of [`span`].
pub(crate) fn document(span: &Span) -> Value {
    let encoded = |digits: &str| {
        let bytes = digits.as_bytes().chunks(2).filter_map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        STANDARD.encode(bytes.collect::<Vec<u8>>())
    };
    let object = |map: &BTreeMap<String, Value>| {
        Value::Object(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
    };
    let events = span.events.iter().map(|event| {
        serde_json::json!({
            "name": event.name, "time_unix_nano": event.time, "attributes": object(&event.attributes),
        })
    });
    let links = span.links.iter().map(|link| {
        serde_json::json!({
            "trace_id": encoded(&link.trace), "span_id": encoded(&link.span),
            "attributes": object(&link.attributes),
        })
    });
    serde_json::json!({
        "trace_id": encoded(&span.trace),
        "span_id": encoded(&span.id),
        "parent_span_id": span.parent.as_deref().map(encoded),
        "name": span.name,
        "kind": match span.kind {
            SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
            SpanKind::Internal => "SPAN_KIND_INTERNAL",
            SpanKind::Server => "SPAN_KIND_SERVER",
            SpanKind::Client => "SPAN_KIND_CLIENT",
            SpanKind::Producer => "SPAN_KIND_PRODUCER",
            SpanKind::Consumer => "SPAN_KIND_CONSUMER",
        },
        "start_time_unix_nano": span.start,
        "end_time_unix_nano": span.end,
        "events": events.collect::<Vec<_>>(),
        "status": { "code": format!("STATUS_CODE_{}", span.status.as_str()), "message": span.message },
        "attributes": span.attributes,
        "links": links.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::{document, seconds, span};
    use serde_json::json;

    #[test]
    fn a_document_comes_back_as_it_went() {
        let written = json!({
            "trace_id": "qwSkfSWPzdxvuN2E6q+WQw==", "span_id": "WvE4m/rIyHo=", "parent_span_id": "S8L/HoYppbg=",
            "name": "inner", "kind": "SPAN_KIND_INTERNAL", "start_time_unix_nano": 5, "end_time_unix_nano": 9,
            "events": [{ "name": "e", "time_unix_nano": 6, "attributes": { "k": 1 } }],
            "status": { "code": "STATUS_CODE_OK", "message": "" },
            "attributes": { "mlflow.spanOutputs": "{\"a\": NaN}" }, "links": [],
        });
        let read = span(written.clone()).unwrap();
        assert_eq!((read.id.as_str(), read.trace.len()), ("5af1389bfac8c87a", 32));
        assert_eq!(document(&read), written);
    }

    #[test]
    fn typed_values_become_json_texts() {
        let listed = json!({
            "trace_id": "qwSkfSWPzdxvuN2E6q+WQw==", "span_id": "WvE4m/rIyHo=", "start_time_unix_nano": "5",
            "attributes": [
                { "key": "s", "value": { "string_value": "x" } },
                { "key": "o", "value": { "kvlist_value": { "values": [
                    { "key": "a", "value": { "double_value": "NaN" } },
                    { "key": "l", "value": { "array_value": { "values": [{ "int_value": 1 }, { "bool_value": true }] } } },
                ] } } },
                { "key": "n", "value": {} },
            ],
        });
        let read = span(listed).unwrap();
        let texts = [("n", "null"), ("o", "{\"a\": NaN, \"l\": [1, true]}"), ("s", "\"x\"")];
        let texts = texts.map(|(key, text)| (key.to_owned(), text.to_owned()));
        assert_eq!(read.attributes.into_iter().collect::<Vec<_>>(), texts);
        assert_eq!((read.start, read.end, read.parent), (5, None, None));
        for wrong in [json!({}), json!({ "trace_id": "x", "span_id": "y", "start_time_unix_nano": 1 })] {
            assert!(span(wrong).is_err());
        }
        assert_eq!((seconds("0.043s"), seconds("1s"), seconds("x")), (Some(43), Some(1000), None));
    }
}
