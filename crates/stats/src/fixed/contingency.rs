//! Tests of counts.

use libm::log;

use crate::counts::ChiSquare;
use crate::error::{Parameter, Undecided};
use crate::special::chi2_sf;

/// How counts and their expectation are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Pearson's chi-square.
    Pearson,
    /// Pearson's with Yates' correction where there is one degree of freedom.
    Yates,
    /// The likelihood ratio G.
    LikelihoodRatio,
}

/// Whether rows and columns of a table are independent. Rows and columns without counts are left out.
///
/// # Errors
///
/// [`Undecided::Lengths`] for rows of different lengths, [`Undecided::NoVariance`] if fewer than two rows
/// or columns hold anything.
pub fn independence(table: &[&[u64]], statistic: Statistic) -> Result<ChiSquare, Undecided> {
    let width = table.first().map_or(0, |row| row.len());
    if table.iter().any(|row| row.len() != width) {
        return Err(Undecided::Lengths);
    }
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.map(|count| count as f64).sum::<f64>();
    let rows: Vec<f64> = table.iter().map(|row| sum(&mut row.iter().copied())).collect();
    let columns: Vec<f64> = (0..width).map(|j| sum(&mut table.iter().map(|row| row[j]))).collect();
    let used = |sums: &[f64]| sums.iter().filter(|sum| **sum > 0.0).count() as u64;
    let (r, c) = (used(&rows), used(&columns));
    if r < 2 || c < 2 {
        return Err(Undecided::NoVariance);
    }
    let df = (r - 1) * (c - 1);
    let total: f64 = rows.iter().sum();
    let mut value = 0.0;
    for (row, row_sum) in table.iter().zip(&rows) {
        for (count, column_sum) in row.iter().zip(&columns) {
            let expected = row_sum * column_sum / total;
            if expected > 0.0 {
                value += term(*count as f64, expected, statistic, df);
            }
        }
    }
    Ok(ChiSquare { statistic: value, df, p: chi2_sf(value, df as f64) })
}

fn term(observed: f64, expected: f64, statistic: Statistic, df: u64) -> f64 {
    let mut difference = (observed - expected).abs();
    match statistic {
        Statistic::LikelihoodRatio if observed == 0.0 => return 0.0,
        Statistic::LikelihoodRatio => return 2.0 * observed * log(observed / expected),
        Statistic::Yates if df == 1 => difference -= difference.min(0.5),
        Statistic::Yates | Statistic::Pearson => {}
    }
    difference * difference / expected
}

/// Whether units are split as the weights say: the test for a sample ratio mismatch, at one look.
/// Continuous checks need [`crate::sequential::srm`].
///
/// An arm of weight zero has no degree of freedom; a unit in it gives p = 0.
///
/// # Errors
///
/// [`Undecided::Lengths`], [`Undecided::Parameter`] for weights that are negative or all zero, and
/// [`Undecided::TooFew`] without units.
pub fn sample_ratio(counts: &[u64], weights: &[f64]) -> Result<ChiSquare, Undecided> {
    if counts.len() != weights.len() {
        return Err(Undecided::Lengths);
    }
    let total_weight: f64 = weights.iter().sum();
    if !(total_weight > 0.0 && total_weight.is_finite() && weights.iter().all(|weight| *weight >= 0.0)) {
        return Err(Undecided::Parameter(Parameter::Weights));
    }
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    if total == 0.0 {
        return Err(Undecided::TooFew);
    }
    let arms = weights.iter().filter(|weight| **weight > 0.0).count() as u64;
    let df = arms - 1;
    if counts.iter().zip(weights).any(|(count, weight)| *count > 0 && *weight == 0.0) {
        return Ok(ChiSquare { statistic: f64::INFINITY, df, p: 0.0 });
    }
    if df == 0 {
        return Ok(ChiSquare { statistic: 0.0, df, p: 1.0 });
    }
    let statistic = counts
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(count, weight)| {
            let expected = weight / total_weight * total;
            (*count as f64 - expected) * (*count as f64 - expected) / expected
        })
        .sum();
    Ok(ChiSquare { statistic, df, p: chi2_sf(statistic, df as f64) })
}
