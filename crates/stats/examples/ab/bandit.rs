//! Weights that follow results, phase by phase, against equal ones.

use mainspring_stats::decide::{Allocation, Arm, Direction, Evidence, Goal, Plan, Scale, Snapshot, allocate};
use mainspring_stats::estimate::Sample;

use crate::random::Random;

const DAYS: u64 = 20;
const UNITS: u64 = 1_000;
const FLOOR: f64 = 0.05;
/// A smaller change of all weights is none.
const STEP: f64 = 0.005;

/// Shares of success of the arms; the first is the control.
struct Truth {
    name: &'static str,
    arms: &'static [f64],
    /// By how much all arms are better or worse, from day to day.
    swing: f64,
}

/// What came of a run.
struct Came {
    /// Successes that the best arm would have had more.
    regret: f64,
    /// Share of the last day's units that saw the best arm.
    last_day: f64,
    /// The arm that is the best with 95 %, at the end.
    winner: Option<usize>,
}

/// Successes and units of each arm in a phase.
#[derive(Clone)]
struct Phase {
    units: Vec<u64>,
    successes: Vec<u64>,
}

impl Phase {
    fn of(arms: usize) -> Self {
        Self { units: vec![0; arms], successes: vec![0; arms] }
    }

    fn known(&self) -> Snapshot {
        let arm = |(n, won): (&u64, &u64)| {
            let none = Sample { n: *n, mean: 0.0, variance: 0.0 };
            Arm::of(Sample::proportion(*won, *n).unwrap_or(none))
        };
        let arms = self.units.iter().zip(&self.successes).map(arm).collect();
        let metrics = [("goal".to_owned(), Evidence::Split(arms))].into();
        Snapshot { units: self.units.clone(), metrics, ..Snapshot::default() }
    }
}

fn run(truth: &Truth, plan: &Plan, by: Option<Allocation>, seed: u64) -> Came {
    let mut random = Random::new(seed);
    let k = truth.arms.len();
    let best = (0..k).max_by(|a, b| truth.arms[*a].total_cmp(&truth.arms[*b])).unwrap_or(0);
    let mut plan = plan.clone();
    let (mut before, mut phase) = (Vec::new(), Phase::of(k));
    let (mut regret, mut last_day) = (0.0, 0.0);
    let mut phases = Vec::new();
    for _ in 0..DAYS {
        let shift = truth.swing * (2.0 * random.uniform() - 1.0);
        let mut of_best = 0_u64;
        for _ in 0..UNITS {
            let mut place = random.uniform();
            let first = |weight: &f64| {
                place -= weight;
                place < 0.0
            };
            let arm = plan.weights.iter().position(first).unwrap_or(k - 1);
            phase.units[arm] += 1;
            phase.successes[arm] += u64::from(random.chance(truth.arms[arm] + shift));
            regret += truth.arms[best] - truth.arms[arm];
            of_best += u64::from(arm == best);
        }
        last_day = of_best as f64 / UNITS as f64;
        phases.clone_from(&before);
        phases.push(phase.known());
        // As the server does: a phase with too few units of an arm changes no weights, and goes on.
        let Some(Ok(next)) = by.map(|by| allocate(&plan, &phases, by, FLOOR)) else { continue };
        if next.iter().zip(&plan.weights).any(|(new, old)| (new - old).abs() >= STEP) {
            plan.weights = next;
            before.push(phase.known());
            phase = Phase::of(k);
        }
    }
    let chances = allocate(&plan, &phases, Allocation::Thompson, 0.0).unwrap_or_default();
    let winner = (0..k).find(|arm| chances.get(*arm).is_some_and(|chance| *chance >= 0.95));
    Came { regret, last_day, winner }
}

pub(crate) fn report(runs: u64) {
    // Each phase asks for the weights by quadrature over all phases before it.
    let runs = runs.div_ceil(5);
    println!("## Bandits\n");
    println!(
        "{DAYS} days of {UNITS} units, weights anew each day when each arm has 100 units, none below {FLOOR}; {runs} runs a cell. Regret: successes"
    );
    println!(
        "that are lost against the best arm from the beginning, mean over runs. The best arm at the end is named"
    );
    println!("an arm is named that is the best with 95 %.\n");
    println!(
        "| arms | weights | regret | of equal weights | best arm on the last day | names the best | names another |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    let truths = [
        Truth { name: "0.10, 0.12", arms: &[0.10, 0.12], swing: 0.0 },
        Truth { name: "0.10, 0.12, days differ by 0.05", arms: &[0.10, 0.12], swing: 0.05 },
        Truth { name: "0.10, 0.10, 0.11, 0.13, 0.08", arms: &[0.10, 0.10, 0.11, 0.13, 0.08], swing: 0.0 },
        Truth { name: "0.10, 0.10 (the same)", arms: &[0.10, 0.10], swing: 0.0 },
    ];
    for (cell, truth) in truths.iter().enumerate() {
        let goal = Goal { metric: "goal".into(), direction: Direction::Higher, scale: Scale::Difference };
        let mut plan = Plan::new(goal, DAYS * UNITS);
        plan.weights = vec![1.0 / truth.arms.len() as f64; truth.arms.len()];
        plan.earning = true;
        let mut equal = f64::NAN;
        let ways = [
            ("equal", None),
            ("Thompson", Some(Allocation::Thompson)),
            ("top two", Some(Allocation::TopTwo)),
        ];
        // Of two arms both are among the two best.
        let ways = if truth.arms.len() > 2 { &ways[..] } else { &ways[..2] };
        for (way, by) in ways.iter().copied() {
            let best = truth.arms.iter().copied().fold(f64::MIN, f64::max);
            let (mut regret, mut last_day, mut right, mut wrong) = (0.0, 0.0, 0_u64, 0_u64);
            for index in 0..runs {
                let came = run(truth, &plan, by, (700 + cell as u64) << 32 | index);
                regret += came.regret / runs as f64;
                last_day += came.last_day / runs as f64;
                if let Some(arm) = came.winner {
                    let is_best = truth.arms[arm] >= best && truth.arms.iter().any(|arm| *arm < best);
                    right += u64::from(is_best);
                    wrong += u64::from(!is_best);
                }
            }
            if by.is_none() {
                equal = regret;
            }
            let share = if equal > 0.0 { format!("{:.2}", regret / equal) } else { "-".to_owned() };
            println!(
                "| {} | {way} | {regret:.1} | {share} | {last_day:.2} | {} % | {} % |",
                truth.name,
                crate::percent(right, runs),
                crate::percent(wrong, runs)
            );
        }
    }
    println!();
}
