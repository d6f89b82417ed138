//! Cases from sums, counts or a few values.

use mainspring_stats::compat::gbstats::check_srm;
use mainspring_stats::estimate::{Alternative, Effect, Sample, student, welch};
use mainspring_stats::fixed::contingency::{Statistic, independence, sample_ratio};
use mainspring_stats::fixed::multiple::{Adjustment, adjust, two_stage};
use mainspring_stats::fixed::paired::{equivalence, mcnemar, wilcoxon};
use mainspring_stats::fixed::power::{
    cohen_h, power_t, sample_size_proportions, sample_size_t, sample_size_z,
};
use mainspring_stats::fixed::proportions::{
    Method, Proportion, compare, fisher_exact, interval, non_inferiority,
};
use mainspring_stats::fixed::ranks::{anderson_darling, brunner_munzel, cramer_von_mises, mann_whitney};
use mainspring_stats::ks::ks_two_sample;
use mainspring_stats::moments::Univariate;
use serde_json::{Map, Value};

use super::{named, number, numbers, pair, shown};

/// Our values for a case; `None` for a method that nobody compares.
pub(super) fn measure(method: &str, input: &Value) -> Option<Map<String, Value>> {
    let n = |name: &str| number(&input[name]);
    let count = |name: &str| input[name].as_u64().unwrap();
    let alpha = input["alpha"].as_f64().unwrap_or(0.05);
    let list = |name: &str| numbers(&input[name]);
    let counts = |value: &Value| -> Vec<u64> {
        value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect()
    };
    let proportion = |k: &str, n: &str| Proportion::new(count(k), count(n)).unwrap();
    Some(match method {
        "welch_t" | "student_t_pooled" => {
            let arm = |arm: &str| {
                let deviation = n(&format!("sd_{arm}"));
                Sample {
                    n: count(&format!("n_{arm}")),
                    mean: n(&format!("mean_{arm}")),
                    variance: deviation * deviation,
                }
            };
            let effect = if method == "welch_t" { welch } else { student }(&arm("a"), &arm("b")).unwrap();
            let test = effect.test(0.0, Alternative::TwoSided, alpha).unwrap();
            let mut values = named(&[
                ("diff", effect.estimate),
                ("se", effect.standard_error),
                ("t", test.statistic),
                ("df", effect.df),
                ("p_two_sided", test.p),
            ]);
            values.insert("ci".into(), pair(test.interval));
            values
        }
        "two_proportions" => {
            let (a, b) = (proportion("k_a", "n_a"), proportion("k_b", "n_b"));
            let result = compare(a, b, alpha).unwrap();
            let mut values =
                named(&[("z_pooled", result.z), ("p_pooled", result.p), ("fisher_p", fisher_exact(a, b))]);
            values.insert("ci_wald".into(), pair(result.wald));
            values.insert("ci_agresti-caffo".into(), pair(result.agresti_caffo));
            values.insert("ci_newcomb".into(), pair(result.newcombe));
            values
        }
        "proportion_ci" => {
            let p = proportion("k", "n");
            [
                ("wilson", Method::Wilson),
                ("clopper_pearson", Method::ClopperPearson),
                ("jeffreys", Method::Jeffreys),
                ("agresti_coull", Method::AgrestiCoull),
            ]
            .into_iter()
            .map(|(name, method)| (name.to_owned(), pair(interval(p, method, alpha).unwrap())))
            .collect()
        }
        "chi2_contingency" => {
            let table: Vec<Vec<u64>> = input["table"].as_array().unwrap().iter().map(counts).collect();
            let rows: Vec<&[u64]> = table.iter().map(Vec::as_slice).collect();
            let pearson = independence(&rows, Statistic::Pearson).unwrap();
            let g = independence(&rows, Statistic::LikelihoodRatio).unwrap();
            named(&[
                ("chi2", pearson.statistic),
                ("p", pearson.p),
                ("dof", pearson.df as f64),
                ("g", g.statistic),
                ("g_p", g.p),
            ])
        }
        "srm_chi2" => {
            let (users, weights) = (counts(&input["users"]), list("weights"));
            let p = check_srm(&numbers(&input["users"]), &weights);
            // Ours is the same but for arms of weight zero, which have no degree of freedom.
            if let Ok(ours) = sample_ratio(&users, &weights)
                && weights.iter().all(|weight| *weight > 0.0)
            {
                assert!((ours.p - p).abs() <= 1e-12);
            }
            named(&[("p", p)])
        }
        "mcnemar_paired_models" => {
            let test = mcnemar(count("a_right_b_wrong"), count("a_wrong_b_right")).unwrap();
            named(&[
                ("p_exact", test.p_exact),
                ("p_mid", test.p_mid),
                ("chi2_cc", test.corrected.0),
                ("p_cc", test.corrected.1),
                ("chi2", test.plain.0),
                ("p", test.plain.1),
            ])
        }
        "paired_t_wilcoxon_tost" => {
            let (a, b, bounds) = (list("a"), list("b"), list("tost_bounds"));
            // The peers take a - b for the interval of equivalence, and b - a for the difference.
            let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
            let moments = Univariate::from_columns([&differences]).unwrap();
            let effect = Effect::of_one(&Sample::of(&moments, 0)).unwrap();
            let test = effect.test(0.0, Alternative::TwoSided, alpha).unwrap();
            let ranks = wilcoxon(&differences).unwrap();
            let mut values = named(&[
                ("diff", effect.estimate),
                ("t", test.statistic),
                ("df", effect.df),
                ("p", test.p),
                ("wilcoxon_w", ranks.w),
                ("wilcoxon_p", ranks.p),
                ("tost_p", equivalence(&effect, bounds[0], bounds[1]).unwrap()),
            ]);
            values.insert("ci".into(), pair(test.interval));
            values
        }
        "rank_tests" => {
            let (a, b) = (list("a"), list("b"));
            let (u, bm) = (mann_whitney(&a, &b).unwrap(), brunner_munzel(&a, &b).unwrap());
            let ks = ks_two_sample(&a, &b).unwrap();
            named(&[
                ("mwu_u_b", u.u),
                ("mwu_p", u.p),
                ("brunner_munzel", bm.statistic),
                ("bm_p", bm.p),
                ("ks_d", ks.d),
                ("ks_p_auto", ks.p),
                ("cvm", cramer_von_mises(&a, &b).unwrap()),
                ("ad_k", anderson_darling(&a, &b).unwrap()),
            ])
        }
        "multiple_testing" => {
            let p = list("p");
            let mut values: Map<String, Value> = [
                ("bonferroni", Adjustment::Bonferroni),
                ("sidak", Adjustment::Sidak),
                ("holm", Adjustment::Holm),
                ("holm-sidak", Adjustment::HolmSidak),
                ("simes-hochberg", Adjustment::Hochberg),
                ("hommel", Adjustment::Hommel),
                ("fdr_bh", Adjustment::BenjaminiHochberg),
                ("fdr_by", Adjustment::BenjaminiYekutieli),
            ]
            .into_iter()
            .map(|(name, method)| {
                (name.to_owned(), adjust(&p, method).unwrap().into_iter().map(shown).collect())
            })
            .collect();
            let stages = two_stage(&p, alpha).unwrap();
            values.insert("fdr_tsbh".into(), stages.into_iter().map(shown).collect());
            values
        }
        "noninferiority_prop" => {
            let result =
                non_inferiority(proportion("k_ctrl", "n_ctrl"), proportion("k_trt", "n_trt"), n("margin"))
                    .unwrap();
            named(&[
                ("z_wald", result.z_wald),
                ("p_wald", result.p_wald),
                ("z_score", result.z_score),
                ("p_score", result.p_score),
            ])
        }
        "power_t" => {
            let (d, ratio) = (n("cohen_d"), n("ratio"));
            named(&[
                ("n_per_arm_t", sample_size_t(d, ratio, alpha, n("power")).unwrap()),
                ("n_per_arm_z", sample_size_z(d, ratio, alpha, n("power")).unwrap()),
                ("power_at_n", power_t(d, 100.0, ratio, alpha).unwrap()),
            ])
        }
        "power_prop" => {
            let (a, b) = (n("p_a"), n("p_b"));
            let h = cohen_h(a, b);
            named(&[
                ("cohen_h", h),
                ("n_per_arm", sample_size_z(h, 1.0, alpha, n("power")).unwrap()),
                ("n_normal_approx", sample_size_proportions(a, b, alpha, n("power")).unwrap()),
            ])
        }
        _ => return None,
    })
}
