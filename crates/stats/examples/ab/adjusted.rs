//! Estimates by strata, and caps that are found among the values, under the rule itself.

use mainspring_stats::decide::{
    Arm, Because, Direction, Evidence, FIRST_LOOK, Goal, Method, Outcome, Plan, Scale, Snapshot, Stratum,
    count_look, decide,
};
use mainspring_stats::estimate::Sample;
use mainspring_stats::estimate::strata::{Together, pooled};
use mainspring_stats::intervals::quantile;
use mainspring_stats::moments::Univariate;
use mainspring_stats::sequential::spending::Spending;
use mainspring_stats::special::{normal_cdf, normal_isf, normal_sf};

use crate::percent;
use crate::random::Random;

/// Looks of an experiment, evenly over its units.
const LOOKS: usize = 200;
/// Looks that alpha spending counts.
const COUNTED: u32 = 5;

/// Units of one kind: their share, and what they do.
#[derive(Clone, Copy)]
struct Kind {
    share: f64,
    mean: f64,
    /// What the candidate adds.
    gain: f64,
}

/// How values of a kind vary.
#[derive(Clone, Copy)]
enum Values {
    /// Normal with a deviation of 1.
    Normal,
    Bernoulli,
    /// Lognormal with a deviation of 1 on the log scale; the mean is that of the logarithm.
    LogNormal,
}

/// A way to judge the goal.
#[derive(Clone, Copy)]
struct Way {
    strata: bool,
    scale: Scale,
    method: Method,
}

const WAYS: [Way; 5] = [
    Way { strata: false, scale: Scale::Difference, method: Method::Sequence },
    Way { strata: true, scale: Scale::Difference, method: Method::Sequence },
    Way { strata: false, scale: Scale::LogRatio, method: Method::Sequence },
    Way { strata: true, scale: Scale::LogRatio, method: Method::Sequence },
    Way { strata: true, scale: Scale::Difference, method: Method::Looks(Spending::OBrienFleming) },
];

fn plan(units: usize, way: Way) -> Plan {
    let goal = Goal { metric: "goal".into(), direction: Direction::Higher, scale: way.scale };
    let mut plan = Plan::new(goal, units as u64);
    plan.minimum_seconds = 0;
    plan.maximum_units = plan.planned_units;
    plan.method = way.method;
    plan
}

/// Whether a look shows a difference, whichever way.
fn shows(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Winner { .. } | Outcome::KeepChampion { because: Because::Harm })
}

/// The units at which each way shows a difference; none if it never does.
fn run(kinds: &[Kind], values: Values, plans: &[Plan], seed: u64) -> Vec<Option<u64>> {
    let mut random = Random::new(seed);
    let mut cells = vec![[Univariate::default(); 2]; kinds.len()];
    let mut shown = vec![None; plans.len()];
    let mut counted = vec![Vec::new(); plans.len()];
    let total = usize::try_from(plans[0].planned_units).expect("a size");
    for look in 1..=LOOKS {
        let mut batches = vec![[Vec::new(), Vec::new()]; kinds.len()];
        for _ in 0..total / LOOKS {
            let mut place = random.uniform();
            let first = |kind: &Kind| {
                place -= kind.share;
                place < 0.0
            };
            let at = kinds.iter().position(first).unwrap_or(kinds.len() - 1);
            let arm = (random.bits() >> 63) as usize;
            let mean = kinds[at].mean + if arm == 1 { kinds[at].gain } else { 0.0 };
            batches[at][arm].push(match values {
                Values::Normal => mean + random.normal(),
                Values::Bernoulli => f64::from(u8::from(random.chance(mean))),
                Values::LogNormal => (mean + random.normal()).exp(),
            });
        }
        for (cell, batch) in cells.iter_mut().zip(&batches) {
            for (moments, values) in cell.iter_mut().zip(batch) {
                moments.merge(&Univariate::from_columns([values]).expect("numbers")).expect("numbers");
            }
        }
        for (way, (plan, shown)) in plans.iter().zip(&mut shown).enumerate().filter(|(_, (_, s))| s.is_none())
        {
            let mut snapshot = known(&cells, WAYS[way].strata);
            snapshot.looks = std::mem::take(&mut counted[way]);
            count_look(plan, COUNTED, &mut snapshot);
            let outcome = decide(plan, &snapshot).expect("a plan").outcome;
            *shown = shows(outcome).then(|| snapshot.units.iter().sum());
            counted[way] = snapshot.looks;
        }
        if look == LOOKS || shown.iter().all(Option::is_some) {
            break;
        }
    }
    shown
}

