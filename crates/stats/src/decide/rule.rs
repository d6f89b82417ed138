//! From comparisons to what happens.

use super::decision::{Because, Comparison, Outcome, Role, Verdict, Waiting, Warning};
use super::plan::{Direction, Method, Plan};
use super::snapshot::{Evidence, Known, Snapshot};
use super::{planned, total};

/// Standard errors beyond which a result is more likely a mistake than a discovery (Twyman's law).
const TOO_GOOD: f64 = 8.0;

pub(super) fn rule(plan: &Plan, snapshot: &Snapshot, comparisons: &[Comparison]) -> Outcome {
    let of = |arm: usize| comparisons.iter().filter(move |comparison| comparison.arm == arm);
    let alive = unharmed(plan, comparisons.iter());
    if alive.is_empty() && !plan.same_arms {
        return Outcome::KeepChampion { because: Because::Harm };
    }
    if plan.earning {
        return Outcome::Continue { waiting: Waiting::Earning };
    }
    let waiting = waiting(plan, snapshot);
    if waiting.is_none() && !plan.same_arms {
        let holds =
            |arm: usize| of(arm).filter(|c| c.role == Role::Guardrail).all(|c| c.verdict == Verdict::Better);
        let judged = |arm: usize| of(arm).all(|c| !matches!(c.verdict, Verdict::Undecided(_)));
        let better = |arm: usize| of(arm).any(|c| c.role == Role::Goal && c.verdict == Verdict::Better);
        // Of several the one with the largest gain in the first goal.
        let first = |arm: usize| {
            let effect = of(arm).next().and_then(|c| c.effect).map(|effect| effect.estimate);
            effect.or_else(|| share_won(plan, snapshot, arm)).unwrap_or_default()
        };
        let winner = alive
            .iter()
            .copied()
            .filter(|arm| holds(*arm) && judged(*arm) && better(*arm))
            .max_by(|left, right| first(*left).total_cmp(&first(*right)).then(right.cmp(left)));
        if let Some(arm) = winner {
            return Outcome::Winner { arm };
        }
    }
    let last_look =
        snapshot.counts && snapshot.looks.last().is_some_and(|units| *units >= plan.planned_units);
    if last_look || maximum_reached(plan, snapshot) {
        return Outcome::KeepChampion { because: Because::MaximumReached };
    }
    let open = |role: Role, verdict: fn(&Verdict) -> bool| {
        comparisons.iter().any(|c| alive.contains(&c.arm) && c.role == role && verdict(&c.verdict))
    };
    let undecided = |verdict: &Verdict| matches!(verdict, Verdict::Undecided(_));
    let won = open(Role::Goal, |verdict| *verdict == Verdict::Better);
    let between_looks = plan.method != Method::Sequence && !snapshot.counts;
    let waiting = waiting.unwrap_or(if open(Role::Goal, undecided) || open(Role::Guardrail, undecided) {
        Waiting::Undecided
    } else if between_looks {
        Waiting::Look
    } else if won {
        Waiting::Guardrail
    } else {
        Waiting::Evidence
    });
    Outcome::Continue { waiting }
}

/// The candidates that none of these comparisons puts out.
pub(super) fn unharmed<'a>(plan: &Plan, comparisons: impl Iterator<Item = &'a Comparison>) -> Vec<usize> {
    let worse = comparisons.filter(|comparison| comparison.verdict == Verdict::Worse);
    let harmed: Vec<usize> = worse.map(|comparison| comparison.arm).collect();
    (1..plan.weights.len()).filter(|arm| plan.weights[*arm] > 0.0 && !harmed.contains(arm)).collect()
}

/// By how much more often a candidate is right than the champion, as a share of the units known.
fn share_won(plan: &Plan, snapshot: &Snapshot, arm: usize) -> Option<f64> {
    let goal = plan.goals.first()?;
    let Evidence::Signs(signs) = snapshot.metrics.get(&goal.metric)? else { return None };
    let signs = signs.get(arm - 1)?;
    let sign = if goal.direction == Direction::Higher { 1.0 } else { -1.0 };
    let won = signs.test.only_candidate as f64 - signs.test.only_champion as f64;
    Some(sign * won / (signs.known.units as f64).max(1.0))
}

/// Whether the plan allows no more: units of which every metric was due. Those whose window is not over
/// do not count, and before the minimum of time, when nobody may win, nobody has lost.
fn maximum_reached(plan: &Plan, snapshot: &Snapshot) -> bool {
    let due = plan.metrics().map(|name| match snapshot.metrics.get(name) {
        Some(Evidence::Split(arms)) => {
            arms.iter().fold(0_u64, |sum, arm| sum.saturating_add(arm.known.units_due))
        }
        Some(Evidence::Paired(arms)) => arms.iter().map(|arm| arm.known.units_due).max().unwrap_or(0),
        Some(Evidence::Signs(signs)) => signs.iter().map(|one| one.known.units_due).max().unwrap_or(0),
        None => total(snapshot),
    });
    snapshot.seconds >= plan.minimum_seconds && due.min().unwrap_or(0) >= plan.maximum_units
}

/// Which of the plan's minima is not reached.
pub(super) fn waiting(plan: &Plan, snapshot: &Snapshot) -> Option<Waiting> {
    if snapshot.seconds < plan.minimum_seconds {
        return Some(Waiting::Time);
    }
    let small = |(units, weight): (&u64, &f64)| *weight > 0.0 && *units < plan.minimum_units;
    if snapshot.units.iter().zip(&plan.weights).any(small) {
        return Some(Waiting::Units);
    }
    let missing = |known: &Known| (known.outcomes as f64) < plan.maturity * known.outcomes_due as f64;
    let immature = |evidence: &Evidence| match evidence {
        Evidence::Split(arms) | Evidence::Paired(arms) => arms.iter().any(|arm| missing(&arm.known)),
        Evidence::Signs(signs) => signs.iter().any(|one| missing(&one.known)),
    };
    planned(plan, snapshot).any(immature).then_some(Waiting::Outcomes)
}

pub(super) fn warnings(plan: &Plan, snapshot: &Snapshot, comparisons: &[Comparison]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for comparison in comparisons {
        let z = comparison.effect.map_or(0.0, |effect| effect.estimate / effect.standard_error);
        if z.abs() > TOO_GOOD {
            warnings.push(Warning::TooGood(comparison.metric.clone()));
        }
        let differs = matches!(comparison.verdict, Verdict::Better | Verdict::Worse);
        if plan.same_arms && comparison.role == Role::Goal && differs {
            warnings.push(Warning::SameArmsDiffer(comparison.metric.clone()));
        }
    }
    warnings.dedup();
    if snapshot.seen_in_several.saturating_mul(100) > total(snapshot) {
        warnings.push(Warning::SeenInSeveral);
    }
    warnings
}
