//! Post-stratification: effects within cells (tenant, region, segment), weighted by the cells' sizes
//! (Miratrix, Sekhon and Yu 2013).

use libm::sqrt;

use super::{Effect, Sample};
use crate::error::{Undecided, finite};

/// b - a over cells of (a, b). Cells in which an arm cannot be judged are put to the largest one that
/// can; the effect of cells' sizes being random themselves is part of the error.
///
/// # Errors
///
/// [`Undecided::TooFew`] or [`Undecided::NoVariance`] if no cell can be judged.
pub fn post_stratified(cells: &[(Sample, Sample)]) -> Result<Effect, Undecided> {
    let judged = |cell: &&(Sample, Sample)| cell.0.squared_error().is_ok() && cell.1.squared_error().is_ok();
    let size = |cell: &(Sample, Sample)| cell.0.n.saturating_add(cell.1.n);
    let mut kept: Vec<(Sample, Sample)> = cells.iter().filter(judged).copied().collect();
    let Some(largest) = (0..kept.len()).max_by_key(|index| (size(&kept[*index]), usize::MAX - index)) else {
        return Err(match cells.first() {
            Some((a, b)) => a.squared_error().and(b.squared_error()).err().unwrap_or(Undecided::TooFew),
            None => Undecided::TooFew,
        });
    };
    for cell in cells.iter().filter(|cell| !judged(cell)) {
        kept[largest].0 = pooled(&kept[largest].0, &cell.0)?;
        kept[largest].1 = pooled(&kept[largest].1, &cell.1)?;
    }
    let total: f64 = kept.iter().map(|cell| size(cell) as f64).sum();
    let shares: Vec<f64> = kept.iter().map(|cell| size(cell) as f64 / total).collect();
    let effects: Vec<f64> = kept.iter().map(|(a, b)| b.mean - a.mean).collect();
    let estimate: f64 = shares.iter().zip(&effects).map(|(share, effect)| share * effect).sum();
    let mut variance = 0.0;
    for ((share, effect), (a, b)) in shares.iter().zip(&effects).zip(&kept) {
        let within = a.squared_error()? + b.squared_error()?;
        let between = share * (effect - estimate) * (effect - estimate) / total;
        variance += share * share * within + between;
    }
    let n = kept.iter().map(size).fold(0, u64::saturating_add);
    Ok(Effect { estimate: finite(estimate)?, standard_error: sqrt(finite(variance)?), df: f64::INFINITY, n })
}

/// Two samples as one.
fn pooled(a: &Sample, b: &Sample) -> Result<Sample, Undecided> {
    if b.n == 0 {
        return Ok(*a);
    }
    let (na, nb) = (a.n as f64, b.n as f64);
    let n = na + nb;
    let difference = b.mean - a.mean;
    let squares = a.variance * (na - 1.0) + b.variance * (nb - 1.0) + difference * difference * na * nb / n;
    let mean = finite(a.mean + difference * nb / n)?;
    Ok(Sample { n: a.n.saturating_add(b.n), mean, variance: finite(squares / (n - 1.0))? })
}
