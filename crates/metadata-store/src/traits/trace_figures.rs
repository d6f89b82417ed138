//! What is searched and counted of traces and spans, taken from what clients say of them.

use super::traces::SpanRecord;
use mainspring_domain::names;
use mainspring_domain::traces::Span;
use mainspring_domain::tracking::KeyValue;
use serde_json::Value;

/// Metadata: the tokens of the whole trace, as a JSON object.
pub const TOKEN_USAGE: &str = "mlflow.trace.tokenUsage";
/// Metadata: the costs of the whole trace, as a JSON object.
pub const COST: &str = "mlflow.trace.cost";
/// Span attribute: costs.
pub const SPAN_COST: &str = "mlflow.llm.cost";
/// Span attribute: what kind of step it is.
pub const SPAN_TYPE: &str = "mlflow.spanType";
/// Span attribute: the language model.
pub const MODEL: &str = "mlflow.llm.model";
/// Span attribute: who offers the language model.
pub const PROVIDER: &str = "mlflow.llm.provider";

/// Kinds of tokens that are always told.
pub const TOKENS: [&str; 3] = ["input_tokens", "output_tokens", "total_tokens"];
/// Kinds of tokens that are told where there are any.
pub const CACHE_TOKENS: [&str; 3] =
    ["cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_input_tokens_above_1hr"];
/// Kinds of costs.
pub const COSTS: [&str; 3] = ["input_cost", "output_cost", "total_cost"];
/// Characters of the name of a language model that are kept.
const MODEL_NAME: usize = 500;

impl SpanRecord {
    /// A span with what its attributes say.
    #[must_use]
    pub fn of(span: Span) -> Self {
        let name = |key: &str| {
            let name = span.text(key).filter(|name| !name.is_empty());
            name.map(|name| names::truncate(name, MODEL_NAME))
        };
        let cost = span.attribute(SPAN_COST);
        let costs = COSTS.map(|key| cost.as_ref().and_then(|cost| cost.get(key)?.as_f64()));
        Self {
            span_type: span.text(SPAN_TYPE),
            model_name: name(MODEL),
            model_provider: name(PROVIDER),
            costs,
            span,
        }
    }
}

/// The figures that metadata tells of a whole trace.
#[must_use]
pub fn trace_measures(metadata: &[KeyValue]) -> Vec<(String, f64)> {
    let mut measures = Vec::new();
    for pair in metadata {
        let keys: &[&[&str]] = match pair.key.as_str() {
            TOKEN_USAGE => &[&TOKENS, &CACHE_TOKENS],
            COST => &[&COSTS],
            _ => continue,
        };
        let Ok(Value::Object(told)) = serde_json::from_str(&pair.value) else { continue };
        for key in keys.iter().flat_map(|keys| keys.iter()) {
            if let Some(value) = told.get(*key).and_then(Value::as_f64) {
                measures.push(((*key).to_owned(), value));
            }
        }
    }
    measures
}
