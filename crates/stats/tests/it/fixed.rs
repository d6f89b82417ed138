//! Fixed-horizon tests: exact values by enumeration, and what must be refused.

use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::heterogeneity::{segments, trend};
use mainspring_stats::estimate::quantile::{quantile_of, rank_bounds};
use mainspring_stats::estimate::ratio::ratio;
use mainspring_stats::estimate::strata::Cell;
use mainspring_stats::estimate::{Alternative, Effect, Sample, log_ratio, relative, strata, welch};
use mainspring_stats::fixed::contingency::sample_ratio;
use mainspring_stats::fixed::multiple::{Adjustment, adjust};
use mainspring_stats::fixed::paired::wilcoxon;
use mainspring_stats::fixed::power::{plan, power_reached, power_t, sample_size_paired, sample_size_t};
use mainspring_stats::fixed::proportions::{Proportion, barnard_exact, binomial_test, fisher_exact};
use mainspring_stats::fixed::ranks::mann_whitney;
use mainspring_stats::moments::Bivariate;
use mainspring_stats::special::binomial_pmf;
use proptest::prelude::*;

fn sample(n: u64, mean: f64, variance: f64) -> Sample {
    Sample { n, mean, variance }
}

#[test]
fn what_cannot_be_tested_says_why() {
    let good = sample(10, 1.0, 2.0);
    for (bad, why) in [
        (sample(0, 0.0, 0.0), Undecided::TooFew),
        (sample(1, 1.0, 1.0), Undecided::TooFew),
        (sample(9, 1.0, 0.0), Undecided::NoVariance),
        (sample(9, f64::NAN, 1.0), Undecided::NotFinite),
        (sample(9, 1.0, f64::INFINITY), Undecided::NotFinite),
    ] {
        assert_eq!(welch(&good, &bad), Err(why));
        assert_eq!(welch(&bad, &good), Err(why));
        assert_eq!(log_ratio(&bad, &good), Err(why));
    }
    assert_eq!(relative(&sample(9, 0.0, 1.0), &good), Err(Undecided::ZeroBaseline));
    assert_eq!(log_ratio(&sample(9, -1.0, 1.0), &good), Err(Undecided::ZeroBaseline));
    let effect = welch(&good, &good).unwrap();
    assert!(effect.test(0.0, Alternative::TwoSided, 0.0).is_err());
    assert!(effect.test(f64::NAN, Alternative::TwoSided, 0.05).is_err());
    assert_eq!(sample_ratio(&[5, 5], &[0.5]), Err(Undecided::Lengths));
    assert!(sample_ratio(&[5, 5], &[0.0, 0.0]).is_err());
    assert_eq!(sample_ratio(&[5, 1], &[1.0, 0.0]).map(|test| test.p), Ok(0.0));
    assert!(Proportion::new(2, 1).is_err() && Proportion::new(0, 0).is_err());
    assert!(Proportion::new(u64::MAX, u64::MAX).is_err() && Sample::proportion(3, 2).is_err());
    assert_eq!(rank_bounds(5, 0.99), Err(Undecided::TooFew));
    assert!(adjust(&[0.1, f64::NAN], Adjustment::Holm).is_err());
    let zero = Bivariate::from_columns([&[1.0, 2.0], &[0.0, 0.0]]).unwrap();
    assert_eq!(ratio(&zero), Err(Undecided::ZeroBaseline));
}

#[test]
fn sizes_of_paired_and_unpaired_tests() {
    // reference/statistics.md, 2.5: accuracy 0.90 against 0.91 at 80 % power
    for (discordance, pairs) in [(0.03, 2_347.0), (0.05, 3_917.0), (0.10, 7_841.0)] {
        let size = sample_size_paired(0.01, discordance, 0.05, 0.8).unwrap();
        assert!((size / pairs - 1.0).abs() < 3e-3, "{size}");
    }
    assert!(sample_size_paired(0.02, 0.01, 0.05, 0.8).is_err());
    assert!(sample_size_t(0.0, 1.0, 0.05, 0.8).is_err());
    let size = plan(0.2, 1.0, 2, 1.0, 0.05, 0.8).unwrap();
    assert_eq!((size.control, size.candidate, size.total), (394, 394, 788));
    // 1.96 + 0.84 standard errors
    assert!((power_reached(2.801_585, 1.0, 0.05).unwrap() - 0.8).abs() < 1e-6);
    assert!(power_reached(1.0, 0.0, 0.05).is_err());
    assert!(plan(0.2, 0.0, 2, 1.0, 0.05, 0.8).is_err() && plan(0.2, 1.0, 1, 1.0, 0.05, 0.8).is_err());
}

