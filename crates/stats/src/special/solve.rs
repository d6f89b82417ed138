//! Roots of monotone functions.

/// The point between `low` and `high` where `function`, which has opposite signs there, changes its
/// sign: Brent's method (1973), to the last bits of the argument.
pub(crate) fn root(function: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let (mut a, mut b) = (low, high);
    let (mut fa, mut fb) = (function(a), function(b));
    if fa == 0.0 {
        return a;
    }
    if fb == 0.0 {
        return b;
    }
    if fa.is_nan() || fb.is_nan() || (fa > 0.0) == (fb > 0.0) {
        return f64::NAN;
    }
    let (mut c, mut fc) = (a, fa);
    let mut step = b - a;
    let mut before = step;
    for _ in 0..300 {
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let tolerance = f64::EPSILON * b.abs();
        let half = 0.5 * (c - b);
        if half.abs() <= tolerance || fb == 0.0 {
            break;
        }
        let wanted = interpolated(a, b, c, fa, fb, fc);
        if before.abs() > tolerance
            && fa.abs() > fb.abs()
            && wanted.is_finite()
            && wanted * half > 0.0
            && wanted.abs() < (1.5 * half.abs() - 0.5 * tolerance).min(0.5 * before.abs())
        {
            (before, step) = (step, wanted);
        } else {
            (before, step) = (half, half);
        }
        (a, fa) = (b, fb);
        b += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        fb = function(b);
        if fb.is_nan() {
            return f64::NAN;
        }
        if (fb > 0.0) == (fc > 0.0) {
            (c, fc) = (a, fa);
            step = b - a;
            before = step;
        }
    }
    b
}

/// The step from `b` that inverse quadratic interpolation asks for, or the secant's with two points.
fn interpolated(a: f64, b: f64, c: f64, fa: f64, fb: f64, fc: f64) -> f64 {
    let s = fb / fa;
    if a == c {
        return (c - b) * s / (s - 1.0);
    }
    let (q, r) = (fa / fc, fb / fc);
    let p = s * ((c - b) * q * (q - r) - (b - a) * (r - 1.0));
    -p / ((q - 1.0) * (r - 1.0) * (s - 1.0))
}

/// The x > 0 with `tail(x) = p`, for a tail that falls from 1 at 0 to 0 at infinity; `start` is a guess.
///
/// Solved on the logarithm of the tail, where Newton-like steps converge for the smallest `p`. A guess
/// beyond all numbers is the answer: parameters so large have no other.
pub(crate) fn upper_quantile(tail: impl Fn(f64) -> f64, p: f64, start: f64) -> f64 {
    if !start.is_finite() {
        return start;
    }
    let difference = |x: f64| libm::log(tail(x) / p);
    let (mut low, mut high) = (start, start);
    while difference(high) > 0.0 {
        low = high;
        high *= 2.0;
        if high.is_infinite() {
            return f64::INFINITY;
        }
    }
    while difference(low) < 0.0 {
        high = low;
        low *= 0.5;
        if low < 1e-300 {
            return 0.0;
        }
    }
    if low == high { low } else { root(difference, low, high) }
}
