//! Tests by ranks, for metrics whose mean says little. They need the values themselves.

use libm::sqrt;

use crate::error::{Undecided, finite};
use crate::ranking::mid_ranks;
use crate::special::{normal_sf, t_sf};

use super::paired::tie_term;

/// Values up to which [`mann_whitney`] is exact: of the smaller group, and of the larger.
const MAX_EXACT: [usize; 2] = [8, 2_000];

/// Result of [`mann_whitney`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which b is above a, ties counting half.
    pub u: f64,
    /// `u` as a share of all pairs: P(b > a).
    pub superiority: f64,
    /// Two-sided p-value: exact if one group has at most 8 values and none are tied, else normal with
    /// continuity correction.
    pub p: f64,
}

/// Mann and Whitney's test that b tends to be above a.
///
/// # Errors
///
/// [`Undecided::TooFew`] for an empty group, [`Undecided::NotFinite`], [`Undecided::NoVariance`] if all
/// values are equal.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Result<MannWhitney, Undecided> {
    let ranks = ranked(a, b)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let n = na + nb;
    let u = ranks[a.len()..].iter().sum::<f64>() - nb * (nb + 1.0) / 2.0;
    let superiority = u / (na * nb);
    let ties = tie_term(&ranks);
    let larger = u.max(na * nb - u);
    if ties == 0.0 && a.len().min(b.len()) <= MAX_EXACT[0] && a.len().max(b.len()) <= MAX_EXACT[1] {
        return Ok(MannWhitney { u, superiority, p: exact(a.len(), b.len(), larger as usize) });
    }
    let variance = na * nb / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    if variance <= 0.0 {
        return Err(Undecided::NoVariance);
    }
    let z = (larger - na * nb / 2.0 - 0.5) / sqrt(variance);
    Ok(MannWhitney { u, superiority, p: (2.0 * normal_sf(z)).min(1.0) })
}

/// 2 P(U >= u), at most 1. The share of orders with each U, by the group that the largest value
/// belongs to: f(i, j, u) = (i f(i - 1, j, u - j) + j f(i, j - 1, u)) / (i + j).
fn exact(na: usize, nb: usize, u: usize) -> f64 {
    let (small, large) = (na.min(nb), na.max(nb));
    // Column i holds the shares of U for i values of the small group and j of the large one.
    let mut columns = vec![vec![0.0_f64; small * large + 1]; small + 1];
    for column in &mut columns {
        column[0] = 1.0;
    }
    for j in 1..=large {
        for i in 1..=small {
            let (before, rest) = columns.split_at_mut(i);
            let (shorter, own) = (&before[i - 1], &mut rest[0]);
            for value in (0..=i * j).rev() {
                let with = if value >= j { shorter[value - j] } else { 0.0 };
                own[value] = (i as f64 * with + j as f64 * own[value]) / (i + j) as f64;
            }
        }
    }
    let tail: f64 = columns[small].iter().skip(u).rev().sum();
    (2.0 * tail).min(1.0)
}

/// Result of [`brunner_munzel`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrunnerMunzel {
    /// The statistic; positive if b tends to be above a.
    pub statistic: f64,
    /// Two-sided p-value by Student's t.
    pub p: f64,
}

/// Brunner and Munzel's test (2000): as Mann and Whitney's, with unequal spreads allowed.
///
/// # Errors
///
/// As [`mann_whitney`]; [`Undecided::NoVariance`] also if the groups do not overlap.
pub fn brunner_munzel(a: &[f64], b: &[f64]) -> Result<BrunnerMunzel, Undecided> {
    let ranks = ranked(a, b)?;
    if a.len() < 2 || b.len() < 2 {
        return Err(Undecided::TooFew);
    }
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let spread = |all: &[f64], own: &[f64]| {
        let n = own.len() as f64;
        let placements: Vec<f64> = all.iter().zip(mid_ranks(own)).map(|(all, own)| all - own).collect();
        let mean = placements.iter().sum::<f64>() / n;
        placements.iter().map(|place| (place - mean) * (place - mean)).sum::<f64>() / (n - 1.0)
    };
    let (of_a, of_b) = ranks.split_at(a.len());
    let (sa, sb) = (spread(of_a, a), spread(of_b, b));
    let variance = na * sa + nb * sb;
    if variance <= 0.0 {
        return Err(Undecided::NoVariance);
    }
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    let statistic = na * nb * (mean(of_b) - mean(of_a)) / ((na + nb) * sqrt(variance));
    let df = variance * variance / ((na * sa) * (na * sa) / (na - 1.0) + (nb * sb) * (nb * sb) / (nb - 1.0));
    Ok(BrunnerMunzel { statistic, p: (2.0 * t_sf(statistic.abs(), df)).min(1.0) })
}

