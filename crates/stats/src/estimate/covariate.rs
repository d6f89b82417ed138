//! Regression adjustment by what was known before (CUPED; Deng et al. 2013).
//!
//! The outcome minus theta times the covariate's distance from its mean over all arms; theta is the
//! covariance over the variance of all arms together. For models the natural covariate is the
//! champion's score on the same request.

use super::Sample;
use super::ratio::{Gradient, ratio_gradient};
use crate::error::Undecided;
use crate::moments::{Bivariate, Moments, Quadrivariate};

/// The adjusted samples of all arms; columns are outcome and covariate. A covariate that does not vary
/// adjusts nothing.
///
/// # Errors
///
/// If a result is not a number.
pub fn adjusted(arms: &[Bivariate]) -> Result<Vec<Sample>, Undecided> {
    let all = together(arms)?;
    let theta = if all.variance(1) > 0.0 { all.covariance(0, 1) / all.variance(1) } else { 0.0 };
    let adjust = |arm: &Bivariate| Sample {
        n: arm.n(),
        mean: arm.mean(0) - theta * (arm.mean(1) - all.mean(1)),
        variance: (arm.variance(0) + theta * theta * arm.variance(1) - 2.0 * theta * arm.covariance(0, 1))
            .max(0.0),
    };
    Ok(arms.iter().map(adjust).collect())
}

/// The adjusted samples of a ratio; columns are numerator, denominator, and both before the experiment.
///
/// # Errors
///
/// [`Undecided::ZeroBaseline`] for a denominator of zero in an arm.
pub fn adjusted_ratio(arms: &[Quadrivariate]) -> Result<Vec<Sample>, Undecided> {
    let all = together(arms)?;
    let (now, before) = (ratio_gradient(&all, 0, 1)?, ratio_gradient(&all, 2, 3)?);
    let variance = quadratic(&all, &before, &before, 2, 2);
    let theta = if variance > 0.0 { quadratic(&all, &now, &before, 0, 2) / variance } else { 0.0 };
    arms.iter()
        .map(|arm| {
            let (own, past) = (ratio_gradient(arm, 0, 1)?, ratio_gradient(arm, 2, 3)?);
            let variance = quadratic(arm, &own, &own, 0, 0)
                + theta * theta * quadratic(arm, &past, &past, 2, 2)
                - 2.0 * theta * quadratic(arm, &own, &past, 0, 2);
            Ok(Sample {
                n: arm.n(),
                mean: own.value - theta * (past.value - before.value),
                variance: variance.max(0.0),
            })
        })
        .collect()
}

fn together<const K: usize>(arms: &[Moments<K>]) -> Result<Moments<K>, Undecided> {
    let mut all = Moments::default();
    for arm in arms {
        all.merge(arm)?;
    }
    Ok(all)
}

/// left' C right for the block of the covariance matrix that begins at row `i` and column `j`.
fn quadratic(moments: &Quadrivariate, left: &Gradient, right: &Gradient, i: usize, j: usize) -> f64 {
    let mut sum = 0.0;
    for (row, l) in left.slopes.iter().enumerate() {
        for (column, r) in right.slopes.iter().enumerate() {
            sum += l * r * moments.covariance(i + row, j + column);
        }
    }
    sum
}
