//! The recorded results of gbstats' own tests.

use mainspring_stats::compat::gbstats::{
    Bandit, BayesianOptions, BayesianResult, EffectMoments, FrequentistResult, GaussianPrior, Scaling,
    Statistic, StrataResult, Test, TestOptions, bandit, bayesian, check_srm, effect_moments, frequentist,
    frequentist_diff, frequentist_variance, post_stratified, sequential_interval_halfwidth, sequential_rho,
    strata_result, truncated_normal_mean, variance_of_ratios,
};
use serde_json::{Value, json};

use crate::conformance::read_cases;
use crate::reference::{differences, named, number, numbers, shown};

pub(crate) fn statistic(value: &Value) -> Statistic {
    serde_json::from_value(value.clone()).unwrap()
}

fn cells(value: &Value) -> Vec<(Statistic, Statistic)> {
    value.as_array().unwrap().iter().map(|cell| (statistic(&cell[0]), statistic(&cell[1]))).collect()
}

fn scaling(config: &Value) -> Option<Scaling> {
    (config["difference_type"] == "scaled").then(|| Scaling {
        traffic_percentage: number(&config["traffic_percentage"]),
        phase_length_days: number(&config["phase_length_days"]),
        total_users: config["total_users"].as_f64(),
    })
}

pub(crate) fn test_options(config: &Value) -> TestOptions {
    TestOptions {
        relative: config["difference_type"] == "relative",
        scaled: scaling(config),
        alpha: number(&config["alpha"]),
        post_stratify: config["post_stratify"] == true,
        test_value: config["test_value"].as_f64().unwrap_or(0.0),
        rho: config["rho"].as_f64(),
    }
}

fn moments(result: EffectMoments) -> Value {
    let EffectMoments { point_estimate, standard_error, pairwise_sample_size, error_message, .. } = result;
    let mut values = named(&[
        ("point_estimate", point_estimate),
        ("standard_error", standard_error),
        ("pairwise_sample_size", pairwise_sample_size),
    ]);
    values.insert("_type".into(), "EffectMomentsResult".into());
    values.insert("error_message".into(), error_message.into());
    values.insert("post_stratification_applied".into(), result.post_stratification_applied.into());
    values.into()
}

fn frequentist_result(result: &FrequentistResult) -> Value {
    json!({
        "_type": "FrequentistTestResult",
        "expected": shown(result.expected), "ci": [shown(result.ci[0]), shown(result.ci[1])],
        "uplift": {"_type": "Uplift", "dist": "normal", "mean": shown(result.expected), "stddev": shown(result.stddev)},
        "errorMessage": result.error_message, "pValue": result.p_value.map(shown),
        "pValueErrorMessage": result.p_value_error_message,
    })
}

fn bayesian_result(result: &BayesianResult, relative: bool) -> Value {
    json!({
        "_type": "BayesianTestResult",
        "expected": shown(result.expected), "ci": [shown(result.ci[0]), shown(result.ci[1])],
        "uplift": {"_type": "Uplift", "dist": "normal", "mean": shown(result.uplift[0]), "stddev": shown(result.uplift[1])},
        "errorMessage": result.error_message, "chanceToWin": shown(result.chance_to_win),
        "risk": [shown(result.risk[0]), shown(result.risk[1])],
        "riskType": if relative { "relative" } else { "absolute" },
    })
}

fn strata(result: &StrataResult) -> Value {
    match result {
        StrataResult::Count(cell) => {
            let c = cell.covariance;
            json!({
                "_type": "StrataResultCount", "n": cell.n, "effect": cell.mean[1], "control_mean": cell.mean[0],
                "effect_cov": c[1][1], "control_mean_cov": c[0][0], "effect_control_mean_cov": c[0][1],
                "error_message": cell.error_message,
            })
        }
        StrataResult::Ratio(cell) => {
            let c = cell.covariance;
            json!({
                "_type": "StrataResultRatio", "n": cell.n,
                "numerator_control_mean": cell.mean[0], "numerator_effect": cell.mean[1],
                "denominator_control_mean": cell.mean[2], "denominator_effect": cell.mean[3],
                "numerator_control_mean_cov": c[0][0], "numerator_effect_cov": c[1][1],
                "denominator_control_mean_cov": c[2][2], "denominator_effect_cov": c[3][3],
                "numerator_effect_numerator_control_mean_cov": c[1][0],
                "numerator_effect_denominator_control_mean_cov": c[1][2],
                "numerator_effect_denominator_effect_cov": c[1][3],
                "numerator_control_mean_denominator_effect_cov": c[0][3],
                "numerator_control_mean_denominator_control_mean_cov": c[0][2],
                "denominator_effect_denominator_control_mean_cov": c[2][3],
                "error_message": cell.error_message,
            })
        }
    }
}

