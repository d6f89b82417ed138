//! Asymptotic confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476).

use libm::{exp, expm1, log, log1p, sqrt};
use serde::{Deserialize, Serialize};

use crate::error::{Undecided, positive, probability};
use crate::estimate::Effect;
use crate::intervals::Interval;

/// Share of the planned units at which the sequence is narrowest. Stopping times lie before the end, and
/// half makes 1.5 times the planned effect cost half of the planned units.
const TIGHTEST_AT: f64 = 0.5;

/// Which side the sequence bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Both, each look's interval.
    Two,
    /// One: a lower bound, for superiority and non-inferiority.
    One,
}

/// A confidence sequence at one error level; its width at each time is fixed by where it is narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    #[serde(with = "crate::exact")]
    alpha: f64,
    #[serde(with = "crate::exact")]
    rho: f64,
    sides: Sides,
}

impl Sequence {
    /// For an experiment of `planned` units in all arms together.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for `alpha` outside (0, 1) (one-sided: (0, 0.5)) or nothing planned.
    pub fn for_plan(alpha: f64, planned: f64, sides: Sides) -> Result<Self, Undecided> {
        Self::narrowest_at(alpha, positive(planned)? * TIGHTEST_AT, sides)
    }

    /// With the width at `units` units as narrow as can be (equation 161).
    ///
    /// # Errors
    ///
    /// As [`Sequence::for_plan`].
    pub fn narrowest_at(alpha: f64, units: f64, sides: Sides) -> Result<Self, Undecided> {
        let level = match sides {
            Sides::Two => probability(alpha)?,
            Sides::One => probability(2.0 * alpha)?,
        };
        let surprise = -2.0 * log(level);
        let rho = sqrt((surprise + log(surprise + 1.0)) / positive(units)?);
        Ok(Self { alpha, rho, sides })
    }

    /// The parameter of the width.
    #[must_use]
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// Half of the width for an effect of this standard error over `n` units (equations 9 and 134).
    #[must_use]
    pub fn half_width(&self, standard_error: f64, n: f64) -> f64 {
        let information = n * self.rho * self.rho;
        let growth = information + 1.0;
        let log_term = match self.sides {
            Sides::Two => log(sqrt(growth) / self.alpha),
            Sides::One => log1p(sqrt(growth) / (2.0 * self.alpha)),
        };
        standard_error * sqrt(2.0 * growth / information * log_term)
    }

    /// The interval at this look; one-sided sequences have no upper end.
    #[must_use]
    pub fn interval(&self, effect: &Effect) -> Interval {
        let half = self.half_width(effect.standard_error, effect.n as f64);
        let high = match self.sides {
            Sides::Two => effect.estimate + half,
            Sides::One => f64::INFINITY,
        };
        Interval { low: effect.estimate - half, high }
    }

    /// The p-value at this look that the effect is `null` (one-sided: at most `null`): the smallest level
    /// at which the sequence of this width excludes it (equation 155). Always valid: its minimum over all
    /// looks is one too.
    #[must_use]
    pub fn p(&self, effect: &Effect, null: f64) -> f64 {
        let information = effect.n as f64 * self.rho * self.rho;
        let growth = information + 1.0;
        let z = (effect.estimate - null) / effect.standard_error;
        let evidence = 0.5 * z * z * information / growth;
        match self.sides {
            Sides::Two => (sqrt(growth) * exp(-evidence)).min(1.0),
            Sides::One if z <= 0.0 => 1.0,
            Sides::One => (0.5 * sqrt(growth) / expm1(evidence)).min(1.0),
        }
    }
}
