//! Two arms that are looked at after every observation.

use mainspring_stats::decide::FIRST_LOOK;
use mainspring_stats::fixed::power::sample_size_proportions;
use mainspring_stats::sequential::asymptotic::{Sequence, Sides};
use mainspring_stats::sequential::spending::{Spending, boundaries};
use mainspring_stats::special::normal_quantile;

use crate::percent;
use crate::random::Random;

const ALPHA: f64 = 0.05;
/// Share of units that bring revenue.
const BUYERS: f64 = 0.05;
/// Looks of the group-sequential test.
const LOOKS: usize = 20;

/// Where values come from. The second of a pair is the denominator, 1 except for the ratio.
#[derive(Clone, Copy)]
enum Kind {
    Normal,
    Bernoulli(f64),
    LogNormal,
    Ratio,
    /// Nothing from most, a lognormal amount from some.
    Revenue,
}

impl Kind {
    fn draw(self, random: &mut Random, shift: f64) -> (f64, f64) {
        match self {
            Self::Normal => (random.normal() + shift, 1.0),
            Self::Bernoulli(p) => (f64::from(u8::from(random.chance(p + shift))), 1.0),
            Self::LogNormal => (random.normal().exp() + shift, 1.0),
            Self::Revenue => {
                let buys = random.chance(BUYERS);
                (if buys { (1.5 * random.normal()).exp() } else { 0.0 } + shift, 1.0)
            }
            Self::Ratio => {
                // Requests of a user, and the tokens of these, which depend on the user.
                let requests = 1.0 + (5.0 * random.uniform()).floor();
                let user = 1.0 + 0.3 * random.normal() + shift;
                (requests * user + random.normal(), requests)
            }
        }
    }

    /// Standard deviation of the metric for one unit.
    fn deviation(self) -> f64 {
        match self {
            Self::Normal => 1.0,
            Self::Bernoulli(p) => (p * (1.0 - p)).sqrt(),
            Self::LogNormal => ((1.0_f64.exp() - 1.0) * 1.0_f64.exp()).sqrt(),
            Self::Revenue => (BUYERS * 4.5_f64.exp() - (BUYERS * 1.125_f64.exp()).powi(2)).sqrt(),
            // Variance of requests * 0.3 z + noise over the squared mean of requests, 11 and 9.
            Self::Ratio => ((0.09 * 11.0 + 1.0) / 9.0_f64).sqrt(),
        }
    }
}

/// Sums of an arm: n, x, xx, d, dd, xd.
#[derive(Clone, Copy, Default)]
struct Sums([f64; 6]);

impl Sums {
    fn add(&mut self, x: f64, d: f64) {
        for (sum, value) in self.0.iter_mut().zip([1.0, x, x * x, d, d * d, x * d]) {
            *sum += value;
        }
    }

    /// Estimate and its variance.
    fn estimate(&self) -> (f64, f64) {
        let [n, x, xx, d, dd, xd] = self.0;
        let (mean, below) = (x / n, d / n);
        let ratio = mean / below;
        let squares = (xx / n - mean * mean) + ratio * ratio * (dd / n - below * below)
            - 2.0 * ratio * (xd / n - mean * below);
        (ratio, squares / (below * below * (n - 1.0)))
    }
}

/// The methods, in the order of [`Run::stops`].
const METHODS: [&str; 6] = [
    "sequence",
    "log-ratio sequence",
    "one-sided sequence",
    "mSPRT",
    "O'Brien-Fleming, 20 looks",
    "t-test (not valid)",
];

/// What the methods compare with.
struct Limits {
    two: Vec<f64>,
    one: Vec<f64>,
    looks: Vec<(usize, f64)>,
    spread: f64,
}

impl Limits {
    fn new(total: usize, spread: f64) -> Self {
        let table = |sides| {
            let sequence = Sequence::for_plan(ALPHA, total as f64, sides).expect("a plan");
            (0..=total).map(|n| sequence.half_width(1.0, n as f64).powi(2)).collect()
        };
        let fractions: Vec<f64> = (1..=LOOKS).map(|look| look as f64 / LOOKS as f64).collect();
        let z = boundaries(&fractions, Spending::OBrienFleming, ALPHA, true).expect("boundaries");
        let looks = z.iter().enumerate().map(|(look, z)| ((look + 1) * total / LOOKS, z * z)).collect();
        Self { two: table(Sides::Two), one: table(Sides::One), looks, spread }
    }
}

