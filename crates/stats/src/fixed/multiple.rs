//! Adjusted p-values for several tests. Holm is the default for goals, Benjamini-Hochberg for
//! secondary metrics.

use libm::{expm1, log1p};
use serde::{Deserialize, Serialize};

use crate::error::{Parameter, Undecided, probability};

/// P-values at once at most.
pub const MAX_TESTS: usize = 10_000;

/// How p-values are adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Bonferroni: any dependence.
    Bonferroni,
    /// Sidak: independent tests.
    Sidak,
    /// Holm (1979): any dependence, never weaker than Bonferroni.
    Holm,
    /// Holm's steps with Sidak's levels.
    HolmSidak,
    /// Hochberg (1988): independent or positively dependent tests.
    Hochberg,
    /// Hommel (1988): as Hochberg, never weaker.
    Hommel,
    /// Benjamini and Hochberg (1995): the false discovery rate.
    BenjaminiHochberg,
    /// Benjamini and Yekutieli (2001): the false discovery rate, any dependence.
    BenjaminiYekutieli,
}

/// The adjusted p-values, in the order given.
///
/// # Errors
///
/// [`Undecided::Parameter`] for more than [`MAX_TESTS`], [`Undecided::NotFinite`] for what is not a
/// probability.
pub fn adjust(p: &[f64], adjustment: Adjustment) -> Result<Vec<f64>, Undecided> {
    if p.len() > MAX_TESTS {
        return Err(Undecided::Parameter(Parameter::TooMany));
    }
    if p.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(Undecided::NotFinite);
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|i, j| p[*i].total_cmp(&p[*j]));
    let sorted: Vec<f64> = order.iter().map(|index| p[*index]).collect();
    let n = p.len() as f64;
    // Rank k from 0; the number of hypotheses not smaller is n - k.
    let left = |k: usize| n - k as f64;
    let each = |value: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        sorted.iter().enumerate().map(|(k, p)| value(k, *p).min(1.0)).collect()
    };
    let sidak = |p: f64, m: f64| -expm1(m * log1p(-p));
    let adjusted = match adjustment {
        Adjustment::Bonferroni => each(&|_, p| p * n),
        Adjustment::Sidak => each(&|_, p| sidak(p, n)),
        Adjustment::Holm => rising(each(&|k, p| p * left(k))),
        Adjustment::HolmSidak => rising(each(&|k, p| sidak(p, left(k)))),
        Adjustment::Hochberg => falling(each(&|k, p| p * left(k))),
        Adjustment::Hommel => hommel(&sorted),
        Adjustment::BenjaminiHochberg => falling(each(&|k, p| p * n / (k + 1) as f64)),
        Adjustment::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=p.len()).map(|k| 1.0 / k as f64).sum();
            falling(each(&|k, p| p * n * harmonic / (k + 1) as f64))
        }
    };
    let mut result = vec![0.0; p.len()];
    for (index, value) in order.into_iter().zip(adjusted) {
        result[index] = value;
    }
    Ok(result)
}

/// Benjamini and Hochberg in two stages (2006): the first, at `alpha`, says how many hypotheses are true.
///
/// # Errors
///
/// As [`adjust`], and [`Undecided::Parameter`] for `alpha` outside (0, 1).
pub fn two_stage(p: &[f64], alpha: f64) -> Result<Vec<f64>, Undecided> {
    probability(alpha)?;
    let first = adjust(p, Adjustment::BenjaminiHochberg)?;
    let kept = first.iter().filter(|p| **p > alpha).count();
    if kept == 0 || kept == p.len() {
        return Ok(first);
    }
    let share = kept as f64 / p.len() as f64;
    Ok(first.into_iter().map(|p| p * share).collect())
}

/// No adjusted p-value below one of a smaller p-value.
fn rising(mut values: Vec<f64>) -> Vec<f64> {
    let mut largest = 0.0_f64;
    for value in &mut values {
        largest = largest.max(*value);
        *value = largest;
    }
    values
}

/// No adjusted p-value above one of a larger p-value.
fn falling(mut values: Vec<f64>) -> Vec<f64> {
    let mut smallest = 1.0_f64;
    for value in values.iter_mut().rev() {
        smallest = smallest.min(*value);
        *value = smallest;
    }
    values
}

/// Hommel's procedure as an algorithm on the sorted p-values (Wright 1992), in O(n^2).
fn hommel(sorted: &[f64]) -> Vec<f64> {
    let n = sorted.len();
    let mut adjusted = sorted.to_vec();
    for m in (2..=n).rev() {
        let tail = &sorted[n - m..];
        let smallest =
            tail.iter().enumerate().map(|(k, p)| m as f64 * p / (k + 1) as f64).fold(1.0, f64::min);
        for (k, value) in adjusted.iter_mut().enumerate() {
            let bound = if k < n - m { smallest.min(m as f64 * sorted[k]) } else { smallest };
            *value = value.max(bound);
        }
    }
    adjusted
}
