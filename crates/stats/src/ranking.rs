//! How well scores rank positives above negatives.

use serde::{Deserialize, Serialize};

use crate::intervals::Interval;
use crate::special::{normal_quantile, normal_sf};

/// Area under the ROC curve: the probability that a positive scores above a negative, ties counting
/// half (Mann-Whitney by mid-ranks), in O(n log n).
///
/// `None` if the lengths differ, a score is NaN, or one class is absent.
#[must_use]
pub fn auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let (positives, negatives) = class_counts(&[scores], positive)?;
    let ranks = mid_ranks(scores);
    let rank_sum: f64 = ranks.iter().zip(positive).filter(|(_, label)| **label).map(|(rank, _)| rank).sum();
    let (m, n) = (positives as f64, negatives as f64);
    Some((rank_sum - m * (m + 1.0) / 2.0) / (m * n))
}

/// Two models' AUC on the same rows, and whether they differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DelongResult {
    /// AUC of the first model.
    pub auc_a: f64,
    /// AUC of the second model.
    pub auc_b: f64,
    /// `auc_a - auc_b`.
    pub delta: f64,
    /// Standard error of `delta`; 0 if the models rank every pair alike.
    pub se: f64,
    /// `delta / se`; 0 if both are 0.
    pub z: f64,
    /// Two-sided p-value of "the AUCs are equal".
    pub p_two_sided: f64,
}

impl DelongResult {
    /// The normal confidence interval of `delta` at a level in (0, 1), say 0.95.
    #[must_use]
    pub fn ci(&self, confidence: f64) -> Option<Interval> {
        if !(confidence > 0.0 && confidence < 1.0) {
            return None;
        }
        let half = normal_quantile(0.5 + 0.5 * confidence) * self.se;
        Some(Interval { low: self.delta - half, high: self.delta + half })
    }

    /// The lower bound of `delta` that holds with probability `confidence`, one-sided.
    #[must_use]
    pub fn lower_bound(&self, confidence: f64) -> Option<f64> {
        (confidence > 0.0 && confidence < 1.0).then(|| self.delta - normal_quantile(confidence) * self.se)
    }
}

/// DeLong's test for two correlated AUCs (DeLong et al. 1988) with the mid-rank algorithm of Sun and Xu
/// (2014), O(n log n).
///
/// `None` if the lengths differ, a score is NaN, or a class has fewer than two rows.
#[must_use]
pub fn delong_paired(a: &[f64], b: &[f64], positive: &[bool]) -> Option<DelongResult> {
    let (positives, negatives) = class_counts(&[a, b], positive)?;
    if positives < 2 || negatives < 2 {
        return None;
    }
    let [first, second] = [a, b].map(|scores| placements(scores, positive));
    let variance = covariance_of_difference(&first.of_positives, &second.of_positives) / positives as f64
        + covariance_of_difference(&first.of_negatives, &second.of_negatives) / negatives as f64;
    let (auc_a, auc_b) = (mean(&first.of_positives), mean(&second.of_positives));
    let delta = auc_a - auc_b;
    let se = variance.max(0.0).sqrt();
    let z = if se > 0.0 {
        delta / se
    } else if delta == 0.0 {
        0.0
    } else {
        delta.signum() * f64::INFINITY
    };
    Some(DelongResult { auc_a, auc_b, delta, se, z, p_two_sided: 2.0 * normal_sf(z.abs()) })
}

/// For each positive the share of negatives that score below it, and for each negative the share of
/// positives above it.
struct Placements {
    of_positives: Vec<f64>,
    of_negatives: Vec<f64>,
}

fn placements(scores: &[f64], positive: &[bool]) -> Placements {
    let of_class = |wanted: bool| -> Vec<f64> {
        scores.iter().zip(positive).filter(|(_, label)| **label == wanted).map(|(score, _)| *score).collect()
    };
    let (positives, negatives) = (of_class(true), of_class(false));
    let all_ranks = mid_ranks(scores);
    let ranks_of = |wanted: bool| {
        all_ranks.iter().zip(positive).filter(move |(_, label)| **label == wanted).map(|(rank, _)| rank)
    };
    let (m, n) = (positives.len() as f64, negatives.len() as f64);
    let of_positives = ranks_of(true).zip(mid_ranks(&positives)).map(|(all, own)| (all - own) / n).collect();
    let of_negatives =
        ranks_of(false).zip(mid_ranks(&negatives)).map(|(all, own)| 1.0 - (all - own) / m).collect();
    Placements { of_positives, of_negatives }
}

/// Sample variance of the paired differences, which is s11 + s22 - 2 s12.
fn covariance_of_difference(left: &[f64], right: &[f64]) -> f64 {
    let differences: Vec<f64> = left.iter().zip(right).map(|(left, right)| left - right).collect();
    let centre = mean(&differences);
    let squares: f64 = differences.iter().map(|difference| (difference - centre).powi(2)).sum();
    squares / (differences.len() - 1) as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Numbers of positives and negatives, if the scores can be ranked.
fn class_counts(scores: &[&[f64]], positive: &[bool]) -> Option<(usize, usize)> {
    let fits = |scores: &&[f64]| scores.len() == positive.len() && !scores.iter().any(|score| score.is_nan());
    let positives = positive.iter().filter(|label| **label).count();
    let negatives = positive.len() - positives;
    (scores.iter().all(fits) && positives > 0 && negatives > 0).then_some((positives, negatives))
}

/// Ranks from 1; equal values share the mean of their ranks.
pub(crate) fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|left, right| values[*left].total_cmp(&values[*right]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let rank = (start + 1 + end) as f64 / 2.0;
        for index in &order[start..end] {
            ranks[*index] = rank;
        }
        start = end;
    }
    ranks
}
