//! Mixtures over the size of an effect: likelihood ratios that stay below 1/alpha with probability
//! 1 - alpha, at all times together, and the curves on which they reach a threshold.
//!
//! `s` is a sum of deviations and `v` its intrinsic time, the sum of their variances (Howard, Ramdas,
//! McAuliffe and Sekhon 2021).

use libm::{exp, log, sqrt};

use crate::error::{Parameter, Undecided, positive, probability};
use crate::estimate::Effect;
use crate::intervals::Interval;
use crate::special::{gamma_p, ln_gamma, ln_normal_sf, root};

/// Result of [`sprt`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sprt {
    /// Always-valid p-value.
    pub p: f64,
    /// Always-valid interval.
    pub interval: Interval,
}

/// The mixture sequential probability ratio test (Johari, Pekelis and Walsh 2015): a normal prior with
/// standard deviation `spread` on the effect, for which the smallest effect that matters is a good choice.
///
/// # Errors
///
/// [`Undecided::Parameter`] for values out of range.
pub fn sprt(effect: &Effect, null: f64, spread: f64, alpha: f64) -> Result<Sprt, Undecided> {
    probability(alpha)?;
    let ratio = positive(spread)? / positive(effect.standard_error)?;
    let growth = 1.0 + ratio * ratio;
    let z = (effect.estimate - null) / effect.standard_error;
    let evidence = 0.5 * z * z * (1.0 - 1.0 / growth) - 0.5 * log(growth);
    let threshold = 2.0 * log(1.0 / alpha) + log(growth);
    let half = effect.standard_error * sqrt(growth / (ratio * ratio) * threshold);
    let interval = Interval { low: effect.estimate - half, high: effect.estimate + half };
    Ok(Sprt { p: exp(-evidence).min(1.0), interval })
}

/// A mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mixture {
    kind: Kind,
    /// Intrinsic time that the prior is worth.
    rho: f64,
}

/// The family of a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Normal, for sub-Gaussian sums, both directions.
    TwoSidedNormal,
    /// Half-normal, one direction.
    OneSidedNormal,
    /// Gamma, for sub-exponential sums of this scale, one direction.
    GammaExponential(f64),
}

impl Mixture {
    /// The mixture whose bound at level `alpha` is narrowest at intrinsic time `v`.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for a time or scale that is not positive or a level out of range.
    pub fn narrowest_at(kind: Kind, v: f64, alpha: f64) -> Result<Self, Undecided> {
        let level = match kind {
            Kind::TwoSidedNormal => probability(alpha)?,
            Kind::OneSidedNormal | Kind::GammaExponential(_) => probability(2.0 * alpha)?,
        };
        if let Kind::GammaExponential(scale) = kind {
            positive(scale)?;
        }
        let surprise = -2.0 * log(level);
        Ok(Self { kind, rho: positive(v)? / (surprise + log(1.0 + surprise)) })
    }

    /// The logarithm of the mixture at sum `s` and intrinsic time `v`.
    #[must_use]
    pub fn log_value(&self, s: f64, v: f64) -> f64 {
        let (rho, total) = (self.rho, v + self.rho);
        match self.kind {
            Kind::TwoSidedNormal => 0.5 * log(rho / total) + s * s / (2.0 * total),
            Kind::OneSidedNormal => {
                0.5 * log(4.0 * rho / total) + s * s / (2.0 * total) + ln_normal_sf(-s / sqrt(total))
            }
            Kind::GammaExponential(scale) => {
                let (prior, shape) = (rho / (scale * scale), total / (scale * scale));
                let moved = (scale * s + v) / (scale * scale) + prior;
                prior * log(prior) - ln_gamma(prior) - log(gamma_p(prior, prior))
                    + ln_gamma(shape)
                    + log(gamma_p(shape, moved))
                    - shape * log(moved)
                    + moved
                    - prior
            }
        }
    }

    /// The sum at which the mixture reaches 1 / `alpha` at intrinsic time `v`.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for `alpha` outside (0, 1) or a time that is not positive.
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, Undecided> {
        let threshold = -log(probability(alpha)?);
        positive(v)?;
        if self.kind == Kind::TwoSidedNormal {
            let total = v + self.rho;
            return Ok(sqrt(total * (log(total / self.rho) + 2.0 * threshold)));
        }
        let above = |s: f64| self.log_value(s, v) - threshold;
        let mut high = v;
        while above(high) < 0.0 {
            high *= 2.0;
            if high > 1e300 {
                return Err(Undecided::Parameter(Parameter::Size));
            }
        }
        Ok(root(above, 0.0, high))
    }
}

/// The polynomial stitched bound for sub-gamma sums of scale `c` (Howard et al., theorem 1) with the usual
/// s = 1.4 and eta = 2, from intrinsic time `v_min` on: no tuning to a time, width of the order of
/// sqrt(v log log v).
///
/// # Errors
///
/// [`Undecided::Parameter`] for values out of range.
pub fn stitched_bound(v: f64, alpha: f64, v_min: f64, c: f64) -> Result<f64, Undecided> {
    const S: f64 = 1.4;
    const ETA: f64 = 2.0;
    /// Riemann's zeta at S.
    const ZETA: f64 = 3.105_547_277_977_581;
    probability(alpha)?;
    let time = positive(v)?.max(positive(v_min)?);
    let k1 = (sqrt(sqrt(ETA)) + 1.0 / sqrt(sqrt(ETA))) / sqrt(2.0);
    let k2 = (sqrt(ETA) + 1.0) / 2.0;
    let ell = S * log(log(ETA * time / v_min)) + log(ZETA) - S * log(log(ETA)) - log(alpha);
    let linear = k2 * c * ell;
    Ok(sqrt(k1 * k1 * time * ell + linear * linear) + linear)
}
