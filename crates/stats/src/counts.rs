//! Distances between two histograms over the same bins, reference first.
//!
//! All functions take counts, so that a stored profile can stand for the reference. They give `None`
//! if the histograms differ in length, are empty, or one of them holds nothing.

use serde::{Deserialize, Serialize};

use crate::fixed::contingency::{Statistic, independence};
use crate::special::{chi2_isf, chi2_sf};

/// The share that stands for an empty bin.
const EPSILON: f64 = 1e-4;

/// What stands for an empty bin in a distance that takes logarithms of shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ZeroFill {
    /// Empty bins get the share 1e-4, as is usual.
    Epsilon,
    /// As Evidently 0.7 fills: 1e-4, or a millionth of the smallest share that is not zero where that
    /// is at most 1e-4; for each histogram by itself.
    Evidently,
}

/// Population stability index: sum of (r - c) ln(r / c) over the shares. The filled shares are not
/// normalised again, as in Evidently and in industry practice.
#[must_use]
pub fn psi(reference: &[u64], current: &[u64], fill: ZeroFill) -> Option<f64> {
    let (r, c) = shares(reference, current)?;
    let pairs = filled(r, fill).into_iter().zip(filled(c, fill));
    Some(pairs.map(|(r, c)| (r - c) * (r / c).ln()).sum())
}

/// The PSI that two samples of `n` and `m` values from one distribution exceed with probability 5 %
/// over `bins` bins: chi-square quantile times (1/n + 1/m) (Yurdakul 2018). `None` below 2 bins or
/// without values.
///
/// A PSI above it is not chance; whether it matters is for a fixed limit such as 0.1 or 0.2 to say.
#[must_use]
pub fn psi_threshold(bins: usize, n: u64, m: u64) -> Option<f64> {
    let usable = bins >= 2 && n > 0 && m > 0;
    usable.then(|| chi2_isf(0.05, (bins - 1) as f64) * (1.0 / n as f64 + 1.0 / m as f64))
}

/// Kullback-Leibler divergence of the reference from the current shares in nats, after filling and
/// normalising.
#[must_use]
pub fn kl_divergence(reference: &[u64], current: &[u64], fill: ZeroFill) -> Option<f64> {
    let (r, c) = shares(reference, current)?;
    let (r, c) = (normalised(filled(r, fill)), normalised(filled(c, fill)));
    Some(r.iter().zip(&c).map(|(r, c)| relative_entropy(*r, *c)).sum())
}

/// The logarithm's base in [`jensen_shannon`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogBase {
    /// Bits; the distance lies in [0, 1].
    Two,
    /// Nats; the distance lies in [0, 0.8326].
    E,
}

/// Jensen-Shannon distance: the square root of the divergence from the mean of the two.
#[must_use]
pub fn jensen_shannon(reference: &[u64], current: &[u64], base: LogBase) -> Option<f64> {
    let (r, c) = shares(reference, current)?;
    let divergence: f64 = r
        .iter()
        .zip(&c)
        .map(|(r, c)| {
            let middle = f64::midpoint(*r, *c);
            0.5 * (relative_entropy(*r, middle) + relative_entropy(*c, middle))
        })
        .sum();
    let scale = match base {
        LogBase::Two => std::f64::consts::LN_2,
        LogBase::E => 1.0,
    };
    Some((divergence.max(0.0) / scale).sqrt())
}

/// Hellinger distance, in [0, 1].
#[must_use]
pub fn hellinger(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (r, c) = shares(reference, current)?;
    let squares: f64 = r.iter().zip(&c).map(|(r, c)| (r.sqrt() - c.sqrt()).powi(2)).sum();
    Some((0.5 * squares).sqrt())
}

/// The largest difference of any bin's share, in [0, 1].
#[must_use]
pub fn l_infinity(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (r, c) = shares(reference, current)?;
    r.iter().zip(&c).map(|(r, c)| (r - c).abs()).reduce(f64::max)
}

/// A chi-square test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: u64,
    /// P-value.
    pub p: f64,
}

/// Whether both histograms come from one distribution: Pearson's test on the 2 x k contingency table,
/// with Yates' correction at one degree of freedom if asked for (SciPy's default). Bins that are empty
/// in both are left out.
#[must_use]
pub fn chi2_contingency(reference: &[u64], current: &[u64], yates: bool) -> Option<ChiSquare> {
    totals(reference, current)?;
    let statistic = if yates { Statistic::Yates } else { Statistic::Pearson };
    independence(&[reference, current], statistic).ok()
}

/// Whether the current histogram follows the reference's shares, taken as exact: goodness of fit. A bin
/// that the reference never saw and the current did gives p = 0.
#[must_use]
pub fn chi2_goodness_of_fit(reference: &[u64], current: &[u64]) -> Option<ChiSquare> {
    let (n, m) = totals(reference, current)?;
    let used = || reference.iter().zip(current).filter(|(r, c)| **r + **c > 0);
    let df = (used().count() as u64).checked_sub(1).filter(|df| *df > 0)?;
    let statistic: f64 = used()
        .map(|(r, c)| {
            let expected = *r as f64 * m / n;
            (*c as f64 - expected).powi(2) / expected
        })
        .sum();
    Some(ChiSquare { statistic, df, p: chi2_sf(statistic, df as f64) })
}

fn totals(reference: &[u64], current: &[u64]) -> Option<(f64, f64)> {
    let (n, m) = (reference.iter().sum::<u64>(), current.iter().sum::<u64>());
    (reference.len() == current.len() && n > 0 && m > 0).then_some((n as f64, m as f64))
}

fn shares(reference: &[u64], current: &[u64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let (n, m) = totals(reference, current)?;
    let of = |counts: &[u64], total: f64| counts.iter().map(|count| *count as f64 / total).collect();
    Some((of(reference, n), of(current, m)))
}

fn filled(mut shares: Vec<f64>, fill: ZeroFill) -> Vec<f64> {
    let share = match fill {
        ZeroFill::Epsilon => EPSILON,
        ZeroFill::Evidently => {
            let smallest = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
            if smallest <= EPSILON { smallest / 1e6 } else { EPSILON }
        }
    };
    for empty in shares.iter_mut().filter(|share| **share == 0.0) {
        *empty = share;
    }
    shares
}

fn normalised(shares: Vec<f64>) -> Vec<f64> {
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

/// p ln(p / q), 0 for p = 0.
fn relative_entropy(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * (p / q).ln() } else { 0.0 }
}
