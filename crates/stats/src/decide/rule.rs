//! From comparisons to what happens.

use super::decision::{Because, Comparison, Outcome, Role, Verdict, Waiting, Warning};
use super::plan::Plan;
use super::snapshot::{Evidence, Snapshot};
use super::{planned, total};

/// Standard errors beyond which a result is more likely a mistake than a discovery (Twyman's law).
const TOO_GOOD: f64 = 8.0;

pub(super) fn rule(plan: &Plan, snapshot: &Snapshot, comparisons: &[Comparison]) -> Outcome {
    let of = |arm: usize| comparisons.iter().filter(move |comparison| comparison.arm == arm);
    let harmed = |arm: &usize| of(*arm).any(|comparison| comparison.verdict == Verdict::Worse);
    let alive: Vec<usize> =
        (1..plan.weights.len()).filter(|arm| plan.weights[*arm] > 0.0 && !harmed(arm)).collect();
    if alive.is_empty() && !plan.same_arms {
        return Outcome::KeepChampion { because: Because::Harm };
    }
    let waiting = waiting(plan, snapshot);
    if waiting.is_none() && !plan.same_arms {
        let holds =
            |arm: usize| of(arm).filter(|c| c.role == Role::Guardrail).all(|c| c.verdict == Verdict::Better);
        let judged = |arm: usize| of(arm).all(|c| !matches!(c.verdict, Verdict::Undecided(_)));
        let better = |arm: usize| of(arm).any(|c| c.role == Role::Goal && c.verdict == Verdict::Better);
        // Of several the one with the largest gain in the first goal.
        let first = |arm: usize| of(arm).next().and_then(|c| c.effect).map_or(0.0, |effect| effect.estimate);
        let winner = alive
            .iter()
            .copied()
            .filter(|arm| holds(*arm) && judged(*arm) && better(*arm))
            .max_by(|left, right| first(*left).total_cmp(&first(*right)).then(right.cmp(left)));
        if let Some(arm) = winner {
            return Outcome::Winner { arm };
        }
    }
    if total(snapshot) >= plan.maximum_units {
        return Outcome::KeepChampion { because: Because::MaximumReached };
    }
    let open = |role: Role, verdict: fn(&Verdict) -> bool| {
        comparisons.iter().any(|c| alive.contains(&c.arm) && c.role == role && verdict(&c.verdict))
    };
    let undecided = |verdict: &Verdict| matches!(verdict, Verdict::Undecided(_));
    let won = open(Role::Goal, |verdict| *verdict == Verdict::Better);
    let waiting = waiting.unwrap_or(if open(Role::Goal, undecided) || open(Role::Guardrail, undecided) {
        Waiting::Undecided
    } else if won {
        Waiting::Guardrail
    } else {
        Waiting::Evidence
    });
    Outcome::Continue { waiting }
}

/// Which of the plan's minima is not reached.
fn waiting(plan: &Plan, snapshot: &Snapshot) -> Option<Waiting> {
    if snapshot.seconds < plan.minimum_seconds {
        return Some(Waiting::Time);
    }
    let small = |(units, weight): (&u64, &f64)| *weight > 0.0 && *units < plan.minimum_units;
    if snapshot.units.iter().zip(&plan.weights).any(small) {
        return Some(Waiting::Units);
    }
    let immature = |evidence: &Evidence| match evidence {
        Evidence::Split(arms) => {
            arms.iter().any(|arm| (arm.sample.n as f64) < plan.maturity * arm.due as f64)
        }
        Evidence::Paired(_) | Evidence::Signs(_) => false,
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