/// Units at which each method stops; none if it never does.
fn run(kind: Kind, total: usize, effect: f64, limits: &Limits, seed: u64) -> [Option<usize>; METHODS.len()] {
    let mut random = Random::new(seed);
    let mut arms = [Sums::default(); 2];
    let mut stops = [None; METHODS.len()];
    let mut look = 0;
    for n in 1..=total {
        let arm = (random.bits() >> 63) as usize;
        let (x, d) = kind.draw(&mut random, if arm == 1 { effect } else { 0.0 });
        arms[arm].add(x, d);
        let last_look = limits.looks.get(look).is_some_and(|(at, _)| *at == n);
        look += usize::from(last_look);
        if arms.iter().any(|arm| arm.0[0] < FIRST_LOOK as f64) {
            continue;
        }
        let ((a, va), (b, vb)) = (arms[0].estimate(), arms[1].estimate());
        // As in the rule: an arm without variance is not compared.
        if !(va > 0.0 && vb > 0.0) {
            continue;
        }
        let variance = va + vb;
        let z2 = (b - a) * (b - a) / variance;
        let mut stop = |method: usize, holds: bool| {
            if holds && stops[method].is_none() {
                stops[method] = Some(n);
            }
        };
        stop(0, z2 > limits.two[n]);
        stop(2, b > a && z2 > limits.one[n]);
        if last_look {
            stop(4, z2 > limits.looks[look - 1].1);
        }
        stop(5, z2 > 1.96 * 1.96);
        // The mixture needs more than 1.96 standard errors at any spread.
        if z2 > 3.8 {
            let growth = 1.0 + limits.spread * limits.spread / variance;
            let needed = growth / (growth - 1.0) * (growth.ln() - 2.0 * ALPHA.ln());
            stop(3, z2 > needed);
        }
        if a > 0.0 && b > 0.0 {
            let log = (b / a).ln();
            stop(1, log * log > limits.two[n] * (va / (a * a) + vb / (b * b)));
        }
        if stops.iter().all(Option::is_some) {
            break;
        }
    }
    stops
}

pub(crate) fn report(runs: u64) {
    println!("## False winners\n");
    println!(
        "Percent of {runs} experiments without a difference in which a method stops, ever; looked at after"
    );
    println!("every observation from {FIRST_LOOK} units in each arm on, alpha 5 %.\n");
    println!("| values | units | {} |", METHODS.join(" | "));
    println!("|---|---:|{}", "---:|".repeat(METHODS.len()));
    let cells = [
        ("normal", Kind::Normal, 10_000),
        ("Bernoulli 0.5", Kind::Bernoulli(0.5), 10_000),
        ("Bernoulli 0.1", Kind::Bernoulli(0.1), 10_000),
        ("Bernoulli 0.02", Kind::Bernoulli(0.02), 40_000),
        ("Bernoulli 0.005", Kind::Bernoulli(0.005), 40_000),
        ("lognormal", Kind::LogNormal, 10_000),
        ("ratio", Kind::Ratio, 10_000),
        ("revenue, 5 % buy, lognormal with 1.5", Kind::Revenue, 40_000),
    ];
    for (cell, (name, kind, total)) in cells.into_iter().enumerate() {
        let effect = planned_effect(kind, total);
        let limits = Limits::new(total, effect);
        let mut counts = [0; METHODS.len()];
        for index in 0..runs {
            let stops = run(kind, total, 0.0, &limits, (cell as u64 + 1) << 32 | index);
            for (count, stop) in counts.iter_mut().zip(stops) {
                *count += u64::from(stop.is_some());
            }
        }
        let positive = !matches!(kind, Kind::Normal);
        let shown: Vec<String> = counts
            .iter()
            .enumerate()
            .map(|(method, count)| if method == 1 && !positive { "-".into() } else { percent(*count, runs) })
            .collect();
        println!("| {name} | {total} | {} |", shown.join(" | "));
    }
    println!("\n## Units that a difference takes\n");
    println!(
        "Power, and units as a share of the fixed horizon that has 80 % power at the planned effect (runs"
    );
    println!("that never stop count whole).\n");
    println!("| values | effect | {} |", METHODS.join(" | "));
    println!("|---|---:|{}", "---:|".repeat(METHODS.len()));
    for (name, kind, total) in
        [("normal", Kind::Normal, 10_000), ("Bernoulli 0.1", Kind::Bernoulli(0.1), 10_000)]
    {
        for times in [1.0, 1.5, 2.0] {
            let planned = planned_effect(kind, total);
            let limits = Limits::new(total, planned);
            let mut stopped = [(0_u64, 0_usize); METHODS.len()];
            for index in 0..runs {
                let stops = run(kind, total, times * planned, &limits, 77 << 32 | index);
                for (entry, stop) in stopped.iter_mut().zip(stops) {
                    entry.0 += u64::from(stop.is_some());
                    entry.1 += stop.unwrap_or(total);
                }
            }
            let shown: Vec<String> = stopped
                .iter()
                .enumerate()
                .map(|(method, (count, units))| {
                    if method == 1 && matches!(kind, Kind::Normal) {
                        return "-".into();
                    }
                    let share = *units as f64 / (total as f64 * runs as f64);
                    format!("{:.3} / {share:.3}", *count as f64 / runs as f64)
                })
                .collect();
            println!("| {name} | {times} x planned | {} |", shown.join(" | "));
        }
    }
    println!();
}

/// The effect that a fixed horizon of `total` units shows with 80 % power.
fn planned_effect(kind: Kind, total: usize) -> f64 {
    let Kind::Bernoulli(p) = kind else {
        return (normal_quantile(0.975) + normal_quantile(0.8))
            * kind.deviation()
            * (4.0 / total as f64).sqrt();
    };
    // The variance of a proportion moves with it.
    let (mut low, mut high) = (0.0, 0.5 * (1.0 - p));
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        let needed = 2.0 * sample_size_proportions(p, p + middle, ALPHA, 0.8).expect("a size");
        if needed > total as f64 { low = middle } else { high = middle }
    }
    high
}
