//! Filters of figures about traces: one comparison each, `trace.tag.env = 'prod'`.

use super::parser::{comparisons, invalid_clause, operator, quoted_text, unquoted};
use super::tokens::{Kind, Token};
use super::{FilterError, Operand, Operator};

/// What the traces, spans or assessments of a figure have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricFilter {
    /// How the trace ended.
    TraceStatus(String),
    /// A tag of the trace, by key and value.
    TraceTag(String, String),
    /// A piece of metadata of the trace, by key and value.
    TraceMetadata(String, String),
    /// The span's name.
    SpanName(String),
    /// The span's type.
    SpanType(String),
    /// How the span ended.
    SpanStatus(String),
    /// The assessment's name.
    AssessmentName(String),
    /// The assessment's kind.
    AssessmentKind(String),
}

/// The entities of each kind, and whether they have keys.
const ENTITIES: [(&str, &[(&str, bool)]); 3] = [
    ("trace", &[("status", false), ("tag", true), ("metadata", true)]),
    ("span", &[("name", false), ("status", false), ("type", false)]),
    ("assessment", &[("name", false), ("type", false)]),
];

/// Reads one filter.
///
/// # Errors
/// [`FilterError`] in MLflow's words.
pub fn parse_metric_filter(text: &str) -> Result<MetricFilter, FilterError> {
    let mut found = comparisons(text, comparison)?;
    match (found.pop(), found.is_empty()) {
        (Some(filter), true) => Ok(filter),
        _ => Err(FilterError::new(format!("Invalid filter: '{text}'. Expected one filter clause."))),
    }
}

fn comparison<'t, 'a>(tokens: &'t [Token<'a>]) -> Result<(MetricFilter, &'t [Token<'a>]), FilterError> {
    let [name, rest @ ..] = tokens else { return Err(invalid_clause(tokens)) };
    let (Kind::Name, Some((operator, [value, after @ ..]))) = (name.kind, operator(rest)) else {
        return Err(invalid_clause(tokens));
    };
    let (view, entity, key) = identifier(name.text)?;
    if operator != Operator::Equal {
        return Err(FilterError::new(format!(
            "Invalid comparator: '{}', only '=' operator is supported",
            operator.name()
        )));
    }
    let value = match value.kind {
        Kind::SingleQuoted | Kind::Name => quoted_text(value.text)?,
        _ => Operand::None,
    };
    let Operand::Text(value) = value else {
        return Err(FilterError::new(format!(
            "Expected a quoted string value for {entity} value (e.g. 'my-value')."
        )));
    };
    let filter = match (view, entity) {
        ("trace", "tag") => MetricFilter::TraceTag(key, value),
        ("trace", "metadata") => MetricFilter::TraceMetadata(key, value),
        ("trace", _) => MetricFilter::TraceStatus(value),
        ("span", "name") => MetricFilter::SpanName(value),
        ("span", "type") => MetricFilter::SpanType(value),
        ("span", _) => MetricFilter::SpanStatus(value),
        (_, "name") => MetricFilter::AssessmentName(value),
        _ => MetricFilter::AssessmentKind(value),
    };
    Ok((filter, after))
}

/// What the name names, and its key; empty for those that have none.
fn identifier(text: &str) -> Result<(&'static str, &'static str, String), FilterError> {
    let mut parts = text.splitn(3, '.');
    let (Some(view), Some(entity)) = (parts.next(), parts.next()) else {
        return Err(FilterError::new(format!(
            "Invalid identifier '{text}'. Columns should be specified as 'trace.<key>', 'span.<key>', \
             'assessment.<key>'."
        )));
    };
    let view = view.trim_matches('`');
    let Some((view, entities)) = ENTITIES.iter().find(|(name, _)| *name == view) else {
        let names: Vec<&str> = ENTITIES.iter().map(|(name, _)| *name).collect();
        return Err(FilterError::new(format!(
            "Invalid view type '{view}'. Valid values are {}",
            names.join(", ")
        )));
    };
    let Some((entity, has_key)) = entities.iter().find(|(name, _)| *name == entity) else {
        let names: Vec<String> = entities.iter().map(|(name, _)| format!("'{name}'")).collect();
        return Err(FilterError::new(format!(
            "Invalid entity '{entity}' specified for view type '{view}'. Valid entities are [{}]",
            names.join(", ")
        )));
    };
    match (parts.next(), has_key) {
        (Some(key), true) => Ok((view, entity, unquoted(key).to_owned())),
        (None, false) => Ok((view, entity, String::new())),
        (None, true) => Err(FilterError::new(format!(
            "Filtering by {entity} requires a key, e.g. '{view}.{entity}.<key> = <value>'"
        ))),
        (Some(_), false) => Err(FilterError::new(format!(
            "Filtering by {entity} does not require a key, use '{view}.{entity}' instead"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{MetricFilter, parse_metric_filter};

    #[test]
    fn one_comparison_is_read() {
        for (text, filter) in [
            ("trace.status = 'OK'", MetricFilter::TraceStatus("OK".into())),
            ("trace.tag.`a.b` = \"c\"", MetricFilter::TraceTag("a.b".into(), "c".into())),
            ("trace.metadata.x.y = 'z'", MetricFilter::TraceMetadata("x.y".into(), "z".into())),
            ("span.type = 'LLM'", MetricFilter::SpanType("LLM".into())),
            ("assessment.name = 'n'", MetricFilter::AssessmentName("n".into())),
        ] {
            assert_eq!(parse_metric_filter(text), Ok(filter), "{text}");
        }
        for (text, message) in [
            ("", "Expected one filter clause"),
            ("trace.status = 'OK' AND trace.status = 'OK'", "Expected one filter clause"),
            ("status = 'OK'", "Invalid identifier 'status'"),
            ("run.status = 'OK'", "Invalid view type 'run'"),
            ("trace.name = 'x'", "Invalid entity 'name' specified for view type 'trace'"),
            ("trace.tag = 'x'", "Filtering by tag requires a key"),
            ("trace.status.x = 'x'", "Filtering by status does not require a key"),
            ("trace.status != 'x'", "Invalid comparator: '!='"),
            ("trace.status = 5", "Expected a quoted string value for status"),
        ] {
            let error = parse_metric_filter(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
