//! Values of spans: as JSON text in the store, as typed values in OpenTelemetry.

use super::wire::{kind_name, status_name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainspring_domain::traces::{Span, SpanEvent, SpanLink};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// JSON as Python writes it, with a space behind colons and commas: clients compare such texts.
pub(super) fn python_json(value: &Value) -> String {
    let mut text = String::new();
    write_python(&mut text, value);
    text
}

fn write_python(text: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write_python(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, item)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                let _ = write!(text, "{}: ", Value::from(key.as_str()));
                write_python(text, item);
            }
            text.push('}');
        }
        Value::Number(number) if number.is_f64() => {
            text.push_str(&python_float(number.as_f64().unwrap_or_default()));
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// A number as Python writes it: `1e+20`, `1e-07`, `2.0`, `NaN`.
pub(super) fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let plain = format!("{number:?}");
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let scientific = format!("{number:e}");
        if let Some((mantissa, exponent)) = scientific.split_once('e') {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            return format!("{mantissa}e{sign}{digits:0>2}");
        }
    }
    plain
}

/// The stored text of an attribute as a typed value; nothing for null.
fn typed_text(text: &str) -> Value {
    match text {
        // JSON has no such numbers, but texts of attributes do.
        "NaN" | "Infinity" | "-Infinity" => json!({ "double_value": text }),
        _ => match serde_json::from_str(text) {
            Ok(value) => typed(&value),
            Err(_) => json!({ "string_value": text }),
        },
    }
}

fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({ "bool_value": flag }),
        Value::Number(number) if number.is_i64() => json!({ "int_value": number }),
        Value::Number(number) => json!({ "double_value": number.as_f64() }),
        Value::String(text) => json!({ "string_value": text }),
        Value::Array(items) => json!({ "array_value": list(items.iter().map(typed)) }),
        Value::Object(members) => {
            json!({ "kvlist_value": list(members.iter().map(|(key, value)| pair(key, typed(value)))) })
        }
    }
}

/// Items within their message, which is empty without any.
fn list(items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    if items.is_empty() { json!({}) } else { json!({ "values": items }) }
}

fn pair(key: &str, value: Value) -> Value {
    let mut pair = Map::from_iter([("key".to_owned(), key.into())]);
    if value.as_object().is_some_and(|members| !members.is_empty()) {
        pair.insert("value".to_owned(), value);
    }
    pair.into()
}

fn pairs<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>) -> Vec<Value> {
    members.map(|(key, value)| pair(key, typed(value))).collect()
}

/// An id in hexadecimal as base64.
fn base64_of_hex(hex: &str) -> String {
    let digits: Option<Vec<u8>> = hex
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
        .collect();
    STANDARD.encode(digits.unwrap_or_default())
}

/// A span in the JSON form of OpenTelemetry, as answers have it: what is empty is left out.
pub(super) fn otlp_span(span: &Span) -> Value {
    let mut wire = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Number(number) => number.as_i64() == Some(0),
            Value::Bool(_) => false,
        };
        if !empty {
            wire.insert(key.to_owned(), value);
        }
    };
    put("trace_id", base64_of_hex(&span.trace).into());
    put("span_id", base64_of_hex(&span.id).into());
    put("parent_span_id", span.parent.as_deref().map(base64_of_hex).into());
    put("name", span.name.as_str().into());
    put("kind", kind_name(span.kind).into());
    put("start_time_unix_nano", span.start.into());
    put("end_time_unix_nano", span.end.into());
    let attributes = span.attributes.iter().map(|(key, text)| pair(key, typed_text(text)));
    put("attributes", attributes.collect());
    put("events", span.events.iter().map(otlp_event).collect());
    put("links", span.links.iter().map(otlp_link).collect());
    let mut status = Map::new();
    if !span.message.is_empty() {
        status.insert("message".to_owned(), span.message.as_str().into());
    }
    if span.status != mainspring_domain::traces::SpanStatus::Unset {
        status.insert("code".to_owned(), status_name(span.status).into());
    }
    put("status", status.into());
    wire.into()
}

fn otlp_event(event: &SpanEvent) -> Value {
    let mut wire = json!({ "time_unix_nano": event.time, "name": event.name });
    if !event.attributes.is_empty() {
        wire["attributes"] = pairs(event.attributes.iter()).into();
    }
    wire
}

fn otlp_link(link: &SpanLink) -> Value {
    let mut wire = json!({ "trace_id": base64_of_hex(&link.trace), "span_id": base64_of_hex(&link.span) });
    if !link.attributes.is_empty() {
        wire["attributes"] = pairs(link.attributes.iter()).into();
    }
    wire
}

/// A span as it stands in the file `traces.json`.
pub(super) fn file_span(span: &Span) -> Value {
    let event = |event: &SpanEvent| {
        let SpanEvent { name, time, attributes } = event;
        json!({ "name": name, "time_unix_nano": time, "attributes": attributes })
    };
    let link = |link: &SpanLink| {
        let trace = format!("tr-{}", link.trace);
        json!({ "trace_id": trace, "span_id": link.span, "attributes": link.attributes })
    };
    json!({
        "trace_id": base64_of_hex(&span.trace),
        "span_id": base64_of_hex(&span.id),
        "parent_span_id": span.parent.as_deref().map(base64_of_hex),
        "name": span.name,
        "kind": kind_name(span.kind),
        "start_time_unix_nano": span.start,
        "end_time_unix_nano": span.end,
        "events": span.events.iter().map(event).collect::<Vec<_>>(),
        "status": { "code": status_name(span.status), "message": span.message },
        "attributes": span.attributes,
        "links": span.links.iter().map(link).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::{base64_of_hex, python_float, python_json, typed_text};
    use serde_json::json;

    #[test]
    fn json_looks_as_python_writes_it() {
        let value = json!({ "a": [1, 2.0, 1e20, "ü\n"], "b": {}, "c": null });
        assert_eq!(python_json(&value), "{\"a\": [1, 2.0, 1e+20, \"ü\\n\"], \"b\": {}, \"c\": null}");
        for (number, text) in [
            (0.0, "0.0"),
            (-2.5, "-2.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(python_float(number), text);
        }
    }

    #[test]
    fn texts_of_attributes_have_types() {
        for (text, value) in [
            ("\"x\"", json!({ "string_value": "x" })),
            ("5", json!({ "int_value": 5 })),
            ("5.0", json!({ "double_value": 5.0 })),
            ("NaN", json!({ "double_value": "NaN" })),
            ("null", json!({})),
            ("{}", json!({ "kvlist_value": {} })),
            ("[null, true]", json!({ "array_value": { "values": [{}, { "bool_value": true }] } })),
            ("{\"k\": null}", json!({ "kvlist_value": { "values": [{ "key": "k" }] } })),
            ("[NaN]", json!({ "string_value": "[NaN]" })),
        ] {
            assert_eq!(typed_text(text), value, "{text}");
        }
        assert_eq!(base64_of_hex("a37d8fc1dfa648e5"), "o32Pwd+mSOU=");
    }
}
