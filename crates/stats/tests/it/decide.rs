//! The winner rule.

use std::collections::BTreeMap;

use mainspring_stats::decide::{
    Allocation, Arm, Because, Decision, Direction, Evidence, Goal, Guardrail, Known, Method, Outcome, Plan,
    PlanError, Scale, Signs, Snapshot, Stratum, Verdict, Waiting, Warning, allocate, count_look, decide,
    looks, reached,
};
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::Sample;
use mainspring_stats::exact::Exact;
use mainspring_stats::sequential::sign::SignTest;
use mainspring_stats::sequential::spending::Spending;
use proptest::prelude::*;

const WEEK: u64 = 7 * 24 * 3600;

fn goal(metric: &str) -> Goal {
    Goal { metric: metric.into(), direction: Direction::Higher, scale: Scale::Difference }
}

fn latency(margin: f64) -> Guardrail {
    Guardrail {
        metric: "latency".into(),
        direction: Direction::Lower,
        scale: Scale::LogRatio,
        margin,
        alpha: 0.05,
    }
}

fn plan() -> Plan {
    let mut plan = Plan::new(goal("accuracy"), 20_000);
    plan.guardrails.push(latency(0.05));
    plan
}

fn share(n: u64, p: f64) -> Arm {
    let sample = Sample::proportion((p * n as f64).round() as u64, n);
    Arm::of(sample.unwrap_or(Sample { n, mean: p, variance: 0.25 }))
}

fn value(n: u64, mean: f64, deviation: f64) -> Arm {
    Arm::of(Sample { n, mean, variance: deviation * deviation })
}

/// Two arms with these accuracies and mean latencies.
fn snapshot(n: u64, accuracy: [f64; 2], ms: [f64; 2]) -> Snapshot {
    let metrics = [
        ("accuracy".to_owned(), Evidence::Split(accuracy.map(|p| share(n, p)).to_vec())),
        ("latency".to_owned(), Evidence::Split(ms.map(|mean| value(n, mean, 20.0)).to_vec())),
    ];
    let metrics = metrics.into();
    Snapshot { seconds: WEEK, units: vec![n, n], metrics, ..Snapshot::default() }
}

#[track_caller]
fn outcome(plan: &Plan, snapshot: &Snapshot) -> Outcome {
    let decision = decide(plan, snapshot).unwrap();
    // Every decision survives as a document.
    let text = serde_json::to_string(&decision).unwrap();
    let restored: Decision = serde_json::from_str(&text).unwrap();
    assert!(restored.replays(), "{text}");
    assert_eq!(serde_json::to_string(&restored).unwrap(), text);
    decision.outcome
}

