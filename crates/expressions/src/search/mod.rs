//! MLflow's filter strings and `order_by` clauses.
//!
//! A filter is a list of comparisons joined by AND: `metrics.auc > 0.8 AND tags."release line" = 'a'`.
//! There is no OR and there are no parentheses but those of a list. Keys with other characters than
//! letters, digits and `_` stand in backticks or double quotes. Messages are MLflow's, since clients
//! and their tests read them.

mod kinds;
mod parser;
mod tokens;
mod trace_metrics;
mod traces;

pub use kinds::EntityKind;
pub use parser::{parse_filter, parse_order_by};
pub use trace_metrics::{MetricFilter, parse_metric_filter};
pub use traces::{
    SpanField, TraceAttribute, TraceComparison, TraceField, TraceOrder, parse_trace_filter, parse_trace_order,
};

/// What a comparison or an order looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// The latest value of a metric.
    Metric,
    /// A parameter.
    Parameter,
    /// A tag.
    Tag,
    /// A built-in property.
    Attribute,
    /// A property of a data set that a run read.
    Dataset,
}

impl Entity {
    /// MLflow's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Parameter => "parameter",
            Self::Tag => "tag",
            Self::Attribute => "attribute",
            Self::Dataset => "dataset",
        }
    }
}

/// How a comparison compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `LIKE`, with `%` for any text and `_` for any character.
    Like,
    /// `ILIKE`: as `LIKE`, letter case apart.
    ILike,
    /// `RLIKE`: a regular expression is found in the text. Only traces have it.
    RLike,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

impl Operator {
    /// The operator as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Like => "LIKE",
            Self::ILike => "ILIKE",
            Self::RLike => "RLIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }
}

/// What a comparison compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Nothing: `IS NULL`, `IS NOT NULL`.
    None,
    /// A quoted text.
    Text(String),
    /// A number.
    Number(f64),
    /// The texts of `IN` and `NOT IN`, at least one.
    Texts(Vec<String>),
}

/// One comparison of a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What kind of thing is looked at.
    pub entity: Entity,
    /// Its key; attributes under their own name, aliases such as `created` resolved.
    pub key: String,
    /// How.
    pub operator: Operator,
    /// With what.
    pub operand: Operand,
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy {
    /// What kind of thing is sorted by.
    pub entity: Entity,
    /// Its key, aliases resolved.
    pub key: String,
    /// From low to high.
    pub ascending: bool,
}

/// Why a filter or an order is refused, in MLflow's words; clients get `INVALID_PARAMETER_VALUE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(String);

impl FilterError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;