/// Cramer and von Mises' statistic of two samples (Anderson 1962).
///
/// # Errors
///
/// [`Undecided::TooFew`] for an empty group, [`Undecided::NotFinite`].
pub fn cramer_von_mises(a: &[f64], b: &[f64]) -> Result<f64, Undecided> {
    let ranks = ranked(a, b)?;
    let (na, nb) = (a.len() as f64, b.len() as f64);
    let distance = |ranks: &[f64]| {
        let mut sorted = ranks.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
            .iter()
            .enumerate()
            .map(|(k, rank)| (rank - (k + 1) as f64) * (rank - (k + 1) as f64))
            .sum::<f64>()
    };
    let (of_a, of_b) = ranks.split_at(a.len());
    let u = na * distance(of_a) + nb * distance(of_b);
    let n = na + nb;
    Ok(u / (na * nb * n) - (4.0 * na * nb - 1.0) / (6.0 * n))
}

/// Anderson and Darling's statistic of two samples with mid-ranks, in standard units (Scholz and
/// Stephens 1987).
///
/// # Errors
///
/// As [`mann_whitney`].
pub fn anderson_darling(a: &[f64], b: &[f64]) -> Result<f64, Undecided> {
    ranked(a, b)?;
    let mut all: Vec<f64> = a.iter().chain(b).map(|value| value + 0.0).collect();
    all.sort_by(f64::total_cmp);
    let n = all.len();
    if all[0] == all[n - 1] {
        return Err(Undecided::NoVariance);
    }
    let total = n as f64;
    let mut groups: Vec<(f64, f64)> = Vec::new();
    for group in all.chunk_by(|left, right| left == right) {
        groups.push((group[0], group.len() as f64));
    }
    let mut statistic = 0.0;
    for sample in [a, b] {
        let mut sorted: Vec<f64> = sample.iter().map(|value| value + 0.0).collect();
        sorted.sort_by(f64::total_cmp);
        let size = sample.len() as f64;
        let (mut below, mut position, mut sum) = (0.0, 0, 0.0);
        for (value, count) in &groups {
            let start = position;
            while position < sorted.len() && sorted[position] == *value {
                position += 1;
            }
            let own = start as f64 + (position - start) as f64 / 2.0;
            let middle = below + count / 2.0;
            let gap = total * own - middle * size;
            sum += count / total * gap * gap / (middle * (total - middle) - total * count / 4.0);
            below += count;
        }
        statistic += sum / size;
    }
    statistic *= (total - 1.0) / total;
    Ok((statistic - 1.0) / sqrt(anderson_darling_variance(a.len(), b.len())))
}

/// The variance of the statistic under the null, equation 4 of the paper with two samples.
fn anderson_darling_variance(na: usize, nb: usize) -> f64 {
    let n = na + nb;
    let total = n as f64;
    let reciprocals = 1.0 / na as f64 + 1.0 / nb as f64;
    let harmonic: f64 = (1..n).map(|k| 1.0 / k as f64).sum();
    // g = sum over i of 1 / (n - i) times the sum of 1 / j over j > i
    let (mut tail, mut g) = (0.0, 0.0);
    for i in (1..n - 1).rev() {
        tail += 1.0 / (i + 1) as f64;
        g += tail / (n - i) as f64;
    }
    let k = 2.0;
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * reciprocals;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * harmonic * k + (2.0 * g - 14.0 * harmonic - 4.0) * reciprocals
        - 8.0 * harmonic
        + 4.0 * g
        - 6.0;
    let c = (6.0 * harmonic + 2.0 * g - 2.0) * k * k
        + (4.0 * harmonic - 4.0 * g + 6.0) * k
        + (2.0 * harmonic - 6.0) * reciprocals
        + 4.0 * harmonic;
    let d = (2.0 * harmonic + 6.0) * k * k - 4.0 * harmonic * k;
    (a * total * total * total + b * total * total + c * total + d)
        / ((total - 1.0) * (total - 2.0) * (total - 3.0))
}

/// Mid-ranks of both groups together, a first.
fn ranked(a: &[f64], b: &[f64]) -> Result<Vec<f64>, Undecided> {
    if a.is_empty() || b.is_empty() {
        return Err(Undecided::TooFew);
    }
    let mut all = Vec::with_capacity(a.len() + b.len());
    for value in a.iter().chain(b) {
        // -0 and 0 are one value.
        all.push(finite(*value)? + 0.0);
    }
    Ok(mid_ranks(&all))
}
