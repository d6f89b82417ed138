//! t-tests and sequential tests.

use libm::{exp, log, sqrt};

use super::effect::{EffectMoments, of_pair, summed};
use super::statistic::{Statistic, with_theta};
use super::strata::post_stratified;
use super::{NO_UNITS, ZERO_SCALE};
use crate::error::Undecided;
use crate::special::{t_cdf, t_isf, t_sf};

/// Which test, by gbstats' class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// `TwoSidedTTest`
    TwoSided,
    /// `OneSidedTreatmentGreaterTTest`
    Greater,
    /// `OneSidedTreatmentLesserTTest`
    Lesser,
    /// `SequentialTwoSidedTTest` with its tuning parameter
    SequentialTwoSided(f64),
    /// `SequentialOneSidedTreatmentGreaterTTest`
    SequentialGreater(f64),
    /// `SequentialOneSidedTreatmentLesserTTest`
    SequentialLesser(f64),
}

/// How effects are scaled to a day of all traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Share of traffic in the experiment.
    pub traffic_percentage: f64,
    /// Days.
    pub phase_length_days: f64,
    /// Users.
    pub total_users: Option<f64>,
}

/// gbstats' configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestOptions {
    /// Relative difference.
    pub relative: bool,
    /// Absolute difference, scaled.
    pub scaled: Option<Scaling>,
    /// Level.
    pub alpha: f64,
    /// Weight cells.
    pub post_stratify: bool,
    /// Null value.
    pub test_value: f64,
    /// Width parameter of sequential tests, if not from the tuning parameter.
    pub rho: Option<f64>,
}

/// gbstats' `FrequentistTestResult`.
#[derive(Debug, Clone, PartialEq)]
pub struct FrequentistResult {
    /// Estimate.
    pub expected: f64,
    /// Interval.
    pub ci: [f64; 2],
    /// P-value; `None` if its search failed.
    pub p_value: Option<f64>,
    /// Standard error.
    pub stddev: f64,
    /// Why there is no result.
    pub error_message: Option<String>,
    /// Why there is no p-value.
    pub p_value_error_message: Option<String>,
}

impl FrequentistResult {
    fn refused(message: &str) -> Self {
        Self {
            expected: 0.0,
            ci: [0.0; 2],
            p_value: Some(1.0),
            stddev: 0.0,
            error_message: Some(message.to_owned()),
            p_value_error_message: None,
        }
    }
}

/// The width parameter (equation 161 of the paper).
#[must_use]
pub fn sequential_rho(alpha: f64, tuning: f64, two_sided: bool) -> f64 {
    let level = if two_sided { alpha } else { 2.0 * alpha };
    let surprise = -2.0 * log(level);
    sqrt((surprise + log(surprise + 1.0)) / tuning)
}

/// Half-width for the variance `s2` over `n` units.
#[must_use]
pub fn sequential_interval_halfwidth(s2: f64, n: f64, tuning: f64, alpha: f64, rho: Option<f64>) -> f64 {
    let rho = rho.unwrap_or_else(|| sequential_rho(alpha, tuning, true));
    let growth = n * rho * rho + 1.0;
    sqrt(s2) * sqrt(2.0 * growth * log(sqrt(growth) / alpha) / (n * rho * n * rho))
}

fn one_sided_halfwidth(s2: f64, n: f64, alpha: f64, rho: f64) -> f64 {
    let growth = n * rho * rho + 1.0;
    sqrt(s2 * (2.0 * growth / (n * rho * n * rho)) * log(1.0 + sqrt(growth) / (2.0 * alpha)))
}

