//! Attributes that other libraries write, in the words that the rest of the server knows: those of
//! OpenInference, of OpenTelemetry's conventions for generative AI, and of Traceloop.

use super::keys::{INPUTS, MODEL, OUTPUTS, PROVIDER, SPAN_TYPE, SPAN_USAGE};
use mainspring_domain::traces::Span;
use serde_json::{Value, json};

/// An attribute that says what kind of step a span is, and what its values mean.
type Kinds = (&'static str, &'static [(&'static str, &'static str)]);

const KINDS: [Kinds; 3] = [
    (
        "openinference.span.kind",
        &[
            ("TOOL", "TOOL"),
            ("CHAIN", "CHAIN"),
            ("LLM", "LLM"),
            ("RETRIEVER", "RETRIEVER"),
            ("EMBEDDING", "EMBEDDING"),
            ("AGENT", "AGENT"),
            ("RERANKER", "RERANKER"),
            ("UNKNOWN", "UNKNOWN"),
            ("GUARDRAIL", "GUARDRAIL"),
            ("EVALUATOR", "EVALUATOR"),
        ],
    ),
    (
        "gen_ai.operation.name",
        &[
            ("chat", "CHAT_MODEL"),
            ("create_agent", "AGENT"),
            ("embeddings", "EMBEDDING"),
            ("execute_tool", "TOOL"),
            ("generate_content", "LLM"),
            ("invoke_agent", "AGENT"),
            ("text_completion", "LLM"),
            ("response", "LLM"),
        ],
    ),
    (
        "traceloop.span.kind",
        &[
            ("workflow", "WORKFLOW"),
            ("task", "TASK"),
            ("agent", "AGENT"),
            ("tool", "TOOL"),
            ("unknown", "UNKNOWN"),
        ],
    ),
];

/// Tokens of what was asked, of what was answered, of both, and read from and written to a cache.
const TOKENS: [[&str; 5]; 3] = [
    [
        "llm.token_count.prompt",
        "llm.token_count.completion",
        "llm.token_count.total",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_write",
    ],
    [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
    ],
    ["gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens", "", ""],
];

const INPUT_KEYS: [&str; 4] =
    ["input.value", "gen_ai.input.messages", "gen_ai.tool.call.arguments", "traceloop.entity.input"];
const OUTPUT_KEYS: [&str; 4] =
    ["output.value", "gen_ai.output.messages", "gen_ai.tool.call.result", "traceloop.entity.output"];
const MODEL_KEYS: [&str; 6] = [
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "gen_ai.response.model",
    "gen_ai.request.model",
];
const PROVIDER_KEYS: [&str; 3] = ["llm.provider", "gen_ai.provider.name", "gen_ai.system"];

/// Adds what the span says in other words. What it says in ours stays.
pub(super) fn translate(span: &mut Span) {
    if span.text(SPAN_TYPE).is_none_or(|kind| kind == "UNKNOWN")
        && let Some(kind) = kind(span)
    {
        set(span, SPAN_TYPE, &json!(kind));
    }
    for (own, others) in [(INPUTS, INPUT_KEYS), (OUTPUTS, OUTPUT_KEYS)] {
        let told = others.iter().find_map(|key| filled(span, key)).cloned();
        if let Some(told) = told.filter(|_| !span.attributes.contains_key(own)) {
            span.attributes.insert(own.to_owned(), told);
        }
    }
    if !span.attributes.contains_key(SPAN_USAGE)
        && let Some(usage) = usage(span)
    {
        set(span, SPAN_USAGE, &usage);
    }
    let model = MODEL_KEYS.iter().find_map(|key| span.text(key)).or_else(|| named_model(span));
    let provider = PROVIDER_KEYS.iter().find_map(|key| span.text(key));
    for (own, told) in [(MODEL, model), (PROVIDER, provider)] {
        if let Some(told) = told.filter(|told| !told.is_empty() && !span.attributes.contains_key(own)) {
            set(span, own, &json!(told));
        }
    }
}

fn set(span: &mut Span, key: &str, value: &Value) {
    span.attributes.insert(key.to_owned(), value.to_string());
}

fn kind(span: &Span) -> Option<&'static str> {
    KINDS.iter().find_map(|(attribute, meanings)| {
        let told = span.text(attribute)?;
        meanings.iter().find(|(theirs, _)| *theirs == told).map(|(_, ours)| *ours)
    })
}

/// The text of an attribute, unless its value is empty.
fn filled<'a>(span: &'a Span, key: &str) -> Option<&'a String> {
    let empty = match span.attribute(key) {
        None => false,
        Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Bool(true)) => false,
    };
    span.attributes.get(key).filter(|_| !empty)
}

/// A number, also one that was written as a text.
fn count(span: &Span, key: &str) -> Option<i64> {
    match span.attribute(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn usage(span: &Span) -> Option<Value> {
    TOKENS.iter().find_map(|[input, output, total, read, written]| {
        let (input, output) = (count(span, input), count(span, output));
        let total = count(span, total).or_else(|| input?.checked_add(output?));
        if input.is_none() && output.is_none() && total.is_none() {
            return None;
        }
        let told = [
            ("input_tokens", input),
            ("output_tokens", output),
            ("total_tokens", total),
            ("cache_read_input_tokens", count(span, read)),
            ("cache_creation_input_tokens", count(span, written)),
        ];
        let told = told.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))));
        Some(Value::Object(told.collect()))
    })
}

/// The model that the inputs or outputs name.
fn named_model(span: &Span) -> Option<String> {
    [INPUTS, OUTPUTS].iter().find_map(|key| Some(span.attribute(key)?.get("model")?.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::translate;
    use mainspring_domain::traces::Span;

    fn translated(attributes: &[(&str, &str)]) -> Span {
        let attributes =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut span = Span { attributes, ..Span::default() };
        translate(&mut span);
        span
    }

    #[test]
    fn other_words_are_understood() {
        let span = translated(&[
            ("gen_ai.operation.name", "\"chat\""),
            ("gen_ai.usage.input_tokens", "3"),
            ("gen_ai.usage.output_tokens", "\"4\""),
            ("gen_ai.input.messages", "[{\"role\": \"user\"}]"),
            ("gen_ai.output.messages", "[]"),
            ("gen_ai.request.model", "\"m-1\""),
            ("gen_ai.provider.name", "\"p\""),
        ]);
        let of = |key: &str| span.attributes.get(key).map(String::as_str);
        assert_eq!(of("mlflow.spanType"), Some("\"CHAT_MODEL\""));
        assert_eq!(
            of("mlflow.chat.tokenUsage"),
            Some("{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}")
        );
        assert_eq!(of("mlflow.spanInputs"), Some("[{\"role\": \"user\"}]"));
        assert_eq!(of("mlflow.spanOutputs"), None);
        assert_eq!((of("mlflow.llm.model"), of("mlflow.llm.provider")), (Some("\"m-1\""), Some("\"p\"")));
    }

    #[test]
    fn our_own_words_count_more() {
        let span = translated(&[
            ("mlflow.spanType", "\"TOOL\""),
            ("openinference.span.kind", "\"LLM\""),
            ("mlflow.spanInputs", "1"),
            ("input.value", "2"),
        ]);
        assert_eq!(span.attributes["mlflow.spanType"], "\"TOOL\"");
        assert_eq!(span.attributes["mlflow.spanInputs"], "1");
        assert!(!span.attributes.contains_key("mlflow.chat.tokenUsage"));
    }
}
