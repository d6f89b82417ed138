//! Integrals of smooth functions.

use std::f64::consts::PI;

use libm::cos;

/// Points of Gauss and Legendre's rule on one panel.
const POINTS: usize = 20;

/// Nodes and weights of Gauss and Legendre's rule on `panels` equal panels between `low` and `high`.
pub(crate) fn nodes(low: f64, high: f64, panels: u32) -> Vec<(f64, f64)> {
    let rule = legendre();
    let width = (high - low) / f64::from(panels);
    (0..panels)
        .flat_map(|panel| {
            let middle = low + (f64::from(panel) + 0.5) * width;
            rule.iter().map(move |(x, w)| (middle + 0.5 * width * x, 0.5 * width * w))
        })
        .collect()
}

/// The integral of `function` from `low` to `high` by 20-point Gauss-Legendre on `panels` equal panels.
pub(crate) fn integrate(function: impl Fn(f64) -> f64, low: f64, high: f64, panels: u32) -> f64 {
    nodes(low, high, panels).into_iter().map(|(x, w)| w * function(x)).sum()
}

/// The rule on [-1, 1], by Newton's method on the Legendre polynomial.
fn legendre() -> [(f64, f64); POINTS] {
    let n = POINTS as f64;
    std::array::from_fn(|index| {
        let mut x = cos(PI * (index as f64 + 0.75) / (n + 0.5));
        let mut slope = 1.0;
        for _ in 0..8 {
            let (mut below, mut value) = (1.0, x);
            for k in 2..=POINTS {
                let k = k as f64;
                (below, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * below) / k);
            }
            slope = n * (x * value - below) / (x * x - 1.0);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    })
}