fn known(cells: &[[Univariate; 2]], strata: bool) -> Snapshot {
    let mut all = [Univariate::default(); 2];
    for cell in cells {
        all.iter_mut().zip(cell).for_each(|(all, one)| all.merge(one).expect("numbers"));
    }
    let mut snapshot = Snapshot { units: all.iter().map(Univariate::n).collect(), ..Snapshot::default() };
    let arms = all.iter().map(|moments| Arm::of(Sample::of(moments, 0))).collect();
    snapshot.metrics.insert("goal".into(), Evidence::Split(arms));
    if strata {
        let cells: Vec<Together<1>> =
            cells.iter().enumerate().map(|(at, cell)| (at.to_string(), cell.to_vec())).collect();
        let cells = pooled(cells, &[0.5, 0.5], FIRST_LOOK).expect("numbers");
        let samples = |arms: Vec<Univariate>| arms.iter().map(|arm| Sample::of(arm, 0)).collect();
        let strata = cells.into_iter().map(|(name, arms)| Stratum { name, arms: samples(arms) });
        snapshot.strata.insert("goal".into(), strata.collect());
    }
    snapshot
}

/// Kinds of units with these means; the last are rare, and too few for a stratum at first.
fn kinds(means: [f64; 4], gains: [f64; 4]) -> Vec<Kind> {
    let shares = [0.4, 0.3, 0.28, 0.02];
    let of = |at: usize| Kind { share: shares[at], mean: means[at], gain: gains[at] };
    (0..4).map(of).collect()
}

fn strata(runs: u64) {
    println!(
        "Strata: four kinds of units, of which one is rare (2 %), looked at {LOOKS} times. False winners, and"
    );
    println!("false harm, in percent of {runs} experiments without a difference on average:\n");
    println!(
        "| values | units | all together | by strata | log ratio | log ratio, strata | strata, O'Brien-Fleming, 5 looks |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let none = [0.0; 4];
    let cells = [
        ("normal, half of the variance is between kinds", Values::Normal, [4.0, 5.2, 6.4, 8.0], none, 10_000),
        (
            "the same, effects of opposite sign in kinds",
            Values::Normal,
            [4.0, 5.2, 6.4, 8.0],
            [0.7, 0.0, -1.0, 0.0],
            10_000,
        ),
        ("Bernoulli 0.1, from 0.02 to 0.4", Values::Bernoulli, [0.02, 0.1, 0.2, 0.4], none, 10_000),
        ("Bernoulli 0.02, from 0.004 to 0.1", Values::Bernoulli, [0.004, 0.02, 0.036, 0.1], none, 40_000),
        ("lognormal, medians from 1 to 12", Values::LogNormal, [0.0, 0.7, 1.4, 2.5], none, 10_000),
    ];
    for (cell, (name, values, means, gains, units)) in cells.into_iter().enumerate() {
        let (kinds, plans) = (kinds(means, gains), WAYS.map(|way| plan(units, way)));
        let mut counts = [0_u64; WAYS.len()];
        for index in 0..runs {
            let shown = run(&kinds, values, &plans, (500 + cell as u64) << 32 | index);
            counts.iter_mut().zip(shown).for_each(|(count, shown)| *count += u64::from(shown.is_some()));
        }
        println!("| {name} | {units} | {} |", counts.map(|count| percent(count, runs)).join(" | "));
    }
    println!(
        "\nPower, and units as a share of 10000 (runs that never stop count whole), at the effect that a fixed"
    );
    println!("horizon of 10000 units shows with 80 % without strata:\n");
    println!(
        "| values | all together | by strata | log ratio | log ratio, strata | strata, O'Brien-Fleming, 5 looks |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    let deviation = {
        let kinds = kinds([4.0, 5.2, 6.4, 8.0], none);
        let mean: f64 = kinds.iter().map(|kind| kind.share * kind.mean).sum();
        (1.0 + kinds.iter().map(|kind| kind.share * (kind.mean - mean).powi(2)).sum::<f64>()).sqrt()
    };
    let effect = (normal_isf(0.025) + normal_isf(0.2)) * deviation * (4.0 / 10_000.0_f64).sqrt();
    let (kinds, plans) = (kinds([4.0, 5.2, 6.4, 8.0], [effect; 4]), WAYS.map(|way| plan(10_000, way)));
    let mut found = [(0_u64, 0_u64); WAYS.len()];
    for index in 0..runs {
        for (found, shown) in found.iter_mut().zip(run(&kinds, Values::Normal, &plans, 550 << 32 | index)) {
            found.0 += u64::from(shown.is_some());
            found.1 += shown.unwrap_or(10_000);
        }
    }
    let of = |(count, units): (u64, u64)| {
        format!("{:.3} / {:.3}", count as f64 / runs as f64, units as f64 / (10_000.0 * runs as f64))
    };
    println!("| normal, half of the variance is between kinds | {} |\n", found.map(of).join(" | "));
}

/// Amounts of money: nothing from most, a lognormal amount from some.
#[derive(Clone, Copy)]
struct Amounts {
    buyers: f64,
    /// Mean and deviation of the logarithm.
    log: (f64, f64),
}

/// The units at which a difference is shown without a cap, and with the 99th percentile of amounts.
fn capped(arms: [Amounts; 2], units: usize, seed: u64) -> [Option<u64>; 2] {
    let mut random = Random::new(seed);
    let plan = plan(units, WAYS[0]);
    let mut seen = [0_u64; 2];
    // All amounts in order, with their arm.
    let mut amounts: Vec<(f64, usize)> = Vec::new();
    let mut shown = [None; 2];
    for _ in 0..LOOKS {
        for _ in 0..units / LOOKS {
            let arm = (random.bits() >> 63) as usize;
            seen[arm] += 1;
            let Amounts { buyers, log: (mean, deviation) } = arms[arm];
            if random.chance(buyers) {
                amounts.push(((mean + deviation * random.normal()).exp(), arm));
            }
        }
        amounts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = amounts.iter().map(|(value, _)| *value).collect();
        let caps = [None, quantile(&values, 0.99)];
        for (shown, cap) in shown.iter_mut().zip(caps).filter(|(shown, _)| shown.is_none()) {
            let cap = cap.unwrap_or(f64::INFINITY);
            let mut sums = [(0.0, 0.0); 2];
            for (value, arm) in &amounts {
                let value = value.min(cap);
                sums[*arm].0 += value;
                sums[*arm].1 += value * value;
            }
            let arm = |arm: usize| {
                let moments = Univariate::from_sums(seen[arm], [sums[arm].0], |_, _| sums[arm].1);
                Arm::of(Sample::of(&moments.expect("numbers"), 0))
            };
            let mut snapshot = Snapshot { units: seen.to_vec(), ..Snapshot::default() };
            snapshot.metrics.insert("goal".into(), Evidence::Split(vec![arm(0), arm(1)]));
            let outcome = decide(&plan, &snapshot).expect("a plan").outcome;
            *shown = shows(outcome).then(|| seen.iter().sum());
        }
    }
    shown
}

/// Amounts of another spread whose mean is the same as that of `a`, once both are cut at the 99th
/// percentile of all amounts together.
fn same_up_to_the_cap(a: Amounts, deviation: f64) -> Amounts {
    // The mean of a lognormal amount that is cut.
    let mean = |of: Amounts, cap: f64| {
        let (m, s) = of.log;
        let z = (cap.ln() - m) / s;
        of.buyers * ((m + 0.5 * s * s).exp() * normal_cdf(z - s) + cap * normal_sf(z))
    };
    let above = |of: Amounts, cap: f64| of.buyers * normal_sf((cap.ln() - of.log.0) / of.log.1);
    let bisect = |mut low: f64, mut high: f64, less: &dyn Fn(f64) -> bool| {
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if less(middle) { low = middle } else { high = middle }
        }
        low
    };
    let at = |m: f64| Amounts { buyers: a.buyers, log: (m, deviation) };
    let cap = |b: Amounts| {
        let most = 0.01 * (a.buyers + b.buyers);
        bisect(-5.0, 15.0, &|log| above(a, log.exp()) + above(b, log.exp()) > most).exp()
    };
    at(bisect(-5.0, 5.0, &|m| mean(at(m), cap(at(m))) < mean(a, cap(at(m)))))
}

