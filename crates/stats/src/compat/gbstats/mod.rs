//! GrowthBook's statistics engine, gbstats (repository version 0.8.0), number by number.
//!
//! For teams that compare; Mainspring's own decisions are made by [`crate::decide`]. What is known to be
//! wrong there is reproduced here: its relative sequential test breaks its guarantee at low base rates,
//! its p-values bottom out near 1e-16, a weight of zero keeps its degree of freedom. Where it draws
//! random numbers (bandits) the exact probabilities are given.

mod bandit;
mod bayesian;
mod effect;
mod frequentist;
mod matrix;
mod statistic;
mod strata;

pub use bandit::{Bandit, BanditResult, bandit};
pub use bayesian::{BayesianOptions, BayesianResult, GaussianPrior, bayesian, truncated_normal_mean};
pub use effect::{
    EffectMoments, check_srm, effect_moments, frequentist_diff, frequentist_variance, variance_of_ratios,
};
pub use frequentist::{
    FrequentistResult, Scaling, Test, TestOptions, frequentist, sequential_interval_halfwidth, sequential_rho,
};
pub use statistic::{Adjusted, AdjustedRatio, Clustered, Quantile, Ratio, Simple, Statistic};
pub use strata::{StrataCount, StrataRatio, StrataResult, post_stratified, strata_result};

/// `ZERO_NEGATIVE_VARIANCE`
const NO_VARIANCE: &str = "ZERO_NEGATIVE_VARIANCE";
/// A baseline of zero.
const ZERO_BASELINE: &str = "ZERO_NEGATIVE_BASELINE_VARIATION";
/// An experiment without days or traffic, scaled.
const ZERO_SCALE: &str = "ZERO_SCALED_VARIATION_WEIGHT";
/// No users, scaled.
const NO_UNITS: &str = "NO_UNITS_IN_VARIATION";
