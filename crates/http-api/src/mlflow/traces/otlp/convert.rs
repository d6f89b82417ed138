//! From messages to spans.

use super::messages::{AnyValue, Event, ExportRequest, KeyValue, Link, ResourceSpans, Span, Value};
use crate::mlflow::traces::values::{python_float, python_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainspring_domain::traces::{self, SpanEvent, SpanKind, SpanLink, SpanStatus};
use mainspring_domain::tracking;
use mainspring_tracking::traces::spans::{Batch, trace_id};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The attribute in which a span names its trace.
const REQUEST_ID: &str = "mlflow.traceRequestId";

/// All spans with their sources; none when one of them is not a span.
pub(super) fn batches(request: ExportRequest) -> Option<Vec<Batch>> {
    request.resource_spans.into_iter().map(batch).collect()
}

fn batch(of_source: ResourceSpans) -> Option<Batch> {
    let source = of_source.resource.unwrap_or_default().attributes.into_iter().map(|attribute| {
        let value = match plain(attribute.value.as_ref()) {
            Json::String(text) => text,
            other => python_json(&other),
        };
        tracking::KeyValue { key: attribute.key, value }
    });
    let source = source.collect();
    let spans = of_source.scope_spans.into_iter().flat_map(|scope| scope.spans);
    Some(Batch { spans: spans.map(span).collect::<Option<_>>()?, source })
}

/// An id in hexadecimal with as many bytes as such an id has.
fn id(bytes: &[u8], length: usize) -> Option<String> {
    let missing = length.checked_sub(bytes.len()).filter(|_| !bytes.is_empty())?;
    let mut hex = "00".repeat(missing);
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    Some(hex)
}

fn nanos(time: u64) -> Option<i64> {
    i64::try_from(time).ok()
}

fn span(span: Span) -> Option<traces::Span> {
    let status = span.status.unwrap_or_default();
    let mut own = traces::Span {
        trace: id(&span.trace_id, 16)?,
        id: id(&span.span_id, 8)?,
        parent: if span.parent_span_id.is_empty() { None } else { Some(id(&span.parent_span_id, 8)?) },
        name: span.name,
        kind: match span.kind {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            _ => SpanKind::Unspecified,
        },
        start: nanos(span.start_time_unix_nano)?,
        end: nanos(span.end_time_unix_nano).filter(|end| *end > 0),
        status: match status.code {
            1 => SpanStatus::Ok,
            2 => SpanStatus::Error,
            _ => SpanStatus::Unset,
        },
        message: status.message,
        attributes: span.attributes.into_iter().map(attribute).collect(),
        events: span.events.into_iter().map(event).collect::<Option<_>>()?,
        links: span.links.into_iter().filter_map(link).collect(),
    };
    let request_id = Json::from(trace_id(&own)).to_string();
    own.attributes.insert(REQUEST_ID.to_owned(), request_id);
    Some(own)
}

fn event(event: Event) -> Option<SpanEvent> {
    Some(SpanEvent {
        name: event.name,
        time: nanos(event.time_unix_nano)?,
        attributes: object(event.attributes),
    })
}

/// A link; some programs write ids that are none, which is no reason to lose the span.
fn link(link: Link) -> Option<SpanLink> {
    Some(SpanLink {
        trace: id(&link.trace_id, 16)?,
        span: id(&link.span_id, 8)?,
        attributes: object(link.attributes),
    })
}

fn object(attributes: Vec<KeyValue>) -> BTreeMap<String, Json> {
    attributes.into_iter().map(|attribute| (attribute.key, plain(attribute.value.as_ref()))).collect()
}

/// An attribute as JSON text. A text that is itself the JSON of a text, list or object stands for
/// that: clients write their attributes so.
fn attribute(attribute: KeyValue) -> (String, String) {
    let value = attribute.value.and_then(|value| value.value);
    let text = match value {
        Some(Value::Text(text)) => {
            let inner: Option<Json> = serde_json::from_str(&text).ok();
            match inner {
                Some(Json::String(_) | Json::Array(_) | Json::Object(_)) => text,
                _ => Json::from(text).to_string(),
            }
        }
        // JSON does not know all of these numbers; their texts are kept as clients write them.
        Some(Value::Double(number)) => python_float(number),
        value => python_json(&plain(Some(&AnyValue { value }))),
    };
    (attribute.key, text)
}

/// A value as JSON. A number that JSON does not know becomes a text.
fn plain(value: Option<&AnyValue>) -> Json {
    match value.and_then(|value| value.value.as_ref()) {
        None => Json::Null,
        Some(Value::Text(text)) => Json::from(text.as_str()),
        Some(Value::Bool(flag)) => Json::from(*flag),
        Some(Value::Int(number)) => Json::from(*number),
        Some(Value::Double(number)) if number.is_finite() => Json::from(*number),
        Some(Value::Double(number)) => Json::from(python_float(*number)),
        Some(Value::List(list)) => list.values.iter().map(|value| plain(Some(value))).collect(),
        Some(Value::Map(map)) => {
            map.values.iter().map(|member| (member.key.clone(), plain(member.value.as_ref()))).collect()
        }
        Some(Value::Bytes(bytes)) => Json::from(STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::{attribute, id};
    use crate::mlflow::traces::otlp::messages::{AnyValue, KeyValue, Value};

    fn text_of(value: Option<Value>) -> String {
        attribute(KeyValue { key: "k".to_owned(), value: Some(AnyValue { value }) }).1
    }

    #[test]
    fn attributes_are_json_texts_and_not_texts_of_texts() {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        for (value, stored) in [
            (text("plain"), "\"plain\""),
            (text("\"quoted\""), "\"quoted\""),
            (text("{\"a\": 1}"), "{\"a\": 1}"),
            (text("1"), "\"1\""),
            (Some(Value::Int(1)), "1"),
            (Some(Value::Double(f64::NAN)), "NaN"),
            (Some(Value::Double(1e20)), "1e+20"),
            (None, "null"),
        ] {
            assert_eq!(text_of(value), stored);
        }
    }

    #[test]
    fn ids_have_their_length_or_are_none() {
        assert_eq!(id(&[1, 255], 8).as_deref(), Some("00000000000001ff"));
        assert_eq!(id(&[], 8), None);
        assert_eq!(id(&[0; 9], 8), None);
    }
}
