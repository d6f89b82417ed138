//! Values as W&B clients send them: JSON with bare `NaN` and infinities, nested to any depth.

use mainspring_domain::names;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Tokens that are no JSON, the longer first.
const BARE: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Reads JSON in which numbers may also be `NaN`, `Infinity` and `-Infinity`; these become texts.
#[must_use]
pub fn parse_lenient(text: &str) -> Option<Value> {
    serde_json::from_str(&quote_bare(text)).ok()
}

/// An object in lenient JSON.
pub(super) fn parse_object(text: &str) -> Option<Map<String, Value>> {
    match parse_lenient(text) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Puts quotes around the bare tokens that stand outside of texts.
fn quote_bare(text: &str) -> Cow<'_, str> {
    if !BARE.iter().any(|token| text.contains(token)) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 16);
    let (mut within, mut rest) = (false, text);
    while let Some(first) = rest.chars().next() {
        let token = if within { None } else { BARE.into_iter().find(|token| rest.starts_with(token)) };
        let length = match (token, first) {
            (Some(token), _) => {
                quoted.push('"');
                quoted.push_str(token);
                quoted.push('"');
                token.len()
            }
            (None, '\\') if within => {
                let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                quoted.push_str(&rest[..1 + escaped]);
                1 + escaped
            }
            (None, _) => {
                within ^= first == '"';
                quoted.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Cow::Owned(quoted)
}

/// A value without further parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Leaf {
    Number(f64),
    Text(String),
}

/// The values of an object by their keys, nested ones joined by dots. What describes a medium is
/// left out, and so are keys of the client's own, which begin with an underscore.
pub(super) fn flatten(object: &Map<String, Value>) -> Vec<(String, Leaf)> {
    let mut leaves = Vec::new();
    for (key, value) in object.iter().filter(|(key, _)| !key.starts_with('_')) {
        flatten_into(key.clone(), value, &mut leaves);
    }
    leaves
}

fn flatten_into(key: String, value: &Value, leaves: &mut Vec<(String, Leaf)>) {
    match value {
        Value::Object(object) if object.contains_key("_type") => {}
        Value::Object(object) => {
            for (inner, value) in object {
                flatten_into(format!("{key}.{inner}"), value, leaves);
            }
        }
        Value::Null => {}
        value => leaves.push((key, leaf(value))),
    }
}

/// A number where it is one, `NaN` and infinities included.
pub(super) fn leaf(value: &Value) -> Leaf {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    number.map_or_else(|| Leaf::Text(text(value)), Leaf::Number)
}

/// A value as text: texts as they are, everything else as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What kind of value a history has under a key, in the client's words.
pub(super) fn kind(value: &Value) -> &str {
    match value {
        Value::Number(_) | Value::Bool(_) => "number",
        Value::String(text) if BARE.contains(&text.as_str()) => "number",
        Value::String(_) => "string",
        Value::Object(object) => object.get("_type").and_then(Value::as_str).unwrap_or("map"),
        Value::Array(_) => "list",
        Value::Null => "nil",
    }
}

/// The name that a metric, parameter or tag gets for a client's key: characters that names do not
/// have become `_`. None when nothing is left.
pub(super) fn name(key: &str) -> Option<String> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ':');
    let plain: String = key.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let parts: Vec<&str> =
        plain.split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..").collect();
    let name = names::truncate(parts.join("/"), 250);
    names::check(&name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{Leaf, flatten, kind, name, parse_lenient, parse_object};
    use serde_json::json;

    #[test]
    fn bare_tokens_are_read_and_texts_stay() {
        let text = r#"{"a": NaN, "b": [Infinity,-Infinity], "NaN": "say \"NaN\"", "c\\": 1.5e+09}"#;
        let expected =
            json!({ "a": "NaN", "b": ["Infinity", "-Infinity"], "NaN": "say \"NaN\"", "c\\": 1.5e9 });
        assert_eq!(parse_lenient(text), Some(expected));
        for broken in ["", "{", "{\"a\": NaN", "\"\\", "{a: NaN}", "Infinity\\"] {
            assert_eq!(parse_lenient(broken), None, "{broken}");
        }
    }

    #[test]
    fn values_are_flat_and_media_left_out() {
        let object = parse_object(
            r#"{"a": {"b": {"c": 1}, "d": NaN}, "_step": 3, "i": {"_type": "image-file"}, "t": "x",
                "l": [1], "y": true, "n": null}"#,
        );
        let flat = flatten(&object.unwrap());
        let keys: Vec<&str> = flat.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a.b.c", "a.d", "t", "l", "y"]);
        assert_eq!(flat[0].1, Leaf::Number(1.0));
        assert!(matches!(flat[1].1, Leaf::Number(value) if value.is_nan()));
        assert_eq!(flat[3].1, Leaf::Text("[1]".into()));
        assert_eq!(flat[4].1, Leaf::Number(1.0));
        assert_eq!(kind(&json!({ "_type": "histogram" })), "histogram");
    }

    #[test]
    fn keys_become_names() {
        for (key, expected) in [
            ("loss", Some("loss")),
            ("val/acc@1", Some("val/acc_1")),
            ("/a//../b/", Some("a/b")),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(name(key).as_deref(), expected, "{key}");
        }
    }
}
