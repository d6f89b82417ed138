//! The gamma function, its incomplete integrals, and the chi-square distribution.

use std::f64::consts::PI;

use libm::{exp, log, sqrt};

use super::MAX_PARAMETER;
use super::elementary::{ln_1p_minus, stirling_rest};
use super::solve::upper_quantile;

const MAX_TERMS: u32 = 100_000;

/// P(X > x) of the chi-square distribution with `df` degrees of freedom; NaN for `df` <= 0 or NaN.
#[must_use]
pub fn chi2_sf(x: f64, df: f64) -> f64 {
    gamma_q(0.5 * df, 0.5 * x)
}

/// P(X <= x) of the chi-square distribution with `df` degrees of freedom; NaN for `df` <= 0 or NaN.
#[must_use]
pub fn chi2_cdf(x: f64, df: f64) -> f64 {
    gamma_p(0.5 * df, 0.5 * x)
}

/// The x with P(X > x) = `p` for chi-square with `df` degrees of freedom; NaN unless 0 < `p` < 1.
#[must_use]
pub fn chi2_isf(p: f64, df: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && df > 0.0 && df <= MAX_PARAMETER) {
        return f64::NAN;
    }
    upper_quantile(|x| chi2_sf(x, df), p, df.max(1e-3))
}

/// The x with P(X <= x) = `p` for the gamma distribution of shape `a` and rate 1; NaN unless 0 < `p` < 1.
#[must_use]
pub fn gamma_quantile(p: f64, a: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && a > 0.0 && a <= MAX_PARAMETER) {
        return f64::NAN;
    }
    // 1 / x falls as its tail, which is the lower tail of x.
    1.0 / upper_quantile(|reciprocal| gamma_p(a, 1.0 / reciprocal), p, 1.0 / a)
}

/// ln Gamma(a); NaN for `a` <= 0.
#[must_use]
pub fn ln_gamma(a: f64) -> f64 {
    if a > 0.0 { libm::lgamma(a) } else { f64::NAN }
}

/// The regularised lower incomplete gamma function P(a, x); NaN unless a > 0.
#[must_use]
pub fn gamma_p(a: f64, x: f64) -> f64 {
    match incomplete(a, x) {
        Part::Lower(p) => p,
        Part::Upper(q) => 1.0 - q,
    }
}

/// The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x); NaN unless a > 0.
#[must_use]
pub fn gamma_q(a: f64, x: f64) -> f64 {
    match incomplete(a, x) {
        Part::Lower(p) => 1.0 - p,
        Part::Upper(q) => q,
    }
}

enum Part {
    Lower(f64),
    Upper(f64),
}

/// The smaller part: the power series of P below the mean, Legendre's continued fraction of Q by
/// Lentz's method above.
fn incomplete(a: f64, x: f64) -> Part {
    if a.is_nan() || x.is_nan() || a <= 0.0 {
        return Part::Upper(f64::NAN);
    }
    if x <= 0.0 {
        return Part::Lower(0.0);
    }
    if x.is_infinite() {
        return Part::Upper(0.0);
    }
    if x < 1.1 && a < 0.75 {
        return small(a, x);
    }
    let power = power_term(a, x);
    if x < a + 1.0 {
        // P = power * sum of x^k / ((a + 1) ... (a + k))
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..MAX_TERMS {
            term *= x / (a + f64::from(k));
            sum += term;
            if term < sum * f64::EPSILON * 0.1 {
                break;
            }
        }
        return Part::Lower(power * sum);
    }
    Part::Upper(power * a * fraction(a, x))
}

/// For small a and x, where either part may be the small one: P = x^a / Gamma(a + 1) times an
/// alternating series, and Q without the cancellation of 1 - P.
fn small(a: f64, x: f64) -> Part {
    // x^a / Gamma(a + 1) - 1
    let exponent = a * log(x) - ln_gamma_1p(a);
    let leading = libm::expm1(exponent);
    // sum over k >= 1 of (-x)^k / (k! (a + k))
    let (mut term, mut sum) = (1.0, 0.0);
    for k in 1..100 {
        let k = f64::from(k);
        term *= -x / k;
        sum += term / (a + k);
        if term.abs() < 1e-18 * sum.abs() {
            break;
        }
    }
    if leading < -0.5 {
        Part::Lower(exp(exponent) * (1.0 + a * sum))
    } else {
        Part::Upper(-leading - (1.0 + leading) * a * sum)
    }
}

/// ln Gamma(1 + a) for 0 < a < 1. What 1 + a rounds away is put back by the derivative.
fn ln_gamma_1p(a: f64) -> f64 {
    let sum = 1.0 + a;
    let digamma = -0.577_215_664_9 + a * (1.644_934_066_8 - a * (1.202_056_903_2 - a));
    libm::lgamma(sum) + (a - (sum - 1.0)) * digamma
}

/// The fraction f with Q(a, x) = x^a e^-x / Gamma(a) f.
fn fraction(a: f64, x: f64) -> f64 {
    let tiny = f64::MIN_POSITIVE;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..MAX_TERMS {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / nonzero(an * d + b, tiny);
        c = nonzero(b + an / c, tiny);
        fraction *= d * c;
        if (d * c - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

fn nonzero(value: f64, tiny: f64) -> f64 {
    if value.abs() < tiny { tiny } else { value }
}

/// x^a e^-x / Gamma(a + 1), in Loader's form, which does not subtract numbers of the size of a ln x.
fn power_term(a: f64, x: f64) -> f64 {
    let t = (x - a) / a;
    let deviance = if t.abs() < 0.5 { ln_1p_minus(t) } else { log(x / a) - t };
    exp(a * deviance - stirling_rest(a)) / sqrt(2.0 * PI * a)
}
