//! Whether predicted probabilities mean what they say.

use serde::{Deserialize, Serialize};

/// Mean squared difference between probability and outcome (Brier 1950), 0 to 1, lower is better.
///
/// `None` for no rows, different lengths, or a score outside [0, 1].
#[must_use]
pub fn brier(scores: &[f64], positive: &[bool]) -> Option<f64> {
    mean(scores, positive, |score, outcome| (score - outcome).powi(2))
}

/// Mean negative log-likelihood in nats; scores are kept 1e-15 away from 0 and 1.
///
/// `None` as for [`brier`].
#[must_use]
pub fn log_loss(scores: &[f64], positive: &[bool]) -> Option<f64> {
    mean(scores, positive, |score, outcome| {
        let likelihood = if outcome > 0.5 { score } else { 1.0 - score };
        -likelihood.clamp(1e-15, 1.0 - 1e-15).ln()
    })
}

/// The absolute difference between the mean score and the rate of positives.
///
/// `None` as for [`brier`].
#[must_use]
pub fn calibration_gap(scores: &[f64], positive: &[bool]) -> Option<f64> {
    mean(scores, positive, |score, outcome| score - outcome).map(f64::abs)
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Lowest score of the bin.
    pub low: f64,
    /// Highest score of the bin; part of it only in the last bin.
    pub high: f64,
    /// Rows.
    pub count: u64,
    /// Mean score, 0 for an empty bin.
    pub mean_score: f64,
    /// Share of positives, 0 for an empty bin.
    pub rate: f64,
}

/// Expected calibration error over bins of equal width, and the bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationError {
    /// Mean over the rows of |mean score - rate| of their bin, 0 to 1.
    pub ece: f64,
    /// The bins, from score 0 to 1.
    pub bins: Vec<CalibrationBin>,
}

/// Expected calibration error (Naeini et al. 2015) over `bins` bins of equal width; 10 is usual.
///
/// `None` as for [`brier`], or for no bins.
#[must_use]
pub fn expected_calibration_error(
    scores: &[f64],
    positive: &[bool],
    bins: usize,
) -> Option<CalibrationError> {
    if !valid(scores, positive) || bins == 0 {
        return None;
    }
    let width = 1.0 / bins as f64;
    let mut sums = vec![(0_u64, 0.0, 0.0); bins];
    for (score, label) in scores.iter().zip(positive) {
        let bin = ((score / width) as usize).min(bins - 1);
        sums[bin].0 += 1;
        sums[bin].1 += score;
        sums[bin].2 += f64::from(u8::from(*label));
    }
    let mut ece = 0.0;
    let mut diagram = Vec::with_capacity(bins);
    for (index, (count, score_sum, positives)) in sums.into_iter().enumerate() {
        let n = count.max(1) as f64;
        let (mean_score, rate) = (score_sum / n, positives / n);
        ece += count as f64 / scores.len() as f64 * (mean_score - rate).abs();
        let low = index as f64 * width;
        diagram.push(CalibrationBin { low, high: low + width, count, mean_score, rate });
    }
    Some(CalibrationError { ece, bins: diagram })
}

fn valid(scores: &[f64], positive: &[bool]) -> bool {
    !scores.is_empty()
        && scores.len() == positive.len()
        && scores.iter().all(|score| (0.0..=1.0).contains(score))
}

fn mean(scores: &[f64], positive: &[bool], loss: impl Fn(f64, f64) -> f64) -> Option<f64> {
    if !valid(scores, positive) {
        return None;
    }
    let losses = scores.iter().zip(positive).map(|(score, label)| loss(*score, f64::from(u8::from(*label))));
    Some(losses.sum::<f64>() / scores.len() as f64)
}