#[test]
fn the_variance_of_a_quantile_is_that_of_its_estimate() {
    // For a uniform distribution n Var(median) = 1/4.
    let values: Vec<f64> = (0..10_001).map(|i| f64::from(i) / 10_000.0).collect();
    let median = quantile_of(&values, 0.5).unwrap();
    assert!((median.mean - 0.5).abs() < 1e-12 && (median.variance - 0.25).abs() < 0.01);
    assert_eq!(quantile_of(&[1.0; 50], 0.5), Err(Undecided::NoVariance));
}

fn cell(a: Sample, b: Sample) -> Cell {
    Cell { a, b, units: a.n + b.n }
}

#[test]
fn strata_remove_what_differs_between_cells() {
    let small = cell(sample(100, 1.0, 1.0), sample(100, 1.5, 1.0));
    let large = cell(sample(300, 9.0, 1.0), sample(300, 9.5, 1.0));
    let effect = strata::difference(&[small, large]).unwrap();
    assert!((effect.estimate - 0.5).abs() < 1e-12);
    let within = 0.25_f64.powi(2) * 0.02 + 0.75_f64.powi(2) * 2.0 / 300.0;
    assert!((effect.standard_error - within.sqrt()).abs() < 1e-12);
    assert_eq!(effect.n, 800);
    // Effects that differ between cells move the mean with the cells' sizes.
    let effect = strata::difference(&[small, cell(large.a, sample(300, 10.5, 1.0))]).unwrap();
    let middle = 0.25 * 0.5 + 0.75 * 1.5;
    let between = (0.25 * (0.5_f64 - middle).powi(2) + 0.75 * (1.5_f64 - middle).powi(2)) / 800.0;
    assert!((effect.estimate - middle).abs() < 1e-12);
    assert!((effect.standard_error - (within + between).sqrt()).abs() < 1e-12);
}

#[test]
fn one_cell_is_the_plain_effect() {
    let one = cell(sample(100, 4.0, 1.0), sample(120, 5.0, 2.0));
    for (strata, plain) in [
        (strata::difference(&[one]), welch(&one.a, &one.b)),
        (strata::log_ratio(&[one]), log_ratio(&one.a, &one.b)),
    ] {
        let (strata, plain) = (strata.unwrap(), plain.unwrap());
        assert!((strata.estimate - plain.estimate).abs() < 1e-15);
        assert!((strata.standard_error - plain.standard_error).abs() < 1e-15);
        assert_eq!(strata.n, plain.n);
    }
    let sums = Bivariate::from_columns([&[1.0, 5.0, 2.0, 7.5], &[1.0, 3.0, 1.0, 2.0]]).unwrap();
    let (of_cells, plain) = (strata::ratios(&[sums], &[9]).unwrap(), ratio(&sums).unwrap());
    assert_eq!(of_cells[0].n, plain.n);
    assert!((of_cells[0].mean - plain.mean).abs() < 1e-15);
    assert!((of_cells[0].variance - plain.variance).abs() < 1e-14);
}

#[test]
fn a_ratio_over_cells_is_that_of_sums() {
    let few = Bivariate::from_columns([&[1.0, 2.0, 4.0], &[1.0, 1.0, 2.0]]).unwrap();
    let many = Bivariate::from_columns([&[30.0, 50.0, 10.0], &[10.0, 12.0, 9.0]]).unwrap();
    let samples = strata::ratios(&[few, many], &[20, 60]).unwrap();
    let sum = |column| 0.25 * few.mean(column) + 0.75 * many.mean(column);
    let mean = 0.25 * samples[0].mean + 0.75 * samples[1].mean;
    assert!((mean - sum(0) / sum(1)).abs() < 1e-12, "{samples:?}");
    assert_eq!(strata::ratios(&[few], &[1, 2]), Err(Undecided::Lengths));
    let zero = Bivariate::from_columns([&[1.0, 2.0], &[0.0, 0.0]]).unwrap();
    assert_eq!(strata::ratios(&[zero], &[2]), Err(Undecided::ZeroBaseline));
}

