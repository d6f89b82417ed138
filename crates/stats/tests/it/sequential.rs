//! Sequential methods: martingales by enumeration, duality of tests and intervals, known boundaries;
//! and the Bayesian summaries.

use mainspring_stats::bayes::best_arm::{ranks, thompson, top_two, with_floor};
use mainspring_stats::bayes::beta::{Beta, probability_above};
use mainspring_stats::bayes::normal::{Posterior, Prior, posterior};
use mainspring_stats::estimate::Effect;
use mainspring_stats::sequential::asymptotic::{Sequence, Sides};
use mainspring_stats::sequential::bounded::{Betting, bernstein_lower};
use mainspring_stats::sequential::mixture::sprt;
use mainspring_stats::sequential::sign::SignTest;
use mainspring_stats::sequential::spending::{Spending, boundaries};
use mainspring_stats::sequential::srm;
use mainspring_stats::special::{binomial_pmf, normal_sf};
use proptest::prelude::*;

fn effect(estimate: f64, standard_error: f64, n: u64) -> Effect {
    Effect { estimate, standard_error, df: f64::INFINITY, n }
}

/// Under the null an e-value has the mean 1 at every time.
#[test]
fn e_values_have_the_mean_one() {
    for n in [1_u64, 2, 7, 40, 400] {
        let (mut both, mut better, mut split) = (0.0, 0.0, 0.0);
        for wins in 0..=n {
            let mut test = SignTest::default();
            test.add(n - wins, wins);
            let weight = binomial_pmf(wins, n, 0.5);
            both += weight * test.log_e().exp();
            better += weight * test.log_e_better().exp();
            let uneven = binomial_pmf(wins, n, 0.3);
            split += uneven * srm::log_e(&[wins, n - wins], &[0.3, 0.7]).unwrap().exp();
        }
        for mean in [both, better, split] {
            assert!((mean - 1.0_f64).abs() < 1e-9, "{n}: {both} {better} {split}");
        }
    }
    // A worse candidate makes the one-sided one smaller.
    let mean: f64 = (0..=50)
        .map(|wins| {
            let mut test = SignTest::default();
            test.add(50 - wins, wins);
            binomial_pmf(wins, 50, 0.45) * test.log_e_better().exp()
        })
        .sum();
    assert!(mean < 1.0);
}

#[test]
fn splits_by_weights_that_say_nothing_are_refused() {
    assert!(srm::log_e(&[1, 2], &[0.5]).is_err());
    assert!(srm::log_e(&[1, 2], &[0.0, 0.0]).is_err());
    assert!(srm::log_e(&[1, 2], &[f64::NAN, 1.0]).is_err());
    assert_eq!(srm::log_e(&[1, 2], &[1.0, 0.0]), Ok(f64::INFINITY));
    assert_eq!(srm::log_e(&[5, 0], &[1.0, 0.0]), Ok(0.0));
    assert_eq!(srm::p(&[0, 0], &[0.5, 0.5]), Ok(1.0));
    assert!(srm::p(&[14_400, 15_600], &[0.5, 0.5]).unwrap() < 1e-6);
}

#[test]
fn boundaries_equal_the_published_ones() {
    // ldbounds 2.0, two-sided 0.05, five looks
    let z = boundaries(&[0.2, 0.4, 0.6, 0.8, 1.0], Spending::OBrienFleming, 0.05, true).unwrap();
    for (z, published) in z.iter().zip([4.8769, 3.3569, 2.6803, 2.2898, 2.0310]) {
        // They are by a grid; at the second look 3.357012 is right (SciPy's quadrature).
        assert!((z - published).abs() < 2e-4, "{z} {published}");
    }
    let single = boundaries(&[1.0], Spending::Power(3.0), 0.05, true).unwrap();
    assert!((normal_sf(single[0]) - 0.025).abs() < 1e-12);
    for wrong in [vec![0.5, 0.5], vec![0.0], vec![1.1], vec![0.5, 0.4], vec![f64::NAN]] {
        assert!(boundaries(&wrong, Spending::OBrienFleming, 0.05, true).is_err(), "{wrong:?}");
    }
    assert!(boundaries(&[0.5], Spending::Power(0.0), 0.05, true).is_err());
    assert_eq!(boundaries(&[], Spending::OBrienFleming, 0.05, true), Ok(vec![]));
    let many: Vec<f64> = (1..=200).map(|look| f64::from(look) / 200.0).collect();
    assert!(boundaries(&many, Spending::OBrienFleming, 0.05, true).unwrap().iter().all(|z| *z > 1.9));
}

