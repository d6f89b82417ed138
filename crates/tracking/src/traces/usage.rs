//! Tokens and costs of whole traces.

use super::keys::{COST, SPAN_COST, SPAN_USAGE, TOKEN_USAGE};
use mainspring_domain::traces::Span;
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::traits::trace_figures::{CACHE_TOKENS, COSTS, TOKENS};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// The tokens of a trace as metadata, from its spans.
pub(super) fn tokens(spans: &[&Span]) -> Option<KeyValue> {
    let totals = totals(spans, SPAN_USAGE)?;
    let mut told = Map::new();
    for key in TOKENS {
        told.insert(key.to_owned(), whole(totals.get(key).copied().unwrap_or(0.0)));
    }
    for key in CACHE_TOKENS {
        if let Some(value) = totals.get(key) {
            told.insert(key.to_owned(), whole(*value));
        }
    }
    Some(KeyValue { key: TOKEN_USAGE.to_owned(), value: text(&told) })
}

/// The costs of a trace as metadata, from its spans.
pub(super) fn costs(spans: &[&Span]) -> Option<KeyValue> {
    let totals = totals(spans, SPAN_COST)?;
    let value = |key: &str| Number::from_f64(totals.get(key).copied().unwrap_or(0.0)).map(Value::Number);
    let told = COSTS.iter().map(|key| ((*key).to_owned(), value(key).unwrap_or(Value::from(0.0)))).collect();
    Some(KeyValue { key: COST.to_owned(), value: text(&told) })
}

/// A sum of numbers of tokens.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn whole(value: f64) -> Value {
    Value::from(value as i64)
}

/// As clients write it: with a space behind colons and commas.
fn text(object: &Map<String, Value>) -> String {
    let members: Vec<String> = object.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", members.join(", "))
}

/// Sums over all spans. What a span tells includes the spans below it, so those do not count again.
fn totals(spans: &[&Span], attribute: &str) -> Option<HashMap<String, f64>> {
    let ids: HashMap<&str, &Span> = spans.iter().map(|span| (span.id.as_str(), *span)).collect();
    let mut children: HashMap<&str, Vec<&Span>> = HashMap::new();
    let mut open: Vec<(&Span, bool)> = Vec::new();
    for span in spans {
        match span.parent.as_deref().filter(|parent| ids.contains_key(parent)) {
            Some(parent) => children.entry(parent).or_default().push(span),
            None => open.push((span, false)),
        }
    }
    let mut totals: Option<HashMap<String, f64>> = None;
    while let Some((span, counted)) = open.pop() {
        let told = match span.attribute(attribute) {
            Some(Value::Object(told)) => Some(told),
            _ => None,
        };
        if let (Some(told), false) = (&told, counted) {
            let totals = totals.get_or_insert_default();
            for (key, value) in told {
                if let Some(value) = value.as_f64() {
                    *totals.entry(key.clone()).or_default() += value;
                }
            }
        }
        let counted = counted || told.is_some();
        // Taken out, so that parents that go round in a circle come to an end.
        let below = children.remove(span.id.as_str()).unwrap_or_default();
        open.extend(below.into_iter().map(|child| (child, counted)));
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::{costs, tokens};
    use mainspring_domain::traces::Span;
    use mainspring_metadata_store::traits::trace_figures::trace_measures;
    use std::collections::BTreeMap;

    fn span(id: &str, parent: Option<&str>, attributes: &[(&str, &str)]) -> Span {
        let attributes: BTreeMap<String, String> =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Span { id: id.to_owned(), parent: parent.map(str::to_owned), attributes, ..Span::default() }
    }

    #[test]
    fn what_a_span_tells_includes_those_below_it() {
        let usage = |text: &'static str| [("mlflow.chat.tokenUsage", text)];
        let spans = [
            span("root", None, &[]),
            span(
                "agent",
                Some("root"),
                &usage(r#"{"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}"#),
            ),
            span("call", Some("agent"), &usage(r#"{"input_tokens": 5}"#)),
            span("other", Some("gone"), &usage(r#"{"input_tokens": 1, "cache_read_input_tokens": 1}"#)),
            span("x", Some("y"), &usage(r#"{"input_tokens": 100}"#)),
            span("y", Some("x"), &[]),
        ];
        let all: Vec<&Span> = spans.iter().collect();
        let told = tokens(&all).unwrap();
        assert_eq!(
            told.value,
            r#"{"input_tokens": 6, "output_tokens": 2, "total_tokens": 7, "cache_read_input_tokens": 1}"#
        );
        assert!(trace_measures(&[told]).contains(&("total_tokens".to_owned(), 7.0)));
        assert_eq!(costs(&all), None);
        let paid = span("a", None, &[("mlflow.llm.cost", r#"{"input_cost": 0.5, "total_cost": 0.5}"#)]);
        let told = costs(&[&paid]).unwrap();
        assert_eq!(told.value, r#"{"input_cost": 0.5, "output_cost": 0.0, "total_cost": 0.5}"#);
    }
}