fn caps(runs: u64) {
    println!(
        "Caps: the 99th percentile of all amounts so far, found anew at each of {LOOKS} looks. Differences shown in"
    );
    println!("percent of {runs} experiments, and units as a share of all:\n");
    println!("| amounts | units | without a cap | cap p99 |");
    println!("|---|---:|---:|---:|");
    let revenue = Amounts { buyers: 0.05, log: (0.0, 1.5) };
    let lognormal = Amounts { buyers: 1.0, log: (0.0, 1.0) };
    let wide = Amounts { buyers: 1.0, log: (0.0, 1.5) };
    let dearer = Amounts { log: (0.2, 1.5), ..revenue };
    let cells = [
        ("5 % buy, lognormal with 1.5; the same", [revenue, revenue], 40_000),
        ("lognormal with 1; the same", [lognormal, lognormal], 10_000),
        ("lognormal with 1.5; the same", [wide, wide], 10_000),
        (
            "lognormal with 1 and with 1.5, the same mean up to the cap",
            [lognormal, same_up_to_the_cap(lognormal, 1.5)],
            10_000,
        ),
        ("5 % buy, lognormal with 1.5; 22 % more", [revenue, dearer], 40_000),
    ];
    for (cell, (name, arms, units)) in cells.into_iter().enumerate() {
        let mut found = [(0_u64, 0_u64); 2];
        for index in 0..runs {
            let shown = capped(arms, units, (600 + cell as u64) << 32 | index);
            for (found, shown) in found.iter_mut().zip(shown) {
                found.0 += u64::from(shown.is_some());
                found.1 += shown.unwrap_or(units as u64);
            }
        }
        let of = |(count, used): (u64, u64)| {
            format!("{} / {:.3}", percent(count, runs), used as f64 / (units as f64 * runs as f64))
        };
        let [plain, cut] = found.map(of);
        // Without a cap the means of arms of different spread differ.
        let plain = if name.contains("up to the cap") { "-".to_owned() } else { plain };
        println!("| {name} | {units} | {plain} | {cut} |");
    }
    println!();
}

pub(crate) fn report(runs: u64) {
    println!("## Strata and caps\n");
    strata(runs);
    caps(runs);
}
