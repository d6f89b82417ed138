//! Filters and orders of traces: a grammar of its own, larger than that of runs and models.

use super::parser::{
    comparisons, invalid_clause, list, operator, order_parts, python_set, quoted_text, unquoted,
};
use super::tokens::{Kind, Token};
use super::{FilterError, Operand, Operator};

/// The tag that holds a trace's name.
const NAME_TAG: &str = "mlflow.traceName";
/// The metadata that holds the run within which a trace was made.
const RUN_METADATA: &str = "mlflow.sourceRun";

/// Bytes of a pattern; a database takes only so long a one.
const LONGEST_PATTERN: usize = 5000;

/// Values that an attribute of a span may be compared with at once.
const MOST_VALUES: usize = 100;

const FILTER_KEYS: [&str; 13] = [
    "client_request_id",
    "end_time",
    "end_time_ms",
    "execution_time",
    "execution_time_ms",
    "name",
    "prompt",
    "request_id",
    "run_id",
    "status",
    "text",
    "timestamp",
    "timestamp_ms",
];
const ORDER_KEYS: [&str; 11] = [
    "end_time",
    "end_time_ms",
    "execution_time",
    "execution_time_ms",
    "experiment_id",
    "name",
    "request_id",
    "run_id",
    "status",
    "timestamp",
    "timestamp_ms",
];
const NUMERIC_KEYS: [&str; 6] =
    ["end_time", "end_time_ms", "execution_time", "execution_time_ms", "timestamp", "timestamp_ms"];
const LIST_KEYS: [&str; 5] = ["client_request_id", "name", "request_id", "run_id", "status"];
const ENTITIES: [&str; 11] = [
    "attribute",
    "attributes",
    "expectation",
    "feedback",
    "issue",
    "metadata",
    "request_metadata",
    "span",
    "tag",
    "tags",
    "trace",
];

const NUMBERS: [Operator; 6] = [
    Operator::Greater,
    Operator::GreaterOrEqual,
    Operator::NotEqual,
    Operator::Equal,
    Operator::Less,
    Operator::LessOrEqual,
];
const TEXTS: [Operator; 7] = [
    Operator::NotEqual,
    Operator::Equal,
    Operator::In,
    Operator::NotIn,
    Operator::Like,
    Operator::ILike,
    Operator::RLike,
];
const KEYED: [Operator; 7] = [
    Operator::NotEqual,
    Operator::Equal,
    Operator::Like,
    Operator::ILike,
    Operator::RLike,
    Operator::IsNull,
    Operator::IsNotNull,
];
const ASSESSED: [Operator; 11] = [
    Operator::NotEqual,
    Operator::Equal,
    Operator::Greater,
    Operator::GreaterOrEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Like,
    Operator::ILike,
    Operator::RLike,
    Operator::IsNull,
    Operator::IsNotNull,
];

/// A built-in property of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceAttribute {
    /// Its id.
    Id,
    /// Its experiment; only an order names it.
    Experiment,
    /// When it began.
    Start,
    /// How long it took.
    Duration,
    /// When it ended.
    End,
    /// How it ended.
    State,
    /// The id that the traced program gave.
    ClientRequestId,
}

/// A property of one of a trace's spans.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SpanField {
    /// Its name.
    Name,
    /// Its type.
    Type,
    /// How it ended.
    Status,
    /// All of it as text.
    Content,
    /// One of its attributes.
    Attribute(String),
}

/// What a comparison or an order of traces looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TraceField {
    /// A built-in property.
    Attribute(TraceAttribute),
    /// A tag.
    Tag(String),
    /// A piece of metadata.
    Metadata(String),
    /// The run that it was made within or linked to.
    Run,
    /// A version of a prompt that it used, as `name/version`.
    Prompt,
    /// A property of a span. All of a filter must hold for one and the same span.
    Span(SpanField),
    /// A feedback by name.
    Feedback(String),
    /// An expectation by name.
    Expectation(String),
    /// The id of a problem it shows.
    Issue,
}

