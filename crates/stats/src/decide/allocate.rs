//! Weights of a bandit, for experiments that prefer earning to learning.

use libm::sqrt;
use serde::{Deserialize, Serialize};

use super::compare::compare;
use super::plan::{Direction, Plan};
use super::rule::unharmed;
use super::snapshot::{Evidence, Snapshot};
use crate::bayes::best_arm::{thompson, top_two, with_floor};
use crate::bayes::normal::Posterior;
use crate::error::{Parameter, Undecided};
use crate::estimate::Sample;

/// How weights follow what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// Each arm as often as it is the best.
    Thompson,
    /// Each arm half as often as it is one of the two best.
    TopTwo,
}

/// The weights of the next phase by the first goal, none below `floor`; the champion first. A candidate
/// that the newest phase shows to do harm gets none.
///
/// Each phase with weights of its own has a snapshot of its own, the oldest first. Units of several phases
/// are not put together, because more of them are in the better arm when times are good: an arm's mean is
/// that of its phases, each as heavy as all its units in all arms (post-stratification). A phase in which an
/// arm has fewer than [`FIRST_LOOK`](super::FIRST_LOOK) units with outcomes does not count.
///
/// # Errors
///
/// [`Undecided::TooFew`] when no phase counts, [`Undecided::Lengths`] for phases with other arms,
/// [`Undecided::Parameter`] for a floor outside [0, 1], and as
/// [`Sample::squared_error`](crate::estimate::Sample::squared_error).
pub fn allocate(
    plan: &Plan,
    phases: &[Snapshot],
    allocation: Allocation,
    floor: f64,
) -> Result<Vec<f64>, Undecided> {
    if !(0.0..=1.0).contains(&floor) {
        return Err(Undecided::Parameter(Parameter::Probability));
    }
    let goal = plan.goals.first().ok_or(Undecided::TooFew)?;
    let newest = phases.last().ok_or(Undecided::TooFew)?;
    let mut arms = vec![0];
    arms.extend(unharmed(plan, compare(plan, newest).iter()));
    let mut known = Vec::with_capacity(phases.len());
    for snapshot in phases {
        let Some(Evidence::Split(evidence)) = snapshot.metrics.get(&goal.metric) else { continue };
        if evidence.len() != plan.weights.len() {
            return Err(Undecided::Lengths);
        }
        let samples: Result<Vec<Sample>, Undecided> =
            arms.iter().map(|arm| evidence[*arm].estimate()).collect();
        match samples {
            Ok(samples) if samples.iter().all(|sample| sample.n >= super::FIRST_LOOK) => known.push(samples),
            Ok(_) | Err(Undecided::TooFew) => {}
            Err(why) => return Err(why),
        }
    }
    let units = |samples: &[Sample]| samples.iter().map(|sample| sample.n as f64).sum::<f64>();
    let total: f64 = known.iter().map(|samples| units(samples)).sum();
    if known.is_empty() {
        return Err(Undecided::TooFew);
    }
    let sign = if goal.direction == Direction::Higher { 1.0 } else { -1.0 };
    let mut posteriors = Vec::with_capacity(arms.len());
    for place in 0..arms.len() {
        let (mut mean, mut variance) = (0.0, 0.0);
        for samples in &known {
            let share = units(samples) / total;
            mean += share * samples[place].mean;
            variance += share * share * samples[place].squared_error()?;
        }
        posteriors.push(Posterior { mean: sign * mean, deviation: sqrt(variance) });
    }
    let weights = match allocation {
        Allocation::Thompson => thompson(&posteriors)?,
        Allocation::TopTwo => top_two(&posteriors)?,
    };
    let mut all = vec![0.0; plan.weights.len()];
    for (arm, weight) in arms.into_iter().zip(with_floor(&weights, floor)) {
        all[arm] = weight;
    }
    Ok(all)
}
