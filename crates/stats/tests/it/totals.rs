//! Sums without rounding, of rows that come and go.

use mainspring_stats::error::Undecided;
use mainspring_stats::moments::Moments;
use mainspring_stats::totals::Totals;
use proptest::prelude::*;

fn totals(rows: &[[f64; 2]]) -> Totals<2> {
    let mut totals = Totals::default();
    rows.iter().for_each(|row| totals.add(row));
    totals
}

/// Numbers of very different sizes, those below the normal ones among them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e3..1e3,
        (-1.0..1.0, -1074..500_i32).prop_map(|(value, exponent)| libm::ldexp(value, exponent)),
        Just(0.1),
        Just(0.0),
    ]
}

proptest! {
    #[test]
    fn rows_in_any_order_and_others_that_came_and_went_give_the_same_bits(
        rows in prop::collection::vec([number(), number()], 0..40),
        others in prop::collection::vec([number(), number()], 0..40),
        turn in 0..40_usize,
    ) {
        let plain = totals(&rows);
        let mut turned = rows.clone();
        turned.rotate_left(if rows.is_empty() { 0 } else { turn % rows.len() });
        let mut stirred = Totals::default();
        others.iter().for_each(|row| stirred.add(row));
        turned.iter().rev().for_each(|row| stirred.add(row));
        others.iter().for_each(|row| stirred.remove(row));
        prop_assert_eq!(stirred.n(), plain.n());
        prop_assert_eq!(stirred.moments(), plain.moments());
    }

    #[test]
    fn they_are_the_moments(rows in prop::collection::vec([-1e3..1e3, 1e6..1.001e6], 2..60)) {
        let mut moments = Moments::<2>::default();
        for row in &rows {
            moments.push(row).unwrap();
        }
        let found = totals(&rows).moments().unwrap();
        prop_assert_eq!(found.n(), moments.n());
        for i in 0..2 {
            prop_assert!((found.mean(i) - moments.mean(i)).abs() <= 1e-12 * moments.mean(i).abs().max(1.0));
            for j in 0..=i {
                let scale = (moments.variance(i) * moments.variance(j)).sqrt();
                prop_assert!((found.covariance(i, j) - moments.covariance(i, j)).abs() <= 1e-11 * scale);
            }
        }
    }
}

#[test]
fn what_does_not_vary_has_no_variance_however_large_it_is() {
    let moments = totals(&[[0.1, 1e150]; 7]).moments().unwrap();
    assert_eq!((moments.mean(0), moments.mean(1)), (0.1, 1e150));
    assert_eq!((moments.variance(0), moments.variance(1), moments.covariance(0, 1)), (0.0, 0.0, 0.0));
    // Two numbers next to each other at a distance of 1e16 from 0.
    let moments = totals(&[[1e16, 0.0], [1e16 + 2.0, 0.0]]).moments().unwrap();
    assert_eq!(moments.variance(0), 2.0);
    let moments = totals(&[[-3.0, -1e-300], [5.0, 1e-300]]).moments().unwrap();
    assert_eq!((moments.mean(0), moments.variance(0), moments.mean(1)), (1.0, 32.0, 0.0));
    assert_eq!(totals(&[]).moments(), Ok(Moments::default()));
}

#[test]
fn what_is_not_a_number_says_so_as_long_as_it_is_there() {
    for unfit in [f64::NAN, f64::INFINITY, 1e308] {
        let mut totals = totals(&[[1.0, 2.0], [2.0, 2.0]]);
        let before = totals.moments();
        totals.add(&[1.0, unfit]);
        assert_eq!(totals.moments(), Err(Undecided::NotFinite));
        totals.remove(&[1.0, unfit]);
        assert_eq!(totals.moments(), before);
    }
}
