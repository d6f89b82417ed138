//! Special functions against SciPy 1.17 and mpmath.

use mainspring_stats::intervals::{quantile, wilson};
use mainspring_stats::ks::kolmogorov_sf;
use mainspring_stats::special::{
    beta_cdf, beta_quantile, beta_sf, binomial_cdf, binomial_pmf, binomial_sf, chi2_cdf, chi2_isf, chi2_sf,
    f_quantile, f_sf, gamma_p, gamma_q, gamma_quantile, ln_normal_sf, noncentral_t_sf, normal_cdf,
    normal_isf, normal_quantile, normal_sf, t_isf, t_sf,
};
use proptest::prelude::*;
use serde_json::Value;

#[track_caller]
fn near(actual: f64, expected: f64, relative: f64) {
    assert!(
        (actual - expected).abs() <= relative * expected.abs(),
        "{actual:e} is not within {relative:e} of {expected:e}"
    );
}

#[test]
fn normal_tails_and_quantiles() {
    for (x, sf) in [
        (-3.0, 0.9986501019683699),
        (0.0, 0.5),
        (0.5, 0.3085375387259869),
        (1.0, 0.15865525393145707),
        (1.959963984540054, 0.025),
        (5.0, 2.866515718791933e-07),
        (10.0, 7.61985302416047e-24),
        (20.0, 2.7536241186061556e-89),
        (37.0, 5.7255712225239266e-300),
    ] {
        near(normal_sf(x), sf, 1e-12);
        near(normal_cdf(-x), sf, 1e-12);
    }
    for (p, x) in [
        (1e-300, -37.0470962993612),
        (1e-50, -14.933337534788487),
        (1e-10, -6.361340902404056),
        (0.001, -3.090232306167813),
        (0.025, -1.9599639845400545),
        (0.3, -0.5244005127080409),
        (0.5000001, 2.506628273311648e-07),
        (0.8, 0.8416212335729143),
        (0.975, 1.959963984540054),
        (0.999999, 4.753424308817087),
    ] {
        near(normal_quantile(p), x, 1e-13);
    }
    assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
    assert_eq!(normal_quantile(1.0), f64::INFINITY);
    assert!(normal_quantile(1.5).is_nan());
}

#[test]
fn chi_square_tails() {
    for (x, df, sf) in [
        (0.003932140000019531, 1.0, 0.95),
        (0.4549364231195724, 1.0, 0.5),
        (3.8414588206941285, 1.0, 0.05000000000000004),
        (41.82145636476129, 1.0, 1.0000000000000024e-10),
        (224.3847483187965, 1.0, 9.999999999999942e-51),
        (0.10258658877510116, 2.0, 0.95),
        (1.386294361119891, 2.0, 0.5),
        (5.991464547107983, 2.0, 0.049999999999999996),
        (46.051701859880914, 2.0, 1.0000000000000013e-10),
        (230.25850929940455, 2.0, 1.0000000000000025e-50),
        (1.1454762260617697, 5.0, 0.95),
        (4.351460191095526, 5.0, 0.4999999999999999),
        (11.070497693516355, 5.0, 0.04999999999999999),
        (55.5623985182385, 5.0, 9.999999999999987e-11),
        (244.127298027475, 5.0, 1.0000000000000056e-50),
        (3.3251128430668158, 9.0, 0.95),
        (8.342832692252955, 9.0, 0.4999999999999998),
        (16.91897760462045, 9.0, 0.04999999999999995),
        (65.81779335702517, 9.0, 9.999999999999972e-11),
        (259.4635869194862, 9.0, 1.0000000000000119e-50),
        (19.280568559129293, 31.0, 0.95),
        (30.33594245819813, 31.0, 0.49999999999999933),
        (44.985343280365136, 31.0, 0.049999999999999885),
        (109.71171872666964, 31.0, 1.000000000000005e-10),
        (324.9999665185891, 31.0, 9.999999999999896e-51),
        (77.92946516501726, 100.0, 0.9500000000000001),
        (99.33412923598846, 100.0, 0.5),
        (124.34211340400408, 100.0, 0.04999999999999999),
        (217.71420313830922, 100.0, 1.0000000000000292e-10),
        (478.3474997440019, 100.0, 1.0000000000000011e-50),
        (927.594363020979, 1000.0, 0.9500000000000001),
        (999.333412403381, 1000.0, 0.49999999999999994),
        (1074.679448803441, 1000.0, 0.050000000000000225),
        (1311.303008280607, 1000.0, 9.999999999999923e-11),
        (1823.1501146570033, 1000.0, 9.999999999997879e-51),
        (9768.525135667536, 10000.0, 0.9500000000000004),
        (9999.333341235144, 10000.0, 0.5000000000000024),
        (10233.748897677937, 10000.0, 0.04999999999999972),
        (10926.105292661154, 10000.0, 1.0000000000000143e-10),
        (12262.3569186942, 10000.0, 1.0000000000000203e-50),
    ] {
        near(chi2_sf(x, df), sf, 1e-12);
    }
    near(chi2_isf(0.05, 9.0), 16.91897760462045, 1e-12);
    assert!(chi2_sf(1.0, 0.0).is_nan());
}

