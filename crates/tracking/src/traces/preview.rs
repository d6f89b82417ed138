//! The beginning of a request or an answer, for lists.

use mainspring_domain::names;
use serde_json::Value;

const LENGTH: usize = 1000;
/// Where the questions and answers of one common API have their messages.
const LISTS: [&str; 2] = ["input", "output"];

/// A preview in the length that is kept. No text with a NUL is kept by every engine.
pub(super) fn cut(text: String) -> String {
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    if text.chars().nth(LENGTH).is_none() {
        return text;
    }
    names::truncate(text, LENGTH - 3) + "..."
}

/// The preview of the inputs or outputs of a root span, given as JSON text: of a conversation the
/// last message of a role, of anything else its text.
pub(super) fn of(json: &str, role: &str) -> String {
    let value: Option<Value> = serde_json::from_str(json).ok();
    let message = value.as_ref().and_then(|value| last_message(value, role)).filter(|text| !text.is_empty());
    cut(message.unwrap_or(json).to_owned())
}

fn last_message<'a>(value: &'a Value, role: &str) -> Option<&'a str> {
    let is_message = |item: &&Value| item.get("role").is_some() && item.get("content").is_some();
    let filled = |list: &'a Value| list.as_array().filter(|items| !items.is_empty());
    let mut found = Vec::new();
    if let Some(items) = value.get("messages").and_then(filled) {
        found.extend(items.iter().filter(is_message));
    } else if let Some(message) = value.pointer("/choices/0/message").filter(is_message) {
        found.push(message);
    } else if let Some(items) = LISTS.iter().find_map(|key| value.get(key).and_then(filled)) {
        found.extend(items.iter().filter(is_message));
    } else {
        return last_message(value.get("request")?, role);
    }
    let of_role = found.iter().rfind(|message| message["role"] == role);
    content(of_role.or(found.last())?)
}

fn content(message: &Value) -> Option<&str> {
    match &message["content"] {
        Value::String(text) => Some(text),
        Value::Array(parts) => parts.iter().find_map(|part| match part {
            Value::String(text) => Some(text.as_str()),
            part if matches!(part["type"].as_str(), Some("text" | "output_text")) => part["text"].as_str(),
            _ => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, of};

    #[test]
    fn a_conversation_shows_its_last_message() {
        for (json, role, preview) in [
            (r#"{"x": 1}"#, "user", r#"{"x": 1}"#),
            (r#""plain""#, "user", r#""plain""#),
            ("not JSON", "user", "not JSON"),
            (
                r#"{"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}"#,
                "user",
                "a",
            ),
            (r#"{"messages": [{"role": "system", "content": "b"}]}"#, "user", "b"),
            (r#"{"choices": [{"message": {"role": "assistant", "content": "c"}}]}"#, "assistant", "c"),
            (
                r#"{"output": [{"role": "assistant", "content": [{"type": "output_text", "text": "d"}]}]}"#,
                "assistant",
                "d",
            ),
            (r#"{"request": {"input": [{"role": "user", "content": "e"}]}}"#, "user", "e"),
        ] {
            assert_eq!(of(json, role), preview, "{json}");
        }
        assert_eq!(cut("é".repeat(1001)).chars().count(), 1000);
        assert_eq!(cut("a\0b".to_owned()), "a\u{fffd}b");
    }
}
