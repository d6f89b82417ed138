//! Samples, their differences, and tests of these.

use libm::{log, sqrt};
use serde::{Deserialize, Serialize};

use crate::error::{Parameter, Undecided, finite, probability};
use crate::intervals::Interval;
use crate::moments::Moments;
use crate::special::{t_isf, t_sf};

/// What one arm says about a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Units.
    pub n: u64,
    /// The estimate: a mean, ratio or quantile.
    #[serde(with = "crate::exact")]
    pub mean: f64,
    /// n times the variance of the estimate: for a mean the variance of the values.
    #[serde(with = "crate::exact")]
    pub variance: f64,
}

impl Sample {
    /// The mean of a column of moments (below K).
    #[must_use]
    pub fn of<const K: usize>(moments: &Moments<K>, column: usize) -> Self {
        Self { n: moments.n(), mean: moments.mean(column), variance: moments.variance(column) }
    }

    /// A share of successes.
    ///
    /// # Errors
    ///
    /// [`Undecided::TooFew`] below two trials, [`Undecided::Parameter`] for more successes than trials.
    pub fn proportion(successes: u64, trials: u64) -> Result<Self, Undecided> {
        if trials < 2 {
            return Err(Undecided::TooFew);
        }
        if successes > trials {
            return Err(Undecided::Parameter(Parameter::Successes));
        }
        let n = trials as f64;
        let mean = successes as f64 / n;
        Ok(Self { n: trials, mean, variance: mean * (1.0 - mean) * n / (n - 1.0) })
    }

    /// The variance of the estimate.
    ///
    /// # Errors
    ///
    /// Below two units, without variance, or with what is not a number.
    pub fn squared_error(&self) -> Result<f64, Undecided> {
        if self.n < 2 {
            return Err(Undecided::TooFew);
        }
        finite(self.mean)?;
        if finite(self.variance)? <= 0.0 {
            return Err(Undecided::NoVariance);
        }
        Ok(self.variance / self.n as f64)
    }
}

/// A difference and how far chance moves it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The difference, candidate minus champion, on the scale that the method names.
    #[serde(with = "crate::exact")]
    pub estimate: f64,
    /// Its standard error.
    #[serde(with = "crate::exact")]
    pub standard_error: f64,
    /// Degrees of freedom of the error; infinity for the normal.
    #[serde(with = "crate::exact")]
    pub df: f64,
    /// Units of both arms, or pairs.
    pub n: u64,
}

/// On which side an effect counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// Either.
    TwoSided,
    /// Above the null value.
    Greater,
    /// Below the null value.
    Less,
}

/// Result of a test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Distance from the null value in standard errors.
    pub statistic: f64,
    /// P-value.
    pub p: f64,
    /// Confidence interval; one-sided tests leave one end infinite.
    pub interval: Interval,
}

impl Effect {
    /// The test that the effect is `null`, with the confidence interval at 1 - `alpha`.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for `alpha` outside (0, 1).
    pub fn test(&self, null: f64, alternative: Alternative, alpha: f64) -> Result<TestResult, Undecided> {
        probability(alpha)?;
        let statistic = (self.estimate - finite(null)?) / self.standard_error;
        let half = |tail: f64| t_isf(tail, self.df) * self.standard_error;
        let (p, interval) = match alternative {
            Alternative::TwoSided => {
                let half = half(0.5 * alpha);
                let interval = Interval { low: self.estimate - half, high: self.estimate + half };
                (2.0 * t_sf(statistic.abs(), self.df), interval)
            }
            Alternative::Greater => {
                let low = self.estimate - half(alpha);
                (t_sf(statistic, self.df), Interval { low, high: f64::INFINITY })
            }
            Alternative::Less => {
                let high = self.estimate + half(alpha);
                (t_sf(-statistic, self.df), Interval { low: f64::NEG_INFINITY, high })
            }
        };
        Ok(TestResult { statistic, p, interval })
    }

    /// From paired differences, or anything else of which one column is kept: the mean against zero.
    ///
    /// # Errors
    ///
    /// As [`Sample::squared_error`].
    pub fn of_one(sample: &Sample) -> Result<Self, Undecided> {
        let standard_error = sqrt(sample.squared_error()?);
        Ok(Self { estimate: sample.mean, standard_error, df: (sample.n - 1) as f64, n: sample.n })
    }
}

/// b - a with unequal variances (Welch 1947), Satterthwaite's degrees of freedom.
///
/// # Errors
///
/// As [`Sample::squared_error`] for either arm.
pub fn welch(a: &Sample, b: &Sample) -> Result<Effect, Undecided> {
    let (va, vb) = (a.squared_error()?, b.squared_error()?);
    effect(b.mean - a.mean, va, vb, a, b)
}

/// b - a with one variance for both arms (Student 1908).
///
/// # Errors
///
/// As [`Sample::squared_error`] for either arm.
pub fn student(a: &Sample, b: &Sample) -> Result<Effect, Undecided> {
    a.squared_error()?;
    b.squared_error()?;
    let (na, nb) = (a.n as f64, b.n as f64);
    let df = na + nb - 2.0;
    let pooled = ((na - 1.0) * a.variance + (nb - 1.0) * b.variance) / df;
    let standard_error = sqrt(pooled * (1.0 / na + 1.0 / nb));
    Ok(Effect { estimate: finite(b.mean - a.mean)?, standard_error, df, n: a.n.saturating_add(b.n) })
}

/// (b - a) / |a| by the delta method: for display. Its sequential test breaks its guarantee at low base
/// rates; test the difference itself or [`log_ratio`].
///
/// # Errors
///
/// As [`welch`], and [`Undecided::ZeroBaseline`].
pub fn relative(a: &Sample, b: &Sample) -> Result<Effect, Undecided> {
    let (va, vb) = (a.squared_error()?, b.squared_error()?);
    if a.mean == 0.0 {
        return Err(Undecided::ZeroBaseline);
    }
    let base = a.mean * a.mean;
    let from_a = va * (b.mean * b.mean) / (base * base);
    let mut effect = effect((b.mean - a.mean) / a.mean.abs(), from_a, vb / base, a, b)?;
    effect.df = welch(a, b)?.df;
    Ok(effect)
}

/// ln(b / a) by the delta method: a relative effect on the scale where it can be tested.
///
/// # Errors
///
/// As [`welch`], and [`Undecided::ZeroBaseline`] unless both are positive.
pub fn log_ratio(a: &Sample, b: &Sample) -> Result<Effect, Undecided> {
    let (va, vb) = (a.squared_error()?, b.squared_error()?);
    if !(a.mean > 0.0 && b.mean > 0.0) {
        return Err(Undecided::ZeroBaseline);
    }
    effect(log(b.mean / a.mean), va / (a.mean * a.mean), vb / (b.mean * b.mean), a, b)
}

fn effect(estimate: f64, va: f64, vb: f64, a: &Sample, b: &Sample) -> Result<Effect, Undecided> {
    let (na, nb) = (a.n as f64, b.n as f64);
    let variance = finite(va + vb)?;
    let df = variance * variance / (va * va / (na - 1.0) + vb * vb / (nb - 1.0));
    Ok(Effect { estimate: finite(estimate)?, standard_error: sqrt(variance), df, n: a.n.saturating_add(b.n) })
}