fn of_class(class: &str, init: &Value) -> Value {
    let config = &init["config"];
    let relative = config["difference_type"] == "relative";
    let tuning = config["sequential_tuning_parameter"].as_f64().unwrap_or(5000.0);
    let test = match class {
        "EffectMoments" => return moments(effect_moments(&cells(&init["stats"]), relative).unwrap()),
        "EffectMomentsPostStratification" => {
            return moments(post_stratified(&cells(&init["stats"]), relative).unwrap());
        }
        "EffectBayesianABTest" => {
            let prior = &config["prior_effect"];
            let options = BayesianOptions {
                relative,
                scaled: scaling(config),
                alpha: number(&config["alpha"]),
                post_stratify: config["post_stratify"] == true,
                inverse: config["inverse"] == true,
                relative_prior: config["prior_type"] == "relative",
                prior: gaussian(prior),
            };
            return bayesian_result(&bayesian(&cells(&init["stats"]), &options).unwrap(), relative);
        }
        "BanditsSimple" => return bandits(init),
        class if class.starts_with("CreateStrataResult") => {
            return strata(&strata_result(&statistic(&init["stat_a"]), &statistic(&init["stat_b"])).unwrap());
        }
        "TwoSidedTTest" => Test::TwoSided,
        "OneSidedTreatmentGreaterTTest" => Test::Greater,
        "OneSidedTreatmentLesserTTest" => Test::Lesser,
        "SequentialTwoSidedTTest" => Test::SequentialTwoSided(tuning),
        "SequentialOneSidedTreatmentGreaterTTest" => Test::SequentialGreater(tuning),
        "SequentialOneSidedTreatmentLesserTTest" => Test::SequentialLesser(tuning),
        other => panic!("{other} is not known"),
    };
    frequentist_result(&frequentist(&cells(&init["stats"]), test, &test_options(config)).unwrap())
}

fn gaussian(prior: &Value) -> GaussianPrior {
    let (mean, variance) = (number(&prior["mean"]), number(&prior["variance"]));
    GaussianPrior { mean, variance, proper: prior["proper"] == true }
}

fn bandits(init: &Value) -> Value {
    let config = &init["config"];
    let options = Bandit {
        alpha: number(&config["alpha"]),
        inverse: config["inverse"] == true,
        top_two: config["top_two"] == true,
        prior: gaussian(&config["prior_distribution"]),
        min_variation_weight: number(&config["min_variation_weight"]),
    };
    let arms: Vec<Statistic> = init["stats"].as_array().unwrap().iter().map(statistic).collect();
    let result = bandit(&arms, &options).unwrap();
    json!({
        "_type": "BanditResponse", "users": result.users, "cr": result.cr, "ci": result.ci,
        "bandit_weights": result.bandit_weights, "best_arm_probabilities": result.best_arm_probabilities,
    })
}

fn of_function(name: &str, args: &Value, kwargs: &Value) -> Value {
    let x = |index: usize| number(&args[index]);
    let named = |name: &str| number(&kwargs[name]);
    let flag = |index: usize, name: &str| args[index].as_bool().or(kwargs[name].as_bool());
    shown(match name {
        "sequential_interval_halfwidth" => {
            let rho = args[4].as_f64().or(kwargs["rho"].as_f64());
            sequential_interval_halfwidth(x(0), x(1), x(2), x(3), rho)
        }
        "sequential_rho" => sequential_rho(x(0), x(1), flag(2, "two_sided").unwrap_or(true)),
        "check_srm" => check_srm(&numbers(&args[0]), &numbers(&args[1])),
        "variance_of_ratios" => variance_of_ratios(x(0), x(1), x(2), x(3), x(4)),
        "truncated_normal_mean" => truncated_normal_mean(named("mu"), named("sigma"), named("a"), named("b")),
        "frequentist_diff" => {
            let unadjusted = args[3].as_f64().or(kwargs["mean_a_unadjusted"].as_f64());
            frequentist_diff(x(0), x(1), flag(2, "relative").unwrap(), unadjusted)
        }
        "frequentist_variance" => {
            frequentist_variance([x(0), x(1), x(2)], [x(3), x(4), x(5)], flag(6, "relative").unwrap())
        }
        other => panic!("{other} is not known"),
    })
}

