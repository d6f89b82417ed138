//! Weights of a bandit, by quadrature instead of gbstats' 10,000 draws.

use libm::sqrt;

use super::statistic::Statistic;
use crate::bayes::best_arm::{thompson, top_two, with_floor};
use crate::bayes::normal::Posterior;
use crate::error::{Undecided, probability};
use crate::special::normal_isf;

use super::bayesian::GaussianPrior;

/// Units of each arm from which on weights move.
const ENOUGH: f64 = 100.0;

/// gbstats' `BanditConfig`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bandit {
    /// Level of the intervals.
    pub alpha: f64,
    /// Whether less is better.
    pub inverse: bool,
    /// Weights by the two best arms instead of the best.
    pub top_two: bool,
    /// Prior of each arm's mean.
    pub prior: GaussianPrior,
    /// Smallest weight.
    pub min_variation_weight: f64,
}

/// gbstats' `BanditResponse`.
#[derive(Debug, Clone, PartialEq)]
pub struct BanditResult {
    /// Units of the arms.
    pub users: Vec<f64>,
    /// Means.
    pub cr: Vec<f64>,
    /// Credible intervals.
    pub ci: Vec<[f64; 2]>,
    /// New weights; `None` below 100 units in an arm.
    pub bandit_weights: Option<Vec<f64>>,
    /// Probabilities of being best.
    pub best_arm_probabilities: Vec<f64>,
}

/// The weights of a bandit's arms.
///
/// # Errors
///
/// [`Undecided::Parameter`] for a level outside (0, 1), no arms, or an arm of which nothing is known.
pub fn bandit(arms: &[Statistic], options: &Bandit) -> Result<BanditResult, Undecided> {
    let half = normal_isf(probability(options.alpha)? / 2.0);
    let prior = if options.prior.proper { 1.0 / options.prior.variance } else { 0.0 };
    let sign = if options.inverse { -1.0 } else { 1.0 };
    let mut posteriors = Vec::with_capacity(arms.len());
    let mut ci = Vec::with_capacity(arms.len());
    for arm in arms {
        let (mean, variance) = (arm.mean(), arm.variance());
        let data = if variance > 0.0 { arm.n() / variance } else { 0.0 };
        let deviation = sqrt(1.0 / (prior + data));
        let centre = (prior * options.prior.mean + data * mean) / (prior + data);
        posteriors.push(Posterior { mean: sign * centre, deviation });
        ci.push([mean - half * deviation, mean + half * deviation]);
    }
    let best = thompson(&posteriors)?;
    let weights = if options.top_two { top_two(&posteriors)? } else { best.clone() };
    let users: Vec<f64> = arms.iter().map(Statistic::n).collect();
    let enough = users.iter().all(|n| *n >= ENOUGH);
    Ok(BanditResult {
        cr: arms.iter().map(Statistic::mean).collect(),
        ci,
        bandit_weights: enough.then(|| with_floor(&weights, options.min_variation_weight)),
        best_arm_probabilities: best,
        users,
    })
}
