//! How often the methods err, how many units they take, and what they cost: `bench/ab/README.md`.
//!
//! ```sh
//! cargo run --release -p mainspring-stats --example ab -- all 10000
//! ```
//!
//! The first argument is a part (`monitored`, `paired`, `split`, `winner`, `adjusted`, `bandit`, `cost`, or
//! `all`), the second
//! the number of runs. The same numbers come at every call.
#![expect(clippy::print_stdout, reason = "it prints tables")]
#![expect(clippy::expect_used, reason = "a measurement that fails ends")]

mod adjusted;
mod bandit;
mod cost;
mod monitored;
mod paired;
mod random;
mod split;
mod winner;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_else(|| "all".to_owned());
    let runs: u64 = arguments.next().map_or(10_000, |runs| runs.parse().expect("a number of runs"));
    let wanted = |name: &str| part == name || part == "all";
    if wanted("monitored") {
        monitored::report(runs);
    }
    if wanted("paired") {
        paired::report(runs);
    }
    if wanted("split") {
        split::report(runs);
    }
    if wanted("winner") {
        winner::report(runs);
    }
    if wanted("adjusted") {
        adjusted::report(runs);
    }
    if wanted("bandit") {
        bandit::report(runs);
    }
    if wanted("cost") {
        cost::report();
    }
}

/// A share of runs in percent.
fn percent(count: u64, runs: u64) -> String {
    format!("{:.2}", 100.0 * count as f64 / runs as f64)
}
