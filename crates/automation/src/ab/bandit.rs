//! Tests whose weights follow their results, phase by phase.

use super::decided;
use crate::AutomationError;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbPhase;
use mainspring_metadata_store::ReadTx;
use mainspring_rollouts::ab::AbSpec;
use mainspring_stats::decide::{Allocation, Decision, Outcome, Snapshot, allocate};

/// Phases that are looked back at.
const LOOK_BACK: usize = 100;
/// A smaller change of all weights is none.
const STEP: f64 = 0.005;

/// What follows from a look at a bandit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing yet.
    Stay,
    /// A phase with these weights.
    Weigh(Vec<f64>),
    /// The maximum of units is reached: the arm that is the best with the probability asked for, if one
    /// is.
    End(Option<usize>),
}

/// What follows from a decision in a phase of a bandit; nothing in other tests.
pub(super) fn next(
    tx: &dyn ReadTx,
    phase: &AbPhase,
    spec: &AbSpec,
    decision: &Decision,
    now: Timestamp,
) -> Result<Next, AutomationError> {
    let Some(bandit) = spec.bandit.filter(|_| matches!(decision.outcome, Outcome::Continue { .. })) else {
        return Ok(Next::Stay);
    };
    let mut phases = earlier(tx, phase)?;
    phases.push(decision.snapshot.clone());
    let units = phases.iter().flat_map(|one| &one.units).fold(0_u64, |sum, units| sum.saturating_add(*units));
    if units >= spec.plan.maximum_units {
        let chances = allocate(&spec.plan, &phases, Allocation::Thompson, 0.0).unwrap_or_default();
        let sure = |arm: &usize| chances.get(*arm).is_some_and(|chance| *chance >= 1.0 - spec.plan.alpha);
        return Ok(Next::End((1..spec.arms.len()).find(sure)));
    }
    if now.since(phase.started) < bandit.every {
        return Ok(Next::Stay);
    }
    // Until enough is known of every arm the weights stay.
    let Ok(weights) = allocate(&spec.plan, &phases, bandit.allocation, bandit.floor) else {
        return Ok(Next::Stay);
    };
    let moved = weights.iter().zip(&spec.plan.weights).any(|(new, old)| (new - old).abs() >= STEP);
    Ok(if moved { Next::Weigh(weights) } else { Next::Stay })
}

/// What was known at the end of the phases that the bandit had before this one, the oldest first.
fn earlier(tx: &dyn ReadTx, phase: &AbPhase) -> Result<Vec<Snapshot>, AutomationError> {
    let phases = tx.ab_phases(&phase.test)?;
    // The first phase of a description has its weights; those that a bandit chose follow it.
    let chosen = phases.iter().rev().take_while(|one| one.weights.is_some());
    let mut snapshots = Vec::new();
    for after in chosen.filter_map(|one| one.after).take(LOOK_BACK) {
        let last = tx.ab_decision(&phase.test, after)?;
        snapshots.extend(last.as_ref().and_then(decided).map(|decision| decision.snapshot));
    }
    snapshots.reverse();
    Ok(snapshots)
}

/// Weights for people: `control 12 %, candidate 88 %`.
pub(super) fn shown(spec: &AbSpec, weights: &[f64]) -> String {
    let arms =
        spec.arms.iter().zip(weights).map(|(arm, weight)| format!("{} {:.1} %", arm.name, 100.0 * weight));
    arms.collect::<Vec<_>>().join(", ")
}
