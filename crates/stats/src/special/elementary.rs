//! Elementary functions without cancellation.

use libm::{log, log1p};

/// ln(1 + x) - x, for x > -1.
///
/// By the series of 2 atanh(x / (2 + x)) near zero, where the two terms cancel.
pub(crate) fn ln_1p_minus(x: f64) -> f64 {
    if !(-0.4..=0.65).contains(&x) {
        return log1p(x) - x;
    }
    // With r = x / (2 + x): ln(1 + x) = 2 (r + r^3/3 + r^5/5 + ...), and x - 2 r = r x.
    let r = x / (2.0 + x);
    let r2 = r * r;
    let mut sum = 0.0;
    let mut power = 1.0;
    for k in 1_u32.. {
        power *= r2;
        let term = power / f64::from(2 * k + 1);
        sum += term;
        if term <= sum * 1e-17 {
            break;
        }
    }
    r * (2.0 * sum - x)
}

/// lnGamma(a) - ((a - 1/2) ln a - a + ln sqrt(2 pi)), for a > 0: what Stirling's formula leaves.
pub(crate) fn stirling_rest(a: f64) -> f64 {
    if a < 1e-3 {
        // The recurrence below would lose what ln(a) is.
        return libm::lgamma(a) - ((a - 0.5) * log(a) - a + LN_SQRT_2PI);
    }
    let (mut a, mut rest) = (a, 0.0);
    while a < 10.0 {
        rest += (a + 0.5) * log1p(1.0 / a) - 1.0;
        a += 1.0;
    }
    let r2 = 1.0 / (a * a);
    let series = STIRLING.iter().rev().fold(0.0, |sum, c| sum * r2 + c) / a;
    rest + series
}

const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// B_2k / (2k (2k - 1)) of Stirling's series.
const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360_360.0,
    1.0 / 156.0,
    -3617.0 / 122_400.0,
];
