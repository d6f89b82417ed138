//! Normal effects with normal priors.

use libm::sqrt;
use serde::{Deserialize, Serialize};

use crate::error::{Undecided, finite, positive, probability};
use crate::estimate::Effect;
use crate::intervals::Interval;
use crate::special::{normal_isf, normal_loss, normal_sf};

/// A normal prior on the effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Its mean.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// What is known of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Posterior {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
}

/// The posterior of an effect; flat without a prior.
///
/// # Errors
///
/// [`Undecided::Parameter`] unless the variances are positive.
pub fn posterior(effect: &Effect, prior: Option<Prior>) -> Result<Posterior, Undecided> {
    let variance = positive(effect.standard_error * effect.standard_error)?;
    let Some(prior) = prior else {
        return Ok(Posterior { mean: finite(effect.estimate)?, deviation: effect.standard_error });
    };
    let precision = 1.0 / variance + 1.0 / positive(prior.variance)?;
    let mean = (effect.estimate / variance + prior.mean / prior.variance) / precision;
    Ok(Posterior { mean: finite(mean)?, deviation: sqrt(1.0 / precision) })
}

impl Posterior {
    /// The probability that the effect is positive.
    #[must_use]
    pub fn chance_to_win(&self) -> f64 {
        normal_sf(-self.mean / self.deviation)
    }

    /// Expected loss of keeping the champion and of taking the candidate.
    #[must_use]
    pub fn risk(&self) -> [f64; 2] {
        let z = self.mean / self.deviation;
        [self.deviation * normal_loss(-z), self.deviation * normal_loss(z)]
    }

    /// The equal-tailed credible interval at 1 - `alpha`.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for `alpha` outside (0, 1).
    pub fn interval(&self, alpha: f64) -> Result<Interval, Undecided> {
        let half = normal_isf(0.5 * probability(alpha)?) * self.deviation;
        Ok(Interval { low: self.mean - half, high: self.mean + half })
    }
}
