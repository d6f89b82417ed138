//! Two models on the same requests.

use mainspring_stats::decide::FIRST_LOOK;
use mainspring_stats::fixed::power::{sample_size_paired, sample_size_proportions};
use mainspring_stats::sequential::asymptotic::{Sequence, Sides};
use mainspring_stats::sequential::sign::SignTest;

use crate::percent;
use crate::random::Random;

const ALPHA: f64 = 0.05;

/// Requests at which the sign e-process and the confidence sequence of the mean difference stop.
fn run(discordance: f64, difference: f64, total: usize, limits: &[f64], seed: u64) -> [Option<usize>; 2] {
    let mut random = Random::new(seed);
    let (mut test, mut stops) = (SignTest::default(), [None; 2]);
    let candidate = (discordance + difference) / 2.0;
    for (n, limit) in limits.iter().enumerate().take(total + 1).skip(1) {
        let u = random.uniform();
        if u < discordance {
            test.add(u64::from(u >= candidate), u64::from(u < candidate));
            if stops[0].is_none() && test.log_e() >= -ALPHA.ln() {
                stops[0] = Some(n);
            }
        }
        let (wins, losses) = (test.only_candidate as f64, test.only_champion as f64);
        let count = n as f64;
        let mean = (wins - losses) / count;
        let variance = ((wins + losses) / count - mean * mean) / (count - 1.0);
        if n as u64 >= FIRST_LOOK && variance > 0.0 && mean * mean > limit * variance && stops[1].is_none() {
            stops[1] = Some(n);
        }
        if stops.iter().all(Option::is_some) {
            break;
        }
    }
    stops
}

fn limits(total: usize) -> Vec<f64> {
    let sequence = Sequence::for_plan(ALPHA, total as f64, Sides::Two).expect("a plan");
    (0..=total).map(|n| sequence.half_width(1.0, n as f64).powi(2)).collect()
}

pub(crate) fn report(runs: u64) {
    println!("## Two models on the same requests\n");
    println!(
        "Looked at after every request. False winners in percent of {runs} runs without a difference:\n"
    );
    println!("| discordant | requests | sign e-process | sequence of the mean difference |");
    println!("|---:|---:|---:|---:|");
    for (cell, (discordance, total)) in [(0.05, 4_000), (0.10, 8_000), (0.30, 8_000)].into_iter().enumerate()
    {
        let limits = limits(total);
        let mut counts = [0_u64; 2];
        for index in 0..runs {
            let stops = run(discordance, 0.0, total, &limits, (100 + cell as u64) << 32 | index);
            for (count, stop) in counts.iter_mut().zip(stops) {
                *count += u64::from(stop.is_some());
            }
        }
        println!("| {discordance} | {total} | {} | {} |", percent(counts[0], runs), percent(counts[1], runs));
    }
    println!(
        "\nRequests for accuracies 0.90 and 0.91 at 80 % power: planned, and until a stop on average when"
    );
    println!("followed to four times the plan (share that stops in brackets), against two arms:\n");
    println!(
        "| discordant | planned | sign e-process | sequence | planned for two arms | planned share of it |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    let unpaired = 2.0 * sample_size_proportions(0.90, 0.91, ALPHA, 0.8).expect("a size");
    for (cell, discordance) in [0.03, 0.05, 0.10].into_iter().enumerate() {
        let planned = sample_size_paired(0.01, discordance, ALPHA, 0.8).expect("a size");
        let total = 4 * planned as usize;
        let sequence = Sequence::for_plan(ALPHA, planned, Sides::Two).expect("a plan");
        let limits: Vec<f64> = (0..=total).map(|n| sequence.half_width(1.0, n as f64).powi(2)).collect();
        let mut stopped = [(0_u64, 0_usize); 2];
        for index in 0..runs {
            let stops = run(discordance, 0.01, total, &limits, (110 + cell as u64) << 32 | index);
            for (entry, stop) in stopped.iter_mut().zip(stops) {
                entry.0 += u64::from(stop.is_some());
                entry.1 += stop.unwrap_or(total);
            }
        }
        let shown = |(count, requests): (u64, usize)| {
            format!("{:.0} ({} %)", requests as f64 / runs as f64, percent(count, runs))
        };
        println!(
            "| {discordance} | {planned:.0} | {} | {} | {unpaired:.0} | {:.3} |",
            shown(stopped[0]),
            shown(stopped[1]),
            planned / unpaired
        );
    }
    println!();
}