/// A test of cells (control, treatment).
///
/// # Errors
///
/// As [`super::effect_moments`].
pub fn frequentist(
    cells: &[(Statistic, Statistic)],
    test: Test,
    options: &TestOptions,
) -> Result<FrequentistResult, Undecided> {
    let (a, b, moments) = prepared(cells, options.relative, options.post_stratify)?;
    if let Some(message) = &moments.error_message {
        return Ok(FrequentistResult::refused(message));
    }
    let one_sided = matches!(test, Test::SequentialGreater(_) | Test::SequentialLesser(_));
    if one_sided && options.alpha >= 0.5 {
        let mut result = FrequentistResult::refused("");
        result.error_message = None;
        result.p_value_error_message = Some("ALPHA_GREATER_THAN_0.5_FOR_SEQUENTIAL_ONE_SIDED_TEST".into());
        return Ok(result);
    }
    let (estimate, se, alpha) = (moments.point_estimate, moments.standard_error, options.alpha);
    let statistic = (estimate - options.test_value) / se;
    let df = degrees(&a, &b);
    let n = a.n() + b.n();
    let rho_of =
        |tuning: f64, two_sided| options.rho.unwrap_or_else(|| sequential_rho(alpha, tuning, two_sided));
    let (p, ci) = match test {
        // 1 - cdf, as there: p-values bottom out near 1e-16.
        Test::TwoSided => {
            let half = t_isf(alpha / 2.0, df) * se;
            (Ok(2.0 * (1.0 - t_cdf(statistic.abs(), df))), [estimate - half, estimate + half])
        }
        Test::Greater => (Ok(1.0 - t_cdf(statistic, df)), [estimate - t_isf(alpha, df) * se, f64::INFINITY]),
        Test::Lesser => (Ok(t_sf(-statistic, df)), [f64::NEG_INFINITY, estimate + t_isf(alpha, df) * se]),
        Test::SequentialTwoSided(tuning) => {
            let rho = rho_of(tuning, true);
            let half = sequential_interval_halfwidth(se * se * n, n, tuning, alpha, Some(rho));
            let growth = n * rho * rho + 1.0;
            let st2 = (estimate - options.test_value) * (estimate - options.test_value) * n / (se * se);
            let evidence = exp(rho * rho * st2 / (2.0 * growth)) / sqrt(growth);
            (Ok((1.0 / evidence).min(1.0)), [estimate - half, estimate + half])
        }
        Test::SequentialGreater(tuning) | Test::SequentialLesser(tuning) => {
            let rho = rho_of(tuning, false);
            let half = one_sided_halfwidth(se * se * n, n, alpha, rho);
            let lesser = matches!(test, Test::SequentialLesser(_));
            // The search for p does not weight cells.
            let plain = of_pair(&a, &b, options.relative);
            let end = |alpha: f64| {
                let half = one_sided_halfwidth(plain.standard_error.powi(2) * n, n, alpha, rho);
                if lesser { -(plain.point_estimate + half) } else { plain.point_estimate - half }
            };
            let ci =
                if lesser { [f64::NEG_INFINITY, estimate + half] } else { [estimate - half, f64::INFINITY] };
            (searched(end), ci)
        }
    };
    let (p_value, p_value_error_message) = match p {
        Ok(p) => (Some(p), None),
        Err(message) => (None, Some(message)),
    };
    let result = FrequentistResult {
        expected: estimate,
        ci,
        p_value,
        stddev: se,
        error_message: None,
        p_value_error_message,
    };
    Ok(match options.scaled {
        Some(scaling) => scaled(result, scaling, &a, &b),
        None => result,
    })
}

/// The sums with their slope, and the effect.
pub(super) fn prepared(
    cells: &[(Statistic, Statistic)],
    relative: bool,
    post_stratify: bool,
) -> Result<(Statistic, Statistic, EffectMoments), Undecided> {
    let (a, b) = summed(cells)?;
    let (a, b) = with_theta(&a, &b);
    if post_stratify {
        let weighted = post_stratified(cells, relative)?;
        if weighted.error_message.is_none() {
            return Ok((a, b, weighted));
        }
    }
    let moments = of_pair(&a, &b, relative);
    Ok((a, b, moments))
}

fn degrees(a: &Statistic, b: &Statistic) -> f64 {
    let (va, vb) = (a.variance() / a.n(), b.variance() / b.n());
    (va + vb) * (va + vb) / (vb * vb / (b.n() - 1.0) + va * va / (a.n() - 1.0))
}

/// The level at which the interval's end, which falls with it, is zero, by gbstats' bisection.
fn searched(end: impl Fn(f64) -> f64) -> Result<f64, String> {
    const TOLERANCE: f64 = 1e-6;
    let (mut low, mut high) = (1e-5, 0.4999);
    if end(low) > 0.0 {
        return Ok(low);
    }
    if end(high) < 0.0 {
        return Ok(high);
    }
    let mut alpha = 0.5 * (low + high);
    for _ in 0..100 {
        let value = end(alpha);
        if value < 0.0 {
            low = alpha;
        } else {
            high = alpha;
        }
        alpha = 0.5 * (low + high);
        if value.abs() < TOLERANCE {
            return Ok(alpha);
        }
    }
    Err("NUMERICAL_PVALUE_NOT_CONVERGED".into())
}

/// Whether scaling is defined.
pub(super) fn scalable(a: &Statistic, b: &Statistic) -> bool {
    [a, b].iter().all(|statistic| matches!(statistic, Statistic::Simple(_) | Statistic::Adjusted(_)))
}

fn scaled(result: FrequentistResult, scaling: Scaling, a: &Statistic, b: &Statistic) -> FrequentistResult {
    if scaling.phase_length_days == 0.0 || scaling.traffic_percentage == 0.0 {
        return FrequentistResult::refused(ZERO_SCALE);
    }
    if !scalable(a, b) {
        return FrequentistResult::refused(
            "For scaled impact the statistic must be of type ProportionStatistic, SampleMeanStatistic, or \
             RegressionAdjustedStatistic.",
        );
    }
    let Some(users) = scaling.total_users.filter(|users| *users != 0.0) else {
        return FrequentistResult::refused(NO_UNITS);
    };
    let by = users / (scaling.traffic_percentage * scaling.phase_length_days);
    FrequentistResult {
        expected: result.expected * by,
        ci: result.ci.map(|end| end * by),
        stddev: result.stddev * by,
        ..result
    }
}
