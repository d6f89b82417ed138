//! Bayesian tests of an effect.

use libm::sqrt;

use super::frequentist::{Scaling, prepared, scalable};
use super::statistic::Statistic;
use super::{NO_UNITS, ZERO_BASELINE, ZERO_SCALE};
use crate::error::Undecided;
use crate::special::{normal_cdf, normal_isf, normal_loss, normal_mean_excess, normal_pdf, normal_sf};

/// A normal prior; not proper means flat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianPrior {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
    /// Whether it is used.
    pub proper: bool,
}

/// gbstats' `EffectBayesianConfig`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BayesianOptions {
    /// Relative difference.
    pub relative: bool,
    /// Absolute difference, scaled.
    pub scaled: Option<Scaling>,
    /// Level.
    pub alpha: f64,
    /// Weight cells.
    pub post_stratify: bool,
    /// Whether less is better.
    pub inverse: bool,
    /// Whether the prior is on the relative effect. (A prior on the absolute effect of a relative analysis
    /// is not rescaled, as there.)
    pub relative_prior: bool,
    /// Prior.
    pub prior: GaussianPrior,
}

/// gbstats' `BayesianTestResult`.
#[derive(Debug, Clone, PartialEq)]
pub struct BayesianResult {
    /// Probability that the treatment is better.
    pub chance_to_win: f64,
    /// Posterior mean.
    pub expected: f64,
    /// Credible interval.
    pub ci: [f64; 2],
    /// Mean and deviation of the posterior.
    pub uplift: [f64; 2],
    /// Expected losses of control and treatment.
    pub risk: [f64; 2],
    /// Why there is no result.
    pub error_message: Option<String>,
}

impl BayesianResult {
    fn refused(message: &str) -> Self {
        Self {
            chance_to_win: 0.5,
            expected: 0.0,
            ci: [0.0; 2],
            uplift: [0.0; 2],
            risk: [0.0; 2],
            error_message: Some(message.to_owned()),
        }
    }
}

/// gbstats' `EffectBayesianABTest` of cells (control, treatment).
///
/// # Errors
///
/// As [`super::effect_moments`].
pub fn bayesian(
    cells: &[(Statistic, Statistic)],
    options: &BayesianOptions,
) -> Result<BayesianResult, Undecided> {
    let (a, b, moments) = prepared(cells, options.relative, options.post_stratify)?;
    if let Some(message) = &moments.error_message {
        return Ok(BayesianResult::refused(message));
    }
    let mut prior = options.prior;
    if !options.relative && options.relative_prior {
        let base = a.unadjusted_mean();
        if prior.proper && base == 0.0 {
            return Ok(BayesianResult::refused(ZERO_BASELINE));
        }
        prior.mean *= base.abs();
        prior.variance *= base * base;
    }
    let variance = moments.standard_error * moments.standard_error;
    let (mean, precision) = if prior.proper {
        let precision = 1.0 / variance + 1.0 / prior.variance;
        ((moments.point_estimate / variance + prior.mean / prior.variance) / precision, precision)
    } else {
        (moments.point_estimate, 1.0 / variance)
    };
    if !(precision > 0.0 && precision.is_finite()) {
        return Ok(BayesianResult::refused(ZERO_BASELINE));
    }
    let deviation = sqrt(1.0 / precision);
    let z = mean / deviation;
    let half = normal_isf(options.alpha / 2.0) * deviation;
    let mut risk = if z.abs() > 37.0 {
        [mean.max(0.0), (-mean).max(0.0)]
    } else {
        [deviation * normal_loss(-z), deviation * normal_loss(z)]
    };
    if options.inverse {
        risk.swap(0, 1);
    }
    let result = BayesianResult {
        chance_to_win: if options.inverse { normal_sf(z) } else { normal_sf(-z) },
        expected: mean,
        ci: [mean - half, mean + half],
        uplift: [mean, deviation],
        risk,
        error_message: None,
    };
    Ok(match options.scaled {
        Some(scaling) => scaled(result, scaling, &a, &b),
        None => result,
    })
}

fn scaled(result: BayesianResult, scaling: Scaling, a: &Statistic, b: &Statistic) -> BayesianResult {
    if scaling.phase_length_days == 0.0 || scaling.traffic_percentage == 0.0 {
        return BayesianResult::refused(ZERO_SCALE);
    }
    if !scalable(a, b) {
        return BayesianResult::refused(
            "For scaled impact the statistic must be of type ProportionStatistic, SampleMeanStatistic, or \
             RegressionAdjustedStatistic",
        );
    }
    let Some(users) = scaling.total_users.filter(|users| *users != 0.0) else {
        return BayesianResult::refused(NO_UNITS);
    };
    let by = users / (scaling.traffic_percentage * scaling.phase_length_days);
    BayesianResult {
        expected: result.expected * by,
        ci: result.ci.map(|end| end * by),
        uplift: result.uplift.map(|value| value * by),
        ..result
    }
}

/// The mean of a normal variable between `a` and `b`, one of which may be infinite. From a thousand
/// deviations on by the first term of the asymptotic series, as there.
#[must_use]
pub fn truncated_normal_mean(mu: f64, sigma: f64, a: f64, b: f64) -> f64 {
    const FAR: f64 = 1e3;
    let (alpha, beta) = ((a - mu) / sigma, (b - mu) / sigma);
    if a == f64::NEG_INFINITY {
        return if beta <= -FAR { b + sigma / beta } else { b - sigma * normal_mean_excess(-beta) };
    }
    if b == f64::INFINITY {
        return if alpha >= FAR { a + sigma / alpha } else { a + sigma * normal_mean_excess(alpha) };
    }
    let mass =
        if alpha > 0.0 { normal_sf(alpha) - normal_sf(beta) } else { normal_cdf(beta) - normal_cdf(alpha) };
    mu + sigma * (normal_pdf(alpha) - normal_pdf(beta)) / mass
}
