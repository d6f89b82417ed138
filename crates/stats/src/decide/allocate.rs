//! Weights of a bandit, for experiments that prefer earning to learning.

use libm::sqrt;
use serde::{Deserialize, Serialize};

use super::plan::{Direction, Plan};
use super::snapshot::{Evidence, Snapshot};
use crate::bayes::best_arm::{thompson, top_two, with_floor};
use crate::bayes::normal::Posterior;
use crate::error::{Parameter, Undecided};

/// How weights follow what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// Each arm as often as it is the best.
    Thompson,
    /// Each arm half as often as it is one of the two best.
    TopTwo,
}

/// The weights of the next phase by the first goal, none below `floor`; the champion first. Phases with
/// weights of their own have a plan and a snapshot of their own.
///
/// # Errors
///
/// [`Undecided::TooFew`] below [`FIRST_LOOK`](super::FIRST_LOOK) units in an arm or without the metric of
/// a split, [`Undecided::Parameter`] for a floor outside [0, 1], and as
/// [`Sample::squared_error`](crate::estimate::Sample::squared_error).
pub fn allocate(
    plan: &Plan,
    snapshot: &Snapshot,
    allocation: Allocation,
    floor: f64,
) -> Result<Vec<f64>, Undecided> {
    if !(0.0..=1.0).contains(&floor) {
        return Err(Undecided::Parameter(Parameter::Probability));
    }
    let goal = plan.goals.first().ok_or(Undecided::TooFew)?;
    let Some(Evidence::Split(arms)) = snapshot.metrics.get(&goal.metric) else {
        return Err(Undecided::TooFew);
    };
    if arms.len() != plan.weights.len() {
        return Err(Undecided::Lengths);
    }
    let sign = if goal.direction == Direction::Higher { 1.0 } else { -1.0 };
    let mut posteriors = Vec::with_capacity(arms.len());
    for arm in arms {
        let sample = arm.estimate()?;
        if sample.n < super::FIRST_LOOK {
            return Err(Undecided::TooFew);
        }
        let deviation = sqrt(sample.squared_error()?);
        posteriors.push(Posterior { mean: sign * sample.mean, deviation });
    }
    let weights = match allocation {
        Allocation::Thompson => thompson(&posteriors)?,
        Allocation::TopTwo => top_two(&posteriors)?,
    };
    Ok(with_floor(&weights, floor))
}
