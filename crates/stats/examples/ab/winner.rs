//! The winner rule itself, at a hundred looks of each experiment.

use std::collections::BTreeMap;

use mainspring_stats::decide::{
    Arm, Direction, Evidence, Goal, Guardrail, Outcome, Plan, Scale, Snapshot, decide,
};
use mainspring_stats::estimate::Sample;
use mainspring_stats::moments::Univariate;

use crate::percent;
use crate::random::Random;

const LOOKS: u64 = 100;
const UNITS: u64 = 10_000;

/// What candidates truly do: gain of accuracy over 0.90, and mean of latency, where 100 is the champion's.
struct Truth {
    name: &'static str,
    candidates: &'static [(f64, f64)],
    goals: usize,
}

fn plan(truth: &Truth) -> Plan {
    let goal = |index: usize| Goal {
        metric: format!("goal {index}"),
        direction: Direction::Higher,
        scale: Scale::Difference,
    };
    let mut plan = Plan::new(goal(0), UNITS);
    plan.goals = (0..truth.goals).map(goal).collect();
    plan.guardrails.push(Guardrail {
        metric: "latency".into(),
        direction: Direction::Lower,
        scale: Scale::LogRatio,
        margin: 0.05,
        alpha: 0.05,
    });
    let arms = truth.candidates.len() + 1;
    plan.weights = vec![1.0 / arms as f64; arms];
    plan.minimum_seconds = 0;
    plan
}

fn run(truth: &Truth, plan: &Plan, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let arms = plan.weights.len();
    let mut units = vec![0_u64; arms];
    let mut goals = vec![vec![0_u64; arms]; truth.goals];
    let mut latency = vec![Univariate::default(); arms];
    let mut last = None;
    for look in 1..=LOOKS {
        let mut batches = vec![Vec::new(); arms];
        for _ in 0..plan.maximum_units / LOOKS {
            let arm = (random.uniform() * arms as f64) as usize;
            let (gain, mean) = if arm == 0 { (0.0, 100.0) } else { truth.candidates[arm - 1] };
            units[arm] += 1;
            for goal in &mut goals {
                goal[arm] += u64::from(random.chance(0.90 + gain));
            }
            // Lognormal with a deviation of 0.5 on the log scale.
            batches[arm].push(mean * (0.5 * random.normal() - 0.125).exp());
        }
        for (moments, batch) in latency.iter_mut().zip(&batches) {
            let batch = Univariate::from_columns([batch]).expect("numbers");
            moments.merge(&batch).expect("numbers");
        }
        let mut metrics = BTreeMap::new();
        for (index, goal) in goals.iter().enumerate() {
            let arms = goal
                .iter()
                .zip(&units)
                .map(|(right, n)| Arm::of(Sample::proportion(*right, *n).expect("two trials")));
            metrics.insert(format!("goal {index}"), Evidence::Split(arms.collect()));
        }
        let arms = latency.iter().map(|moments| Arm::of(Sample::of(moments, 0)));
        metrics.insert("latency".into(), Evidence::Split(arms.collect()));
        let units = units.clone();
        let snapshot = Snapshot { seconds: look, units, metrics, ..Snapshot::default() };
        let outcome = decide(plan, &snapshot).expect("a plan").outcome;
        last = Some(outcome);
        if !matches!(outcome, Outcome::Continue { .. }) {
            break;
        }
    }
    last.expect("a look")
}

pub(crate) fn report(runs: u64) {
    println!("## The winner rule\n");
    println!(
        "Outcomes in percent of {runs} experiments, {LOOKS} looks, {UNITS} units planned and twice as many at"
    );
    println!("most; champion: accuracy 0.90, latency 100 ms (lognormal); the margin of latency is 5 %.\n");
    println!("| candidates | winner | winner beyond the margin | champion kept | stopped |");
    println!("|---|---:|---:|---:|---:|");
    let truths = [
        Truth { name: "the same", candidates: &[(0.0, 100.0)], goals: 1 },
        Truth { name: "the same, two goals and three candidates", candidates: &[(0.0, 100.0); 3], goals: 2 },
        Truth { name: "0.93, as fast", candidates: &[(0.03, 100.0)], goals: 1 },
        Truth { name: "0.93, slower by exactly 5 %", candidates: &[(0.03, 105.0)], goals: 1 },
        Truth { name: "0.93, slower by 7 %", candidates: &[(0.03, 107.0)], goals: 1 },
        Truth { name: "0.87, as fast", candidates: &[(-0.03, 100.0)], goals: 1 },
        Truth {
            name: "0.93 but slower by 7 %, and 0.92 as fast",
            candidates: &[(0.03, 107.0), (0.02, 100.0)],
            goals: 1,
        },
    ];
    for (cell, truth) in truths.iter().enumerate() {
        let plan = plan(truth);
        let [mut won, mut harmful, mut kept, mut stopped] = [0_u64; 4];
        for index in 0..runs {
            match run(truth, &plan, (300 + cell as u64) << 32 | index) {
                Outcome::Winner { arm } => {
                    won += 1;
                    harmful += u64::from(truth.candidates[arm - 1].1 >= 105.0);
                }
                Outcome::KeepChampion { .. } => kept += 1,
                Outcome::Stop { .. } => stopped += 1,
                Outcome::Continue { .. } => {}
            }
        }
        let shown = [won, harmful, kept, stopped].map(|count| percent(count, runs));
        println!("| {} | {} |", truth.name, shown.join(" | "));
    }
    println!();
}