/// One comparison of a filter of traces.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceComparison {
    /// What is looked at.
    pub field: TraceField,
    /// How.
    pub operator: Operator,
    /// With what.
    pub operand: Operand,
}

/// One key of an order of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOrder {
    /// What is sorted by.
    pub field: TraceField,
    /// From low to high.
    pub ascending: bool,
}

/// Reads a filter of traces; an empty one holds no comparison.
///
/// # Errors
/// [`FilterError`] in MLflow's words.
pub fn parse_trace_filter(text: &str) -> Result<Vec<TraceComparison>, FilterError> {
    comparisons(text, comparison)
}

/// Reads one `order_by` clause of traces: `timestamp DESC`.
///
/// # Errors
/// [`FilterError`] in MLflow's words.
pub fn parse_trace_order(text: &str) -> Result<TraceOrder, FilterError> {
    let (name, ascending) = order_parts(text)?;
    let (entity, key) = identifier(name, &ORDER_KEYS)?;
    let field = match entity {
        Entity::Attribute => attribute(&key),
        Entity::Tag => TraceField::Tag(key),
        Entity::Metadata => TraceField::Metadata(key),
        _ => return Err(FilterError::new(format!("Invalid identifier type '{}'", entity.name()))),
    };
    let field = match field {
        TraceField::Run => TraceField::Metadata(RUN_METADATA.to_owned()),
        field => field,
    };
    Ok(TraceOrder { field, ascending })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entity {
    Attribute,
    Tag,
    Metadata,
    Span,
    Feedback,
    Expectation,
    Issue,
}

impl Entity {
    fn parse(prefix: &str) -> Result<Self, FilterError> {
        Ok(match prefix {
            "attribute" | "attributes" | "trace" => Self::Attribute,
            "tag" | "tags" => Self::Tag,
            "metadata" | "request_metadata" => Self::Metadata,
            "span" => Self::Span,
            "feedback" => Self::Feedback,
            "expectation" => Self::Expectation,
            "issue" => Self::Issue,
            _ => {
                return Err(FilterError::new(format!(
                    "Invalid entity type '{prefix}'. Valid values are {}",
                    python_set(&ENTITIES)
                )));
            }
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Tag => "tag",
            Self::Metadata => "request_metadata",
            Self::Span => "span",
            Self::Feedback => "feedback",
            Self::Expectation => "expectation",
            Self::Issue => "issue",
        }
    }
}

fn identifier(text: &str, attributes: &[&str]) -> Result<(Entity, String), FilterError> {
    let (entity, key) = match text.split_once('.') {
        // A dot inside quotes separates nothing.
        Some((prefix, key)) if !text.starts_with('"') && prefix.matches('`').count() != 1 => {
            (Entity::parse(prefix.trim_matches('`'))?, key)
        }
        _ => (Entity::Attribute, text),
    };
    let key = unquoted(key);
    if entity == Entity::Attribute && !attributes.contains(&key) {
        return Err(FilterError::new(format!(
            "Invalid attribute key '{key}' specified. Valid keys are '{}'",
            python_set(attributes)
        )));
    }
    Ok((entity, key.to_owned()))
}

/// What the name of an attribute stands for.
fn attribute(key: &str) -> TraceField {
    TraceField::Attribute(match key {
        "name" => return TraceField::Tag(NAME_TAG.to_owned()),
        "run_id" => return TraceField::Run,
        "prompt" => return TraceField::Prompt,
        "text" => return TraceField::Span(SpanField::Content),
        "request_id" => TraceAttribute::Id,
        "experiment_id" => TraceAttribute::Experiment,
        "execution_time" | "execution_time_ms" => TraceAttribute::Duration,
        "end_time" | "end_time_ms" => TraceAttribute::End,
        "status" => TraceAttribute::State,
        "client_request_id" => TraceAttribute::ClientRequestId,
        _ => TraceAttribute::Start,
    })
}

fn field(entity: Entity, key: &str) -> Result<TraceField, FilterError> {
    Ok(match entity {
        Entity::Attribute => attribute(key),
        Entity::Tag => TraceField::Tag(key.to_owned()),
        Entity::Metadata if key == RUN_METADATA => TraceField::Run,
        Entity::Metadata => TraceField::Metadata(key.to_owned()),
        Entity::Span => TraceField::Span(span_field(key)?),
        Entity::Feedback | Entity::Expectation if key.is_empty() => {
            return Err(FilterError::new("Assessment field name cannot be empty"));
        }
        Entity::Feedback => TraceField::Feedback(key.to_owned()),
        Entity::Expectation => TraceField::Expectation(key.to_owned()),
        Entity::Issue if key == "id" => TraceField::Issue,
        Entity::Issue => {
            return Err(FilterError::new(format!(
                "Invalid issue attribute '{key}'. Supported attributes: id"
            )));
        }
    })
}

fn span_field(key: &str) -> Result<SpanField, FilterError> {
    Ok(match (key, key.strip_prefix("attributes.")) {
        (_, Some("")) => {
            return Err(FilterError::new("Span attribute name cannot be empty after 'attributes.'"));
        }
        (_, Some(name)) => SpanField::Attribute(unquoted(name).to_owned()),
        ("name", _) => SpanField::Name,
        ("type", _) => SpanField::Type,
        ("status", _) => SpanField::Status,
        ("content", _) => SpanField::Content,
        _ => {
            return Err(FilterError::new(format!(
                "Invalid span attribute '{key}'. Supported attributes: name, status, type, \
                 attributes.<attribute_name>."
            )));
        }
    })
}

fn comparison<'t, 'a>(tokens: &'t [Token<'a>]) -> Result<(TraceComparison, &'t [Token<'a>]), FilterError> {
    let [name, after_name @ ..] = tokens else {
        return Err(invalid_clause(tokens));
    };
    let Some((operator, after)) = operator(after_name) else {
        return Err(invalid_clause(tokens));
    };
    if name.kind != Kind::Name {
        return Err(FilterError::new(format!(
            "Invalid comparison clause. Expected 'Identifier' found '{}'",
            name.text
        )));
    }
    let (entity, key) = identifier(name.text, &FILTER_KEYS)?;
    let field = field(entity, &key)?;
    if matches!(operator, Operator::IsNull | Operator::IsNotNull) {
        check_operator(&field, &key, operator)?;
        return Ok((TraceComparison { field, operator, operand: Operand::None }, after));
    }
    let [value, after @ ..] = after else {
        return Err(invalid_clause(tokens));
    };
    check_operator(&field, &key, operator)?;
    let operand = operand(entity, &key, operator, value)?;
    let is_list = matches!(operand, Operand::Texts(_));
    if is_list != matches!(operator, Operator::In | Operator::NotIn) {
        return Err(invalid_clause(tokens));
    }
    check_value(&field, operator, &operand)?;
    Ok((TraceComparison { field, operator, operand }, after))
}

