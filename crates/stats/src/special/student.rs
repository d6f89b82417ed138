//! Student's t distribution, central and noncentral.

use libm::{exp, log, sqrt};

use super::MAX_PARAMETER;
use super::beta::regularised;
use super::normal::{normal_isf, normal_sf};
use super::quadrature::nodes;
use super::solve::upper_quantile;
use super::{ln_beta, ln_gamma, normal_cdf};

/// P(T > t) with `df` degrees of freedom (not necessarily whole; infinity is the normal); NaN for
/// `df` <= 0.
#[must_use]
pub fn t_sf(t: f64, df: f64) -> f64 {
    if df.is_infinite() && df > 0.0 {
        return normal_sf(t);
    }
    if t.is_infinite() && df > 0.0 {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    if t.is_nan() {
        return f64::NAN;
    }
    if df > MAX_PARAMETER {
        // Further out nothing is left of the tail.
        return match t.abs() < 1e3 {
            true => normal_sf(t - (t * t * t + t) / (4.0 * df)),
            false if t > 0.0 => 0.0,
            false => 1.0,
        };
    }
    if t.abs() > 1e100 {
        // The square would overflow, and only the leading term is left.
        let ln_tail = -df * log(t.abs() / sqrt(df)) - log(df) - ln_beta(0.5 * df, 0.5);
        let tail = exp(ln_tail);
        return if t > 0.0 { tail } else { 1.0 - tail };
    }
    let scale = t.mul_add(t, df);
    let both = regularised(df / scale, t * t / scale, 0.5 * df, 0.5);
    if t >= 0.0 { 0.5 * both.0 } else { 0.5 + 0.5 * both.1 }
}

/// P(T <= t) with `df` degrees of freedom.
#[must_use]
pub fn t_cdf(t: f64, df: f64) -> f64 {
    t_sf(-t, df)
}

/// The t with P(T > t) = `p`; NaN unless 0 < `p` < 1.
#[must_use]
pub fn t_isf(p: f64, df: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && df > 0.0) {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.5 {
        return -t_isf(1.0 - p, df);
    }
    if df > MAX_PARAMETER {
        // The first term of Fisher's expansion; the second is of the order of 1 / df^2.
        let z = normal_isf(p);
        return z + (z * z * z + z) / (4.0 * df);
    }
    // Near the middle the tail hardly moves; what moves is the part between 0 and t.
    if p > 0.4 {
        let inner = |t: f64| {
            let scale = t.mul_add(t, df);
            regularised(t * t / scale, df / scale, 0.5, 0.5 * df).0
        };
        return 1.0 / upper_quantile(|reciprocal| inner(1.0 / reciprocal), 1.0 - 2.0 * p, 4.0);
    }
    upper_quantile(|t| t_sf(t, df), p, 1.0)
}

/// P(T > t) of the noncentral t distribution with noncentrality `delta`: what the power of a t-test is.
///
/// The integral of P(Z > t s - delta) over the density of s = sqrt(chi2 / df), by Gauss and Legendre;
/// absolute error below 1e-12. NaN unless `df` is positive and finite.
#[must_use]
pub fn noncentral_t_sf(t: f64, df: f64, delta: f64) -> f64 {
    if !(df > 0.0 && df.is_finite()) || t.is_nan() || delta.is_nan() {
        return f64::NAN;
    }
    let ln_scale = 0.5 * df * log(0.5 * df) - ln_gamma(0.5 * df) + std::f64::consts::LN_2;
    let width = 10.0 / sqrt(2.0 * df);
    let (low, high) = ((1.0 - width).max(0.0), 1.0 + width.min(40.0 / sqrt(df)) + 2.0 / df);
    nodes(low, high, 40)
        .into_iter()
        .map(|(s, weight)| {
            let density = exp(ln_scale + (df - 1.0) * log(s) - 0.5 * df * s * s);
            let tail = if t * s < delta { 1.0 - normal_cdf(t * s - delta) } else { normal_sf(t * s - delta) };
            weight * density * tail
        })
        .sum()
}
