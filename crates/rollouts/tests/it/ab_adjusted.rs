//! Strata and caps that are found among the values.

use crate::ab::{close, event, exposure, known, of_events, refused_or, served, shadow, spec, split};
use mainspring_domain::ab::{AbMirrored, AbServed, MetricEvent};
use mainspring_rollouts::ab::{AbSpec, Collected};
use mainspring_stats::decide::{Evidence, Snapshot, Stratum, decide};
use mainspring_stats::error::Undecided;
use mainspring_stats::exact::Exact;
use serde_json::{Value, json};

fn with_strata(metrics: &str) -> AbSpec {
    AbSpec { strata: Some("tier".to_owned()), ..spec(metrics) }
}

/// So many units, each other one in arm 1, with what they paid and their tier.
fn paid(units: u32, of: impl Fn(u32) -> f64, tier: impl Fn(u32) -> Option<Value>) -> Collected {
    let mut collected = of_events((0..units).map(|n| event(&format!("u{n}"), 11, of(n))).collect(), units);
    collected.attributes = (0..units).filter_map(|n| Some((format!("u{n}"), tier(n)?))).collect();
    collected
}

/// What a unit pays apart from its tier: something without a pattern, below 1.
fn noise(n: u32) -> f64 {
    f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
}

fn large_or_small(n: u32) -> Value {
    json!(if n % 4 < 2 { "large" } else { "small" })
}

fn strata(snapshot: &Snapshot) -> Vec<(&str, Vec<u64>)> {
    let of = |one: &'_ Stratum| one.arms.iter().map(|arm| arm.n).collect();
    snapshot.strata["it"].iter().map(|one| (one.name.as_str(), of(one))).collect()
}

#[test]
fn strata_take_out_what_units_were_before() {
    let of = |n: u32| if n % 4 < 2 { 100.0 } else { 0.0 } + noise(n) + 0.2 * f64::from(n % 2);
    let collected = paid(1_000, of, |n| Some(large_or_small(n)));
    let plain = known(&spec("{event: paid, outcome: sum}"), &collected);
    assert!(plain.strata.is_empty() && plain.caps.is_empty());
    let with = with_strata("{event: paid, outcome: sum}");
    let adjusted = known(&with, &collected);
    assert_eq!(strata(&adjusted), [("large", vec![250, 250]), ("small", vec![250, 250])]);
    assert_eq!(adjusted.metrics, plain.metrics, "all units together stay as they are");
    let effect = |snapshot: &Snapshot| decide(&with.plan, snapshot).unwrap().comparisons[0].effect.unwrap();
    let (before, after) = (effect(&plain), effect(&adjusted));
    assert!((after.estimate - 0.2).abs() < 0.05 && after.n == 1_000, "{after:?}");
    assert!(before.standard_error > 50.0 * after.standard_error, "{before:?} {after:?}");
    // The same rows in another order are the same to the bit.
    let mut turned = collected;
    turned.events.values_mut().for_each(|events| events.reverse());
    assert_eq!(known(&with, &turned), adjusted);
}

#[test]
fn units_without_the_attribute_are_a_stratum() {
    let spec = with_strata("{event: paid, outcome: sum}");
    let unknown = paid(1_000, noise, |n| (n % 4 < 2).then(|| json!(true)));
    assert_eq!(strata(&known(&spec, &unknown)), [("true", vec![250, 250]), ("unknown", vec![250, 250])]);
    // Lists tell nobody apart.
    let lists = paid(1_000, noise, |n| Some(if n % 4 < 2 { json!("a") } else { json!([1]) }));
    assert_eq!(strata(&known(&spec, &lists))[1].0, "unknown");
    // Of many numbers there are bands.
    let numbers = paid(1_000, noise, |n| Some(json!(n)));
    let bands = known(&spec, &numbers);
    assert_eq!(strata(&bands)[0], ("below 250", vec![125, 125]));
    assert_eq!(bands.strata["it"].len(), 4);
}

