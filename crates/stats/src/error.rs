//! Why a question has no answer.

use serde::{Deserialize, Serialize};

/// What keeps a test, an interval or a decision from being computed.
///
/// The message says what was found; whoever shows it adds which metric and arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// A group has no observations, or fewer than a variance takes.
    #[error("a group has too few observations; each needs at least two")]
    TooFew,
    /// Nothing varies, so there is no error to compare an effect with.
    #[error("the values do not vary; there is no standard error")]
    NoVariance,
    /// The baseline of a relative effect, or the denominator of a ratio, is zero.
    #[error("the baseline is zero; a relative effect has no meaning")]
    ZeroBaseline,
    /// NaN or infinity among the values or results.
    #[error("a value is not a finite number")]
    NotFinite,
    /// Lengths that should be equal differ.
    #[error("columns or groups that belong together differ in length")]
    Lengths,
    /// A parameter outside its range.
    #[error("{0}")]
    Parameter(Parameter),
}

/// A parameter outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// An error level, confidence, power or share outside (0, 1).
    #[error("a probability must lie strictly between 0 and 1")]
    Probability,
    /// A size, scale or count that must be positive.
    #[error("a size must be positive and finite")]
    Size,
    /// Successes above trials.
    #[error("there are more successes than trials")]
    Successes,
    /// Weights that are negative, or all zero.
    #[error("weights must not be negative, and one must be positive")]
    Weights,
    /// Information fractions that do not rise within (0, 1].
    #[error("information fractions must rise and lie in (0, 1]")]
    Fractions,
    /// A margin of non-inferiority below zero.
    #[error("a margin must not be negative")]
    Margin,
    /// More groups or values than the method takes.
    #[error("there are too many groups or values for this method")]
    TooMany,
}

/// `value` if it is a finite number.
pub(crate) fn finite(value: f64) -> Result<f64, Undecided> {
    if value.is_finite() { Ok(value) } else { Err(Undecided::NotFinite) }
}

/// `value` if it lies strictly between 0 and 1.
pub(crate) fn probability(value: f64) -> Result<f64, Undecided> {
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err(Undecided::Parameter(Parameter::Probability)) }
}

/// `value` if it is positive and finite.
pub(crate) fn positive(value: f64) -> Result<f64, Undecided> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(Undecided::Parameter(Parameter::Size)) }
}
