//! Mergeable moments against direct sums.

use mainspring_stats::error::Undecided;
use mainspring_stats::moments::{Bivariate, Moments, Quadrivariate, Univariate};
use proptest::prelude::*;

fn direct<const K: usize>(rows: &[[f64; K]], i: usize, j: usize) -> f64 {
    let n = rows.len() as f64;
    let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / n;
    let (left, right) = (mean(i), mean(j));
    rows.iter().map(|row| (row[i] - left) * (row[j] - right)).sum::<f64>() / (n - 1.0)
}

fn columns<const K: usize>(rows: &[[f64; K]]) -> [Vec<f64>; K] {
    std::array::from_fn(|k| rows.iter().map(|row| row[k]).collect())
}

fn of<const K: usize>(rows: &[[f64; K]]) -> Moments<K> {
    let columns = columns(rows);
    Moments::from_columns(std::array::from_fn(|k| columns[k].as_slice())).unwrap()
}

#[test]
fn a_large_offset_does_not_cost_the_variance() {
    let values: Vec<f64> = (0..100_000).map(|i| 1e9 + f64::from(i % 7)).collect();
    let shifted: Vec<[f64; 1]> = values.iter().map(|value| [value - 1e9]).collect();
    let expected = direct(&shifted, 0, 0);
    let batch = Univariate::from_columns([&values]).unwrap();
    let mut single = Univariate::default();
    for value in &values {
        single.push(&[*value]).unwrap();
    }
    assert!((batch.variance(0) / expected - 1.0).abs() < 1e-12);
    assert!((single.variance(0) / expected - 1.0).abs() < 1e-9, "{:e}", single.variance(0) / expected - 1.0);
    assert!((batch.mean(0) - 1e9 - shifted.iter().map(|row| row[0]).sum::<f64>() / 1e5).abs() < 1e-6);
}

#[test]
fn what_is_not_a_number_is_refused_and_changes_nothing() {
    let mut moments = Univariate::from_columns([&[1.0, 2.0]]).unwrap();
    let before = moments;
    assert_eq!(moments.push(&[f64::NAN]), Err(Undecided::NotFinite));
    assert_eq!(moments.push(&[f64::INFINITY]), Err(Undecided::NotFinite));
    assert_eq!(moments, before);
    assert_eq!(Univariate::from_columns([&[1.0, f64::NAN]]), Err(Undecided::NotFinite));
    assert_eq!(Univariate::from_columns([&[1e300, -1e300]]), Err(Undecided::NotFinite));
    assert_eq!(Bivariate::from_columns([&[1.0], &[]]), Err(Undecided::Lengths));
    assert!(serde_json::from_str::<Bivariate>(&serde_json::to_string(&before).unwrap()).is_err());
    assert_eq!(Univariate::default().variance(0), 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merged_parts_equal_the_whole(
        rows in prop::collection::vec(prop::array::uniform4(-1e6_f64..1e6), 2..3000),
        cut in 0.0_f64..1.0,
    ) {
        let at = (cut * rows.len() as f64) as usize;
        let mut merged: Quadrivariate = of(&rows[..at]);
        merged.merge(&of(&rows[at..])).unwrap();
        let scale = (0..4).map(|k| direct(&rows, k, k)).fold(1.0, f64::max);
        prop_assert_eq!(merged.n(), rows.len() as u64);
        for i in 0..4 {
            for j in 0..4 {
                prop_assert!((merged.covariance(i, j) - direct(&rows, i, j)).abs() <= 1e-11 * scale);
            }
        }
    }

    #[test]
    fn rows_go_to_their_arms(rows in prop::collection::vec((prop::array::uniform2(-1e3_f64..1e3), 0_u32..3), 0..5000)) {
        let part = |arm: u32| -> Vec<[f64; 2]> { rows.iter().filter(|row| row.1 == arm).map(|row| row.0).collect() };
        let columns: [Vec<f64>; 2] = std::array::from_fn(|k| rows.iter().map(|row| row.0[k]).collect());
        let arm: Vec<u32> = rows.iter().map(|row| row.1).collect();
        let by_arm = Bivariate::by_arm([&columns[0], &columns[1]], &arm, 3).unwrap();
        for (index, moments) in by_arm.iter().enumerate() {
            prop_assert_eq!(moments, &of(&part(index as u32)));
        }
        if !rows.is_empty() {
            prop_assert_eq!(Bivariate::by_arm([&columns[0], &columns[1]], &vec![3; rows.len()], 3), Err(Undecided::Lengths));
        }
    }

    #[test]
    fn a_document_restores_every_bit(rows in prop::collection::vec(prop::array::uniform2(any::<f64>()), 0..40)) {
        let mut moments = Bivariate::default();
        for row in rows {
            let _ = moments.push(&row);
        }
        let restored: Bivariate = serde_json::from_str(&serde_json::to_string(&moments).unwrap()).unwrap();
        prop_assert_eq!(restored, moments);
        let more = Bivariate::from_columns([&[0.1, 0.2, 0.7], &[3.0, -1.0, 1e-9]]).unwrap();
        let (mut left, mut right) = (moments, restored);
        prop_assert_eq!(left.merge(&more), right.merge(&more));
        prop_assert_eq!(left, right);
    }
}
