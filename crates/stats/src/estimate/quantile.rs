//! Quantiles, as of latency, with the error that the order statistics around them show.

use libm::{ceil, floor, sqrt};

use super::Sample;
use crate::error::{Undecided, finite, probability};
use crate::special::normal_quantile;

/// Half-width of the rank interval in standard deviations: 95 %.
const CONFIDENCE: f64 = 0.975;

/// Ranks, from 0, of the order statistics that enclose the `share`-quantile of `n` values with 95 %
/// confidence by the normal approximation of the binomial.
///
/// # Errors
///
/// [`Undecided::TooFew`] while a rank would lie outside the sample.
pub fn rank_bounds(n: u64, share: f64) -> Result<(u64, u64), Undecided> {
    probability(share)?;
    let count = n as f64;
    let half = normal_quantile(CONFIDENCE) * sqrt(count * share * (1.0 - share));
    let (low, high) = (floor(count * share - half), ceil(count * share + half));
    if low < 1.0 || high > count {
        return Err(Undecided::TooFew);
    }
    Ok((low as u64 - 1, high as u64 - 1))
}

/// A quantile of `n` values from its estimate and the values at [`rank_bounds`]: the variance that a
/// normal estimate with this interval has.
///
/// # Errors
///
/// [`Undecided::TooFew`] as [`rank_bounds`], [`Undecided::NotFinite`]; bounds that coincide give
/// [`Undecided::NoVariance`], because what cannot be resolved cannot be compared.
pub fn quantile(n: u64, share: f64, estimate: f64, low: f64, high: f64) -> Result<Sample, Undecided> {
    rank_bounds(n, share)?;
    let width = finite(high)? - finite(low)?;
    if width <= 0.0 {
        return Err(Undecided::NoVariance);
    }
    let deviation = width / (2.0 * normal_quantile(CONFIDENCE));
    Ok(Sample { n, mean: finite(estimate)?, variance: n as f64 * deviation * deviation })
}

/// The quantile of values that are at hand.
///
/// # Errors
///
/// As [`quantile`].
pub fn quantile_of(values: &[f64], share: f64) -> Result<Sample, Undecided> {
    let n = values.len() as u64;
    let (low, high) = rank_bounds(n, share)?;
    let estimate = crate::intervals::quantile(values, share).ok_or(Undecided::NotFinite)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(n, share, estimate, sorted[low as usize], sorted[high as usize])
}
