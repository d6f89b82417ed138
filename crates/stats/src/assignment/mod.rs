//! Who sees which arm: deterministic, the same on every machine, and sticky.
//!
//! A unit (a user, a request) is hashed with the experiment's seed to a place in [0, 1); the place
//! lies in the range of one arm or of none. [`Hashing::GrowthBook1`] and `GrowthBook2` place units where
//! the GrowthBook SDKs do, in steps of 1e-3 and 1e-4; [`Hashing::Native`] takes 53 bits of SHA-256.
//!
//! While weights stay, raising the coverage only adds units: each range grows at its upper end, so
//! nobody who is in an arm moves. Changing the weights moves units, which is why it needs a new phase
//! with a new seed.
//!
//! Entry points: [`Split`] for an assignment, [`sticky::evaluate`] for one that remembers.

mod hash;
mod ranges;
pub mod sticky;

pub use hash::{Hashing, fnv1a, growthbook_hash, in_namespace};
pub use ranges::{Range, bucket_ranges, choose_variation, equal_weights};

use serde::{Deserialize, Serialize};

use crate::error::{Parameter, Undecided};

/// Arms of one experiment at most.
pub const MAX_ARMS: usize = 64;

/// A share of units that stays out of a set of experiments, by a seed that they have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holdout {
    /// The common seed.
    pub seed: String,
    /// Share of units that are held out, 0 to 1.
    pub share: f64,
}

/// The share of a name space that an experiment may use; experiments with ranges that do not overlap
/// exclude each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Lower end, included.
    pub low: f64,
    /// Upper end, excluded.
    pub high: f64,
}

/// How units are split.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    seed: String,
    hashing: Hashing,
    ranges: Vec<Range>,
    namespace: Option<Namespace>,
    holdout: Option<Holdout>,
}

impl Split {
    /// A split by `weights` (each not negative, together 1) among the `coverage` (0 to 1) of units that
    /// take part.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for no or too many arms, weights that do not add up to 1 within 1e-6, and
    /// shares outside [0, 1]. (The GrowthBook SDKs take equal weights instead, see [`bucket_ranges`].)
    pub fn new(
        seed: impl Into<String>,
        hashing: Hashing,
        weights: &[f64],
        coverage: f64,
    ) -> Result<Self, Undecided> {
        if weights.is_empty() || weights.len() > MAX_ARMS {
            return Err(Undecided::Parameter(Parameter::TooMany));
        }
        let total: f64 = weights.iter().sum();
        let weights_hold = weights.iter().all(|weight| *weight >= 0.0) && (total - 1.0).abs() <= 1e-6;
        if !weights_hold {
            return Err(Undecided::Parameter(Parameter::Weights));
        }
        share(coverage)?;
        let ranges = bucket_ranges(weights.len(), coverage, Some(weights));
        Ok(Self { seed: seed.into(), hashing, ranges, namespace: None, holdout: None })
    }

    /// The same within a name space.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for ends outside [0, 1] or in the wrong order.
    pub fn within(mut self, namespace: Namespace) -> Result<Self, Undecided> {
        share(namespace.low)?;
        share(namespace.high)?;
        if namespace.low >= namespace.high {
            return Err(Undecided::Parameter(Parameter::Size));
        }
        self.namespace = Some(namespace);
        Ok(self)
    }

    /// The same without those whom `holdout` keeps out.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for a share outside [0, 1].
    pub fn without(mut self, holdout: Holdout) -> Result<Self, Undecided> {
        share(holdout.share)?;
        self.holdout = Some(holdout);
        Ok(self)
    }

    /// The arm of `unit`, from 0; `None` if it does not take part.
    #[must_use]
    pub fn arm(&self, unit: &str) -> Option<usize> {
        if self.namespace.as_ref().is_some_and(|namespace| !in_namespace(unit, namespace)) {
            return None;
        }
        let held_out = |holdout: &Holdout| Hashing::Native.place(&holdout.seed, unit) < holdout.share;
        if self.holdout.as_ref().is_some_and(held_out) {
            return None;
        }
        choose_variation(self.hashing.place(&self.seed, unit), &self.ranges)
    }

    /// The shares that the arms get of those that take part. A hash with few places rounds them: at a
    /// coverage of 0.001 GrowthBook's version 2 has ten, which three arms cannot share alike.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self.ranges.iter().map(|[low, high]| high - low).collect();
        if let Some(places) = self.hashing.places() {
            shares.fill(0.0);
            let arms = (0..places).map(|place| f64::from(place) / f64::from(places));
            for arm in arms.filter_map(|place| choose_variation(place, &self.ranges)) {
                shares[arm] += 1.0;
            }
        }
        let total: f64 = shares.iter().sum();
        shares.iter().map(|share| if total > 0.0 { share / total } else { 0.0 }).collect()
    }
}

fn share(value: f64) -> Result<f64, Undecided> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(Undecided::Parameter(Parameter::Probability)) }
}
