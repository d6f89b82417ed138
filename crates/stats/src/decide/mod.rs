//! The winner rule: from a plan and what is known, to what happens.
//!
//! [`decide`] is a pure function. Its [`Decision`] carries the plan and the snapshot, so that whoever has
//! the document can replay it and gets the same bits ([`Decision::replays`]). [`looks`] is the same over
//! time, for charts.
//!
//! In this order:
//!
//! 1. Units that are not split as planned stop the experiment: nothing in it can be trusted.
//! 2. A guardrail shown to be violated puts its candidate out; without candidates the champion stays.
//! 3. A candidate shown to be worse in a goal is put out too.
//! 4. Before the minimum of time, units and known outcomes nobody wins.
//! 5. A candidate wins that is better in at least one goal (Holm over goals and candidates), worse in
//!    none, and shown to hold every guardrail.
//! 6. At the maximum of units the champion stays.
//!
//! What cannot be computed never makes a winner: a metric that is missing, without variance, from an
//! empty arm or not a number is `Undecided`, with the reason, and waits.

mod allocate;
mod compare;
mod decision;
mod evidence;
mod plan;
mod rule;
mod snapshot;

pub use allocate::{Allocation, allocate};
pub use decision::{Because, Comparison, Decision, Look, Outcome, Role, VERSION, Verdict, Waiting, Warning};

pub use plan::{Direction, Goal, Guardrail, MAX_METRICS, Method, Plan, PlanError, Scale};
pub use snapshot::{Arm, Evidence, Snapshot};

use libm::log;

use crate::sequential::srm;
use compare::compare;

/// Units of an arm before the asymptotic methods are asked: below it nothing is compared.
pub const FIRST_LOOK: u64 = 100;

/// What happens, by the plan and what is known.
///
/// # Errors
///
/// [`PlanError`] for a plan that cannot be followed.
pub fn decide(plan: &Plan, snapshot: &Snapshot) -> Result<Decision, PlanError> {
    plan.check()?;
    let comparisons = compare(plan, snapshot);
    let (srm_log_e, mismatch) = split(plan, snapshot);
    let outcome = match mismatch {
        Some(because) => Outcome::Stop { because },
        None => rule::rule(plan, snapshot, &comparisons),
    };
    let warnings = rule::warnings(plan, snapshot, &comparisons);
    let (plan, snapshot) = (plan.clone(), snapshot.clone());
    Ok(Decision { version: VERSION, outcome, comparisons, srm_log_e, warnings, plan, snapshot })
}

/// The comparisons at each of a sequence of snapshots.
///
/// # Errors
///
/// [`PlanError`] for a plan that cannot be followed.
pub fn looks(plan: &Plan, snapshots: &[Snapshot]) -> Result<Vec<Look>, PlanError> {
    plan.check()?;
    let look = |snapshot: &Snapshot| {
        let units = total(snapshot);
        Look {
            seconds: snapshot.seconds,
            units,
            information: units as f64 / plan.planned_units as f64,
            srm_log_e: split(plan, snapshot).0,
            comparisons: compare(plan, snapshot),
        }
    };
    Ok(snapshots.iter().map(look).collect())
}

/// Units that the plan counts: of all arms, or pairs.
fn total(snapshot: &Snapshot) -> u64 {
    if paired(snapshot) {
        return snapshot.units.iter().copied().max().unwrap_or(0);
    }
    snapshot.units.iter().fold(0, |sum, units| sum.saturating_add(*units))
}

/// The evidence of the plan's metrics; others that a snapshot holds decide nothing.
fn planned<'a>(plan: &'a Plan, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a Evidence> {
    plan.metrics().filter_map(|name| snapshot.metrics.get(name))
}

/// Whether all models see the same requests: there is no split then.
fn paired(snapshot: &Snapshot) -> bool {
    let pairs = |evidence: &Evidence| !matches!(evidence, Evidence::Split(_));
    !snapshot.metrics.is_empty() && snapshot.metrics.values().all(pairs)
}

/// Whether units, and outcomes of each metric, are split as planned. The checks share the false alarms.
fn split(plan: &Plan, snapshot: &Snapshot) -> (f64, Option<Because>) {
    let outcomes = planned(plan, snapshot).filter_map(|evidence| match evidence {
        Evidence::Split(arms) => Some(arms.iter().map(|arm| arm.sample.n).collect::<Vec<u64>>()),
        Evidence::Paired(_) | Evidence::Signs(_) => None,
    });
    let mut checks = Vec::new();
    if !paired(snapshot) {
        checks.push((snapshot.units.clone(), Because::SampleRatioMismatch));
    }
    checks.extend(outcomes.map(|counts| (counts, Because::OutcomeRatioMismatch)));
    let threshold = log(plan.srm_threshold * checks.len().max(1) as f64);
    let mut worst = (0.0_f64, None);
    for (counts, because) in checks {
        // Arms that are missing or too many are a mismatch as well.
        let log_e = srm::log_e(&counts, &plan.weights).unwrap_or(f64::INFINITY);
        if worst.1.is_none() && log_e >= threshold {
            worst.1 = Some(because);
        }
        worst.0 = worst.0.max(log_e);
    }
    worst
}