#[test]
fn strata_that_are_too_small_are_put_together() {
    let spec = with_strata("{event: paid, outcome: sum}");
    let sizes = |a: u32, b: u32| {
        let tier = |n| {
            if n < a {
                "a"
            } else if n < a + b {
                "b"
            } else {
                "c"
            }
        };
        known(&spec, &paid(1_000, noise, |n| Some(json!(tier(n)))))
    };
    let each = |name, n| (name, vec![n, n]);
    assert_eq!(strata(&sizes(600, 200)), [each("a", 300), each("b", 100), each("c", 100)]);
    assert_eq!(strata(&sizes(600, 250)), [each("a and the rest", 375), each("b", 125)]);
    assert_eq!(strata(&sizes(800, 100)), [each("a", 400), each("the rest", 100)]);
    assert!(sizes(900, 50).strata.is_empty(), "one stratum is all units");
    // Whether one is kept does not depend on outcomes: a stratum may be without variance.
    let only_a_pays = paid(1_000, |n| if n < 500 { noise(n) } else { 0.0 }, |n| Some(json!(n < 500)));
    let found = known(&spec, &only_a_pays);
    assert_eq!(strata(&found), [each("false", 250), each("true", 250)]);
    assert!(found.strata["it"][0].arms.iter().all(|arm| arm.variance == 0.0));
    let nobody_varies = paid(1_000, |n| f64::from(u8::from(n < 500)), |n| Some(json!(n < 500)));
    let found = known(&spec, &nobody_varies);
    assert!(found.strata.is_empty(), "where nothing varies within strata, all units together are judged");
}

#[test]
fn strata_of_requests_answer_the_question_of_all_requests() {
    // Small units send one request, large ones four, and these take longer.
    let mut collected = Collected::default();
    for n in 0..1_000_u32 {
        let (unit, large) = (format!("u{n:04}"), n % 4 < 2);
        collected.exposures.push(exposure(&unit, u16::from(n % 2 == 1), 1));
        collected.attributes.insert(unit.clone(), json!(if large { "large" } else { "small" }));
        for _ in 0..if large { 4 } else { 1 } {
            let latency_us = 1_000 * if large { 900 } else { 100 } + i64::from(n % 97);
            collected.served.push(AbServed { latency_us, ..served(&unit, n % 2 + 1, 1) });
        }
    }
    let plain = split(&spec("{from: latency_ms}"), &collected);
    let found = known(&with_strata("{from: latency_ms}"), &collected);
    let share = |stratum: &Stratum| stratum.arms.iter().map(|arm| arm.n as f64).sum::<f64>() / 1_000.0;
    for (arm, plain) in plain.iter().enumerate() {
        let mean: f64 = found.strata["it"].iter().map(|one| share(one) * one.arms[arm].mean).sum();
        close(mean, plain.sample.mean);
        let within = |one: &Stratum| share(one).powi(2) * one.arms[arm].variance / one.arms[arm].n as f64;
        let within: f64 = found.strata["it"].iter().map(within).sum();
        assert!(within < plain.sample.squared_error().unwrap() / 1e4, "{within}");
    }
    let quantile = known(&with_strata("{from: latency_ms, quantile: 0.5}"), &collected);
    assert!(quantile.strata.is_empty(), "a quantile is no mean of those of strata");
}

#[test]
fn covariates_and_ratios_have_strata_too() {
    let mut collected = paid(1_000, |n| 1.0 + noise(n), |n| Some(large_or_small(n)));
    let events = collected.events.get_mut("paid").unwrap();
    events.extend((0..1_000).map(|n| event(&format!("u{n}"), 5, noise(n) + noise(n + 7) / 100.0)));
    let visits =
        (0..1_000).map(|n| MetricEvent { name: "visit".to_owned(), ..event(&format!("u{n}"), 11, 2.0) });
    let visits = visits.collect();
    collected.events.insert("visit".to_owned(), visits);
    let with = known(&with_strata("{event: paid, outcome: sum, cuped: 8h}"), &collected);
    assert!(with.strata["it"].iter().flat_map(|one| &one.arms).all(|arm| arm.variance < 1e-4), "{with:?}");
    let ratio = known(&with_strata("{event: paid, per: visit}"), &collected);
    assert!(ratio.strata["it"].iter().flat_map(|one| &one.arms).all(|arm| (arm.mean - 0.75).abs() < 0.05));
}

