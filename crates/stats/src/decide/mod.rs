//! The winner rule: from a plan and what is known, to what happens.
//!
//! [`decide`] is a pure function. Its [`Decision`] carries the plan and the snapshot, so that whoever has
//! the document can replay it and gets the same bits ([`Decision::replays`]). [`looks`] is the same over
//! time, for charts.
//!
//! In this order:
//!
//! 1. Units that are not split as planned stop the experiment: nothing in it can be trusted.
//! 2. Known outcomes of a metric that are not split as planned stop it too, unless guardrails that are
//!    known as planned put all candidates out.
//! 3. A guardrail shown to be violated puts its candidate out; without candidates the champion stays.
//!    A candidate shown to be worse in a goal is put out too.
//! 4. Before the minimum of time, units and known outcomes nobody wins.
//! 5. A candidate wins that is better in at least one goal (Holm over goals and candidates), worse in
//!    none, and shown to hold every guardrail.
//! 6. At the maximum of units whose outcomes were due, but not before the minimum of time, the champion
//!    stays; also at the last of counted looks, when the planned units are known.
//!
//! What cannot be computed never makes a winner: a metric that is missing, without variance, from an
//! empty arm or not a number is `Undecided`, with the reason, and waits.

mod allocate;
mod compare;
mod decision;
mod evidence;
mod plan;
mod reached;
mod rule;
mod snapshot;

pub use allocate::{Allocation, allocate};
pub use decision::{Because, Comparison, Decision, Look, Outcome, Role, VERSION, Verdict, Waiting, Warning};
pub use plan::{Direction, Goal, Guardrail, MAX_METRICS, Method, Plan, PlanError, Scale};
pub use reached::{Reached, effect, reached, scale};
pub use snapshot::{Arm, Evidence, Known, Signs, Snapshot, Stratum};

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
    let split = Checks::of(plan, snapshot);
    let outcome = if split.units_differ {
        Outcome::Stop { because: Because::SampleRatioMismatch }
    } else if split.metrics_differ.is_empty() {
        rule::rule(plan, snapshot, &comparisons)
    } else {
        // A candidate whose requests fail has fewer outcomes of other kinds: the failures are the cause.
        let known =
            |c: &&Comparison| c.role == Role::Guardrail && !split.metrics_differ.contains(&c.metric.as_str());
        match rule::unharmed(plan, comparisons.iter().filter(known)).is_empty() && !plan.same_arms {
            true => Outcome::KeepChampion { because: Because::Harm },
            false => Outcome::Stop { because: Because::OutcomeRatioMismatch },
        }
    };
    let srm_log_e = split.log_e;
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
            srm_log_e: Checks::of(plan, snapshot).log_e,
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

/// Units whose outcome is known in every goal: what a counted look has to go by.
fn information(plan: &Plan, snapshot: &Snapshot) -> u64 {
    let known = plan.goals.iter().map(|goal| match snapshot.metrics.get(&goal.metric) {
        Some(Evidence::Split(arms)) => arms.iter().fold(0_u64, |sum, arm| sum.saturating_add(arm.sample.n)),
        Some(Evidence::Paired(arms)) => arms.iter().map(|arm| arm.sample.n).max().unwrap_or(0),
        Some(Evidence::Signs(signs)) => signs.iter().map(|one| one.known.units).max().unwrap_or(0),
        None => 0,
    });
    known.min().unwrap_or(0)
}

/// Makes this a look that the plan counts, for [`Method::Looks`], when another of `looks` parts of the
/// planned units has become known. A look at which nobody could win is not counted: it would spend error
/// for nothing. `snapshot` carries the looks that were counted before.
pub fn count_look(plan: &Plan, looks: u32, snapshot: &mut Snapshot) {
    if plan.method == Method::Sequence || rule::waiting(plan, snapshot).is_some() {
        return;
    }
    let last = snapshot.looks.last().copied().unwrap_or(0);
    let part = (plan.planned_units / u64::from(looks.max(1))).max(1);
    // Parts need not divide the plan: its end is a look all the same.
    let next = (last / part).saturating_add(1).saturating_mul(part).min(plan.planned_units);
    let known = information(plan, snapshot);
    if last < plan.planned_units && known > last && known >= next {
        snapshot.looks.push(known);
        snapshot.counts = true;
    }
}

/// Whether units, and known outcomes of each metric, are split as planned. The checks share the false
/// alarms.
struct Checks<'a> {
    /// ln of the largest e-value.
    log_e: f64,
    units_differ: bool,
    /// The metrics whose known outcomes differ.
    metrics_differ: Vec<&'a str>,
}

impl<'a> Checks<'a> {
    fn of(plan: &'a Plan, snapshot: &Snapshot) -> Self {
        let outcomes: Vec<(&str, Vec<u64>)> = plan
            .metrics()
            .filter_map(|name| match snapshot.metrics.get(name)? {
                Evidence::Split(arms) => Some((name, arms.iter().map(|arm| arm.known.units).collect())),
                Evidence::Paired(_) | Evidence::Signs(_) => None,
            })
            .collect();
        let units = (!paired(snapshot)).then_some(&snapshot.units);
        let checks = outcomes.len() + usize::from(units.is_some());
        let threshold = log(plan.srm_threshold * checks.max(1) as f64);
        // Arms that are missing or too many are a mismatch as well.
        let log_e = |counts: &[u64]| srm::log_e(counts, &plan.weights).unwrap_or(f64::INFINITY);
        let of_units = units.map_or(0.0, |units| log_e(units));
        let of_outcomes = outcomes.iter().map(|(name, counts)| (*name, log_e(counts)));
        let of_outcomes: Vec<(&str, f64)> = of_outcomes.collect();
        Self {
            log_e: of_outcomes.iter().fold(of_units.max(0.0), |worst, (_, log_e)| worst.max(*log_e)),
            units_differ: of_units >= threshold,
            metrics_differ: of_outcomes
                .iter()
                .filter(|(_, log_e)| *log_e >= threshold)
                .map(|(n, _)| *n)
                .collect(),
        }
    }
}
