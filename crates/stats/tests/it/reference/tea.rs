//! tea-tasting's cases, on its data sets.

use libm::exp;
use mainspring_stats::estimate::covariate::{adjusted, adjusted_ratio};
use mainspring_stats::estimate::{Alternative, Effect, Sample, log_ratio, student, welch};
use mainspring_stats::fixed::proportions::{Proportion, barnard_exact, binomial_test};
use mainspring_stats::fixed::ranks::mann_whitney;
use mainspring_stats::moments::{Bivariate, Quadrivariate, Univariate};
use serde_json::{Map, Value};

use super::{named, numbers};

/// A column of both arms, control first.
fn split(data: &Value, name: &str) -> [Vec<f64>; 2] {
    let (variant, values) = (numbers(&data["variant"]), numbers(&data[name]));
    let arm = |wanted: f64| {
        variant.iter().zip(&values).filter(|(arm, _)| **arm == wanted).map(|(_, value)| *value).collect()
    };
    [arm(0.0), arm(1.0)]
}

fn mean(a: &Sample, b: &Sample, difference: Effect, log: Effect) -> Map<String, Value> {
    let test = difference.test(0.0, Alternative::TwoSided, 0.05).unwrap();
    let relative = log.test(0.0, Alternative::TwoSided, 0.05).unwrap();
    named(&[
        ("control", a.mean),
        ("treatment", b.mean),
        ("effect_size", difference.estimate),
        ("effect_size_ci_lower", test.interval.low),
        ("effect_size_ci_upper", test.interval.high),
        ("rel_effect_size", exp(log.estimate) - 1.0),
        ("rel_effect_size_ci_lower", exp(relative.interval.low) - 1.0),
        ("rel_effect_size_ci_upper", exp(relative.interval.high) - 1.0),
        ("pvalue", test.p),
        ("statistic", test.statistic),
    ])
}

/// The log ratio with one variance for both arms.
fn student_log(a: &Sample, b: &Sample) -> Effect {
    let scaled =
        |sample: &Sample| Sample { variance: sample.variance / (sample.mean * sample.mean), ..*sample };
    Effect { estimate: log_ratio(a, b).unwrap().estimate, ..student(&scaled(a), &scaled(b)).unwrap() }
}

fn normal(effect: Effect) -> Effect {
    Effect { df: f64::INFINITY, ..effect }
}

pub(super) fn measure(method: &str, data: &Value) -> Option<Map<String, Value>> {
    let samples =
        |name: &str| split(data, name).map(|arm| Sample::of(&Univariate::from_columns([&arm]).unwrap(), 0));
    Some(match method {
        "tea_mean_welch" => {
            let [a, b] = samples("revenue");
            mean(&a, &b, welch(&a, &b).unwrap(), log_ratio(&a, &b).unwrap())
        }
        "tea_mean_student" => {
            let [a, b] = samples("revenue");
            mean(&a, &b, student(&a, &b).unwrap(), student_log(&a, &b))
        }
        "tea_mean_z" => {
            let [a, b] = samples("revenue");
            mean(&a, &b, normal(welch(&a, &b).unwrap()), normal(log_ratio(&a, &b).unwrap()))
        }
        "tea_cuped" => {
            let ([ya, yb], [xa, xb]) = (split(data, "revenue"), split(data, "cov"));
            let arms = [[&ya, &xa], [&yb, &xb]].map(|[y, x]| Bivariate::from_columns([y, x]).unwrap());
            let samples = adjusted(&arms).unwrap();
            let (a, b) = (samples[0], samples[1]);
            mean(&a, &b, welch(&a, &b).unwrap(), log_ratio(&a, &b).unwrap())
        }
        "tea_ratio_cuped" => {
            let columns = ["orders", "sessions", "cov", "sess_pre"].map(|name| split(data, name));
            let arms = [0, 1].map(|arm| {
                Quadrivariate::from_columns(std::array::from_fn(|k| columns[k][arm].as_slice())).unwrap()
            });
            let samples = adjusted_ratio(&arms).unwrap();
            let (a, b) = (samples[0], samples[1]);
            mean(&a, &b, welch(&a, &b).unwrap(), log_ratio(&a, &b).unwrap())
        }
        "tea_prop" => {
            let [a, b] = split(data, "conv")
                .map(|arm| Proportion::new(arm.iter().sum::<f64>() as u64, arm.len() as u64).unwrap());
            let [ma, mb] = samples("conv").map(|sample| sample.mean);
            let none = f64::NAN;
            named(&[
                ("control", ma),
                ("treatment", mb),
                ("effect_size", mb - ma),
                ("effect_size_ci_lower", none),
                ("effect_size_ci_upper", none),
                ("rel_effect_size", mb / ma - 1.0),
                ("rel_effect_size_ci_lower", none),
                ("rel_effect_size_ci_upper", none),
                ("pvalue", barnard_exact(a, b).unwrap()),
            ])
        }
        "tea_mwu" => {
            let [a, b] = split(data, "revenue");
            let test = mann_whitney(&a, &b).unwrap();
            named(&[
                ("control", 1.0 - test.superiority),
                ("treatment", test.superiority),
                ("effect_size", 2.0 * test.superiority - 1.0),
                ("pvalue", test.p),
                ("statistic", test.u),
            ])
        }
        "tea_srm" => {
            let [a, b] = split(data, "variant").map(|arm| arm.len() as u64);
            // With less than a thousand units tea-tasting takes the exact test.
            let p = binomial_test(Proportion::new(a, a + b).unwrap(), 0.5).unwrap();
            named(&[("control", a as f64), ("treatment", b as f64), ("pvalue", p)])
        }
        _ => return None,
    })
}