fn operand(entity: Entity, key: &str, operator: Operator, value: &Token<'_>) -> Result<Operand, FilterError> {
    let found = value.text;
    let number = || found.parse().map(Operand::Number).map_err(|_| unquoted_value(entity, found));
    match (entity, value.kind) {
        (Entity::Feedback | Entity::Expectation, kind) => {
            let numeric = matches!(
                operator,
                Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual
            );
            match kind {
                Kind::Number if numeric => number(),
                Kind::SingleQuoted | Kind::Name if !numeric => quoted_text(found),
                _ if numeric => Err(FilterError::new(format!(
                    "Expected a numeric value for {} when using comparator '{}'. Got value {found}",
                    entity.name(),
                    operator.name()
                ))),
                _ => Err(unquoted_value(entity, found)),
            }
        }
        (Entity::Attribute, Kind::SingleQuoted | Kind::Name) if NUMERIC_KEYS.contains(&key) => {
            let text = quoted_text(found)?;
            let number = match &text {
                Operand::Text(text) => text.trim().parse().ok(),
                _ => None,
            };
            number.map(Operand::Number).ok_or_else(|| {
                FilterError::new(format!(
                    "Expected numeric value type for numeric attribute: {key}. Found {found}"
                ))
            })
        }
        (_, Kind::SingleQuoted | Kind::Name) => quoted_text(found),
        (Entity::Attribute, Kind::Number) if NUMERIC_KEYS.contains(&key) => number(),
        (Entity::Attribute, Kind::Number) => Err(FilterError::new(format!(
            "Only the '{}' attributes support comparison with numeric values.",
            python_set(&NUMERIC_KEYS)
        ))),
        (Entity::Attribute, Kind::List) if !LIST_KEYS.contains(&key) => Err(FilterError::new(format!(
            "Only attributes in {} supports comparison with a list of quoted string values.",
            python_set(&LIST_KEYS)
        ))),
        (Entity::Attribute | Entity::Span | Entity::Tag, Kind::List) => list(found).map(Operand::Texts),
        (Entity::Attribute, _) => Err(FilterError::new(format!(
            "Expected a quoted string value or a list of quoted string values for attributes. Got value {found}"
        ))),
        _ => Err(unquoted_value(entity, found)),
    }
}