fn metric<'a>(snapshot: &'a mut Snapshot, name: &str) -> &'a mut Vec<Arm> {
    match snapshot.metrics.get_mut(name).unwrap() {
        Evidence::Split(arms) => arms,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_better_candidate_wins_when_all_is_shown() {
    let good = snapshot(10_000, [0.90, 0.92], [100.0, 101.0]);
    assert_eq!(outcome(&plan(), &good), Outcome::Winner { arm: 1 });
    let early = Snapshot { seconds: WEEK - 1, ..good.clone() };
    assert_eq!(outcome(&plan(), &early), Outcome::Continue { waiting: Waiting::Time });
    let few = Plan { minimum_units: 10_001, ..plan() };
    assert_eq!(outcome(&few, &good), Outcome::Continue { waiting: Waiting::Units });
    let mut late = good.clone();
    metric(&mut late, "accuracy")[1].known.outcomes_due = 11_000;
    assert_eq!(outcome(&plan(), &late), Outcome::Continue { waiting: Waiting::Outcomes });
    let even = snapshot(10_000, [0.90, 0.901], [100.0, 100.0]);
    assert_eq!(outcome(&plan(), &even), Outcome::Continue { waiting: Waiting::Evidence });
    let end = snapshot(20_000, [0.90, 0.901], [100.0, 100.0]);
    assert_eq!(outcome(&plan(), &end), Outcome::KeepChampion { because: Because::MaximumReached });
    // Latency that may or may not be 5 % worse holds a winner back.
    let unclear = snapshot(10_000, [0.90, 0.92], [100.0, 104.5]);
    assert_eq!(outcome(&plan(), &unclear), Outcome::Continue { waiting: Waiting::Guardrail });
}

#[test]
fn decisions_of_before_come_out_the_same() {
    let held: Vec<Decision> = serde_json::from_str(include_str!("reference/decisions-2.json")).unwrap();
    assert_eq!(held.len(), 3);
    for decision in held {
        assert!(decision.replays(), "{decision:?}");
    }
}

#[test]
fn strata_decide_where_all_together_cannot() {
    // Half of the units are worth ten times as much; within the halves little varies.
    let stratum = |name: &str, means: [f64; 2]| Stratum {
        name: name.into(),
        arms: means.map(|mean| Sample { n: 2_000, mean, variance: 1.0 }).to_vec(),
    };
    let mut known = snapshot(4_000, [0.9, 0.9], [100.0, 100.0]);
    let together = |mean: f64| value(4_000, mean, 45.0);
    known.metrics.insert("accuracy".into(), Evidence::Split(vec![together(55.0), together(55.4)]));
    assert_eq!(outcome(&plan(), &known), Outcome::Continue { waiting: Waiting::Evidence });
    let strata = vec![stratum("small", [10.0, 10.4]), stratum("large", [100.0, 100.4])];
    known.strata.insert("accuracy".into(), strata);
    known.caps.insert("accuracy".into(), Exact(0.1 + 0.2));
    assert_eq!(outcome(&plan(), &known), Outcome::Winner { arm: 1 });
    let relative = Plan { goals: vec![Goal { scale: Scale::LogRatio, ..goal("accuracy") }], ..plan() };
    assert_eq!(outcome(&relative, &known), Outcome::Winner { arm: 1 });
    // A stratum that does not know the candidate decides nothing.
    known.strata.get_mut("accuracy").unwrap()[0].arms.pop();
    let decision = decide(&plan(), &known).unwrap();
    assert_eq!(decision.comparisons[0].verdict, Verdict::Undecided(Undecided::Lengths));
    assert_eq!(decision.outcome, Outcome::Continue { waiting: Waiting::Undecided });
}

#[test]
fn harm_keeps_the_champion_at_once() {
    let slow = Snapshot { seconds: 60, ..snapshot(5_000, [0.90, 0.95], [100.0, 110.0]) };
    assert_eq!(outcome(&plan(), &slow), Outcome::KeepChampion { because: Because::Harm });
    let worse = Snapshot { seconds: 60, ..snapshot(5_000, [0.90, 0.86], [100.0, 100.0]) };
    assert_eq!(outcome(&plan(), &worse), Outcome::KeepChampion { because: Because::Harm });
}

#[test]
fn candidates_without_weight_are_none() {
    // As this version of the rule has always decided it: decisions that say so are replayed.
    let alone = Plan { weights: vec![1.0, 0.0], ..plan() };
    let known = Snapshot { units: vec![9_000, 0], ..snapshot(9_000, [0.90, 0.92], [100.0, 100.0]) };
    let known = Snapshot { metrics: BTreeMap::new(), ..known };
    assert_eq!(outcome(&alone, &known), Outcome::KeepChampion { because: Because::Harm });
}

#[test]
fn a_wrong_split_stops() {
    let mut lost = snapshot(10_000, [0.90, 0.92], [100.0, 100.0]);
    lost.units = vec![30_000, 28_500];
    assert_eq!(outcome(&plan(), &lost), Outcome::Stop { because: Because::SampleRatioMismatch });
    let mut labels = snapshot(30_000, [0.90, 0.92], [100.0, 100.0]);
    metric(&mut labels, "accuracy")[1].known.units = 28_500;
    assert_eq!(outcome(&plan(), &labels), Outcome::Stop { because: Because::OutcomeRatioMismatch });
    let mut missing = snapshot(10_000, [0.90, 0.92], [100.0, 100.0]);
    missing.units = vec![10_000];
    assert!(matches!(outcome(&plan(), &missing), Outcome::Stop { .. }));
}

#[test]
fn metrics_outside_the_plan_decide_nothing() {
    let mut more = snapshot(10_000, [0.90, 0.92], [100.0, 100.0]);
    more.metrics.insert(
        "buyers".into(),
        Evidence::Split(vec![
            share(900, 0.5),
            Arm { known: Known { outcomes_due: 9_000, ..Known::all(1_500) }, ..share(1_500, 0.5) },
        ]),
    );
    assert_eq!(outcome(&plan(), &more), Outcome::Winner { arm: 1 });
}

#[test]
fn what_cannot_be_computed_never_wins() {
    let good = || snapshot(10_000, [0.90, 0.92], [100.0, 100.0]);
    let mut missing = good();
    missing.metrics.remove("latency");
    let mut none = good();
    none.metrics.remove("accuracy");
    let mut nan = good();
    metric(&mut nan, "latency")[1].sample.mean = f64::NAN;
    let mut infinite = good();
    metric(&mut infinite, "accuracy")[1].sample.variance = f64::INFINITY;
    let mut constant = good();
    metric(&mut constant, "accuracy")[0].sample.variance = 0.0;
    let mut zero = good();
    metric(&mut zero, "latency")[0].sample.mean = 0.0;
    let mut small = good();
    for name in ["accuracy", "latency"] {
        for arm in metric(&mut small, name) {
            arm.sample.n = 99;
            arm.known = Known::all(99);
        }
    }
    for (bad, why) in [
        (missing, Undecided::TooFew),
        (none, Undecided::TooFew),
        (nan, Undecided::NotFinite),
        (infinite, Undecided::NotFinite),
        (constant, Undecided::NoVariance),
        (zero, Undecided::ZeroBaseline),
        (small, Undecided::TooFew),
    ] {
        assert_eq!(outcome(&plan(), &bad), Outcome::Continue { waiting: Waiting::Undecided }, "{bad:?}");
        let decision = decide(&plan(), &bad).unwrap();
        assert!(decision.comparisons.iter().any(|c| c.verdict == Verdict::Undecided(why)), "{decision:?}");
    }
    let mut empty = good();
    metric(&mut empty, "accuracy")[1] = Arm::of(Sample { n: 0, mean: 0.0, variance: 0.0 });
    assert!(matches!(outcome(&plan(), &empty), Outcome::Stop { .. } | Outcome::Continue { .. }));
}

#[test]
fn arms_that_are_the_same_have_no_winner() {
    let plan = Plan { same_arms: true, ..plan() };
    let differ = snapshot(10_000, [0.90, 0.95], [100.0, 100.0]);
    assert_eq!(outcome(&plan, &differ), Outcome::Continue { waiting: Waiting::Guardrail });
    let warnings = decide(&plan, &differ).unwrap().warnings;
    assert!(warnings.contains(&Warning::SameArmsDiffer("accuracy".into())));
    assert!(warnings.contains(&Warning::TooGood("accuracy".into())));
    let end = snapshot(20_000, [0.90, 0.90], [100.0, 100.0]);
    assert_eq!(outcome(&plan, &end), Outcome::KeepChampion { because: Because::MaximumReached });
}

#[test]
fn pairs_need_fewer_requests() {
    let signs = |test| Signs { test, known: Known::all(4_000) };
    let mut test = SignTest::default();
    test.add(60, 160);
    let mut paired = snapshot(0, [0.5, 0.5], [1.0, 1.0]);
    paired.units = vec![4_000, 4_000];
    paired.metrics = BTreeMap::from([("accuracy".to_owned(), Evidence::Signs(vec![signs(test)]))]);
    let plan = Plan { guardrails: vec![], ..plan() };
    assert_eq!(outcome(&plan, &paired), Outcome::Winner { arm: 1 });
    paired.metrics = BTreeMap::from([("accuracy".to_owned(), Evidence::Signs(vec![signs(test.swapped())]))]);
    assert_eq!(outcome(&plan, &paired), Outcome::KeepChampion { because: Because::Harm });
    // Signs know no margin.
    let guarded = Plan {
        guardrails: vec![Guardrail { metric: "accuracy".into(), ..latency(0.0) }],
        ..Plan::new(goal("other"), 20_000)
    };
    assert_eq!(outcome(&guarded, &paired), Outcome::Continue { waiting: Waiting::Undecided });
    let differences = Sample { n: 4_000, mean: 0.025, variance: 0.05 };
    paired.metrics = BTreeMap::from([("accuracy".to_owned(), Evidence::Paired(vec![Arm::of(differences)]))]);
    assert_eq!(outcome(&plan, &paired), Outcome::Winner { arm: 1 });
    // A pair is one unit of the plan, not one of each arm.
    assert_eq!(looks(&plan, &[paired]).unwrap()[0].units, 4_000);
}

#[test]
fn planned_looks_spend_the_error() {
    let plan = Plan { method: Method::Looks(Spending::OBrienFleming), guardrails: vec![], ..plan() };
    let mut at = snapshot(5_000, [0.90, 0.913], [100.0, 100.0]);
    (at.looks, at.counts) = (vec![10_000], true);
    assert_eq!(outcome(&plan, &at), Outcome::Continue { waiting: Waiting::Evidence });
    let mut end = snapshot(10_000, [0.90, 0.910], [100.0, 100.0]);
    (end.looks, end.counts) = (vec![10_000, 20_000], true);
    assert_eq!(outcome(&plan, &end), Outcome::Winner { arm: 1 });
    end.looks = vec![12_000, 10_000];
    assert_eq!(outcome(&plan, &end), Outcome::Continue { waiting: Waiting::Undecided });
    end.looks.clear();
    assert_eq!(outcome(&plan, &end), Outcome::Continue { waiting: Waiting::Undecided });
}

#[test]
fn looks_are_counted_when_somebody_could_win() {
    let plan = Plan { method: Method::Looks(Spending::OBrienFleming), guardrails: vec![], ..plan() };
    let count = |snapshot: &mut Snapshot| {
        snapshot.counts = false;
        count_look(&plan, 5, snapshot);
        snapshot.counts
    };
    let mut early = Snapshot { seconds: WEEK - 1, ..snapshot(10_000, [0.90, 0.92], [100.0, 100.0]) };
    assert!(!count(&mut early), "before the minimum of time");
    early.seconds = WEEK;
    assert!(count(&mut early) && early.looks == [20_000]);
    assert!(!count(&mut early), "the plan is over");
    let mut at = snapshot(1_999, [0.90, 0.92], [100.0, 100.0]);
    assert!(!count(&mut at), "a fifth of the units is not there");
    let between = Snapshot { counts: false, ..at.clone() };
    assert_eq!(outcome(&plan, &between), Outcome::Continue { waiting: Waiting::Look });
    for (n, looks) in [(2_000, vec![4_000]), (2_100, vec![4_000]), (4_500, vec![4_000, 9_000])] {
        at = Snapshot { looks: at.looks, ..snapshot(n, [0.90, 0.901], [100.0, 100.0]) };
        count(&mut at);
        assert_eq!(at.looks, looks);
    }
    // What is known of the goal counts, not who was there.
    let mut unlabelled = snapshot(10_000, [0.90, 0.92], [100.0, 100.0]);
    *metric(&mut unlabelled, "accuracy") = vec![share(1_000, 0.9), share(1_000, 0.92)];
    assert!(!count(&mut unlabelled));
    // Harm and a wrong split are seen between looks too; the last look ends it.
    let guarded = Plan { guardrails: vec![latency(0.05)], ..plan.clone() };
    let slow = snapshot(1_000, [0.90, 0.95], [100.0, 120.0]);
    assert_eq!(outcome(&guarded, &slow), Outcome::KeepChampion { because: Because::Harm });
    let mut end = snapshot(10_000, [0.90, 0.901], [100.0, 100.0]);
    assert!(count(&mut end));
    assert_eq!(outcome(&plan, &end), Outcome::KeepChampion { because: Because::MaximumReached });
}

#[test]
fn the_maximum_is_of_units_that_were_due_after_the_minimum_of_time() {
    let many = snapshot(20_000, [0.90, 0.92], [100.0, 101.0]);
    let early = Snapshot { seconds: WEEK - 1, ..many.clone() };
    assert_eq!(outcome(&plan(), &early), Outcome::Continue { waiting: Waiting::Time });
    assert_eq!(outcome(&plan(), &many), Outcome::Winner { arm: 1 });
    let waiting = |due: u64| {
        let mut late = many.clone();
        for arm in metric(&mut late, "accuracy") {
            *arm = Arm {
                known: Known { units_due: due, outcomes_due: due, ..Known::all(10) },
                ..value(10, 0.9, 0.3)
            };
        }
        outcome(&plan(), &late)
    };
    assert_eq!(waiting(1_000), Outcome::Continue { waiting: Waiting::Outcomes });
    // Labels that never come do not keep it going for ever.
    assert_eq!(waiting(20_000), Outcome::KeepChampion { because: Because::MaximumReached });
}

#[test]
fn failures_that_take_outcomes_away_are_harm() {
    let mut plan = plan();
    let errors = Guardrail {
        metric: "error".into(),
        direction: Direction::Lower,
        scale: Scale::Difference,
        margin: 0.01,
        alpha: 0.05,
    };
    plan.guardrails.push(errors);
    let mut failing = snapshot(10_000, [0.90, 0.92], [100.0, 100.0]);
    metric(&mut failing, "latency")[1].known.units = 8_500;
    failing.metrics.insert("error".into(), Evidence::Split(vec![share(10_000, 0.001), share(10_000, 0.15)]));
    assert_eq!(outcome(&plan, &failing), Outcome::KeepChampion { because: Because::Harm });
    *metric(&mut failing, "error") = vec![share(10_000, 0.001); 2];
    assert_eq!(outcome(&plan, &failing), Outcome::Stop { because: Because::OutcomeRatioMismatch });
}

#[test]
fn an_arm_that_cannot_be_judged_keeps_no_other_from_it() {
    let mut plan = Plan { guardrails: vec![], ..plan() };
    plan.weights = vec![0.5, 0.5, 0.0];
    let mut three = snapshot(10_000, [0.90, 0.93], [100.0, 100.0]);
    three.units.push(0);
    let nothing = Arm { undecided: Some(Undecided::ZeroBaseline), ..value(0, 0.0, 0.0) };
    metric(&mut three, "accuracy").push(nothing);
    assert_eq!(outcome(&plan, &three), Outcome::Winner { arm: 1 });
    let decision = decide(&plan, &three).unwrap();
    assert_eq!(decision.comparisons[1].verdict, Verdict::Undecided(Undecided::ZeroBaseline));
}

#[test]
fn of_two_that_are_right_more_often_the_better_wins() {
    let signs = |champion, candidate| {
        let mut test = SignTest::default();
        test.add(champion, candidate);
        Signs { test, known: Known::all(4_000) }
    };
    let mut paired = snapshot(4_000, [0.5, 0.5], [1.0, 1.0]);
    paired.units.push(4_000);
    paired.metrics =
        BTreeMap::from([("accuracy".to_owned(), Evidence::Signs(vec![signs(60, 160), signs(60, 260)]))]);
    let plan = Plan { guardrails: vec![], weights: vec![1.0 / 3.0; 3], ..plan() };
    assert_eq!(outcome(&plan, &paired), Outcome::Winner { arm: 2 });
}

#[test]
fn of_three_arms_the_best_that_holds_wins() {
    let mut plan = plan();
    plan.weights = vec![1.0 / 3.0; 3];
    let mut three = snapshot(10_000, [0.90, 0.93], [100.0, 120.0]);
    three.units.push(10_000);
    metric(&mut three, "accuracy").push(share(10_000, 0.92));
    metric(&mut three, "latency").push(value(10_000, 100.0, 20.0));
    assert_eq!(outcome(&plan, &three), Outcome::Winner { arm: 2 });
    let at = looks(&plan, &[three.clone(), three]).unwrap();
    assert_eq!((at.len(), at[0].units, at[0].comparisons.len()), (2, 30_000, 4));
    assert!(at[0].comparisons.iter().all(|c| c.low < c.high && c.p.is_some()));
}

#[test]
fn several_goals_are_adjusted_step_by_step() {
    let of = |goals: &[&str], accuracies: &[f64]| {
        let mut known = snapshot(10_000, [0.90, 0.90], [100.0, 100.0]);
        for (name, accuracy) in goals.iter().zip(accuracies) {
            let arms = vec![share(10_000, 0.90), share(10_000, *accuracy)];
            known.metrics.insert((*name).to_owned(), Evidence::Split(arms));
        }
        let goals = goals.iter().map(|name| goal(name)).collect();
        decide(&Plan { guardrails: vec![], goals, ..plan() }, &known).unwrap()
    };
    // A gain that is shown at alpha, and not at half of it.
    let p = |accuracy: f64| of(&["accuracy"], &[accuracy]).comparisons[0].p.unwrap();
    let some =
        (9_000..9_500).map(|right| f64::from(right) / 10_000.0).find(|right| p(*right) < 0.045).unwrap();
    assert!((0.03..0.045).contains(&p(some)), "{}", p(some));
    let verdicts = |decision: &Decision| -> Vec<Verdict> {
        decision.comparisons.iter().map(|comparison| comparison.verdict).collect()
    };
    let alone = of(&["accuracy"], &[some]);
    assert_eq!(alone.outcome, Outcome::Winner { arm: 1 });
    let both = of(&["accuracy", "clicks"], &[some, some]);
    assert_eq!(verdicts(&both), [Verdict::Open, Verdict::Open]);
    assert_eq!(both.outcome, Outcome::Continue { waiting: Waiting::Evidence });
    for order in [[some, 0.95], [0.95, some]] {
        let stepped = of(&["accuracy", "clicks"], &order);
        assert_eq!(verdicts(&stepped), [Verdict::Better, Verdict::Better], "what is left is tested at alpha");
    }
}

#[test]
fn more_than_one_in_a_hundred_seen_in_several_arms_is_a_warning() {
    let mut known = snapshot(10_000, [0.90, 0.90], [100.0, 100.0]);
    for (several, warned) in [(0, false), (200, false), (201, true)] {
        known.seen_in_several = several;
        let warnings = decide(&plan(), &known).unwrap().warnings;
        assert_eq!(warnings.contains(&Warning::SeenInSeveral), warned, "{several} of 20000: {warnings:?}");
    }
}

#[test]
fn a_bandit_moves_weights_to_the_better_arm() {
    let good = snapshot(2_000, [0.90, 0.92], [100.0, 100.0]);
    let weights = allocate(&plan(), std::slice::from_ref(&good), Allocation::Thompson, 0.05).unwrap();
    assert!(weights[1] > 0.9 && (weights[0] + weights[1] - 1.0).abs() < 1e-12, "{weights:?}");
    let lower = Plan { goals: vec![Goal { direction: Direction::Lower, ..goal("accuracy") }], ..plan() };
    let mirrored = allocate(&lower, std::slice::from_ref(&good), Allocation::Thompson, 0.05).unwrap();
    assert!((mirrored[0] - weights[1]).abs() < 1e-9);
    // Of two arms both are among the two best.
    let even = allocate(&plan(), std::slice::from_ref(&good), Allocation::TopTwo, 0.0).unwrap();
    assert!((even[0] - 0.5).abs() < 1e-9);
    assert!(allocate(&plan(), std::slice::from_ref(&good), Allocation::Thompson, 1.5).is_err());
    let few = snapshot(99, [0.90, 0.92], [100.0, 100.0]);
    assert_eq!(allocate(&plan(), &[few], Allocation::Thompson, 0.0), Err(Undecided::TooFew));
    assert_eq!(allocate(&plan(), &[], Allocation::Thompson, 0.0), Err(Undecided::TooFew));
    let mut constant = good;
    metric(&mut constant, "accuracy")[1].sample.variance = 0.0;
    assert_eq!(allocate(&plan(), &[constant], Allocation::Thompson, 0.0), Err(Undecided::NoVariance));
}

#[test]
fn phases_of_a_bandit_are_put_together_without_the_times_that_they_fell_in() {
    let phase = |units: [u64; 2], accuracy: [f64; 2]| {
        let mut snapshot = snapshot(1, accuracy, [100.0, 100.0]);
        snapshot.units = units.to_vec();
        for (arm, (units, accuracy)) in units.into_iter().zip(accuracy).enumerate() {
            metric(&mut snapshot, "accuracy")[arm] = share(units, accuracy);
            metric(&mut snapshot, "latency")[arm] = value(units, 100.0, 20.0);
        }
        snapshot
    };
    // The candidate is better in each phase. It had most units when times were bad, so that all its units
    // together are worse.
    let phases = [phase([4_000, 400], [0.90, 0.93]), phase([400, 4_000], [0.50, 0.55])];
    let weights = allocate(&plan(), &phases, Allocation::Thompson, 0.0).unwrap();
    assert!(weights[1] > 0.95, "{weights:?}");
    // A phase with too few units in an arm says nothing.
    let scarce = [phases[0].clone(), phase([40, 4_000], [0.99, 0.5])];
    let alone = allocate(&plan(), &phases[..1], Allocation::Thompson, 0.0).unwrap();
    assert_eq!(allocate(&plan(), &scarce, Allocation::Thompson, 0.0).unwrap(), alone);
    // Who does harm gets nothing, however good it is.
    let mut slow = phase([4_000, 4_000], [0.90, 0.95]);
    metric(&mut slow, "latency")[1] = value(4_000, 150.0, 20.0);
    assert_eq!(allocate(&plan(), &[slow], Allocation::Thompson, 0.1).unwrap(), [1.0, 0.0]);
}

#[test]
fn a_bandit_is_ended_for_harm_and_a_broken_split_alone() {
    let plan = Plan { earning: true, ..plan() };
    let earning = Outcome::Continue { waiting: Waiting::Earning };
    assert_eq!(outcome(&plan, &snapshot(10_000, [0.9, 0.95], [100.0, 100.0])), earning);
    assert_eq!(outcome(&plan, &snapshot(900_000, [0.9, 0.9], [100.0, 100.0])), earning);
    let slow = snapshot(10_000, [0.9, 0.95], [100.0, 150.0]);
    assert_eq!(outcome(&plan, &slow), Outcome::KeepChampion { because: Because::Harm });
    let mut lost = snapshot(10_000, [0.9, 0.95], [100.0, 100.0]);
    lost.units = vec![10_000, 8_000];
    assert_eq!(outcome(&plan, &lost), Outcome::Stop { because: Because::SampleRatioMismatch });
}

#[test]
fn what_can_be_detected_is_detected_with_the_power_of_the_planner() {
    let plan = plan();
    let known = snapshot(8_000, [0.5, 0.51], [100.0, 100.0]);
    let decision = decide(&plan, &known).unwrap();
    let [accuracy, latency] = [&decision.comparisons[0], &decision.comparisons[1]];
    let found = reached(&plan, &known, accuracy, None).unwrap();
    assert_eq!(found.power, None, "nobody has said what matters");
    let detectable = found.detectable.unwrap();
    let power = |smallest: f64| reached(&plan, &known, accuracy, Some(smallest)).unwrap().power.unwrap();
    assert!((power(detectable) - 0.8).abs() < 1e-12);
    assert!((power(-detectable) - 0.8).abs() < 1e-12, "its sign does not matter");
    assert!(power(0.5 * detectable) < 0.4 && power(2.0 * detectable) > 0.99);
    // The gain is 0.01 with a standard error of 0.0079.
    assert!((found.chance_to_win - 0.897).abs() < 0.002, "{found:?}");
    let [keep, take] = found.risk;
    assert!((keep - take - 0.01).abs() < 1e-12 && take > 0.0, "{found:?}");
    // On a log ratio a share is asked for, and lower is better.
    let ten_percent = reached(&plan, &known, latency, Some(0.1)).unwrap();
    assert!(ten_percent.power.unwrap() > 0.99, "{ten_percent:?}");
}

#[test]
fn pairs_are_seen_as_a_difference_of_right_answers() {
    let mut test = SignTest::default();
    test.add(150, 250);
    let known = Known::all(8_000);
    let metrics = [("accuracy".to_owned(), Evidence::Signs(vec![Signs { test, known }]))].into();
    let units = vec![8_000, 8_000];
    let snapshot = Snapshot { seconds: WEEK, units, metrics, ..Snapshot::default() };
    let plan = Plan::new(goal("accuracy"), 8_000);
    let decision = decide(&plan, &snapshot).unwrap();
    let found = reached(&plan, &snapshot, &decision.comparisons[0], Some(0.0125)).unwrap();
    assert!((found.effect.estimate - 0.0125).abs() < 1e-15);
    let error = ((0.05 - 0.0125 * 0.0125) / 8_000.0_f64).sqrt();
    assert!((found.effect.standard_error - error).abs() < 1e-15);
    assert!(found.power.unwrap() > 0.5, "it has just won: {found:?}");
    assert!(found.chance_to_win > 0.999_99);
}

#[test]
fn plans_that_cannot_be_followed_are_refused() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan();
        change(&mut plan);
        decide(&plan, &snapshot(1, [0.5, 0.5], [1.0, 1.0])).unwrap_err()
    };
    assert_eq!(refused(|plan| plan.goals.clear()), PlanError::NoGoal);
    assert_eq!(refused(|plan| plan.weights = vec![0.9, 0.2]), PlanError::Weights);
    assert_eq!(refused(|plan| plan.weights = vec![1.5, -0.5]), PlanError::Weights);
    assert_eq!(refused(|plan| plan.weights = vec![f64::NAN, 0.5]), PlanError::Weights);
    assert_eq!(refused(|plan| plan.alpha = 0.0), PlanError::Alpha("alpha".into()));
    assert_eq!(refused(|plan| plan.guardrails[0].alpha = f64::NAN), PlanError::Alpha("latency".into()));
    assert_eq!(refused(|plan| plan.guardrails[0].margin = -0.1), PlanError::Margin("latency".into()));
    assert_eq!(refused(|plan| plan.maturity = 1.1), PlanError::Maturity);
    assert_eq!(refused(|plan| plan.maximum_units = 1), PlanError::Units);
    assert_eq!(refused(|plan| plan.srm_threshold = 1.0), PlanError::Threshold);
    assert_eq!(refused(|plan| plan.goals.push(goal("latency"))), PlanError::Twice("latency".into()));
    assert_eq!(refused(|plan| plan.goals = vec![goal("x"); 65]), PlanError::TooMany);
}

