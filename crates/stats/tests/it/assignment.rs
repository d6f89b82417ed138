//! The recorded cases of GrowthBook's SDKs, and what a split must keep.

use std::collections::BTreeMap;

use mainspring_stats::assignment::sticky::{Attributes, Document, Documents, Experiment, evaluate};
use mainspring_stats::assignment::{
    Hashing, Holdout, Namespace, Split, bucket_ranges, choose_variation, equal_weights, growthbook_hash,
    in_namespace,
};
use mainspring_stats::special::chi2_sf;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::conformance::read_cases;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn ranges(value: &Value) -> Vec<[f64; 2]> {
    value.as_array().unwrap().iter().map(|range| [number(&range[0]), number(&range[1])]).collect()
}

#[test]
fn the_sdk_cases_hold() {
    let Some(cases) = read_cases("growthbook-sdk-cases.json") else { return };
    let of = |kind: &str| cases[kind].as_array().unwrap().clone();
    for case in of("hash") {
        let version = case[2].as_u64().unwrap() as u32;
        let hash = growthbook_hash(case[0].as_str().unwrap(), case[1].as_str().unwrap(), version);
        assert_eq!(hash, case[3].as_f64(), "{case}");
    }
    for case in of("getBucketRange") {
        let input = &case[1];
        let weights = input[2].as_array().map(|_| numbers(&input[2]));
        let n = input[0].as_u64().unwrap() as usize;
        let ours = bucket_ranges(n, number(&input[1]), weights.as_deref());
        // The SDKs' own tests compare after rounding.
        let same = |(a, b): (&[f64; 2], [f64; 2])| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-8);
        assert!(ours.len() == n && ours.iter().zip(ranges(&case[2])).all(same), "{case}: {ours:?}");
    }
    for case in of("chooseVariation") {
        let arm = choose_variation(number(&case[1]), &ranges(&case[2]));
        assert_eq!(arm.map_or(-1, |arm| arm as i64), case[3].as_i64().unwrap(), "{case}");
    }
    for case in of("inNamespace") {
        let (low, high) = (number(&case[2][1]), number(&case[2][2]));
        let namespace = Namespace { name: case[2][0].as_str().unwrap().to_owned(), low, high };
        assert_eq!(in_namespace(case[1].as_str().unwrap(), &namespace), case[3].as_bool().unwrap(), "{case}");
    }
    for case in of("getEqualWeights") {
        let n = case[0].as_i64().unwrap().max(0) as usize;
        let expected = numbers(&case[1]);
        let ours = equal_weights(n);
        assert!(ours.len() == expected.len() && ours.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-8));
    }
    for case in of("stickyBucket") {
        sticky_case(&case);
    }
}

/// `[name, context, documents, feature, result, documents after]`
fn sticky_case(case: &Value) {
    let unit: Attributes = serde_json::from_value(case[1]["attributes"].clone()).unwrap();
    let documents: Vec<Document> = serde_json::from_value(case[2].clone()).unwrap();
    let mut documents: Documents = documents
        .into_iter()
        .map(|document| (format!("{}||{}", document.attribute_name, document.attribute_value), document))
        .collect();
    let feature = case[3].as_str().unwrap();
    let rule = &case[1]["features"][feature]["rules"][0];
    let text = |name: &str| rule[name].as_str().map(str::to_owned);
    let count = |name: &str| rule[name].as_u64().unwrap_or(0) as u32;
    let n = rule["variations"].as_array().unwrap().len();
    let targeting = rule["condition"].as_object().map(|condition| {
        condition
            .iter()
            .map(|(name, value)| (name.clone(), vec![value.as_str().unwrap().to_owned()]))
            .collect()
    });
    let experiment = Experiment {
        key: text("key").unwrap_or_else(|| feature.to_owned()),
        seed: text("seed"),
        hash_version: rule["hashVersion"].as_u64().unwrap_or(1) as u32,
        hash_attribute: text("hashAttribute").unwrap_or_else(|| "id".to_owned()),
        fallback_attribute: text("fallbackAttribute"),
        arms: (0..n)
            .map(|arm| rule["meta"][arm]["key"].as_str().map_or(arm.to_string(), str::to_owned))
            .collect(),
        weights: rule["weights"].as_array().map(|_| numbers(&rule["weights"])),
        coverage: rule["coverage"].as_f64().unwrap_or(1.0),
        targeting: targeting.unwrap_or_default(),
        bucket_version: count("bucketVersion"),
        min_bucket_version: count("minBucketVersion"),
        sticky: rule["disableStickyBucketing"] != true,
    };
    let result = evaluate(&experiment, &unit, &mut documents);
    let shown = result.map(|result| {
        json!({
            "bucket": result.bucket, "featureId": feature, "hashAttribute": result.attribute,
            "hashUsed": true, "hashValue": result.value, "inExperiment": true,
            "key": experiment.arms[result.arm], "stickyBucketUsed": result.from_document,
            "value": rule["variations"][result.arm], "variationId": result.arm,
        })
    });
    assert_eq!(shown.unwrap_or(Value::Null), case[4], "{}", case[0]);
    // Documents of others stay in the service, but the SDK's record lists those of this unit only.
    let own = |document: &Document| unit.get(&document.attribute_name) == Some(&document.attribute_value);
    documents.retain(|_, document| own(document));
    let expected: BTreeMap<String, Document> = serde_json::from_value(case[5].clone()).unwrap();
    assert_eq!(documents, expected, "{}", case[0]);
}