/// The probability to cross, by recursion over a random walk of coins, is what was spent.
#[test]
fn boundaries_spend_alpha_and_no_more() {
    let looks = 8;
    let fractions: Vec<f64> = (1..=looks).map(|look| f64::from(look) / f64::from(looks)).collect();
    let z = boundaries(&fractions, Spending::Power(2.0), 0.05, true).unwrap();
    // 500 coins between looks are nearly a normal step.
    let step = 500_i32;
    let pmf: Vec<f64> = (0..=step).map(|heads| binomial_pmf(heads as u64, step as u64, 0.5)).collect();
    let width = (step * looks) as usize;
    let mut places = vec![0.0; 2 * width + 1];
    places[width] = 1.0;
    let mut crossed = 0.0;
    for (look, z) in z.iter().enumerate() {
        let mut next = vec![0.0; 2 * width + 1];
        for (place, mass) in places.iter().enumerate().filter(|(_, mass)| **mass > 1e-18) {
            for (heads, probability) in
                pmf.iter().enumerate().filter(|(_, probability)| **probability > 1e-18)
            {
                next[place + 2 * heads - step as usize] += mass * probability;
            }
        }
        let bound = z * (f64::from(step) * (look + 1) as f64).sqrt();
        for (place, mass) in next.iter_mut().enumerate() {
            if (place as f64 - width as f64).abs() >= bound {
                crossed += *mass;
                *mass = 0.0;
            }
        }
        places = next;
    }
    assert!((crossed - 0.05_f64).abs() < 3e-3, "{crossed}");
}

#[test]
fn bounded_means_stay_within() {
    let mut betting = Betting::new(0.05).unwrap();
    assert_eq!((betting.interval().low, betting.interval().high), (0.0, 1.0));
    assert!(betting.push(1.1).is_err() && betting.push(f64::NAN).is_err());
    for index in 0..400 {
        betting.push(f64::from(u8::from(index % 4 == 0))).unwrap();
    }
    let (now, all) = (betting.interval(), betting.intersection());
    assert!(now.low < 0.25 && 0.25 < now.high && now.high - now.low < 0.2, "{now:?}");
    assert!(all.low >= now.low && all.high <= now.high);
    let values: Vec<f64> = (0..400).map(|index| f64::from(u8::from(index % 4 == 0))).collect();
    let lower = bernstein_lower(&values, 50.0, 0.025).unwrap();
    assert!(lower > 0.1 && lower < 0.25, "{lower}");
    assert!(bernstein_lower(&[2.0], 50.0, 0.025).is_err());
    // Values that never vary from their mean do not move it.
    assert_eq!(bernstein_lower(&[0.5; 10], 50.0, 0.025), Ok(0.0));
}

#[test]
fn chances_of_proportions() {
    let half = Beta { a: 3.0, b: 8.0 };
    assert!((probability_above(half, half).unwrap() - 0.5).abs() < 1e-12);
    // One of them uniform: P(B > A) is the mean of B.
    let uniform = Beta { a: 1.0, b: 1.0 };
    for b in
        [Beta { a: 0.5, b: 0.5 }, Beta { a: 2.0, b: 5.0 }, Beta { a: 1e4, b: 3e4 }, Beta { a: 0.05, b: 30.0 }]
    {
        let mean = b.a / (b.a + b.b);
        assert!((probability_above(uniform, b).unwrap() - mean).abs() < 1e-9, "{b:?}");
        assert!((probability_above(b, uniform).unwrap() + mean - 1.0).abs() < 1e-9, "{b:?}");
    }
    assert!(probability_above(uniform, Beta { a: 0.0, b: 1.0 }).is_err());
}

