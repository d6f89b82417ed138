//! Cases of gbstats by kind of metric, and of Bayesian summaries.

use mainspring_stats::bayes::best_arm::{thompson, with_floor};
use mainspring_stats::bayes::beta::{Beta, probability_above};
use mainspring_stats::bayes::normal::{Posterior, Prior, posterior};
use mainspring_stats::compat::gbstats::{
    BayesianOptions, GaussianPrior, Statistic, Test, TestOptions, bayesian, effect_moments, frequentist,
};
use mainspring_stats::estimate::Effect;
use serde_json::{Map, Value, json};

use super::{named, number, numbers, shown};
use crate::gbstats::statistic;

fn arms(input: &Value, class: &str) -> Vec<(Statistic, Statistic)> {
    let arm = |name: &str| {
        let mut value = input[name].clone();
        value.as_object_mut().unwrap().insert("_type".into(), class.into());
        statistic(&value)
    };
    vec![(arm("a"), arm("b"))]
}

pub(super) fn measure(method: &str, input: &Value) -> Option<Map<String, Value>> {
    let n = |name: &str| number(&input[name]);
    let class = match method {
        "gb_mean" | "gb_one_sided" => "SampleMeanStatistic",
        "gb_proportion" => "ProportionStatistic",
        "gb_ratio" => "RatioStatistic",
        "gb_cuped" | "gb_cuped_proportion" => "RegressionAdjustedStatistic",
        "gb_quantile" => "QuantileStatistic",
        "thompson_best_arm" => {
            let (units, means, variances) =
                (numbers(&input["n"]), numbers(&input["means"]), numbers(&input["variances"]));
            let prior = Some(Prior { mean: 0.0, variance: 1e4 });
            let arms: Vec<Posterior> = units
                .iter()
                .zip(means.iter().zip(&variances))
                .map(|(n, (mean, variance))| {
                    let standard_error = (variance / n).sqrt();
                    let effect = Effect { estimate: *mean, standard_error, df: f64::INFINITY, n: *n as u64 };
                    posterior(&effect, prior).unwrap()
                })
                .collect();
            let best = thompson(&arms).unwrap();
            let weights = with_floor(&best, n("floor"));
            let list = |values: &[f64]| -> Value { values.iter().map(|value| shown(*value)).collect() };
            let values =
                json!({ "best_arm_exact_quadrature": list(&best), "weights_floor01_exact": list(&weights) });
            return values.as_object().cloned();
        }
        "beta_binomial_prob_b_gt_a" => {
            let (a, b) = (Beta { a: n("alpha_a"), b: n("beta_a") }, Beta { a: n("alpha_b"), b: n("beta_b") });
            return Some(named(&[("p_b_gt_a", probability_above(a, b).unwrap())]));
        }
        _ => return None,
    };
    let cells = arms(input, class);
    let relative = input["difference_type"].as_str().unwrap_or("relative") == "relative";
    let alpha = input["alpha"].as_f64().unwrap_or(0.05);
    let options =
        TestOptions { relative, scaled: None, alpha, post_stratify: false, test_value: 0.0, rho: None };
    let test = |test: Test| {
        let result = frequentist(&cells, test, &options).unwrap();
        json!({ "p": result.p_value.map(shown), "ci": [shown(result.ci[0]), shown(result.ci[1])] })
    };
    if method == "gb_one_sided" {
        let kind = match input["cls"].as_str().unwrap() {
            "OneSidedTreatmentGreaterTTest" => Test::Greater,
            "OneSidedTreatmentLesserTTest" => Test::Lesser,
            "SequentialOneSidedTreatmentGreaterTTest" => Test::SequentialGreater(5000.0),
            _ => Test::SequentialLesser(5000.0),
        };
        return test(kind).as_object().cloned();
    }
    let moments = effect_moments(&cells, relative).unwrap();
    // The effect as tested: with the slope of both arms.
    let tested = frequentist(&cells, Test::TwoSided, &options).unwrap();
    let bayes = |prior: GaussianPrior| {
        let options = BayesianOptions {
            relative,
            scaled: None,
            alpha,
            post_stratify: false,
            inverse: false,
            relative_prior: true,
            prior,
        };
        let result = bayesian(&cells, &options).unwrap();
        json!({
            "chance_to_win": shown(result.chance_to_win), "expected": shown(result.expected),
            "ci": [shown(result.ci[0]), shown(result.ci[1])], "risk": [shown(result.risk[0]), shown(result.risk[1])],
        })
    };
    assert!(moments.error_message.is_none());
    json!({
        "effect": shown(tested.expected), "se": shown(tested.stddev),
        "ttest": test(Test::TwoSided),
        "sequential": test(Test::SequentialTwoSided(n("sequential_tuning_parameter"))),
        "bayes_flat": bayes(GaussianPrior { mean: 0.0, variance: 1.0, proper: false }),
        "bayes_proper": bayes(GaussianPrior { mean: 0.0, variance: 0.09, proper: true }),
    })
    .as_object()
    .cloned()
}