fn unquoted_value(entity: Entity, found: &str) -> FilterError {
    FilterError::new(format!(
        "Expected a quoted string value for {} (e.g. 'my-value'). Got value {found}",
        entity.name()
    ))
}

fn check_operator(field: &TraceField, key: &str, operator: Operator) -> Result<(), FilterError> {
    let (allowed, subject): (&[Operator], String) = match field {
        TraceField::Attribute(TraceAttribute::Start | TraceAttribute::Duration | TraceAttribute::End) => {
            (&NUMBERS, String::new())
        }
        TraceField::Attribute(_) => (&TEXTS, String::new()),
        TraceField::Tag(_) | TraceField::Metadata(_) | TraceField::Run => (&KEYED, String::new()),
        TraceField::Prompt if operator == Operator::Equal => return Ok(()),
        TraceField::Prompt => {
            return Err(FilterError::new(format!(
                "Invalid comparator '{}' for prompts filter. Only '=' is supported with format: \
                 prompt = \"name/version\"",
                operator.name()
            )));
        }
        TraceField::Span(SpanField::Content) => {
            (&[Operator::Like, Operator::ILike], "span.content".to_owned())
        }
        TraceField::Span(_) => (&TEXTS, format!("span.{key}")),
        TraceField::Feedback(_) | TraceField::Expectation(_) => (&ASSESSED, format!("assessment.{key}")),
        TraceField::Issue => (&[Operator::Equal], "issue.id".to_owned()),
    };
    if allowed.contains(&operator) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|operator| operator.name()).collect();
    let found = operator.name();
    Err(FilterError::new(if subject.is_empty() {
        format!("Invalid comparator '{found}' not one of '{}'", python_set(&names))
    } else {
        format!("{subject} comparator '{found}' not one of '{}'", python_set(&names))
    }))
}

fn check_value(field: &TraceField, operator: Operator, operand: &Operand) -> Result<(), FilterError> {
    let text = match operand {
        Operand::Text(text) => text,
        Operand::Texts(texts)
            if texts.len() > MOST_VALUES && matches!(field, TraceField::Span(SpanField::Attribute(_))) =>
        {
            return Err(FilterError::new(format!(
                "An attribute can be compared with at most {MOST_VALUES} values."
            )));
        }
        _ => return Ok(()),
    };
    if *field == TraceField::Prompt && text.matches('/').count() != 1 {
        return Err(FilterError::new(format!(
            "Invalid prompts filter value '{text}'. Expected format: prompt = \"name/version\""
        )));
    }
    let pattern = matches!(operator, Operator::Like | Operator::ILike | Operator::RLike);
    if pattern && text.len() > LONGEST_PATTERN {
        return Err(FilterError::new(format!("A pattern can have at most {LONGEST_PATTERN} bytes.")));
    }
    if operator == Operator::RLike {
        regex::Regex::new(text).map_err(|error| {
            FilterError::new(format!("'{text}' is not a regular expression that RLIKE takes: {error}"))
        })?;
    }
    Ok(())
}