#[test]
fn a_cap_is_found_among_the_units_of_all_arms() {
    // Units pay 0 to 99, those of arm 1 as much as those of arm 0.
    let collected = paid(200, |n| f64::from(n / 2), |_| None);
    let found = known(&spec("{event: paid, outcome: sum, cap: p90}"), &collected);
    // Type 7 of Hyndman and Fan: the place 0.9 * 199 lies between the last who pays 89 and the first who pays 90.
    assert_eq!(found.caps["it"], Exact(89.1));
    let Evidence::Split(arms) = &found.metrics["it"] else { panic!("{found:?}") };
    close(arms[0].sample.mean, (89.0 * 90.0 / 2.0 + 89.1 * 10.0) / 100.0);
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), found);
    // Of few buyers the 90th percentile is nothing, unless only buyers are asked.
    let buyers = paid(1_000, |n| if n < 50 { f64::from(n + 1) } else { 0.0 }, |_| None);
    let arms = split(&spec("{event: paid, outcome: sum, cap: p90}"), &buyers);
    assert!(arms.iter().all(|arm| arm.sample.variance == 0.0), "{arms:?}");
    let spec_of_buyers = spec("{event: paid, outcome: sum, cap: p90, ignore_zeros: true}");
    let found = known(&spec_of_buyers, &buyers);
    let Exact(cap) = found.caps["it"];
    close(cap, 45.1);
    let decision = decide(&spec_of_buyers.plan, &found).unwrap();
    assert!(decision.replays() && decision.comparisons[0].effect.is_some());
    let none = known(&spec_of_buyers, &paid(1_000, |_| 0.0, |_| None));
    assert!(none.caps.is_empty(), "nobody bought");
    let comparison = &decide(&spec_of_buyers.plan, &none).unwrap().comparisons[0];
    assert_eq!(comparison.verdict, mainspring_stats::decide::Verdict::Undecided(Undecided::NoVariance));
    // A number is no finding.
    assert!(known(&spec("{event: paid, outcome: sum, cap: 5}"), &buyers).caps.is_empty());
}

#[test]
fn a_cap_is_found_among_requests_and_pairs() {
    let mut collected = Collected::default();
    let timed = |n: u32, version| AbServed {
        latency_us: i64::from(n) * 1_000,
        ..served(&format!("u{n:03}"), version, 1)
    };
    for n in 0..=100_u32 {
        collected.exposures.push(exposure(&format!("u{n:03}"), u16::from(n % 2 == 1), 1));
        collected.served.push(timed(n, n % 2 + 1));
    }
    let found = known(&spec("{from: latency_ms, cap: p50}"), &collected);
    assert_eq!(found.caps["it"], Exact(50.0));
    let pair = |n: u32| AbMirrored {
        unit: format!("u{n:03}"),
        version: 2,
        control: timed(n, 1),
        candidate: AbServed { latency_us: i64::from(n) * 1_000 + 500_000, ..timed(n, 2) },
    };
    let collected = Collected { mirrored: (0..=100).map(pair).collect(), ..Collected::default() };
    let found = known(&shadow("{from: latency_ms, cap: p50}"), &collected);
    assert_eq!(found.caps["it"], Exact(300.0), "half of the answers are the control's");
    let Evidence::Paired(arms) = &found.metrics["it"] else { panic!("{found:?}") };
    close(arms[0].sample.mean, 300.0 - 50.0);
}

#[test]
fn what_cannot_be_adjusted_is_refused() {
    let file = |metric: &str, more: &str| {
        refused_or(&format!(
            "name: t\nmodel: m\narms: [{{name: a, version: 1}}, {{name: b, version: 2}}]\n\
             metrics: {{it: {metric}}}\ngoals: [{{metric: it, better: higher}}]\n\
             plan: {{planned_units: 900}}\n{more}"
        ))
    };
    for (metric, more, part) in [
        ("{from: label, cap: p100}", "", "t.yaml:4:34: `p100` is no cap"),
        ("{from: label, cap: high}", "", "`high` is no cap"),
        ("{from: label, cap: 5, ignore_zeros: true}", "", "`ignore_zeros` goes with a cap by percentile"),
        ("{from: correct, cap: p99}", "", "nothing to cap here: its values are 0 and 1"),
        ("{event: paid, cap: p99}", "", "its values are 0 and 1"),
        ("{from: latency_ms, quantile: 0.9, cap: p99}", "", "a quantile does not care"),
        (
            "{from: label}",
            "mode: shadow\nstrata: tier",
            "t.yaml:8:9: there are no strata here: in the mode `shadow`",
        ),
        ("{from: label}", "strata: tier\nbandit: {}", "a bandit puts its phases together"),
        ("{from: label}", "strata: ''", "1 to 250 bytes"),
        ("{from: label}", "strata: [tier]", "t.yaml:7:9"),
    ] {
        let error = file(metric, more).unwrap_err();
        assert!(error.contains(part), "{metric} {more}: {error}");
    }
    let with = file("{from: label}", "strata: tier").unwrap();
    assert_eq!(with.strata.as_deref(), Some("tier"));
    assert_eq!(with.needs_new_phase(&file("{from: label}", "").unwrap()), Some("the strata"));
}
