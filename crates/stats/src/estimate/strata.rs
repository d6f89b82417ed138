//! Post-stratification: effects within cells (tenant, region, segment), weighted by the cells' sizes
//! (Miratrix, Sekhon and Yu 2013, JRSS B 75).
//!
//! With n units in cells of n_k, effects d_k of cells have the estimate d = Σ n_k/n d_k, with the squared
//! error Σ (n_k/n)² v_k + Σ n_k/n (d_k - d)² / n: what arms vary by within cells, and what the sizes of the
//! cells vary by, which are random themselves. For ever more units in a fixed number of cells this is a
//! mean of independent terms but for a rest that vanishes faster, which is what confidence sequences and
//! alpha spending ask of an estimate.

use libm::{log, sqrt};

use super::{Effect, Sample};
use crate::error::{Undecided, finite};
use crate::moments::{Bivariate, Moments};

/// Units of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// What the champion's among them say. An arm may be without variance in one cell, as a share of
    /// whom all say the same is, but not in all of them.
    pub a: Sample,
    /// What the candidate's among them say.
    pub b: Sample,
    /// How many there are in all arms: what the cell weighs.
    pub units: u64,
}

/// b - a over cells.
///
/// # Errors
///
/// [`Undecided::TooFew`] without cells, or below two units in an arm of one; [`Undecided::NoVariance`]
/// for an arm that varies in none; [`Undecided::NotFinite`].
pub fn difference(cells: &[Cell]) -> Result<Effect, Undecided> {
    let (a, b) = means(cells)?;
    effect(cells, finite(b - a)?, (1.0, 1.0))
}

/// ln(b / a) over cells, of the arms' means over all of them, by the delta method.
///
/// # Errors
///
/// As [`difference`], and [`Undecided::ZeroBaseline`] unless both are positive.
pub fn log_ratio(cells: &[Cell]) -> Result<Effect, Undecided> {
    let (a, b) = means(cells)?;
    if !(a > 0.0 && b > 0.0) {
        return Err(Undecided::ZeroBaseline);
    }
    effect(cells, finite(log(b / a))?, (1.0 / a, 1.0 / b))
}

/// What each cell of `units` units says of one arm's ratio of sums, numerator first. Ratios of cells are
/// not averaged, because then another question would be answered than without cells: sums over all cells
/// are divided, and each cell says how far it moves the result (its linear part). The mean of these by
/// the cells' sizes is the ratio.
///
/// # Errors
///
/// [`Undecided::ZeroBaseline`] for a denominator of zero, [`Undecided::Lengths`] for another number of
/// sizes.
pub fn ratios(cells: &[Bivariate], units: &[u64]) -> Result<Vec<Sample>, Undecided> {
    if cells.len() != units.len() {
        return Err(Undecided::Lengths);
    }
    let total: f64 = units.iter().map(|units| *units as f64).sum();
    let mean = |column: usize| {
        cells.iter().zip(units).map(|(cell, units)| *units as f64 / total * cell.mean(column)).sum::<f64>()
    };
    let (above, below) = (mean(0), mean(1));
    if below == 0.0 {
        return Err(Undecided::ZeroBaseline);
    }
    let ratio = above / below;
    let linear = |cell: &Bivariate| Sample {
        n: cell.n(),
        mean: ratio + (cell.mean(0) - ratio * cell.mean(1)) / below,
        variance: ((cell.variance(0) - 2.0 * ratio * cell.covariance(0, 1)
            + ratio * ratio * cell.variance(1))
            / (below * below))
            .max(0.0),
    };
    Ok(cells.iter().map(linear).collect())
}

/// Each cell with its share of all units.
fn shared(cells: &[Cell]) -> impl Iterator<Item = (f64, &Cell)> {
    let total: f64 = cells.iter().map(|cell| cell.units as f64).sum();
    cells.iter().map(move |cell| (cell.units as f64 / total, cell))
}

/// The arms' means, with each cell as heavy as its units.
fn means(cells: &[Cell]) -> Result<(f64, f64), Undecided> {
    if cells.is_empty() || cells.iter().any(|cell| cell.a.n < 2 || cell.b.n < 2) {
        return Err(Undecided::TooFew);
    }
    let (mut a, mut b) = (0.0, 0.0);
    for (share, cell) in shared(cells) {
        a += share * cell.a.mean;
        b += share * cell.b.mean;
    }
    Ok((finite(a)?, finite(b)?))
}

/// The error of an estimate that moves with the arms' means by these `slopes`.
fn effect(cells: &[Cell], estimate: f64, slopes: (f64, f64)) -> Result<Effect, Undecided> {
    let total: f64 = cells.iter().map(|cell| cell.units as f64).sum();
    let moved = |cell: &Cell| slopes.1 * cell.b.mean - slopes.0 * cell.a.mean;
    let middle: f64 = shared(cells).map(|(share, cell)| share * moved(cell)).sum();
    let (mut within_a, mut within_b, mut between) = (0.0, 0.0, 0.0);
    for (share, cell) in shared(cells) {
        within_a += share * share * cell.a.variance / cell.a.n as f64;
        within_b += share * share * cell.b.variance / cell.b.n as f64;
        let distance = moved(cell) - middle;
        between += share * distance * distance / total;
    }
    if finite(within_a)? <= 0.0 || finite(within_b)? <= 0.0 {
        return Err(Undecided::NoVariance);
    }
    let within = slopes.0 * slopes.0 * within_a + slopes.1 * slopes.1 * within_b;
    let standard_error = sqrt(finite(within + between)?);
    let n = cells.iter().fold(0_u64, |sum, cell| sum.saturating_add(cell.a.n).saturating_add(cell.b.n));
    Ok(Effect { estimate, standard_error, df: f64::INFINITY, n })
}

/// The units of a cell by arm, and what they have in common, for people.
pub type Together<const K: usize> = (String, Vec<Moments<K>>);

/// Cells of which each has `least` units in every arm with a weight. The others are one cell, or, where
/// that is too small as well, go to the largest. Which are kept depends on numbers of units alone: if
/// outcomes had a say, cells with a good result would be kept.
///
/// # Errors
///
/// [`Undecided::NotFinite`] for sums that overflow.
pub fn pooled<const K: usize>(
    cells: Vec<Together<K>>,
    weights: &[f64],
    least: u64,
) -> Result<Vec<Together<K>>, Undecided> {
    let enough = |cell: &Together<K>| {
        cell.1.iter().zip(weights).all(|(arm, weight)| *weight <= 0.0 || arm.n() >= least)
    };
    let (mut kept, small): (Vec<Together<K>>, Vec<Together<K>>) = cells.into_iter().partition(enough);
    let mut small = small.into_iter();
    let Some(mut rest) = small.next() else { return Ok(kept) };
    for cell in small {
        rest.0 = "the rest".to_owned();
        merge(&mut rest.1, &cell.1)?;
    }
    if enough(&rest) {
        kept.push(rest);
        return Ok(kept);
    }
    let units = |cell: &Together<K>| cell.1.iter().map(Moments::n).sum::<u64>();
    // Of several that are as large the first.
    match kept.iter_mut().rev().max_by_key(|cell| units(cell)) {
        Some(largest) => {
            largest.0.push_str(" and the rest");
            merge(&mut largest.1, &rest.1)?;
        }
        None => kept.push(rest),
    }
    Ok(kept)
}

fn merge<const K: usize>(into: &mut [Moments<K>], from: &[Moments<K>]) -> Result<(), Undecided> {
    into.iter_mut().zip(from).try_for_each(|(into, from)| into.merge(from))
}
