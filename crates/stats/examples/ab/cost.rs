//! What assignment and analysis cost.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use mainspring_stats::assignment::{Hashing, Split};
use mainspring_stats::estimate::covariate::adjusted;
use mainspring_stats::estimate::{Alternative, Sample, welch};
use mainspring_stats::fixed::contingency::sample_ratio;
use mainspring_stats::moments::{Bivariate, Univariate};
use mainspring_stats::sequential::asymptotic::{Sequence, Sides};

use crate::random::Random;

/// Users in memory, ten times in turn.
const CHUNK: usize = 1_000_000;
const CHUNKS: usize = 10;
const METRICS: usize = 10;

/// CPU seconds of this process.
fn cpu() -> f64 {
    let ticks = |text: &str| {
        let after = text.rsplit(')').next().expect("the fields after the name");
        after
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<f64>().expect("ticks"))
            .sum::<f64>()
    };
    // Linux counts hundredths.
    std::fs::read_to_string("/proc/self/stat").map_or(f64::NAN, |text| ticks(&text) / 100.0)
}

fn timed(name: &str, work: impl FnOnce()) {
    let (start, before) = (Instant::now(), cpu());
    work();
    println!("| {name} | {:.2} | {:.2} |", cpu() - before, start.elapsed().as_secs_f64());
}

/// P-values that places of ten million ids are uniform, and that two experiments split independently.
fn spread(hashing: Hashing) -> (f64, f64) {
    let (mut places, mut pairs) = ([0_u64; 100], [0_u64; 4]);
    let split = |seed: &str| Split::new(seed, hashing, &[0.5, 0.5], 1.0).expect("a split");
    let (first, second) = (split("first"), split("second"));
    let mut unit = String::new();
    for id in 0..10_000_000 {
        unit.clear();
        write!(unit, "user-{id}").expect("text");
        places[(hashing.place("seed", &unit) * 100.0) as usize] += 1;
        let arms = first.arm(&unit).zip(second.arm(&unit)).expect("all take part");
        pairs[arms.0 * 2 + arms.1] += 1;
    }
    let p = |counts: &[u64]| {
        let weights = vec![1.0 / counts.len() as f64; counts.len()];
        sample_ratio(counts, &weights).expect("counts").p
    };
    (p(&places), p(&pairs))
}

pub(crate) fn report() {
    println!("## Cost\n");
    println!(
        "Assignment, with p-values over ten million ids that places are uniform (100 bins), and that the arms"
    );
    println!("of two experiments are independent:\n");
    println!("| hash | ns | uniform, p | independent, p |\n|---|---:|---:|---:|");
    let units: Vec<String> = (0..1_000_000).map(|id| format!("user-{id:08}")).collect();
    for (name, hashing) in [
        ("GrowthBook 1", Hashing::GrowthBook1),
        ("GrowthBook 2", Hashing::GrowthBook2),
        ("native", Hashing::Native),
    ] {
        let split = Split::new("an-experiment", hashing, &[0.5, 0.5], 1.0).expect("a split");
        let start = Instant::now();
        let second = units.iter().filter(|unit| split.arm(unit) == Some(1)).count();
        black_box(second);
        let cost = start.elapsed().as_nanos() as f64 / units.len() as f64;
        let (places, pairs) = spread(hashing);
        println!("| {name} | {cost:.0} | {places:.1e} | {pairs:.2} |");
    }
    println!("\n{} million users, {METRICS} metrics, 2 arms:\n", CHUNK * CHUNKS / 1_000_000);
    println!("| analysis | CPU s | s |\n|---|---:|---:|");
    let mut random = Random::new(1);
    let arm: Vec<u32> = (0..CHUNK).map(|_| (random.bits() >> 63) as u32).collect();
    let columns: Vec<Vec<f64>> =
        (0..METRICS).map(|_| (0..CHUNK).map(|_| random.normal()).collect()).collect();
    let before: Vec<f64> = (0..CHUNK).map(|_| random.normal()).collect();
    timed("means: moments by arm, t-test, confidence sequence", || {
        let mut moments = vec![[Univariate::default(); 2]; METRICS];
        for _ in 0..CHUNKS {
            for (column, moments) in columns.iter().zip(&mut moments) {
                let chunk = Univariate::by_arm([column], &arm, 2).expect("numbers");
                for (all, part) in moments.iter_mut().zip(&chunk) {
                    all.merge(part).expect("numbers");
                }
            }
        }
        let sequence = Sequence::for_plan(0.05, 1e7, Sides::Two).expect("a plan");
        for [a, b] in &moments {
            let effect = welch(&Sample::of(a, 0), &Sample::of(b, 0)).expect("an effect");
            black_box(effect.test(0.0, Alternative::TwoSided, 0.05).expect("a test"));
            black_box(sequence.interval(&effect));
        }
    });
    timed("the same with a covariate (CUPED)", || {
        let mut moments = vec![[Bivariate::default(); 2]; METRICS];
        for _ in 0..CHUNKS {
            for (column, moments) in columns.iter().zip(&mut moments) {
                let chunk = Bivariate::by_arm([column, &before], &arm, 2).expect("numbers");
                for (all, part) in moments.iter_mut().zip(&chunk) {
                    all.merge(part).expect("numbers");
                }
            }
        }
        for arms in &moments {
            let samples = adjusted(arms).expect("samples");
            black_box(welch(&samples[0], &samples[1]).expect("an effect"));
        }
    });
    println!();
}
