//! The incomplete beta function, and the distributions that are made of it.

use std::f64::consts::PI;

use libm::{exp, log, log1p, sqrt};

use super::MAX_PARAMETER;
use super::elementary::{ln_1p_minus, stirling_rest};
use super::solve::upper_quantile;

const MAX_TERMS: u32 = 100_000;

/// ln B(a, b); NaN unless both are positive.
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) {
        return f64::NAN;
    }
    let n = a + b;
    let rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(n);
    // a ln(a/n) + b ln(b/n), the larger of the two shares by ln(1 + x).
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    rest + small * log(small / n) + large * log1p(-small / n) + 0.5 * log(2.0 * PI * n / (a * b))
}

/// P(X <= x) of the beta distribution: the regularised incomplete beta function I_x(a, b).
#[must_use]
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    regularised(x, 1.0 - x, a, b).0
}

/// P(X > x) of the beta distribution.
#[must_use]
pub fn beta_sf(x: f64, a: f64, b: f64) -> f64 {
    regularised(x, 1.0 - x, a, b).1
}

/// The x with P(X <= x) = `p` for the beta distribution; 0 and 1 at the ends, NaN outside.
#[must_use]
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if !((0.0..=1.0).contains(&p) && a > 0.0 && b > 0.0 && a.max(b) <= MAX_PARAMETER) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return p;
    }
    let odds = odds_quantile(p, a, b);
    odds / (1.0 + odds)
}

/// The odds x / (1 - x) at the p-quantile: both ends of the unit interval keep their digits.
fn odds_quantile(p: f64, a: f64, b: f64) -> f64 {
    let parts = |odds: f64| regularised(odds / (1.0 + odds), 1.0 / (1.0 + odds), a, b);
    if p > 0.5 {
        return upper_quantile(|odds| parts(odds).1, 1.0 - p, a / b);
    }
    1.0 / upper_quantile(|reciprocal| parts(1.0 / reciprocal).0, p, b / a)
}

/// P(X > x) of Fisher's F distribution with `d1` and `d2` degrees of freedom.
#[must_use]
pub fn f_sf(x: f64, d1: f64, d2: f64) -> f64 {
    if x <= 0.0 {
        return if d1 > 0.0 && d2 > 0.0 { 1.0 } else { f64::NAN };
    }
    let scale = d1 * x + d2;
    regularised(d2 / scale, d1 * x / scale, 0.5 * d2, 0.5 * d1).0
}

/// The x with P(X <= x) = `p` for Fisher's F distribution; NaN unless 0 < `p` < 1.
#[must_use]
pub fn f_quantile(p: f64, d1: f64, d2: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && d1 > 0.0 && d2 > 0.0 && d1.max(d2) <= MAX_PARAMETER) {
        return f64::NAN;
    }
    odds_quantile(p, 0.5 * d1, 0.5 * d2) * d2 / d1
}

/// P(X = k) of `n` trials with success probability `p`.
#[must_use]
pub fn binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n || !(0.0..=1.0).contains(&p) {
        return if k > n { 0.0 } else { f64::NAN };
    }
    if p == 0.0 || p == 1.0 {
        return f64::from(u8::from((p == 0.0) == (k == 0) && (p == 0.0 || k == n)));
    }
    let (k, n) = (k as f64, n as f64);
    // x^a y^b / B(a, b) at a = k + 1, b = n - k + 1 is (n + 1) C(n, k) p^(k+1) q^(n-k+1).
    let (a, b, q) = (k + 1.0, n - k + 1.0, 1.0 - p);
    let excess = if p <= q { (a + b).mul_add(p, -a) } else { (a + b).mul_add(-q, b) };
    power_term(p, q, a, b, excess) / ((n + 1.0) * p * q)
}

/// P(X <= k) of `n` trials with success probability `p`.
#[must_use]
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 1.0 } else { regularised(p, 1.0 - p, k as f64 + 1.0, (n - k) as f64).1 }
}

/// P(X > k) of `n` trials with success probability `p`.
#[must_use]
pub fn binomial_sf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n { 0.0 } else { regularised(p, 1.0 - p, k as f64 + 1.0, (n - k) as f64).0 }
}

/// I_x(a, b) and its complement for `y` = 1 - x, of which the smaller of the two is taken as exact: the
/// continued fraction of Didonato and Morris (1992, TOMS 708) on the side of the mean where it converges.
pub(crate) fn regularised(x: f64, y: f64, a: f64, b: f64) -> (f64, f64) {
    if !(a > 0.0 && b > 0.0) || x.is_nan() || y.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    // (a + b) x - a, from the smaller of x and y, which is the one that no difference has rounded.
    let n = a + b;
    let excess = if x <= y { n.mul_add(x, -a) } else { n.mul_add(-y, b) };
    let power = power_term(x, y, a, b, excess);
    if excess <= 0.0 {
        let lower = (power / denominator(x, y, a, b, -excess)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (power / denominator(y, x, b, a, excess)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// The fraction f with I_x(a, b) = x^a y^b / (B(a, b) f), by Lentz's method; `below` is a - (a + b) x,
/// not negative.
fn denominator(x: f64, y: f64, a: f64, b: f64, below: f64) -> f64 {
    let tiny = f64::MIN_POSITIVE;
    let mut value = a * (below + 1.0) / (a + 1.0);
    let (mut c, mut d) = (value, 0.0);
    for m in 1..MAX_TERMS {
        let m = f64::from(m);
        let twice = a + 2.0 * m;
        let w = m * (b - m) * x / (twice - 1.0);
        let numerator = (a + m - 1.0) * (a + b + m - 1.0) * x / (twice - 1.0) * w;
        let partial = m + w + (a + m) * (below + 1.0 + m * (1.0 + y)) / (twice + 1.0);
        d = 1.0 / nonzero(partial + numerator * d, tiny);
        c = nonzero(partial + numerator / c, tiny);
        value *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

fn nonzero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// x^a y^b / B(a, b), in Loader's form: the deviance from the mean times Stirling's rests; `excess` is
/// (a + b) x - a.
fn power_term(x: f64, y: f64, a: f64, b: f64, excess: f64) -> f64 {
    let n = a + b;
    let deviance = |ratio: f64, t: f64| if t.abs() < 0.5 { ln_1p_minus(t) } else { log(ratio) - t };
    let left = a * deviance(x / a * n, excess / a);
    let right = b * deviance(y / b * n, -excess / b);
    let rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(n);
    exp(left + right - rest) * sqrt(a / (2.0 * PI) * (b / n))
}