#[test]
fn cells_that_say_nothing_are_no_result() {
    let (good, same) = (sample(100, 1.0, 1.0), sample(100, 1.0, 0.0));
    assert_eq!(strata::difference(&[]), Err(Undecided::TooFew));
    let lacks = [cell(good, good), cell(sample(1, 1.0, 1.0), good)];
    assert_eq!(strata::difference(&lacks), Err(Undecided::TooFew));
    assert_eq!(strata::difference(&[cell(same, good), cell(same, good)]), Err(Undecided::NoVariance));
    assert!(strata::difference(&[cell(same, good), cell(good, same)]).is_ok(), "each arm varies in one");
    let none = cell(sample(100, 0.0, 1.0), sample(100, 0.0, 1.0));
    assert_eq!(strata::log_ratio(&[none]), Err(Undecided::ZeroBaseline));
    let nan = cell(sample(100, f64::NAN, 1.0), good);
    assert_eq!(strata::difference(&[nan]), Err(Undecided::NotFinite));
    assert_eq!(strata::difference(&[Cell { units: 0, ..cell(good, good) }]), Err(Undecided::NotFinite));
}

fn effect(estimate: f64, standard_error: f64) -> Effect {
    Effect { estimate, standard_error, df: f64::INFINITY, n: 100 }
}

#[test]
fn a_segment_that_differs_is_found_and_others_are_not() {
    let mut effects = vec![effect(0.1, 0.05); 9];
    let same = segments(&effects).unwrap();
    assert!(same.p > 0.999 && same.differs.iter().all(|p| *p > 0.999));
    assert!(
        (same.common.estimate - 0.1).abs() < 1e-12 && (same.common.standard_error - 0.05 / 3.0).abs() < 1e-12
    );
    effects.push(effect(-0.2, 0.05));
    let one = segments(&effects).unwrap();
    assert!(one.p < 1e-3 && one.differs[9] < 1e-6 && one.differs[..9].iter().all(|p| *p > 0.1), "{one:?}");
    // Two segments: Q is the squared z of their difference.
    let two = segments(&[effect(0.0, 0.3), effect(1.0, 0.4)]).unwrap();
    assert!((two.p - 0.045_500_263_896_358_42).abs() < 1e-12 && (two.differs[0] - two.p).abs() < 1e-12);
    assert_eq!(segments(&[effect(0.0, 0.3)]), Err(Undecided::TooFew));
    assert!(segments(&[effect(0.0, 0.0), effect(0.0, 1.0)]).is_err());
    assert!(segments(&[effect(f64::NAN, 1.0), effect(0.0, 1.0)]).is_err());
}

#[test]
fn an_effect_that_wears_off_is_a_novelty() {
    let ages = [0.0, 1.0, 2.0, 3.0];
    let of = |values: [f64; 4]| trend(&ages, &values.map(|value| effect(value, 0.02)), 0.05).unwrap();
    let fading = of([0.3, 0.2, 0.1, 0.0]);
    assert!((fading.slope + 0.1).abs() < 1e-12 && fading.novelty);
    assert!((fading.standard_error - 0.02 / 5.0_f64.sqrt()).abs() < 1e-12);
    assert!(!of([0.1; 4]).novelty && !of([0.1, 0.2, 0.3, 0.4]).novelty);
    assert!(of([-0.3, -0.2, -0.1, 0.0]).novelty);
    assert!(!of([-0.01, 0.1, 0.2, 0.3]).novelty, "what is nothing at first cannot fade");
    assert_eq!(trend(&[1.0; 2], &[effect(0.0, 1.0); 2], 0.05), Err(Undecided::NoVariance));
    assert_eq!(trend(&ages, &[effect(0.0, 1.0); 2], 0.05), Err(Undecided::Lengths));
}

#[test]
fn wilcoxons_test_is_exact_for_few_differences() {
    // scipy 1.17.1: wilcoxon(d), with a tie and a zero
    let ours = wilcoxon(&[1.0, -1.0, 2.5, 3.0, 0.0, 4.0, -0.5]).unwrap();
    assert_eq!((ours.w, ours.p), (3.5, 0.1875));
    assert_eq!(wilcoxon(&[0.0, 0.0]), Err(Undecided::TooFew));
}