#[test]
fn text_is_hashed_by_utf_16_units() {
    // node: hash("seed", "grün", 1), hash("seed", "日本", 2), hash("😀", "u", 2) of the SDK
    assert_eq!(growthbook_hash("seed", "grün", 1), Some(0.475));
    assert_eq!(growthbook_hash("seed", "日本", 2), Some(0.9652));
    assert_eq!(growthbook_hash("😀", "u", 2), Some(0.7679));
}

#[test]
fn the_native_hash_is_the_first_bits_of_sha_256() {
    // Python: int.from_bytes(sha256(seed.encode() + b"\0" + unit.encode()).digest()[:8], "big") >> 11
    for (seed, unit, place) in [
        ("seed", "user-1", 4_821_991_250_197_624_u64),
        ("", "", 3_877_433_990_182_511),
        ("price.1", "grün", 2_467_627_766_120_620),
    ] {
        let place = place as f64 / (1_u64 << 53) as f64;
        assert_eq!(Hashing::Native.place(seed, unit), place, "{seed} {unit}");
    }
}

#[test]
fn impossible_splits_are_refused() {
    for (weights, coverage) in [
        (vec![], 1.0),
        (vec![0.5, 0.4], 1.0),
        (vec![1.5, -0.5], 1.0),
        (vec![0.5, 0.5], 1.1),
        (vec![f64::NAN], 1.0),
    ] {
        assert!(Split::new("s", Hashing::Native, &weights, coverage).is_err(), "{weights:?} {coverage}");
    }
    let split = Split::new("s", Hashing::Native, &[1.0], 1.0).unwrap();
    assert!(split.clone().within(Namespace { name: "n".into(), low: 0.5, high: 0.5 }).is_err());
    assert!(split.without(Holdout { seed: "h".into(), share: -0.1 }).is_err());
}

#[test]
fn a_hash_with_few_places_rounds_shares() {
    let shares = |hashing, coverage| {
        let third = 1.0 / 3.0;
        Split::new("s", hashing, &[third, third, third], coverage).unwrap().shares()
    };
    // Of ten places one arm has one more.
    let mut rounded = shares(Hashing::GrowthBook2, 0.001);
    rounded.sort_by(f64::total_cmp);
    assert!((rounded[2] - rounded[0]).abs() > 0.09, "{rounded:?}");
    for (hashing, coverage) in [(Hashing::GrowthBook2, 1.0), (Hashing::Native, 0.001)] {
        let shares = shares(hashing, coverage);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(shares.iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-3), "{shares:?}");
    }
}

/// Chi-square p-value that `counts` come from equal shares.
fn uniform(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    let statistic: f64 = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    chi2_sf(statistic, (counts.len() - 1) as f64)
}

#[test]
fn places_are_uniform_and_experiments_independent() {
    for hashing in [Hashing::GrowthBook2, Hashing::Native] {
        let (mut places, mut pairs) = ([0_u64; 100], [0_u64; 4]);
        let first = Split::new("first", hashing, &[0.5, 0.5], 1.0).unwrap();
        let second = Split::new("second", hashing, &[0.5, 0.5], 1.0).unwrap();
        for id in 0..200_000 {
            let unit = format!("user-{id}");
            places[(hashing.place("seed", &unit) * 100.0) as usize] += 1;
            pairs[first.arm(&unit).unwrap() * 2 + second.arm(&unit).unwrap()] += 1;
        }
        assert!(uniform(&places) > 1e-3 && uniform(&pairs) > 1e-3, "{hashing:?} {pairs:?}");
    }
}

#[test]
fn a_holdout_and_a_name_space_keep_units_out() {
    let share = |split: &Split| {
        (0..20_000).filter(|id| split.arm(&id.to_string()).is_some()).count() as f64 / 20_000.0
    };
    let split = || Split::new("s", Hashing::Native, &[0.5, 0.5], 1.0).unwrap();
    let held = split().without(Holdout { seed: "h".into(), share: 0.1 }).unwrap();
    assert!((share(&held) - 0.9).abs() < 0.01);
    let part = |low, high| split().within(Namespace { name: "n".into(), low, high }).unwrap();
    let (left, right) = (part(0.0, 0.3), part(0.3, 1.0));
    assert!((0..5_000).all(|id| left.arm(&id.to_string()).is_some() != right.arm(&id.to_string()).is_some()));
}

proptest! {
    #[test]
    fn a_ramp_moves_nobody(
        unit in ".{0,20}", seed in ".{0,10}", share in 0.01_f64..0.99, coverage in 0.0_f64..1.0, more in 0.0_f64..1.0,
    ) {
        for hashing in [Hashing::GrowthBook1, Hashing::GrowthBook2, Hashing::Native] {
            let at = |coverage| Split::new(seed.clone(), hashing, &[share, 1.0 - share], coverage).unwrap().arm(&unit);
            let wider = coverage + (1.0 - coverage) * more;
            if let Some(arm) = at(coverage) {
                prop_assert_eq!(at(wider), Some(arm));
            }
            prop_assert!((0.0..1.0).contains(&hashing.place(&seed, &unit)));
        }
    }
}
