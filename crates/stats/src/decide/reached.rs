//! How far an experiment has come with one comparison: for people. No rule goes by it.

use libm::{log1p, sqrt};

use super::decision::{Comparison, Role};
use super::plan::{Direction, Plan, Scale};
use super::snapshot::{Evidence, Snapshot};
use crate::bayes::normal::posterior;
use crate::error::{Undecided, finite, positive};
use crate::estimate::Effect;
use crate::special::{normal_isf, normal_sf};

/// The power at which [`Reached::detectable`] is given, that of the planner.
const POWER: f64 = 0.8;

/// How far a comparison has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// The gain; for pairs that are right or wrong the difference of the shares of right answers.
    pub effect: Effect,
    /// The smallest gain that a look now would show with a probability of 80 %, on the scale of `effect`.
    /// None where nothing is tested at this look.
    pub detectable: Option<f64>,
    /// The probability that a look now would show the gain asked for. Looks before and after it have
    /// chances of their own, so the test as a whole has more power.
    pub power: Option<f64>,
    /// The Bayesian view with a flat prior: the probability that the candidate is better.
    pub chance_to_win: f64,
    /// The expected loss, in the unit of `effect`, of keeping the champion and of taking the candidate.
    pub risk: [f64; 2],
}

/// How far a comparison of a decision has come. `smallest` is the smallest effect that matters, in the
/// metric's unit (on the log ratio as a share: 0.05 is five percent); its sign does not matter.
///
/// # Errors
///
/// Why there is nothing to say.
pub fn reached(
    plan: &Plan,
    snapshot: &Snapshot,
    comparison: &Comparison,
    smallest: Option<f64>,
) -> Result<Reached, Undecided> {
    let (direction, scale) = scale(plan, comparison).ok_or(Undecided::TooFew)?;
    let discordance = discordance(snapshot, comparison);
    let effect = effect(snapshot, comparison, direction)?;
    // Half of the interval, on the scale of the effect. That of pairs is of the share that the
    // candidate wins, of which a difference of right answers is twice the discordant share.
    let half = comparison.low.zip(comparison.high).map(|(low, high)| 0.5 * (high - low));
    let half = half.map(|half| discordance.map_or(half, |share| 2.0 * share * half));
    let error = positive(effect.standard_error)?;
    let asked = smallest.map(|smallest| gain_of(smallest.abs(), direction, scale));
    let view = posterior(&effect, None)?;
    Ok(Reached {
        effect,
        detectable: half.map(|half| finite(half + normal_isf(1.0 - POWER) * error)).transpose()?,
        power: asked.zip(half).map(|(gain, half)| normal_sf((half - gain) / error)),
        chance_to_win: view.chance_to_win(),
        risk: view.risk(),
    })
}

/// The gain of a comparison by unit: its effect, or the difference of the shares of right answers.
///
/// # Errors
///
/// Why there is none.
pub fn effect(
    snapshot: &Snapshot,
    comparison: &Comparison,
    direction: Direction,
) -> Result<Effect, Undecided> {
    if let Some(effect) = comparison.effect {
        return Ok(effect);
    }
    let Some(Evidence::Signs(signs)) = snapshot.metrics.get(&comparison.metric) else {
        return Err(Undecided::TooFew);
    };
    let signs = comparison.arm.checked_sub(1).and_then(|arm| signs.get(arm)).ok_or(Undecided::TooFew)?;
    if signs.known.units < super::FIRST_LOOK {
        return Err(Undecided::TooFew);
    }
    let units = signs.known.units as f64;
    let (won, lost) = (signs.test.only_candidate as f64 / units, signs.test.only_champion as f64 / units);
    let estimate = won - lost;
    let variance = positive(won + lost - estimate * estimate)?;
    let sign = if direction == Direction::Higher { 1.0 } else { -1.0 };
    Ok(Effect {
        estimate: sign * estimate,
        standard_error: sqrt(variance / units),
        df: f64::INFINITY,
        n: signs.known.units,
    })
}

/// The share of units for which only one model is right.
fn discordance(snapshot: &Snapshot, comparison: &Comparison) -> Option<f64> {
    let Evidence::Signs(signs) = snapshot.metrics.get(&comparison.metric)? else { return None };
    let signs = signs.get(comparison.arm.checked_sub(1)?)?;
    let discordant = signs.test.only_candidate.saturating_add(signs.test.only_champion);
    Some(discordant as f64 / (signs.known.units as f64).max(1.0))
}

/// Which way a comparison goes, and on which scale.
#[must_use]
pub fn scale(plan: &Plan, comparison: &Comparison) -> Option<(Direction, Scale)> {
    match comparison.role {
        Role::Goal => {
            let goal = plan.goals.iter().find(|goal| goal.metric == comparison.metric)?;
            Some((goal.direction, goal.scale))
        }
        Role::Guardrail => {
            let guardrail = plan.guardrails.iter().find(|one| one.metric == comparison.metric)?;
            Some((guardrail.direction, guardrail.scale))
        }
    }
}

/// The gain that an improvement by so much is.
fn gain_of(effect: f64, direction: Direction, scale: Scale) -> f64 {
    match (scale, direction) {
        (Scale::Difference, _) => effect,
        (Scale::LogRatio, Direction::Higher) => log1p(effect),
        (Scale::LogRatio, Direction::Lower) => -log1p(-effect),
    }
}