/// Largest relative error against values of 60 digits, by function.
#[test]
fn tails_equal_values_of_60_digits() {
    let table: Value = serde_json::from_str(include_str!("special.json")).unwrap();
    let mut worst = std::collections::BTreeMap::<String, (f64, String)>::new();
    for row in table["values"].as_array().unwrap() {
        let name = row[0].as_str().unwrap();
        let a: Vec<f64> =
            row[1].as_array().unwrap().iter().map(|x| x.as_str().unwrap().parse().unwrap()).collect();
        let expected: f64 = row[2].as_str().unwrap().parse().unwrap();
        let value = match name {
            "normal_sf" => normal_sf(a[0]),
            "chi2_sf" => chi2_sf(a[0], a[1]),
            "chi2_cdf" => chi2_cdf(a[0], a[1]),
            "gamma_q" => gamma_q(a[0], a[1]),
            "gamma_p" => gamma_p(a[0], a[1]),
            "t_sf" => t_sf(a[0], a[1]),
            "beta_cdf" => beta_cdf(a[0], a[1], a[2]),
            "beta_sf" => beta_sf(a[0], a[1], a[2]),
            "f_sf" => f_sf(a[0], a[1], a[2]),
            "binomial_sf" => binomial_sf(a[0] as u64, a[1] as u64, a[2]),
            "binomial_cdf" => binomial_cdf(a[0] as u64, a[1] as u64, a[2]),
            "binomial_pmf" => binomial_pmf(a[0] as u64, a[1] as u64, a[2]),
            other => panic!("{other} is not known"),
        };
        let error = ((value - expected) / expected).abs();
        let entry = worst.entry(name.to_owned()).or_insert((0.0, String::new()));
        if error.is_nan() || error > entry.0 {
            *entry = (error, format!("{row}: {value:e}"));
        }
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 12);
    assert!(worst.values().all(|(error, _)| *error <= 1e-12), "{worst:#?}");
}

/// Whether the tail at `x` is `p`, as near as the doubles beside `x` allow.
#[track_caller]
fn inverts(tail: impl Fn(f64) -> f64, x: f64, p: f64) {
    let step = x.abs() * f64::EPSILON;
    let slack = (tail(x + step) - tail(x - step)).abs();
    let error = (tail(x) - p).abs();
    assert!(error <= 1e-12 * p + slack, "{:e} at {x:e} is not {p:e}", tail(x));
}

#[test]
fn quantiles_invert_the_tails() {
    for p in [1e-300, 1e-100, 1e-20, 1e-9, 0.001, 0.025, 0.3, 0.49, 0.5, 0.7, 0.975] {
        inverts(normal_sf, normal_isf(p), p);
        for df in [1.0, 2.5, 30.0, 1e4, 1e7] {
            inverts(|x| t_sf(x, df), t_isf(p, df), p);
            inverts(|x| chi2_sf(x, df), chi2_isf(p, df), p);
            inverts(|x| f_sf(x, df, 50.0), f_quantile(p, df, 50.0), 1.0 - p);
            inverts(|x| gamma_p(df, x), gamma_quantile(p, df), p);
        }
        for (a, b) in [(2.0, 3.0), (0.5, 0.5), (1001.0, 9001.0), (3e6, 7e6), (1.0, 1e7)] {
            let p = p.max(1e-100);
            inverts(|x| beta_cdf(x, a, b), beta_quantile(p, a, b), p);
        }
    }
    // No step where the expansion takes over.
    for t in [0.5, 2.0, 6.0, 30.0] {
        near(t_sf(t, 1.000_000_1e9), t_sf(t, 0.999_999_9e9), 1e-9);
        near(t_sf(t_isf(1e-40, 1e12), 1e12), 1e-40, 1e-11);
    }
    assert!(t_isf(0.0, 3.0).is_nan() && t_isf(0.1, -1.0).is_nan() && beta_quantile(1.1, 1.0, 1.0).is_nan());
}

#[test]
fn logarithms_of_normal_tails() {
    // mpmath: log(erfc(x / sqrt(2)) / 2)
    for (x, expected) in [
        (-2.0, -0.023_012_909_328_963_49),
        (10.0, -53.231_285_150_512_47),
        (31.0, -484.853_963_627_179_3),
        (100.0, -5_005.524_208_694_205),
        (1e6, -500_000_000_014.734_4),
    ] {
        near(ln_normal_sf(x), expected, 1e-13);
    }
}

