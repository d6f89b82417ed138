//! Sample ratio mismatch under continuous checks.
//!
//! The likelihood ratio of a Dirichlet mixture around the planned weights against the weights is a
//! martingale: e >= 1/alpha ever has probability at most alpha (Lindon and Malek 2020). Exact at every
//! number of units; no correction for looks.

use libm::{exp, log};

use crate::error::{Parameter, Undecided};
use crate::special::ln_gamma;

/// Concentration of the mixture: shares that miss the plan by some percent, as when logs are dropped.
pub const CONCENTRATION: f64 = 1000.0;

/// E-value from which an experiment is flagged: one false alarm in a hundred experiments at most.
pub const FLAG: f64 = 100.0;

/// ln of the e-value that units are not split by the weights. A unit in an arm of weight zero makes it
/// infinite. Used on the counts of units, and on those of labelled ones, which miss by themselves.
///
/// # Errors
///
/// [`Undecided::Lengths`], and [`Undecided::Parameter`] for weights that are negative or all zero.
pub fn log_e(counts: &[u64], weights: &[f64]) -> Result<f64, Undecided> {
    if counts.len() != weights.len() {
        return Err(Undecided::Lengths);
    }
    let total_weight: f64 = weights.iter().sum();
    if !(total_weight > 0.0 && total_weight.is_finite() && weights.iter().all(|weight| *weight >= 0.0)) {
        return Err(Undecided::Parameter(Parameter::Weights));
    }
    let mut sum = 0.0;
    let mut total = 0.0;
    for (count, weight) in counts.iter().zip(weights) {
        let (count, share) = (*count as f64, weight / total_weight);
        if share == 0.0 {
            if count > 0.0 {
                return Ok(f64::INFINITY);
            }
            continue;
        }
        let prior = CONCENTRATION * share;
        sum += ln_gamma(prior + count) - ln_gamma(prior) - count * log(share);
        total += count;
    }
    Ok(sum - (ln_gamma(CONCENTRATION + total) - ln_gamma(CONCENTRATION)))
}

/// Always-valid p-value of the split.
///
/// # Errors
///
/// As [`log_e`].
pub fn p(counts: &[u64], weights: &[f64]) -> Result<f64, Undecided> {
    Ok(exp(-log_e(counts, weights)?).min(1.0))
}
