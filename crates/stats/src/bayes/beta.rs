//! Proportions with beta posteriors.

use libm::{exp, log, log1p};

use crate::error::{Undecided, positive};
use crate::special::{beta_cdf, beta_quantile, integrate, ln_beta};

/// A beta distribution: successes and failures, each with its prior (1 for the uniform) added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    /// Successes.
    pub a: f64,
    /// Failures.
    pub b: f64,
}

impl Beta {
    fn variance(self) -> f64 {
        let n = self.a + self.b;
        self.a / n * (self.b / n) / (n + 1.0)
    }
}

/// Tail probability where the integral ends.
const TAIL: f64 = 1e-16;

/// P(B > A) of independent proportions: the narrower density against the other's distribution, by
/// Gauss-Legendre on the log-odds scale.
///
/// # Errors
///
/// [`Undecided::Parameter`] unless all parameters are positive.
pub fn probability_above(a: Beta, b: Beta) -> Result<f64, Undecided> {
    for value in [a.a, a.b, b.a, b.b] {
        positive(value)?;
    }
    let (narrow, wide) = if a.variance() < b.variance() { (a, b) } else { (b, a) };
    let low = logit(beta_quantile(TAIL, narrow.a, narrow.b));
    let high = -logit(beta_quantile(TAIL, narrow.b, narrow.a));
    let scale = ln_beta(narrow.a, narrow.b);
    // A parameter near zero makes a long tail beside a narrow body.
    let panels = ((high - low) as u32).clamp(40, 1400);
    // P(narrow > wide)
    let above = integrate(
        |u| {
            // ln of x and of 1 - x at these log-odds
            let (ln_x, ln_y) = (-log1p(exp(-u)), -log1p(exp(u)));
            exp(narrow.a * ln_x + narrow.b * ln_y - scale) * beta_cdf(exp(ln_x), wide.a, wide.b)
        },
        low,
        high,
        panels,
    );
    Ok(if narrow == b { above } else { 1.0 - above }.clamp(0.0, 1.0))
}

fn logit(x: f64) -> f64 {
    // Beyond these log-odds nothing is left to integrate.
    (log(x) - log1p(-x)).clamp(-700.0, 700.0)
}