#[test]
fn noncentral_t_gives_the_power_of_t_tests() {
    // mpmath, by quadrature at 40 digits
    for (t, df, delta, sf) in NONCENTRAL {
        assert!(
            (noncentral_t_sf(t, df, delta) - sf).abs() < 1e-9,
            "{t} {df} {delta}: {}",
            noncentral_t_sf(t, df, delta)
        );
    }
}

const NONCENTRAL: [(f64, f64, f64, f64); 7] = [
    (1.98, 98.0, 2.0, 0.5099051583569326),
    (2.2, 10.0, 1.0, 0.1512832626683251),
    (-2.0, 10.0, 1.0, 0.9966975142333684),
    (3.1, 2.0, 3.0, 0.580912852307696),
    (1.96, 100000.0, 2.8, 0.7995449188145105),
    (2.6, 58.0, 0.3, 0.0130081732553926),
    (4.3, 1.0, 1.0, 0.1945078563102521),
];

#[test]
fn wilson_intervals() {
    for (k, n, low, high) in [
        (0, 10, 0.0, 0.27753279986288926),
        (3, 10, 0.10779126740630102, 0.6032218525388546),
        (50, 1000, 0.03813026239274881, 0.06531382024425081),
        (7, 7, 0.6456695649333126, 1.0),
    ] {
        let interval = wilson(k, n, 0.95).unwrap();
        assert!((interval.low - low).abs() < 1e-14 && (interval.high - high).abs() < 1e-14, "{interval:?}");
    }
    assert!(wilson(1, 0, 0.95).is_none());
    assert!(wilson(2, 1, 0.95).is_none());
}

#[test]
fn kolmogorov_limit() {
    for (x, sf) in [
        (0.3, 0.9999906941986655),
        (0.5, 0.9639452436648751),
        (0.99, 0.2808738392255489),
        (1.0, 0.26999967167735456),
        (1.36, 0.049485876755377876),
        (2.0, 0.0006709252557796953),
        (5.0, 3.8574996959278356e-22),
    ] {
        near(kolmogorov_sf(x), sf, 1e-12);
    }
}

#[test]
fn quantiles_of_a_sample_interpolate() {
    assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
    assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 1.0), Some(4.0));
    assert_eq!(quantile(&[], 0.5), None);
    assert_eq!(quantile(&[1.0, f64::NAN], 0.5), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_numbers_panic_or_leave_the_unit_interval(x in any::<f64>(), a in any::<f64>(), b in any::<f64>(), k in any::<u64>(), n in any::<u64>()) {
        for value in [
            normal_sf(x), chi2_sf(x, a), chi2_cdf(x, a), gamma_p(a, x), gamma_q(a, x), t_sf(x, a), beta_cdf(x, a, b),
            beta_sf(x, a, b), f_sf(x, a, b), binomial_cdf(k, n, x), binomial_sf(k, n, x), binomial_pmf(k, n, x),
            beta_cdf(x.fract().abs(), a.abs(), b.abs()), t_sf(x, a.abs()), binomial_cdf(k, n, x.fract().abs()),
        ] {
            prop_assert!(value.is_nan() || (-1e-12..=1.0 + 1e-12).contains(&value), "{value}");
        }
        let p = x.fract().abs();
        for value in [t_isf(p, a), chi2_isf(p, a), beta_quantile(p, a, b), f_quantile(p, a, b), gamma_quantile(p, a)] {
            prop_assert!(value.is_nan() || value.abs() >= 0.0);
        }
        let _ = (ln_normal_sf(x), normal_quantile(x), noncentral_t_sf(x, a, b));
    }
}

#[test]
fn quantiles_of_parameters_beyond_all_measure_come_to_an_end() {
    for a in [1e-310, 1e300, f64::MAX, f64::INFINITY] {
        for value in [gamma_quantile(0.3, a), chi2_isf(0.3, a), gamma_quantile(1e-300, a)] {
            assert!(value.is_nan() || value >= 0.0, "{value}");
        }
    }
}

proptest! {
    #[test]
    fn the_normal_quantile_inverts_the_cdf(x in -30.0_f64..8.0) {
        let p = normal_cdf(x);
        prop_assert!((normal_quantile(p) - x).abs() <= 1e-9 * (1.0 + x.abs()) || p > 0.999_999);
    }

    #[test]
    fn chi2_isf_inverts_sf(df in 1.0_f64..500.0, p in 1e-12_f64..0.999) {
        prop_assert!((chi2_sf(chi2_isf(p, df), df) / p - 1.0).abs() < 1e-9);
    }

    #[test]
    fn chi2_sf_stays_a_probability(x in -1.0_f64..1e6, df in 0.01_f64..1e4) {
        prop_assert!((0.0..=1.0).contains(&chi2_sf(x, df)));
    }
}
