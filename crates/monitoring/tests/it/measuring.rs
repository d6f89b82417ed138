//! The figures of a batch.

use crate::production::{features, prediction, profile};
use mainspring_domain::monitoring::Prediction;
use mainspring_monitoring::measure;
use serde_json::json;

fn batch(pairs: &[(f64, f64)]) -> Vec<Prediction> {
    let numbered = pairs.iter().enumerate();
    numbered.map(|(n, (score, label))| prediction(&n.to_string(), 1, Some(*score), Some(*label))).collect()
}

fn close(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?}, not {expected}");
}

#[test]
fn performance_is_that_of_scores_and_labels() {
    let measured = measure(&batch(&[(0.1, 0.0), (0.4, 0.0), (0.35, 1.0), (0.8, 1.0)]), None);
    assert_eq!(measured.rows, 4);
    close(measured.auc, 0.75);
    close(measured.brier, (0.01 + 0.16 + 0.65 * 0.65 + 0.04) / 4.0);
    close(measured.label_rate, 0.5);
    close(measured.mean_score, 0.4125);
    close(measured.calibration_gap, 0.0875);
    assert_eq!((measured.score_psi, measured.drift.len()), (None, 0), "there is nothing to compare with");
}

#[test]
fn failed_and_unlabelled_requests_are_not_counted() {
    let mut rows = batch(&[(0.1, 0.0), (0.9, 1.0)]);
    rows.push(prediction("failed", 1, None, Some(1.0)));
    rows.push(prediction("unlabelled", 1, Some(0.5), None));
    let measured = measure(&rows, None);
    assert_eq!((measured.rows, measured.label_rate), (2, Some(0.5)));
}

#[test]
fn one_class_alone_has_no_auc() {
    let measured = measure(&batch(&[(0.1, 1.0), (0.9, 1.0)]), None);
    assert_eq!((measured.auc, measured.label_rate), (None, Some(1.0)));
    assert!(measured.values()["auc"].is_null(), "and says so");
}

#[test]
fn an_empty_batch_has_no_figures() {
    let measured = measure(&[], Some(&profile()));
    assert_eq!(measured.rows, 0);
    assert_eq!((measured.auc, measured.mean_score, measured.calibration_gap), (None, None, None));
}

fn spread(change: impl Fn(usize) -> serde_json::Value, score: impl Fn(usize) -> f64) -> Vec<Prediction> {
    let rows = (0..480).map(|n| {
        let mut row = prediction(&n.to_string(), 1, Some(score(n)), Some(f64::from(u8::from(n % 2 == 0))));
        row.features = features(&change(n));
        row
    });
    rows.collect()
}

fn carrier(n: usize) -> &'static str {
    ["UA", "AA"][n % 2]
}

fn usual(n: usize) -> serde_json::Value {
    json!({ "hour": n % 24, "carrier": carrier(n) })
}

fn even(n: usize) -> f64 {
    n as f64 / 480.0
}

#[test]
fn what_looks_like_training_does_not_drift() {
    let measured = measure(&spread(usual, even), Some(&profile()));
    assert!(measured.score_psi.unwrap() < 0.01, "{measured:?}");
    for name in ["hour", "carrier"] {
        assert!(measured.drift[name].as_f64().unwrap() < 0.01, "{measured:?}");
    }
}

#[test]
fn drift_is_told_by_feature() {
    let night = |n: usize| json!({ "hour": n % 3, "carrier": carrier(n) });
    let measured = measure(&spread(night, even), Some(&profile()));
    assert!(measured.drift["hour"].as_f64().unwrap() > 1.0, "{measured:?}");
    assert!(measured.drift["carrier"].as_f64().unwrap() < 0.01);
    let stuck = measure(&spread(usual, |_| 0.5), Some(&profile()));
    assert!(stuck.score_psi.unwrap() > 1.0, "a model that answers everything alike drifts");
    let renamed = measure(&spread(|n| json!({ "hour": n % 24, "carrier": "ZZ" }), even), Some(&profile()));
    assert!(renamed.drift["carrier"].as_f64().unwrap() > 1.0, "categories that training did not know");
}

#[test]
fn columns_that_requests_do_not_carry_are_left_out() {
    let measured = measure(&spread(usual, even), Some(&profile()));
    assert!(!measured.drift.contains_key("late") && !measured.drift.contains_key("score"));
}
