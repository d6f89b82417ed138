//! Effects and their standard errors.

use libm::sqrt;

use super::statistic::{Adjusted, AdjustedRatio, Statistic};
use super::{NO_VARIANCE, ZERO_BASELINE};
use crate::error::Undecided;
use crate::special::chi2_sf;

/// gbstats' `EffectMomentsResult`.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectMoments {
    /// Estimate.
    pub point_estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Units of both arms.
    pub pairwise_sample_size: f64,
    /// Why there is no estimate.
    pub error_message: Option<String>,
    /// Whether cells were weighted.
    pub post_stratification_applied: bool,
}

impl EffectMoments {
    pub(super) fn refused(message: &str, post_stratification_applied: bool) -> Self {
        Self {
            point_estimate: 0.0,
            standard_error: 0.0,
            pairwise_sample_size: 0.0,
            error_message: Some(message.to_owned()),
            post_stratification_applied,
        }
    }
}

/// Relative or absolute difference.
#[must_use]
pub fn frequentist_diff(mean_a: f64, mean_b: f64, relative: bool, mean_a_unadjusted: Option<f64>) -> f64 {
    let base = mean_a_unadjusted.filter(|mean| *mean != 0.0).unwrap_or(mean_a);
    if relative { (mean_b - mean_a) / base.abs() } else { mean_b - mean_a }
}

/// Variance of the difference.
#[must_use]
pub fn frequentist_variance(a: [f64; 3], b: [f64; 3], relative: bool) -> f64 {
    let ([var_a, mean_a, n_a], [var_b, mean_b, n_b]) = (a, b);
    if relative {
        variance_of_ratios(mean_b, var_b / n_b, mean_a, var_a / n_a, 0.0)
    } else {
        var_b / n_b + var_a / n_a
    }
}

/// Variance of M / D by the delta method; 0 for a denominator of zero.
#[must_use]
pub fn variance_of_ratios(mean_m: f64, var_m: f64, mean_d: f64, var_d: f64, cov: f64) -> f64 {
    if mean_d == 0.0 {
        return 0.0;
    }
    let d2 = mean_d * mean_d;
    var_m / d2 + var_d * mean_m * mean_m / (d2 * d2) - 2.0 * cov * mean_m / (d2 * mean_d)
}

/// P-value of a sample ratio mismatch; arms of weight zero keep their degree of freedom.
#[must_use]
pub fn check_srm(users: &[f64], weights: &[f64]) -> f64 {
    let (total, total_weight): (f64, f64) = (users.iter().sum(), weights.iter().sum());
    if total == 0.0 {
        return 1.0;
    }
    let statistic: f64 = users
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(seen, weight)| {
            let expected = weight / total_weight * total;
            (seen - expected) * (seen - expected) / expected
        })
        .sum();
    chi2_sf(statistic, users.len() as f64 - 1.0)
}

/// All cells of each arm together.
pub(super) fn summed(cells: &[(Statistic, Statistic)]) -> Result<(Statistic, Statistic), Undecided> {
    let mut cells = cells.iter();
    let mut sums = *cells.next().ok_or(Undecided::TooFew)?;
    for (a, b) in cells {
        let kinds = Undecided::Lengths;
        sums = (sums.0.plus(a).ok_or(kinds)?, sums.1.plus(b).ok_or(kinds)?);
    }
    Ok(sums)
}

/// gbstats' `EffectMoments` of cells (control, treatment), which are added up.
///
/// # Errors
///
/// [`Undecided::TooFew`] without cells, [`Undecided::Lengths`] for cells that cannot be added.
pub fn effect_moments(cells: &[(Statistic, Statistic)], relative: bool) -> Result<EffectMoments, Undecided> {
    let (a, b) = summed(cells)?;
    Ok(of_pair(&a, &b, relative))
}

pub(super) fn of_pair(a: &Statistic, b: &Statistic, relative: bool) -> EffectMoments {
    if a.has_no_variance() || b.has_no_variance() {
        return EffectMoments::refused(NO_VARIANCE, false);
    }
    let variance = variance(a, b, relative);
    if variance <= 0.0 {
        return EffectMoments::refused(NO_VARIANCE, false);
    }
    if a.mean() == 0.0 || a.unadjusted_mean() == 0.0 {
        return EffectMoments::refused(ZERO_BASELINE, false);
    }
    let adjusted = |statistic: &Statistic| matches!(statistic, Statistic::Adjusted(_));
    for (x, y, names) in [(a, b, ("a", "b")), (b, a, ("b", "a"))] {
        if adjusted(x) && !adjusted(y) {
            let (x, y) = names;
            let message = format!("If stat_{x} is a RegressionAdjustedStatistic, stat_{y} must be as well");
            return EffectMoments::refused(&message, false);
        }
    }
    EffectMoments {
        point_estimate: frequentist_diff(a.mean(), b.mean(), relative, Some(a.unadjusted_mean())),
        standard_error: sqrt(variance),
        pairwise_sample_size: a.n() + b.n(),
        error_message: None,
        post_stratification_applied: false,
    }
}

fn variance(a: &Statistic, b: &Statistic, relative: bool) -> f64 {
    match (a, b) {
        (Statistic::Adjusted(a), Statistic::Adjusted(b)) if relative => relative_adjusted(a, b),
        (Statistic::AdjustedRatio(x), Statistic::AdjustedRatio(y)) if relative => {
            relative_adjusted_ratio(x, y, a, b)
        }
        _ => frequentist_variance(
            [a.variance(), a.unadjusted_mean(), a.n()],
            [b.variance(), b.unadjusted_mean(), b.n()],
            relative,
        ),
    }
}

fn relative_adjusted(a: &Adjusted, b: &Adjusted) -> f64 {
    let base = a.post_statistic.mean();
    let (den_b, den_a) = (b.n * base * base, a.n * base * base);
    if den_b == 0.0 || den_a == 0.0 {
        return 0.0;
    }
    let theta = a.theta();
    let treated = b.post_statistic.variance() + theta * theta * b.pre_statistic.variance()
        - 2.0 * theta * b.covariance();
    let slope = -b.post_statistic.mean();
    let control = a.post_statistic.variance() * slope * slope / (base * base)
        + 2.0 * theta * a.covariance() * slope / base
        + theta * theta * a.pre_statistic.variance();
    treated / den_b + control / den_a
}

fn relative_adjusted_ratio(x: &AdjustedRatio, y: &AdjustedRatio, a: &Statistic, b: &Statistic) -> f64 {
    let (base, d) = (a.unadjusted_mean(), x.d_statistic_post.mean());
    if base == 0.0 || d == 0.0 {
        return 0.0;
    }
    let difference = (b.mean() - a.mean()) * base.signum();
    let size = base.abs();
    let m = x.m_statistic_post.mean();
    let (own, other) = (x.nabla(x.theta.unwrap_or(0.0)), y.nabla(y.theta.unwrap_or(0.0)));
    let control = [
        -(size + difference) / d / (size * size),
        (m * size / (d * d) + m * difference / (d * d)) / (size * size),
        -own[2] / size,
        -own[3] / size,
    ];
    let treated = other.map(|slope| slope / size);
    x.quadratic(&control, &control) / x.n + y.quadratic(&treated, &treated) / y.n
}
