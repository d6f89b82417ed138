//! The two-sample Kolmogorov-Smirnov test.

use serde::{Deserialize, Serialize};

/// Up to this many pairs (n times m) the p-value is exact.
const MAX_EXACT_PAIRS: u64 = 25_000_000;

/// Result of [`ks_two_sample`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KsResult {
    /// Largest distance between the two empirical distribution functions.
    pub d: f64,
    /// Two-sided p-value.
    pub p: f64,
}

/// The two-sided test that two samples come from one distribution.
///
/// The p-value is exact up to 25 million pairs (n times m, in as many steps) and Kolmogorov's limit beyond. `None` if a
/// sample is empty or holds NaN.
#[must_use]
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> Option<KsResult> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|value| value.is_nan()) {
        return None;
    }
    let (n, m) = (a.len() as u64, b.len() as u64);
    let distance = largest_distance(a, b);
    let d = distance as f64 / (n as f64 * m as f64);
    let p = if n.saturating_mul(m) <= MAX_EXACT_PAIRS {
        exact(n, m, distance)
    } else {
        let (n, m) = (n as f64, m as f64);
        kolmogorov_sf(d * (n * m / (n + m)).sqrt())
    };
    Some(KsResult { d, p })
}

/// max |i m - j n| over the steps of both distribution functions: D times n m, as a whole number.
fn largest_distance(a: &[f64], b: &[f64]) -> u64 {
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as u64, b.len() as u64);
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        largest = largest.max((i as u64 * m).abs_diff(j as u64 * n));
    }
    largest
}

/// P(n m D >= `distance`) under the null hypothesis without ties.
///
/// Every order of the pooled sample is a lattice path from (0, 0) to (n, m), all equally likely. Let
/// q(i, j) be the share of paths to (i, j) that have been at least `distance` off the diagonal. The
/// last step to (i, j) came from (i - 1, j) with probability i / (i + j), so
/// q(i, j) = 1 if |i m - j n| >= distance, else (i q(i - 1, j) + j q(i, j - 1)) / (i + j).
/// All terms are positive: no digits are lost in the tail.
fn exact(n: u64, m: u64, distance: u64) -> f64 {
    let mut column = vec![0.0_f64; m as usize + 1];
    for i in 0..=n {
        let mut below = 0.0;
        for (j, q) in column.iter_mut().enumerate() {
            let j = j as u64;
            *q = if (i * m).abs_diff(j * n) >= distance {
                1.0
            } else if i + j == 0 {
                0.0
            } else {
                (i as f64 * *q + j as f64 * below) / (i + j) as f64
            };
            below = *q;
        }
    }
    column.last().copied().unwrap_or(1.0)
}

/// P(K > x) of Kolmogorov's limit distribution: the theta series that converges fast on each side.
#[must_use]
pub fn kolmogorov_sf(x: f64) -> f64 {
    use std::f64::consts::PI;
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        let terms = (0..8).map(|k| (-(f64::from(2 * k + 1) * PI).powi(2) / (8.0 * x * x)).exp());
        return 1.0 - (2.0 * PI).sqrt() / x * terms.sum::<f64>();
    }
    let terms = (1..12).map(|k| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    });
    2.0 * terms.sum::<f64>()
}
