//! Which arm is best, by quadrature: the same weights at every run, without draws.

use crate::bayes::normal::Posterior;
use crate::error::{Parameter, Undecided, finite, positive};
use crate::special::{nodes, normal_cdf, normal_pdf, normal_sf};

/// Arms at once at most.
pub const MAX_ARMS: usize = 64;

/// Standard deviations beyond which a normal density is nothing.
const REACH: f64 = 9.0;

/// For each arm the probability that its mean is the largest, and that it is the second largest.
///
/// # Errors
///
/// [`Undecided::Parameter`] without arms, with more than [`MAX_ARMS`], or a deviation that is not positive.
pub fn ranks(arms: &[Posterior]) -> Result<Vec<[f64; 2]>, Undecided> {
    if arms.is_empty() || arms.len() > MAX_ARMS {
        return Err(Undecided::Parameter(Parameter::TooMany));
    }
    for arm in arms {
        finite(arm.mean)?;
        positive(arm.deviation)?;
    }
    // The integrand bends where one of the arms does: panels end there.
    let mut edges: Vec<f64> = arms
        .iter()
        .flat_map(|arm| (0..=12).map(|k| arm.mean + (f64::from(k) - 6.0) * REACH / 6.0 * arm.deviation))
        .collect();
    edges.sort_by(f64::total_cmp);
    let mut result = vec![[0.0; 2]; arms.len()];
    for pair in edges.windows(2).filter(|pair| pair[1] > pair[0]) {
        for (x, weight) in nodes(pair[0], pair[1], 1) {
            let z: Vec<f64> = arms.iter().map(|arm| (x - arm.mean) / arm.deviation).collect();
            let below: Vec<f64> = z.iter().map(|z| normal_cdf(*z)).collect();
            for (i, arm) in arms.iter().enumerate() {
                let density = weight * normal_pdf(z[i]) / arm.deviation;
                if density < 1e-30 {
                    continue;
                }
                let except = |k: usize| -> f64 {
                    below.iter().enumerate().filter(|(j, _)| *j != i && *j != k).map(|(_, p)| p).product()
                };
                result[i][0] += density * except(i);
                let second: f64 =
                    (0..arms.len()).filter(|k| *k != i).map(|k| normal_sf(z[k]) * except(k)).sum();
                result[i][1] += density * second;
            }
        }
    }
    Ok(result)
}

/// Weights by Thompson's rule: each arm as often as it is the best.
///
/// # Errors
///
/// As [`ranks`].
pub fn thompson(arms: &[Posterior]) -> Result<Vec<f64>, Undecided> {
    Ok(ranks(arms)?.into_iter().map(|[first, _]| first).collect())
}

/// Weights by the two best: each arm half as often as it is among them.
///
/// # Errors
///
/// As [`ranks`].
pub fn top_two(arms: &[Posterior]) -> Result<Vec<f64>, Undecided> {
    let weights: Vec<f64> = ranks(arms)?.into_iter().map(|[first, second]| first + second).collect();
    let total: f64 = weights.iter().sum();
    Ok(weights.into_iter().map(|weight| weight / total).collect())
}

/// No weight below `floor`: what the floors leave is shared by the weights. Equal weights if the floors do
/// not fit.
#[must_use]
pub fn with_floor(weights: &[f64], floor: f64) -> Vec<f64> {
    let k = weights.len() as f64;
    let floor = floor.max(0.0);
    if floor * k >= 1.0 {
        return vec![1.0 / k; weights.len()];
    }
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| floor + (1.0 - k * floor) * weight / total).collect()
}
