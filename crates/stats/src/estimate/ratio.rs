//! Ratios of sums by the delta method (Deng et al. 2018): tokens per request, cost per answer, and the
//! cluster-robust mean where one unit has many values.

use super::Sample;
use crate::error::Undecided;
use crate::moments::{Bivariate, Moments};

/// The ratio of the sums of two columns, numerator first.
///
/// # Errors
///
/// [`Undecided::ZeroBaseline`] for a denominator of zero.
pub fn ratio(arm: &Bivariate) -> Result<Sample, Undecided> {
    let Gradient { value, slopes: [m, d] } = ratio_gradient(arm, 0, 1)?;
    let variance = m * m * arm.variance(0) + d * d * arm.variance(1) + 2.0 * m * d * arm.covariance(0, 1);
    Ok(Sample { n: arm.n(), mean: value, variance: variance.max(0.0) })
}

/// A ratio of means and its derivatives by numerator and denominator.
pub(super) struct Gradient {
    pub(super) value: f64,
    pub(super) slopes: [f64; 2],
}

pub(super) fn ratio_gradient<const K: usize>(
    moments: &Moments<K>,
    numerator: usize,
    denominator: usize,
) -> Result<Gradient, Undecided> {
    let below = moments.mean(denominator);
    if below == 0.0 {
        return Err(Undecided::ZeroBaseline);
    }
    let value = moments.mean(numerator) / below;
    Ok(Gradient { value, slopes: [1.0 / below, -value / below] })
}
