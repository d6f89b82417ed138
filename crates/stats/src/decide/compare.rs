//! All metrics of all candidates, adjusted for each other.

use super::decision::{Comparison, Role, Verdict};
use super::evidence::{self, Gain, Side};
use super::plan::{Method, Plan};
use super::snapshot::Snapshot;
use crate::error::{Undecided, finite};

/// The comparisons: goals first, each by candidate, then guardrails.
pub(super) fn compare(plan: &Plan, snapshot: &Snapshot) -> Vec<Comparison> {
    let candidates = 1..plan.weights.len();
    // A look that the plan does not count spends no error: goals are not tested.
    let tested = plan.method == Method::Sequence || snapshot.counts;
    let mut gains = Vec::new();
    let mut comparisons = Vec::new();
    for goal in &plan.goals {
        for arm in candidates.clone() {
            let gain = evidence::gain(plan, snapshot, &goal.metric, (goal.direction, goal.scale), arm);
            let shown = if tested { shown(plan, snapshot, &gain, plan.alpha) } else { untested(&gain) };
            comparisons.push(comparison(&goal.metric, Role::Goal, arm, 0.0, &gain, shown));
            gains.push(gain);
        }
    }
    if tested {
        holm(plan, snapshot, &gains, &mut comparisons);
    }
    for guardrail in &plan.guardrails {
        let limit = evidence::limit(guardrail.direction, guardrail.scale, guardrail.margin);
        for arm in candidates.clone() {
            let gain = evidence::gain(
                plan,
                snapshot,
                &guardrail.metric,
                (guardrail.direction, guardrail.scale),
                arm,
            );
            let shown = shown(plan, snapshot, &gain, guardrail.alpha);
            let mut comparison = comparison(&guardrail.metric, Role::Guardrail, arm, limit, &gain, shown);
            let side = gain.and_then(|gain| gain.against_limit(limit, guardrail.alpha));
            comparison.verdict = verdict(side);
            comparisons.push(comparison);
        }
    }
    comparisons
}

fn verdict(side: Result<Side, Undecided>) -> Verdict {
    match side {
        Ok(Side::Better) => Verdict::Better,
        Ok(Side::Worse) => Verdict::Worse,
        Ok(Side::Neither) => Verdict::Open,
        Err(why) => Verdict::Undecided(why),
    }
}

/// Interval and p-value; none where nothing is tested.
type Shown = Result<Option<([f64; 2], f64)>, Undecided>;

fn untested(gain: &Result<Gain, Undecided>) -> Shown {
    gain.as_ref().map_or_else(|why| Err(*why), |_| Ok(None))
}

fn shown(plan: &Plan, snapshot: &Snapshot, gain: &Result<Gain, Undecided>, level: f64) -> Shown {
    let gain = gain.as_ref().map_err(|why| *why)?;
    let interval = gain.interval(plan, snapshot, level)?;
    Ok(Some(([finite(interval.low)?, finite(interval.high)?], finite(gain.p(level)?)?)))
}

fn comparison(
    metric: &str,
    role: Role,
    arm: usize,
    limit: f64,
    gain: &Result<Gain, Undecided>,
    shown: Shown,
) -> Comparison {
    Comparison {
        metric: metric.to_owned(),
        role,
        arm,
        effect: gain.as_ref().ok().and_then(Gain::effect),
        low: shown.ok().flatten().map(|(ends, _)| ends[0]),
        high: shown.ok().flatten().map(|(ends, _)| ends[1]),
        p: shown.ok().flatten().map(|(_, p)| p),
        limit,
        verdict: shown.map_or_else(Verdict::Undecided, |_| Verdict::Open),
    }
}

/// Holm's steps over all goals and candidates: with k hypotheses left each is tested at alpha / k, until
/// none is rejected any more.
fn holm(plan: &Plan, snapshot: &Snapshot, gains: &[Result<Gain, Undecided>], comparisons: &mut [Comparison]) {
    let mut left = gains.len();
    loop {
        let level = plan.alpha / left.max(1) as f64;
        let mut rejected = 0;
        for (gain, comparison) in gains.iter().zip(comparisons.iter_mut()) {
            if comparison.verdict != Verdict::Open {
                continue;
            }
            let Ok(gain) = gain else { continue };
            comparison.verdict = verdict(gain.side(plan, snapshot, level));
            if matches!(comparison.verdict, Verdict::Better | Verdict::Worse) {
                rejected += 1;
            }
        }
        left -= rejected;
        if rejected == 0 || left == 0 {
            return;
        }
    }
}