#[test]
fn the_records_of_gbstats_hold() {
    let Some(file) = read_cases("gbstats-cases.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let mut expected = case["result"].clone();
        let (ours, rtol) = match case["class"].as_str() {
            Some("BanditsSimple") => {
                let ours = of_class("BanditsSimple", &case["init"]);
                // 10,000 draws there, quadrature here.
                let result = expected.as_object_mut().unwrap();
                for name in ["bandit_weights", "best_arm_probabilities"] {
                    let drawn = numbers(&result.remove(name).unwrap());
                    let near = drawn
                        .iter()
                        .zip(numbers(&ours[name]))
                        .all(|(drawn, exact)| (drawn - exact).abs() < 0.015);
                    assert!(near, "{drawn:?} {}", ours[name]);
                }
                result.retain(|name, _| ours.get(name).is_some());
                (ours, 1e-9)
            }
            Some(class) => {
                // One-sided sequential p-values are found by bisection there.
                let rtol = if class.starts_with("SequentialOneSided") { 1e-5 } else { 1e-9 };
                (of_class(class, &case["init"]), rtol)
            }
            None => {
                let method = case["method"].as_str().unwrap();
                // SciPy loses digits far out, below the thousand deviations where gbstats leaves it.
                let rtol = if method == "truncated_normal_mean" { 1e-4 } else { 1e-9 };
                (of_function(method, &case["args"], &case["kwargs"]), rtol)
            }
        };
        differences(&expected, &ours, rtol, case["test"].as_str().unwrap(), &mut wrong);
    }
    println!("{} records compared", cases.len());
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases.len() >= 270);
}

#[test]
fn a_quantile_over_clusters_has_gbstats_variance() {
    // gbstats 0.8.0: QuantileClusteredStatistic(...).variance
    let value = statistic(&json!({
        "_type": "QuantileClusteredStatistic", "n": 3000, "n_star": 3000, "nu": 0.9, "quantile_hat": 7.16,
        "quantile_lower": 6.98, "quantile_upper": 7.40, "main_sum": 2700.0, "main_sum_squares": 25000.0,
        "denominator_sum": 3000.0, "denominator_sum_squares": 30500.0, "main_denominator_sum_product": 27500.0,
        "n_clusters": 300,
    }));
    assert!((value.variance() / 26.227_629_284_159_58 - 1.0).abs() < 1e-12, "{}", value.variance());
    assert_eq!(value.mean(), 7.16);
}

#[test]
fn scaled_effects_are_those_of_a_day_of_all_users() {
    let arm = |n: u64, sum: f64, squares: f64| json!({ "_type": "SampleMeanStatistic", "n": n, "sum": sum, "sum_squares": squares });
    let stats = json!([[arm(1000, 1500.0, 4200.0), arm(1100, 1760.0, 4900.0)]]);
    let of = |class: &str, kind: &str, users: Value| {
        let config = json!({
            "difference_type": kind, "traffic_percentage": 0.5, "phase_length_days": 14, "total_users": users,
            "alpha": 0.05, "prior_type": "relative", "prior_effect": { "mean": 0, "variance": 1, "proper": false },
        });
        of_class(class, &json!({ "stats": stats, "config": config }))
    };
    let mut found = Vec::new();
    for class in ["TwoSidedTTest", "EffectBayesianABTest"] {
        let absolute = of(class, "absolute", json!(2100));
        // 2100 users / (half of the traffic * 14 days)
        let by = |value: &Value| shown(number(value) * 300.0);
        let expected = json!({ "expected": by(&absolute["expected"]), "ci": [by(&absolute["ci"][0]), by(&absolute["ci"][1])] });
        differences(&expected, &of(class, "scaled", json!(2100)), 1e-12, class, &mut found);
        let none = json!({ "errorMessage": "NO_UNITS_IN_VARIATION", "expected": 0.0 });
        differences(&none, &of(class, "scaled", Value::Null), 1e-9, class, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}
