//! Sample ratio mismatch, checked after every unit.

use mainspring_stats::sequential::srm::{CONCENTRATION, FLAG, log_e};

use crate::percent;
use crate::random::Random;

/// The unit at which the check flags; none within `total` units of which the first arm gets `share`.
///
/// The e-value is carried on by its factor for each unit; at the end it is compared with the whole.
fn run(share: f64, total: usize, seed: u64) -> Option<usize> {
    let mut random = Random::new(seed);
    let (mut counts, mut e) = ([0_u64; 2], 1.0_f64);
    for n in 0..total {
        let arm = usize::from(!random.chance(share));
        e *= (counts[arm] as f64 + 0.5 * CONCENTRATION) / ((n as f64 + CONCENTRATION) * 0.5);
        counts[arm] += 1;
        if e >= FLAG {
            let whole = log_e(&counts, &[0.5, 0.5]).expect("two arms");
            assert!((whole - e.ln()).abs() < 1e-6, "{whole} {}", e.ln());
            return Some(n + 1);
        }
    }
    None
}

pub(crate) fn report(runs: u64) {
    println!("## Sample ratio mismatch\n");
    println!(
        "Percent of {runs} experiments that are flagged, checked after every unit, and the mean units until then.\n"
    );
    println!("| first arm gets | units | flagged | after |");
    println!("|---|---:|---:|---:|");
    let cells = [
        ("0.5, as planned", 0.5, 100_000),
        ("0.48", 0.48, 30_000),
        ("0.49", 0.49, 100_000),
        ("0.5128: the other loses 5 % of its logs", 1.0 / 1.95, 50_000),
    ];
    for (cell, (name, share, total)) in cells.into_iter().enumerate() {
        let stops: Vec<usize> =
            (0..runs).filter_map(|index| run(share, total, (200 + cell as u64) << 32 | index)).collect();
        let mean = stops.iter().sum::<usize>() as f64 / stops.len().max(1) as f64;
        println!("| {name} | {total} | {} | {mean:.0} |", percent(stops.len() as u64, runs));
    }
    println!();
}