proptest! {
    #[test]
    fn exact_tests_equal_enumeration(a in 0_u64..12, b in 0_u64..12, na in 12_u64..15, nb in 12_u64..18) {
        let (left, right) = (Proportion::new(a, na).unwrap(), Proportion::new(b, nb).unwrap());
        let total = a + b;
        let weight = |k: u64| binomial_pmf(k, na, 0.5) * binomial_pmf(total - k, nb, 0.5);
        let ks = || total.saturating_sub(nb)..=total.min(na);
        let all: f64 = ks().map(weight).sum();
        let far: f64 = ks().map(weight).filter(|w| *w <= weight(a) * (1.0 + 1e-7)).sum();
        prop_assert!((fisher_exact(left, right) - far / all).abs() < 1e-9);
        let p = barnard_exact(left, right).unwrap();
        prop_assert!(p <= 1.0 && p > 0.0);
        let share = 0.3;
        let limit = binomial_pmf(a, na, share) * (1.0 + 1e-7);
        let expected: f64 = (0..=na).map(|k| binomial_pmf(k, na, share)).filter(|w| *w <= limit).sum();
        prop_assert!((binomial_test(left, share).unwrap() - expected.min(1.0)).abs() < 1e-9);
    }

    #[test]
    fn exact_rank_tests_agree_with_all_orders(a in prop::collection::vec(-1e3_f64..1e3, 1..4), b in prop::collection::vec(-1e3_f64..1e3, 1..5)) {
        let all: Vec<f64> = a.iter().chain(&b).copied().collect();
        let u = |chosen: u32| {
            let group = |wanted: bool| all.iter().enumerate().filter(move |(i, _)| (chosen >> i & 1 == 1) == wanted).map(|(_, v)| *v);
            group(true).map(|high| group(false).filter(|low| high > *low).count()).sum::<usize>() as f64
        };
        let orders: Vec<u32> = (0..1_u32 << all.len()).filter(|chosen| chosen.count_ones() as usize == b.len()).collect();
        let pairs = (a.len() * b.len()) as f64;
        let seen = u(((1 << b.len()) - 1) << a.len());
        let larger = seen.max(pairs - seen);
        let far = orders.iter().filter(|chosen| u(**chosen) >= larger).count();
        let test = mann_whitney(&a, &b).unwrap();
        prop_assert_eq!(test.u, seen);
        prop_assert!((test.p - (2.0 * far as f64 / orders.len() as f64).min(1.0)).abs() < 1e-12);
    }

    #[test]
    fn adjusted_p_values_are_ordered(p in prop::collection::vec(0.0_f64..1.0, 1..20)) {
        let of = |method| adjust(&p, method).unwrap();
        let (bonferroni, holm, hochberg, hommel) =
            (of(Adjustment::Bonferroni), of(Adjustment::Holm), of(Adjustment::Hochberg), of(Adjustment::Hommel));
        let bh = of(Adjustment::BenjaminiHochberg);
        for i in 0..p.len() {
            let order = [p[i], bh[i], hommel[i], hochberg[i], holm[i], bonferroni[i]];
            prop_assert!(order.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12), "{order:?}");
        }
    }

    #[test]
    fn power_rises_with_the_size(d in 0.05_f64..1.0, n in 5.0_f64..5e3) {
        let (one, two) = (power_t(d, n, 1.0, 0.05).unwrap(), power_t(d, n * 1.3, 1.0, 0.05).unwrap());
        prop_assert!(one >= 0.05 - 1e-9 && two >= one - 1e-9 && two <= 1.0 + 1e-9);
    }

    #[test]
    fn no_numbers_panic(values in prop::collection::vec(any::<f64>(), 0..60), n in any::<u64>(), x in any::<f64>(), y in any::<f64>()) {
        let _ = wilcoxon(&values);
        let _ = mann_whitney(&values, &[x, y]);
        let (a, b) = (sample(n, x, y), sample(7, y, x));
        for effect in [welch(&a, &b), relative(&a, &b), log_ratio(&a, &b), Effect::of_one(&a)].into_iter().flatten() {
            let test = effect.test(0.0, Alternative::TwoSided, 0.05).unwrap();
            prop_assert!(test.p.is_nan() || (0.0..=1.0).contains(&test.p));
        }
        let cells = [strata::Cell { a, b, units: n }, strata::Cell { a: b, b: a, units: 7 }];
        let _ = (strata::difference(&cells), strata::log_ratio(&cells));
        let _ = quantile_of(&values, 0.5);
        let _ = plan(x, y, 3, 1.0, 0.05, 0.8);
    }
}
