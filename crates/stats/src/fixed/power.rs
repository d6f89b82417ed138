//! Power and sample size, before an experiment and during it.

use libm::{asin, ceil, sqrt};

use crate::error::{Parameter, Undecided, finite, positive, probability};
use crate::special::{noncentral_t_sf, normal_isf, normal_sf, root, t_isf};

/// Degrees of freedom from which t is taken as normal: the difference is below 1e-7.
const NORMAL_DF: f64 = 1e6;

/// Power of the two-sided t-test for a standardised difference `d`, with `n` units in the control arm
/// (not necessarily whole) and `ratio` times as many in the other.
///
/// # Errors
///
/// [`Undecided::Parameter`] for `alpha` outside (0, 1), a ratio that is not positive, or too few units.
pub fn power_t(d: f64, n: f64, ratio: f64, alpha: f64) -> Result<f64, Undecided> {
    probability(alpha)?;
    let df = positive(n)? * (1.0 + positive(ratio)?) - 2.0;
    positive(df)?;
    let shift = finite(d)?.abs() * sqrt(n * ratio / (1.0 + ratio));
    if df >= NORMAL_DF {
        return Ok(power_z(shift, alpha));
    }
    let critical = t_isf(0.5 * alpha, df);
    Ok(noncentral_t_sf(critical, df, shift) + noncentral_t_sf(critical, df, -shift))
}

/// The power that a test at one look has for `effect` with the standard error that an experiment has
/// reached: what a chart of a running experiment shows.
///
/// # Errors
///
/// [`Undecided::Parameter`] for a standard error that is not positive or `alpha` outside (0, 1).
pub fn power_reached(effect: f64, standard_error: f64, alpha: f64) -> Result<f64, Undecided> {
    Ok(power_z(finite(effect)?.abs() / positive(standard_error)?, probability(alpha)?))
}

/// Power of a two-sided normal test whose statistic has the mean `shift` and variance 1.
fn power_z(shift: f64, alpha: f64) -> f64 {
    let critical = normal_isf(0.5 * alpha);
    normal_sf(critical - shift) + normal_sf(critical + shift)
}

/// Units of the control arm, not rounded, with which [`power_t`] reaches `power`.
///
/// # Errors
///
/// [`Undecided::Parameter`] as [`power_t`], for no difference, and where no size up to 1e12 suffices.
pub fn sample_size_t(d: f64, ratio: f64, alpha: f64, power: f64) -> Result<f64, Undecided> {
    probability(power)?;
    power_t(d, 10.0, ratio, alpha)?;
    let smallest = 2.001 / (1.0 + ratio) + 1e-3;
    smallest_size(|n| power_t(d, n, ratio, alpha).unwrap_or(f64::NAN), power, smallest)
}

/// Units of the control arm with which the normal test for a standardised difference reaches `power`.
///
/// # Errors
///
/// As [`sample_size_t`].
pub fn sample_size_z(d: f64, ratio: f64, alpha: f64, power: f64) -> Result<f64, Undecided> {
    probability(alpha)?;
    probability(power)?;
    positive(ratio)?;
    let d = finite(d)?.abs();
    smallest_size(|n| power_z(d * sqrt(n * ratio / (1.0 + ratio)), alpha), power, 1e-6)
}

fn smallest_size(power_of: impl Fn(f64) -> f64, power: f64, smallest: f64) -> Result<f64, Undecided> {
    let mut high = smallest.max(1.0);
    while power_of(high) < power {
        high *= 2.0;
        if high > 1e12 {
            return Err(Undecided::Parameter(Parameter::Size));
        }
    }
    if power_of(smallest) >= power {
        return Ok(smallest);
    }
    let n = root(|n| power_of(n) - power, smallest, high);
    finite(n)
}

/// Cohen's h, the difference of two proportions on the arcsine scale.
#[must_use]
pub fn cohen_h(a: f64, b: f64) -> f64 {
    2.0 * (asin(sqrt(b)) - asin(sqrt(a)))
}

/// Units in each arm with which the pooled z-test tells two proportions apart (Fleiss' formula).
///
/// # Errors
///
/// [`Undecided::Parameter`] for values outside (0, 1) or equal proportions.
pub fn sample_size_proportions(a: f64, b: f64, alpha: f64, power: f64) -> Result<f64, Undecided> {
    let (a, b) = (probability(a)?, probability(b)?);
    let (at_null, at_effect) = (normal_isf(0.5 * probability(alpha)?), normal_isf(1.0 - probability(power)?));
    let middle = 0.5 * (a + b);
    let null = sqrt(2.0 * middle * (1.0 - middle));
    let effect = sqrt(a * (1.0 - a) + b * (1.0 - b));
    let difference = b - a;
    if difference == 0.0 {
        return Err(Undecided::Parameter(Parameter::Size));
    }
    let size = (at_null * null + at_effect * effect) / difference;
    finite(size * size)
}

/// Pairs with which McNemar's test tells two models apart whose shares of right answers differ by
/// `difference` and that are not equally right on a share `discordance` of the requests.
///
/// # Errors
///
/// [`Undecided::Parameter`] unless 0 < |difference| <= discordance <= 1.
pub fn sample_size_paired(
    difference: f64,
    discordance: f64,
    alpha: f64,
    power: f64,
) -> Result<f64, Undecided> {
    let size = finite(difference)?.abs();
    if !(size > 0.0 && size <= discordance && discordance <= 1.0) {
        return Err(Undecided::Parameter(Parameter::Size));
    }
    let (at_null, at_effect) = (normal_isf(0.5 * probability(alpha)?), normal_isf(1.0 - probability(power)?));
    let sum = at_null * sqrt(discordance) + at_effect * sqrt(discordance - size * size);
    Ok((sum / size) * (sum / size))
}

/// What a planner answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Units in the control arm, whole.
    pub control: u64,
    /// Units in each other arm, whole.
    pub candidate: u64,
    /// Units of all arms.
    pub total: u64,
}

/// Units for a mean with standard deviation `deviation` and a smallest effect that matters, for `arms`
/// arms of which each candidate gets `ratio` times the units of the control. With more than one
/// candidate `alpha` is divided by their number.
///
/// # Errors
///
/// [`Undecided::Parameter`] for values out of range.
pub fn plan(
    effect: f64,
    deviation: f64,
    arms: u32,
    ratio: f64,
    alpha: f64,
    power: f64,
) -> Result<Plan, Undecided> {
    if !(2..=64).contains(&arms) {
        return Err(Undecided::Parameter(Parameter::TooMany));
    }
    let candidates = f64::from(arms - 1);
    let n = sample_size_t(finite(effect)? / positive(deviation)?, ratio, alpha / candidates, power)?;
    let (control, candidate) = (ceil(n) as u64, ceil(n * ratio) as u64);
    let total = control.saturating_add(candidate.saturating_mul(u64::from(arms - 1)));
    Ok(Plan { control, candidate, total })
}
