//! One metric of one candidate against the champion.

use libm::{log, log1p};

use super::plan::{Direction, Method, Plan, Scale};
use super::snapshot::{Evidence, Snapshot, Stratum};
use crate::error::{Parameter, Undecided};
use crate::estimate::strata::{self, Cell};
use crate::estimate::{Effect, log_ratio, welch};
use crate::intervals::Interval;
use crate::sequential::asymptotic::{Sequence, Sides};
use crate::sequential::sign::SignTest;
use crate::sequential::spending::boundaries;

/// What can be tested: positive is better.
pub(super) enum Gain {
    /// A normal effect, and the units planned for it.
    Effect(Effect, f64),
    /// Discordant pairs.
    Signs(SignTest),
}

/// The gain of `candidate` in a metric.
///
/// # Errors
///
/// Why there is none.
pub(super) fn gain(
    plan: &Plan,
    snapshot: &Snapshot,
    metric: &str,
    (direction, scale): (Direction, Scale),
    candidate: usize,
) -> Result<Gain, Undecided> {
    let evidence = snapshot.metrics.get(metric).ok_or(Undecided::TooFew)?;
    let enough = |n: u64| if n >= super::FIRST_LOOK { Ok(()) } else { Err(Undecided::TooFew) };
    let effect = match evidence {
        Evidence::Split(arms) => {
            let of = |arm: usize| arms.get(arm).ok_or(Undecided::TooFew)?.estimate();
            let (a, b) = (of(0)?, of(candidate)?);
            enough(a.n)?;
            enough(b.n)?;
            match (snapshot.strata.get(metric), scale) {
                (None, Scale::Difference) => welch(&a, &b)?,
                (None, Scale::LogRatio) => log_ratio(&a, &b)?,
                (Some(all), Scale::Difference) => strata::difference(&cells(all, candidate)?)?,
                (Some(all), Scale::LogRatio) => strata::log_ratio(&cells(all, candidate)?)?,
            }
        }
        Evidence::Paired(differences) => {
            let sample = differences.get(candidate - 1).ok_or(Undecided::TooFew)?.estimate()?;
            enough(sample.n)?;
            if scale == Scale::LogRatio {
                return Err(Undecided::Parameter(Parameter::Margin));
            }
            Effect::of_one(&sample)?
        }
        Evidence::Signs(tests) => {
            let test = tests.get(candidate - 1).ok_or(Undecided::TooFew)?.test;
            return Ok(Gain::Signs(if direction == Direction::Higher { test } else { test.swapped() }));
        }
    };
    let planned = match evidence {
        Evidence::Split(_) => plan.planned_units as f64 * (plan.weights[0] + plan.weights[candidate]),
        Evidence::Paired(_) | Evidence::Signs(_) => plan.planned_units as f64,
    };
    let sign = if direction == Direction::Higher { 1.0 } else { -1.0 };
    Ok(Gain::Effect(Effect { estimate: sign * effect.estimate, ..effect }, planned))
}

/// What strata say of the champion and a candidate.
fn cells(strata: &[Stratum], candidate: usize) -> Result<Vec<Cell>, Undecided> {
    let cell = |stratum: &Stratum| {
        let units = stratum.arms.iter().fold(0_u64, |sum, arm| sum.saturating_add(arm.n));
        Some(Cell { a: *stratum.arms.first()?, b: *stratum.arms.get(candidate)?, units })
    };
    strata.iter().map(|stratum| cell(stratum).ok_or(Undecided::Lengths)).collect()
}

/// Which way a test at one level goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Better,
    Worse,
    Neither,
}

impl Gain {
    /// The two-sided test of a goal at `level`.
    pub(super) fn side(&self, plan: &Plan, snapshot: &Snapshot, level: f64) -> Result<Side, Undecided> {
        match self {
            Self::Signs(test) => Ok(if test.log_e() < -log(level) {
                Side::Neither
            } else if test.only_candidate > test.only_champion {
                Side::Better
            } else {
                Side::Worse
            }),
            Self::Effect(effect, planned) => {
                let interval = two_sided(plan, snapshot, effect, *planned, level)?;
                Ok(if interval.low > 0.0 {
                    Side::Better
                } else if interval.high < 0.0 {
                    Side::Worse
                } else {
                    Side::Neither
                })
            }
        }
    }

    /// The interval at `level` that is shown, on the goal's scale (for signs: the share of discordant
    /// requests that the candidate wins).
    pub(super) fn interval(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        level: f64,
    ) -> Result<Interval, Undecided> {
        match self {
            Self::Signs(test) => test.interval(level),
            Self::Effect(effect, planned) => two_sided(plan, snapshot, effect, *planned, level),
        }
    }

    /// The always-valid p-value that is shown.
    pub(super) fn p(&self, level: f64) -> Result<f64, Undecided> {
        match self {
            Self::Signs(test) => Ok(test.p()),
            Self::Effect(effect, planned) => {
                Ok(Sequence::for_plan(level, *planned, Sides::Two)?.p(effect, 0.0))
            }
        }
    }

    /// Whether a guardrail is shown to hold (better) or to be violated (worse), each one-sided at `level`.
    /// Signs know no margin.
    pub(super) fn against_limit(&self, limit: f64, level: f64) -> Result<Side, Undecided> {
        let Self::Effect(effect, planned) = self else {
            return Err(Undecided::Parameter(Parameter::Margin));
        };
        let sequence = Sequence::for_plan(level, *planned, Sides::One)?;
        let half = sequence.half_width(effect.standard_error, effect.n as f64);
        Ok(if effect.estimate - half > limit {
            Side::Better
        } else if effect.estimate + half < limit {
            Side::Worse
        } else {
            Side::Neither
        })
    }

    pub(super) fn effect(&self) -> Option<Effect> {
        match self {
            Self::Effect(effect, _) => Some(*effect),
            Self::Signs(_) => None,
        }
    }
}

/// The gain at which a guardrail's margin is used up.
pub(super) fn limit(direction: Direction, scale: Scale, margin: f64) -> f64 {
    match (scale, direction) {
        (Scale::Difference, _) => -margin,
        (Scale::LogRatio, Direction::Higher) => log1p(-margin),
        (Scale::LogRatio, Direction::Lower) => -log1p(margin),
    }
}

fn two_sided(
    plan: &Plan,
    snapshot: &Snapshot,
    effect: &Effect,
    planned: f64,
    level: f64,
) -> Result<Interval, Undecided> {
    let half = match plan.method {
        Method::Sequence => {
            Sequence::for_plan(level, planned, Sides::Two)?.half_width(effect.standard_error, effect.n as f64)
        }
        Method::Looks(spending) => {
            // The last look may come after the plan; all information is in then.
            let fraction = |units: &u64| (*units as f64 / plan.planned_units as f64).min(1.0);
            let fractions: Vec<f64> = snapshot.looks.iter().map(fraction).collect();
            let z = boundaries(&fractions, spending, level, true)?;
            z.last().ok_or(Undecided::TooFew)? * effect.standard_error
        }
    };
    Ok(Interval { low: effect.estimate - half, high: effect.estimate + half })
}
