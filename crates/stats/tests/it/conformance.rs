//! The recorded drift values of Evidently 0.7.23, NannyML 0.13.1 and SciPy 1.17.1.

use std::path::PathBuf;

use mainspring_stats::compat::{categories, evidently_hellinger_numeric, evidently_numeric, nannyml_numeric};
use mainspring_stats::counts::{
    LogBase, ZeroFill, chi2_contingency, chi2_goodness_of_fit, hellinger, jensen_shannon, kl_divergence,
    l_infinity, psi, psi_threshold,
};
use mainspring_stats::drift::{histogram, normed_wasserstein, wasserstein};
use mainspring_stats::intervals::quantile;
use mainspring_stats::ks::ks_two_sample;
use serde_json::Value;

/// Reference and current values of a case.
enum Input {
    Numbers(Vec<f64>, Vec<f64>),
    Texts(Vec<String>, Vec<String>),
}

impl Input {
    fn of(case: &Value) -> Self {
        let side = |name: &str| case[name].as_array().unwrap();
        if case["kind"] == "num" {
            let numbers = |name: &str| side(name).iter().filter_map(Value::as_f64).collect();
            Self::Numbers(numbers("reference"), numbers("current"))
        } else {
            let texts = |name: &str| side(name).iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Self::Texts(texts("reference"), texts("current"))
        }
    }

    /// The values that `method` gives; `None` for methods this crate does not have.
    fn measure(&self, method: &str) -> Option<f64> {
        match self {
            Self::Numbers(r, c) => numeric(method, r, c),
            Self::Texts(r, c) => categorical(method, &categories(r, c)),
        }
    }
}

fn numeric(method: &str, r: &[f64], c: &[f64]) -> Option<f64> {
    let evidently = || evidently_numeric(r, c);
    match method {
        "evidently:psi" | "evidently:kl_div" | "evidently:jensenshannon" => categorical(method, &evidently()),
        "evidently:hellinger" => {
            let (r, c) = evidently_hellinger_numeric(r, c);
            hellinger(&r, &c)
        }
        "evidently:wasserstein" => normed_wasserstein(r, c),
        "evidently:ks" => ks_two_sample(r, c).map(|result| result.p),
        "evidently:chisquare" => categorical(method, &evidently()),
        "scipy:wasserstein_raw" | "nannyml:wasserstein" => wasserstein(r, c),
        "scipy:ks_asymp:D" | "nannyml:kolmogorov_smirnov" => ks_two_sample(r, c).map(|result| result.d),
        "nannyml:jensen_shannon" | "nannyml:hellinger" => categorical(method, &nannyml_numeric(r, c)),
        "own:psi_decile_ref_eps1e-4" => {
            let mut edges: Vec<f64> =
                (1..10).map(|decile| quantile(r, f64::from(decile) / 10.0).unwrap()).collect();
            edges.insert(0, f64::MIN);
            edges.push(f64::MAX);
            psi(&histogram(r, &edges), &histogram(c, &edges), ZeroFill::Epsilon)
        }
        _ => None,
    }
}

fn categorical(method: &str, (r, c): &(Vec<u64>, Vec<u64>)) -> Option<f64> {
    match method {
        "evidently:psi" => psi(r, c, ZeroFill::Evidently),
        "evidently:kl_div" => kl_divergence(r, c, ZeroFill::Evidently),
        "evidently:jensenshannon" => jensen_shannon(r, c, LogBase::E),
        "evidently:hellinger" | "nannyml:hellinger" => hellinger(r, c),
        "evidently:chisquare" => chi2_goodness_of_fit(r, c).map(|test| test.p),
        "nannyml:jensen_shannon" => jensen_shannon(r, c, LogBase::Two),
        "nannyml:l_infinity" | "tfdv:l_infinity" => l_infinity(r, c),
        "nannyml:chi2" => chi2_contingency(r, c, true).map(|test| test.statistic),
        "scipy:chi2_contingency" => chi2_contingency(r, c, true).map(|test| test.p),
        _ => None,
    }
}

/// A file of recorded cases; `None`, and said so, where there are none.
pub(crate) fn read_cases(name: &str) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/stats");
    if !folder.is_dir() {
        println!("SKIPPED: no recorded cases in {}", folder.display());
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap())
}

#[test]
fn drift_distances_equal_the_recorded_values() {
    let Some(inputs) = read_cases("drift-inputs.json") else { return };
    let (mut checked, mut other) = (0, std::collections::BTreeSet::new());
    let mut wrong = Vec::new();
    for file in ["drift-cases_ev.json", "drift-cases_nml.json"] {
        for case in read_cases(file).unwrap().as_array().unwrap() {
            let (name, method) = (case["input"].as_str().unwrap(), case["method"].as_str().unwrap());
            let Some(input) = inputs.get(name).map(Input::of) else {
                other.insert(method.to_owned());
                continue;
            };
            let (method, expected) = match method {
                // SciPy's p here is a finite-sample approximation of its own; ours is exact.
                "scipy:ks_asymp" => ("scipy:ks_asymp:D", case["D"].as_f64()),
                method => (method, case["value"].as_f64()),
            };
            let (Some(measured), Some(expected)) = (input.measure(method), expected) else {
                other.insert(method.to_owned());
                continue;
            };
            let tolerance = case["rtol"].as_f64().unwrap() * expected.abs() + 1e-14;
            if (measured - expected).abs() > tolerance {
                wrong.push(format!("{method} of {name}: {measured:?}, recorded {expected:?}"));
            }
            checked += 1;
        }
    }
    println!("{checked} cases compared; not implemented: {other:?}");
    assert!(wrong.is_empty(), "{} of {checked} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked >= 85, "only {checked} cases were compared");
}

#[test]
fn the_psi_threshold_is_a_chi_square_quantile() {
    // chi2.isf(0.05, 9) = 16.918977604620448
    let threshold = psi_threshold(10, 1_000, 500).unwrap();
    assert!((threshold - 16.918_977_604_620_448 * 0.003).abs() < 1e-12);
    assert_eq!(psi_threshold(1, 10, 10), None);
    assert_eq!(psi(&[1, 2], &[0, 0], ZeroFill::Evidently), None);
    assert_eq!(psi(&[1, 2], &[1], ZeroFill::Evidently), None);
}
