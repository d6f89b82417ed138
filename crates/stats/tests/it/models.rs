//! Ranking and calibration against direct definitions.

use mainspring_stats::calibration::{brier, calibration_gap, expected_calibration_error, log_loss};
use mainspring_stats::ranking::{auc, delong_paired};
use proptest::prelude::*;

/// AUC by its definition, over all pairs.
fn auc_by_pairs(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let of = |wanted: bool| scores.iter().zip(positive).filter(move |(_, label)| **label == wanted);
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (high, _) in of(true) {
        for (low, _) in of(false) {
            sum += if high > low {
                1.0
            } else if high == low {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    (pairs > 0.0).then(|| sum / pairs)
}

/// The variance of the AUC difference by DeLong's formulas, over all pairs.
fn delong_by_pairs(a: &[f64], b: &[f64], positive: &[bool]) -> f64 {
    let psi = |high: f64, low: f64| {
        if high > low {
            1.0
        } else if high == low {
            0.5
        } else {
            0.0
        }
    };
    let index =
        |wanted: bool| -> Vec<usize> { (0..a.len()).filter(|row| positive[*row] == wanted).collect() };
    let (x, y) = (index(true), index(false));
    let difference = |i: usize, j: usize| psi(a[i], a[j]) - psi(b[i], b[j]);
    let variance = |values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
    };
    let v10 = x.iter().map(|i| y.iter().map(|j| difference(*i, *j)).sum::<f64>() / y.len() as f64).collect();
    let v01 = y.iter().map(|j| x.iter().map(|i| difference(*i, *j)).sum::<f64>() / x.len() as f64).collect();
    variance(v10) / x.len() as f64 + variance(v01) / y.len() as f64
}

#[test]
fn metrics_of_a_small_example() {
    let scores = [0.1, 0.4, 0.35, 0.8];
    let labels = [false, false, true, true];
    assert_eq!(auc(&scores, &labels), Some(0.75));
    assert!((brier(&scores, &labels).unwrap() - 0.158_125).abs() < 1e-15);
    // scikit-learn 1.9: log_loss([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert!((log_loss(&scores, &labels).unwrap() - 0.47228795380917615).abs() < 1e-14);
    assert!((calibration_gap(&scores, &labels).unwrap() - 0.0875).abs() < 1e-15);
    let error = expected_calibration_error(&scores, &labels, 10).unwrap();
    assert!((error.ece - (0.1 + 0.4 + 0.65 + 0.2) / 4.0).abs() < 1e-12);
    assert_eq!(error.bins.iter().map(|bin| bin.count).sum::<u64>(), 4);
}

#[test]
fn what_cannot_be_computed_is_none() {
    assert_eq!(auc(&[0.1, 0.2], &[true, true]), None);
    assert_eq!(auc(&[0.1, f64::NAN], &[true, false]), None);
    assert_eq!(auc(&[0.1], &[true, false]), None);
    assert_eq!(brier(&[], &[]), None);
    assert_eq!(brier(&[1.2], &[true]), None);
    assert_eq!(log_loss(&[f64::NAN], &[true]), None);
    assert_eq!(delong_paired(&[0.1, 0.2, 0.3], &[0.1, 0.2, 0.3], &[true, false, false]), None);
}

#[test]
fn a_model_does_not_differ_from_itself() {
    let scores = [0.1, 0.4, 0.35, 0.8, 0.2];
    let labels = [false, false, true, true, false];
    let result = delong_paired(&scores, &scores, &labels).unwrap();
    assert_eq!((result.delta, result.se, result.z, result.p_two_sided), (0.0, 0.0, 0.0, 1.0));
    let interval = result.ci(0.95).unwrap();
    assert_eq!((interval.low, interval.high), (0.0, 0.0));
}

proptest! {
    #[test]
    fn mid_ranks_equal_all_pairs(rows in prop::collection::vec((0_u8..12, 0_u8..12, any::<bool>()), 4..60)) {
        let a: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
        let b: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
        match (auc(&a, &labels), auc_by_pairs(&a, &labels)) {
            (Some(fast), Some(slow)) => prop_assert!((fast - slow).abs() < 1e-12),
            (fast, slow) => prop_assert_eq!(fast, slow),
        }
        if let Some(result) = delong_paired(&a, &b, &labels) {
            prop_assert!((result.se.powi(2) - delong_by_pairs(&a, &b, &labels)).abs() < 1e-12);
            prop_assert!((result.delta - (result.auc_a - result.auc_b)).abs() < 1e-12);
            prop_assert!((0.0..=1.0).contains(&result.p_two_sided));
        }
    }

    #[test]
    fn no_scores_panic(rows in prop::collection::vec((any::<f64>(), any::<f64>(), any::<bool>()), 0..40)) {
        let a: Vec<f64> = rows.iter().map(|row| row.0).collect();
        let b: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
        let area = auc(&a, &labels);
        prop_assert!(area.is_none_or(|area| (0.0..=1.0).contains(&area)));
        let test = delong_paired(&a, &b, &labels);
        prop_assert!(test.is_none_or(|test| (0.0..=1.0).contains(&test.p_two_sided)));
        let error = expected_calibration_error(&a, &labels, 10);
        prop_assert!(error.is_none_or(|error| (0.0..=1.0).contains(&error.ece)));
        let test = mainspring_stats::ks::ks_two_sample(&a, &b);
        prop_assert!(test.is_none_or(|test| (0.0..=1.0).contains(&test.p)));
        let distance = mainspring_stats::drift::wasserstein(&a, &b);
        prop_assert!(distance.is_none_or(|distance| distance >= 0.0));
    }
}
