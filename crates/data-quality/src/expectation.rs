//! The `mustBe...` operators of a quality rule.

use std::fmt;

/// What a measured number must satisfy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Expectation {
    Equal(f64),
    NotEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    Less(f64),
    LessOrEqual(f64),
    /// Both ends included.
    Between(f64, f64),
    /// Outside the closed interval.
    NotBetween(f64, f64),
}

impl Expectation {
    /// The operators' names in a contract.
    pub(crate) const OPERATORS: [&str; 8] = [
        "mustBe",
        "mustNotBe",
        "mustBeGreaterThan",
        "mustBeGreaterOrEqualTo",
        "mustBeLessThan",
        "mustBeLessOrEqualTo",
        "mustBeBetween",
        "mustNotBeBetween",
    ];

    /// Whether `measured` satisfies this; NaN satisfies nothing.
    pub(crate) fn holds(self, measured: f64) -> bool {
        if measured.is_nan() {
            return false;
        }
        match self {
            Self::Equal(limit) => measured == limit,
            Self::NotEqual(limit) => measured != limit,
            Self::Greater(limit) => measured > limit,
            Self::GreaterOrEqual(limit) => measured >= limit,
            Self::Less(limit) => measured < limit,
            Self::LessOrEqual(limit) => measured <= limit,
            Self::Between(low, high) => measured >= low && measured <= high,
            Self::NotBetween(low, high) => measured < low || measured > high,
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(limit) => write!(formatter, "{limit}"),
            Self::NotEqual(limit) => write!(formatter, "not {limit}"),
            Self::Greater(limit) => write!(formatter, "> {limit}"),
            Self::GreaterOrEqual(limit) => write!(formatter, ">= {limit}"),
            Self::Less(limit) => write!(formatter, "< {limit}"),
            Self::LessOrEqual(limit) => write!(formatter, "<= {limit}"),
            Self::Between(low, high) => write!(formatter, "{low} to {high}"),
            Self::NotBetween(low, high) => write!(formatter, "outside {low} to {high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_satisfies_nothing() {
        for expectation in [
            Expectation::NotEqual(0.0),
            Expectation::NotBetween(0.0, 1.0),
            Expectation::Less(1.0),
            Expectation::Between(0.0, 1.0),
        ] {
            assert!(!expectation.holds(f64::NAN), "{expectation}");
        }
        assert!(Expectation::Between(0.0, 1.0).holds(1.0));
        assert!(!Expectation::NotBetween(0.0, 1.0).holds(1.0));
    }
}
