//! Two models on the same requests: shadow and interleaved designs, replays.
//!
//! The mean difference is [`Effect::of_one`](crate::estimate::Effect::of_one) on the differences;
//! AUCs are compared by [`crate::ranking::delong_paired`].

use libm::sqrt;

use crate::error::{Undecided, finite};
use crate::estimate::{Alternative, Effect};
use crate::ranking::mid_ranks;
use crate::special::{binomial_cdf, binomial_pmf, chi2_sf, normal_sf};

/// McNemar's test: of the requests on which exactly one model is right, is it one of them more often?
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Exact, conservative.
    pub p_exact: f64,
    /// Exact with half the weight on what was seen: nearly at its level.
    pub p_mid: f64,
    /// Chi-square with continuity correction, and its p-value.
    pub corrected: (f64, f64),
    /// Chi-square without, and its p-value.
    pub plain: (f64, f64),
}

/// McNemar's test from the discordant counts: only the first right, only the second right.
///
/// # Errors
///
/// [`Undecided::NoVariance`] if the models agree on every request.
pub fn mcnemar(only_a: u64, only_b: u64) -> Result<McNemar, Undecided> {
    let n = only_a.saturating_add(only_b);
    if n == 0 {
        return Err(Undecided::NoVariance);
    }
    let fewer = only_a.min(only_b);
    let tail = 2.0 * binomial_cdf(fewer, n, 0.5);
    let difference = only_a.abs_diff(only_b) as f64;
    let corrected = (difference - 1.0) * (difference - 1.0) / n as f64;
    let plain = difference * difference / n as f64;
    Ok(McNemar {
        p_exact: tail.min(1.0),
        p_mid: (tail - binomial_pmf(fewer, n, 0.5)).min(1.0),
        corrected: (corrected, chi2_sf(corrected, 1.0)),
        plain: (plain, chi2_sf(plain, 1.0)),
    })
}

/// Whether the effect lies between `low` and `high`: two one-sided tests, of which the larger p-value
/// counts.
///
/// # Errors
///
/// [`Undecided::NotFinite`] for bounds that are no numbers.
pub fn equivalence(effect: &Effect, low: f64, high: f64) -> Result<f64, Undecided> {
    let above = effect.test(low, Alternative::Greater, 0.05)?;
    let below = effect.test(high, Alternative::Less, 0.05)?;
    Ok(above.p.max(below.p))
}

/// Differences up to which Wilcoxon's p-value is exact.
const MAX_EXACT: usize = 50;
/// The same with ties or zeros, as SciPy has it.
const MAX_EXACT_TIED: usize = 13;

/// Result of [`wilcoxon`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wilcoxon {
    /// The smaller of the two sums of signed ranks.
    pub w: f64,
    /// Two-sided p-value: exact up to 50 differences without ties or zeros, and up to 13 with them; else
    /// normal.
    pub p: f64,
}

/// Wilcoxon's signed-rank test on paired differences; zeros are left out.
///
/// # Errors
///
/// [`Undecided::TooFew`] without a difference other than zero, [`Undecided::NotFinite`].
pub fn wilcoxon(differences: &[f64]) -> Result<Wilcoxon, Undecided> {
    let mut kept = Vec::with_capacity(differences.len());
    for difference in differences {
        if finite(*difference)? != 0.0 {
            kept.push(*difference);
        }
    }
    if kept.is_empty() {
        return Err(Undecided::TooFew);
    }
    let sizes: Vec<f64> = kept.iter().map(|difference| difference.abs()).collect();
    let ranks = mid_ranks(&sizes);
    let positive: f64 =
        ranks.iter().zip(&kept).filter(|(_, difference)| **difference > 0.0).map(|(rank, _)| rank).sum();
    let n = kept.len() as f64;
    let w = positive.min(n * (n + 1.0) / 2.0 - positive);
    let ties = tie_term(&ranks);
    let plain = ties == 0.0 && kept.len() == differences.len();
    if differences.len() <= if plain { MAX_EXACT } else { MAX_EXACT_TIED } {
        return Ok(Wilcoxon { w, p: exact(&ranks, w) });
    }
    let mean = n * (n + 1.0) / 4.0;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    if variance <= 0.0 {
        return Err(Undecided::NoVariance);
    }
    Ok(Wilcoxon { w, p: (2.0 * normal_sf((mean - w) / sqrt(variance))).min(1.0) })
}

/// Sum of t^3 - t over groups of t equal ranks.
pub(super) fn tie_term(ranks: &[f64]) -> f64 {
    let mut sorted = ranks.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|left, right| left == right)
        .map(|group| {
            let t = group.len() as f64;
            t * t * t - t
        })
        .sum()
}

/// 2 P(W <= w), at most 1: each rank is in the sum with probability one half. Ranks are halves at least.
fn exact(ranks: &[f64], w: f64) -> f64 {
    let doubled: Vec<usize> = ranks.iter().map(|rank| (2.0 * rank) as usize).collect();
    let mut shares = vec![0.0_f64; doubled.iter().sum::<usize>() + 1];
    shares[0] = 1.0;
    for rank in doubled {
        for sum in (0..shares.len()).rev() {
            let with = if sum >= rank { shares[sum - rank] } else { 0.0 };
            shares[sum] = 0.5 * (shares[sum] + with);
        }
    }
    (2.0 * shares.iter().take((2.0 * w) as usize + 1).sum::<f64>()).min(1.0)
}
