//! Whether an effect is the same everywhere and stays: segments, and novelty.

use libm::sqrt;

use super::Effect;
use crate::error::{Parameter, Undecided, finite, positive, probability};
use crate::fixed::multiple::{Adjustment, adjust};
use crate::special::{chi2_sf, normal_sf};

/// Segments or ages at once at most.
pub const MAX_SEGMENTS: usize = 1_000;

/// Effects of segments against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments {
    /// P-value that all segments have one effect: Cochran's Q.
    pub p: f64,
    /// The effect of all, weighted by precision.
    pub common: Effect,
    /// For each segment the two-sided p-value of its own effect against that of the others, adjusted for
    /// the number of segments by Benjamini and Hochberg.
    pub differs: Vec<f64>,
}

/// Which segments (tenant, region, device) have another effect than the rest. At one look: who scans
/// often finds something.
///
/// # Errors
///
/// [`Undecided::TooFew`] below two segments, [`Undecided::Parameter`] beyond [`MAX_SEGMENTS`] or for a
/// standard error that is not positive.
pub fn segments(effects: &[Effect]) -> Result<Segments, Undecided> {
    let common = common(effects)?;
    let total = 1.0 / (common.standard_error * common.standard_error);
    let mut q = 0.0;
    let mut p = Vec::with_capacity(effects.len());
    for effect in effects {
        let weight = 1.0 / (effect.standard_error * effect.standard_error);
        let distance = effect.estimate - common.estimate;
        q += weight * distance * distance;
        // The rest without this segment.
        let rest = total - weight;
        let others = (total * common.estimate - weight * effect.estimate) / rest;
        let z = (effect.estimate - others) / sqrt(1.0 / weight + 1.0 / rest);
        p.push((2.0 * normal_sf(finite(z)?.abs())).min(1.0));
    }
    let differs = adjust(&p, Adjustment::BenjaminiHochberg)?;
    Ok(Segments { p: chi2_sf(q, (effects.len() - 1) as f64), common, differs })
}

/// How an effect moves with the time since units were first exposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Change of the effect by unit of age.
    pub slope: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Two-sided p-value that the effect does not move.
    pub p: f64,
    /// Whether there is an effect at the first age that fades: at the level asked for the line begins
    /// away from zero, and moves towards it (or beyond).
    pub novelty: bool,
}

/// The novelty check: a line through the effects of groups of units by their age (say, weeks since they
/// were first exposed), weighted by precision.
///
/// # Errors
///
/// As [`segments`]; [`Undecided::NoVariance`] if all ages are one.
pub fn trend(ages: &[f64], effects: &[Effect], alpha: f64) -> Result<Trend, Undecided> {
    probability(alpha)?;
    if ages.len() != effects.len() {
        return Err(Undecided::Lengths);
    }
    let common = common(effects)?;
    let weight = |effect: &Effect| 1.0 / (effect.standard_error * effect.standard_error);
    let total: f64 = effects.iter().map(weight).sum();
    let centre: f64 = ages.iter().zip(effects).map(|(age, effect)| age * weight(effect)).sum::<f64>() / total;
    finite(centre)?;
    let (mut spread, mut product) = (0.0, 0.0);
    for (age, effect) in ages.iter().zip(effects) {
        let distance = age - centre;
        spread += weight(effect) * distance * distance;
        product += weight(effect) * distance * (effect.estimate - common.estimate);
    }
    if spread <= 0.0 {
        return Err(Undecided::NoVariance);
    }
    let slope = finite(product / spread)?;
    let standard_error = sqrt(1.0 / spread);
    let p = (2.0 * normal_sf((slope / standard_error).abs())).min(1.0);
    let youngest = ages.iter().copied().fold(f64::INFINITY, f64::min);
    let distance = youngest - centre;
    let at_first = common.estimate + slope * distance;
    let error_at_first = sqrt(1.0 / total + distance * distance / spread);
    let p_at_first = (2.0 * normal_sf((at_first / error_at_first).abs())).min(1.0);
    let novelty = p < alpha && p_at_first < alpha && slope * at_first < 0.0;
    Ok(Trend { slope, standard_error, p, novelty })
}

/// The mean of effects, weighted by their precision.
fn common(effects: &[Effect]) -> Result<Effect, Undecided> {
    if effects.len() < 2 {
        return Err(Undecided::TooFew);
    }
    if effects.len() > MAX_SEGMENTS {
        return Err(Undecided::Parameter(Parameter::TooMany));
    }
    let (mut total, mut sum, mut n) = (0.0, 0.0, 0_u64);
    for effect in effects {
        let error = positive(effect.standard_error)?;
        let weight = 1.0 / (error * error);
        total += weight;
        sum += weight * finite(effect.estimate)?;
        n = n.saturating_add(effect.n);
    }
    Ok(Effect { estimate: finite(sum / total)?, standard_error: sqrt(1.0 / total), df: f64::INFINITY, n })
}