proptest! {
    #[test]
    fn no_snapshot_panics_and_all_decisions_replay(
        units in prop::collection::vec(any::<u64>(), 0..4),
        arms in prop::collection::vec((any::<u64>(), any::<f64>(), any::<f64>(), any::<u64>()), 0..4),
        seconds in any::<u64>(), signs in prop::collection::vec((any::<u64>(), any::<u64>()), 0..3),
        looks in prop::collection::vec(any::<u64>(), 0..3), log in any::<bool>(),
        spend in any::<bool>(), counts in any::<bool>(),
    ) {
        let arms: Vec<Arm> = arms.into_iter()
            .map(|(n, mean, variance, due)| Arm {
                known: Known { outcomes_due: due, ..Known::all(n) }, ..Arm::of(Sample { n, mean, variance })
            }).collect();
        let signs = signs.into_iter().map(|(a, b)| { let mut test = SignTest::default(); test.add(a, b); Signs { test, known: Known::all(a) } }).collect();
        let paired = arms.clone();
        let metrics = BTreeMap::from([
            ("accuracy".to_owned(), Evidence::Signs(signs)), ("latency".to_owned(), Evidence::Split(arms)),
            ("pairs".to_owned(), Evidence::Paired(paired)),
        ]);
        let mut plan = plan();
        plan.goals.push(Goal { scale: if log { Scale::LogRatio } else { Scale::Difference }, ..goal("pairs") });
        if spend {
            plan.method = Method::Looks(Spending::Power(2.0));
        }
        let snapshot = Snapshot { seconds, units, seen_in_several: seconds, looks, counts, metrics, ..Snapshot::default() };
        let decision = decide(&plan, &snapshot).unwrap();
        let restored: Decision = serde_json::from_str(&serde_json::to_string(&decision).unwrap()).unwrap();
        prop_assert!(restored.replays());
        let undecided = decision.comparisons.iter().any(|c| matches!(c.verdict, Verdict::Undecided(_)));
        let won = matches!(decision.outcome, Outcome::Winner { .. });
        prop_assert!(!undecided || !won);
        for comparison in &decision.comparisons {
            if let Ok(reached) = reached(&plan, &snapshot, comparison, Some(0.1)) {
                prop_assert!((0.0..=1.0).contains(&reached.chance_to_win));
                prop_assert!(reached.power.is_none_or(|power| (0.0..=1.0).contains(&power)));
            }
        }
    }
}
