//! `mainspring ab simulate`: how often the rule of a test's file is right, on made-up outcomes.

use super::{read, spec};
use crate::error::{CliError, ExitCode};
use crate::terminal::{say, say_json, table};
use clap::Args;
use mainspring_rollouts::ab::{AbSpec, Mode};
use mainspring_stats::decide::{Arm, Direction, Evidence, Outcome, PlanError, Snapshot, count_look, decide};
use mainspring_stats::estimate::Sample;
use mainspring_stats::moments::Moments;
use mainspring_stats::special::normal_isf;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Looks of one run, evenly over the maximum of units.
const LOOKS: u64 = 50;
const MAX_RUNS: u32 = 100_000;

/// Play a test's rule many times with made-up outcomes: normal values, all metrics alike, the first
/// candidate ahead by an effect. Minimum time counts as over; guardrails are as the control.
#[derive(Args)]
pub(super) struct Simulate {
    /// The test's file.
    file: PathBuf,
    /// By how much the first candidate is ahead, in standard deviations between units.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    effect: f64,
    /// How often it is played.
    #[arg(long, default_value_t = 1000)]
    runs: u32,
    /// The seed; the same one plays the same games.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What came of the runs.
#[derive(Default)]
struct Tally {
    better: u32,
    other: u32,
    kept: u32,
    stopped: u32,
    units: u64,
}

impl Simulate {
    pub(super) fn run(self, json: bool) -> Result<ExitCode, CliError> {
        let spec = spec(&read(&self.file)?, &self.file)?;
        if !(1..=MAX_RUNS).contains(&self.runs) || !self.effect.is_finite() {
            return Err(CliError::usage(format!("play it 1 to {MAX_RUNS} times, with a finite effect")));
        }
        if spec.mode != Mode::Split {
            // How often answers differ, and by how much, decides there; nobody knows that beforehand.
            return Err(CliError::usage(format!(
                "a test with `mode: {}` cannot be played",
                spec.mode.as_str()
            ))
            .hint("`mainspring ab plan` tells how many requests it needs"));
        }
        if spec.bandit.is_some() {
            return Err(CliError::usage("a bandit cannot be played: its weights follow results, day by day")
                .hint("remove `bandit` to see what the plan's size finds"));
        }
        let mut chance = Chance(self.seed);
        let mut tally = Tally::default();
        for _ in 0..self.runs {
            self.play(&spec, &mut chance, &mut tally).map_err(|error| CliError::usage(error.to_string()))?;
        }
        let share = |count: u32| f64::from(count) / f64::from(self.runs);
        #[expect(clippy::cast_precision_loss, reason = "a number of units")]
        let units = tally.units as f64 / f64::from(self.runs);
        if json {
            say_json(&json!({
                "runs": self.runs, "effect": self.effect, "first_candidate_wins": share(tally.better),
                "another_wins": share(tally.other), "control_stays": share(tally.kept),
                "stopped": share(tally.stopped), "mean_units": units, "planned_units": spec.plan.planned_units,
            }));
            return Ok(ExitCode::Ok);
        }
        let percent = |count: u32| format!("{:.1} %", share(count) * 100.0);
        say(&format!("{} games with an effect of {} standard deviations", self.runs, self.effect));
        let rows = [
            ("the first candidate wins", percent(tally.better)),
            ("another candidate wins", percent(tally.other)),
            ("the control stays", percent(tally.kept)),
            ("stopped without a result", percent(tally.stopped)),
            ("units until the end, mean", format!("{units:.0} of {} planned", spec.plan.planned_units)),
        ];
        say(&table(&["OUTCOME", "HOW OFTEN"], rows.map(|(what, often)| vec![what.to_owned(), often])));
        Ok(ExitCode::Ok)
    }

    fn play(&self, spec: &AbSpec, chance: &mut Chance, tally: &mut Tally) -> Result<(), PlanError> {
        let plan = &spec.plan;
        let arms = plan.weights.len();
        let mut moments: BTreeMap<&str, Vec<Moments<1>>> = BTreeMap::new();
        let goals = plan.goals.iter().map(|goal| (goal.metric.as_str(), goal.direction, true));
        let guards = plan.guardrails.iter().map(|one| (one.metric.as_str(), one.direction, false));
        let metrics: Vec<(&str, Direction, bool)> = goals.chain(guards).collect();
        let mut units = vec![0_u64; arms];
        let step = (plan.maximum_units / LOOKS).max(1);
        let mut looks = Vec::new();
        while units.iter().sum::<u64>() < plan.maximum_units {
            for _ in 0..step {
                let arm = chance.arm(&plan.weights);
                units[arm] += 1;
                for (metric, direction, goal) in &metrics {
                    let sign = if *direction == Direction::Higher { 1.0 } else { -1.0 };
                    let ahead = if arm == 1 && *goal { sign * self.effect } else { 0.0 };
                    // Far from zero, so that ratios have a meaning.
                    let value = 10.0 + chance.normal() + ahead;
                    let all = moments.entry(metric).or_insert_with(|| vec![Moments::default(); arms]);
                    // A finite number is always taken.
                    let _ = all[arm].push(&[value]);
                }
            }
            let evidence = |all: &Vec<Moments<1>>| {
                let arm = |one: &Moments<1>| Arm::of(Sample::of(one, 0));
                Evidence::Split(all.iter().map(arm).collect())
            };
            let mut snapshot = Snapshot {
                seconds: plan.minimum_seconds,
                units: units.clone(),
                looks: std::mem::take(&mut looks),
                metrics: moments.iter().map(|(name, all)| ((*name).to_owned(), evidence(all))).collect(),
                ..Snapshot::default()
            };
            count_look(plan, spec.looks, &mut snapshot);
            let outcome = decide(plan, &snapshot)?.outcome;
            looks = snapshot.looks;
            match outcome {
                Outcome::Continue { .. } => continue,
                Outcome::Winner { arm: 1 } => tally.better += 1,
                Outcome::Winner { .. } => tally.other += 1,
                Outcome::KeepChampion { .. } => tally.kept += 1,
                Outcome::Stop { .. } => tally.stopped += 1,
            }
            tally.units += units.iter().sum::<u64>();
            return Ok(());
        }
        tally.kept += 1;
        tally.units += units.iter().sum::<u64>();
        Ok(())
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = ((z ^ (z >> 31)) >> 11) as f64;
        (bits + 0.5) / 9_007_199_254_740_992.0
    }

    fn normal(&mut self) -> f64 {
        normal_isf(self.uniform())
    }

    fn arm(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.uniform();
        for (arm, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return arm;
            }
        }
        weights.len() - 1
    }
}