#[test]
fn best_arms() {
    let arm = |mean, deviation| Posterior { mean, deviation };
    let equal = ranks(&[arm(1.0, 0.3); 4]).unwrap();
    assert!(equal.iter().flatten().all(|share| (share - 0.25).abs() < 1e-12));
    // Two arms: the larger is P(Z < difference / sqrt(s1^2 + s2^2)); spreads may differ a lot.
    for deviation in [1.0, 1e-3, 1e-6] {
        let best = thompson(&[arm(0.0, 1.0), arm(0.7, deviation)]).unwrap();
        let expected = normal_sf(-0.7 / (1.0_f64 + deviation * deviation).sqrt());
        assert!((best[1] - expected).abs() < 1e-9, "{deviation}: {best:?} {expected}");
    }
    assert!(
        thompson(&[]).is_err()
            && thompson(&[arm(0.0, 0.0)]).is_err()
            && thompson(&[arm(f64::NAN, 1.0)]).is_err()
    );
    assert_eq!(with_floor(&[0.0, 1.0], 0.1), vec![0.1, 0.9]);
    assert_eq!(with_floor(&[0.0, 1.0], 0.5), vec![0.5, 0.5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tests_and_intervals_agree(
        estimate in -2.0_f64..2.0, se in 0.01_f64..2.0, n in 10_u64..1_000_000, null in -1.0_f64..1.0,
        alpha in 0.001_f64..0.4, planned in 10.0_f64..1e6,
    ) {
        let seen = effect(estimate, se, n);
        for sides in [Sides::Two, Sides::One] {
            let sequence = Sequence::for_plan(alpha, planned, sides).unwrap();
            let interval = sequence.interval(&seen);
            let outside = null < interval.low || null > interval.high;
            let p = sequence.p(&seen, null);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!(outside == (p < alpha) || (p / alpha - 1.0).abs() < 1e-9);
            // Wider than the fixed interval at the same level.
            prop_assert!(sequence.half_width(se, n as f64) > 0.0);
        }
        let mixture = sprt(&seen, null, 0.3, alpha).unwrap();
        let outside = null < mixture.interval.low || null > mixture.interval.high;
        prop_assert!(outside == (mixture.p < alpha) || (mixture.p / alpha - 1.0).abs() < 1e-9);
        // One family: the sequence with its rho is the mixture with that spread.
        let sequence = Sequence::narrowest_at(alpha, planned, Sides::Two).unwrap();
        let same = sprt(&seen, null, sequence.rho() * se * (n as f64).sqrt(), alpha).unwrap();
        prop_assert!((same.p - sequence.p(&seen, null)).abs() <= 1e-9 * same.p);
    }

    #[test]
    fn sign_tests_and_their_intervals_agree(champion in 0_u64..300, candidate in 0_u64..300) {
        let mut test = SignTest::default();
        test.add(champion, candidate);
        let interval = test.interval(0.05).unwrap();
        let n = champion + candidate;
        if n > 0 {
            let seen = candidate as f64 / n as f64;
            prop_assert!(interval.low <= seen && seen <= interval.high);
            let excluded = interval.low > 0.5 || interval.high < 0.5;
            prop_assert!(excluded == (test.p() < 0.05) || (test.p() / 0.05 - 1.0).abs() < 1e-6);
        }
        let exchanged = test.swapped();
        prop_assert!((exchanged.log_e() - test.log_e()).abs() < 1e-9);
        let either = test.log_e_better().exp() + exchanged.log_e_better().exp();
        prop_assert!((either / (2.0 * test.log_e().exp()) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn posteriors_are_consistent(estimate in -5.0_f64..5.0, se in 0.01_f64..3.0, prior in 0.01_f64..10.0) {
        let seen = effect(estimate, se, 100);
        let flat = posterior(&seen, None).unwrap();
        let informed = posterior(&seen, Some(Prior { mean: 0.0, variance: prior })).unwrap();
        prop_assert!(informed.mean.abs() <= flat.mean.abs() && informed.deviation < flat.deviation);
        let [of_champion, of_candidate] = flat.risk();
        prop_assert!(of_champion >= 0.0 && of_candidate >= 0.0);
        prop_assert!((of_champion - of_candidate - estimate).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&flat.chance_to_win()));
    }

    #[test]
    fn ranks_are_probabilities(arms in prop::collection::vec((-3.0_f64..3.0, 0.001_f64..2.0), 2..7)) {
        let arms: Vec<Posterior> = arms.into_iter().map(|(mean, deviation)| Posterior { mean, deviation }).collect();
        for place in 0..2 {
            let total: f64 = ranks(&arms).unwrap().iter().map(|shares| shares[place]).sum();
            prop_assert!((total - 1.0).abs() < 1e-8, "{total}");
        }
        let weights = top_two(&arms).unwrap();
        prop_assert!(weights.iter().all(|weight| *weight <= 0.5 + 1e-8));
    }
}
