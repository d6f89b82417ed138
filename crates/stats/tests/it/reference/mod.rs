//! The recorded A/B cases of SciPy, statsmodels, tea-tasting, spotify-confidence, confseq and gbstats.

mod fixed;
mod gb;
mod sequential;
mod tea;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::conformance::read_cases;

/// What we give on purpose otherwise than the peer; docs/ab-statistics.md has the reasons.
const OURS: [(&str, &str); 3] =
    [("rank_tests/", "ks_p_asymp"), ("tea_prop/1", "pvalue"), ("thompson_best_arm/", "best_arm_mc")];

/// A number of a case; what is not finite is text there.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value.as_f64().unwrap_or(f64::NAN),
    }
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// A number as the cases write it.
pub(crate) fn shown(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}

pub(crate) fn pair(interval: mainspring_stats::intervals::Interval) -> Value {
    Value::Array(vec![shown(interval.low), shown(interval.high)])
}

/// `{name: number}`.
pub(crate) fn named(values: &[(&str, f64)]) -> Map<String, Value> {
    values.iter().map(|(name, value)| ((*name).to_owned(), shown(*value))).collect()
}

/// Paths at which `ours` is not `theirs`.
pub(crate) fn differences(theirs: &Value, ours: &Value, rtol: f64, path: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                match ours.get(name) {
                    Some(own) => differences(value, own, rtol, &format!("{path}.{name}"), found),
                    None => found.push(format!("{path}.{name} is missing")),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                differences(theirs, ours, rtol, &format!("{path}[{index}]"), found);
            }
        }
        (Value::Null | Value::Bool(_), ours) => {
            if theirs != ours {
                found.push(format!("{path}: {ours}, recorded {theirs}"));
            }
        }
        (theirs, ours) => {
            let same_text = theirs.is_string() && theirs == ours;
            let (expected, value) = match (theirs, ours) {
                (Value::String(text), _) if text.parse::<f64>().is_err() => (f64::NAN, 0.0),
                _ => (number(theirs), number(ours)),
            };
            let both_nan = expected.is_nan() && value.is_nan();
            let near = (value - expected).abs() <= rtol * expected.abs() + 1e-14;
            if !(same_text || both_nan || value == expected || near) {
                found.push(format!("{path}: {ours}, recorded {theirs}"));
            }
        }
    }
}

#[test]
fn the_recorded_cases_hold() {
    let Some(cases) = read_cases("ab-reference.json") else { return };
    let cases = cases.as_array().unwrap();
    let data: BTreeMap<&str, &Value> =
        cases.iter().filter_map(|case| Some((case["data_id"].as_str()?, &case["input"]))).collect();
    let (mut checked, mut wrong) = (0, Vec::new());
    let mut unknown = std::collections::BTreeSet::new();
    for case in cases.iter().filter(|case| case["method"] != "_data") {
        let (method, input) = (case["method"].as_str().unwrap(), &case["input"]);
        let measured = match input["data_ref"].as_str() {
            Some(name) => tea::measure(method, data[name]),
            None => fixed::measure(method, input)
                .or_else(|| sequential::measure(method, input))
                .or_else(|| gb::measure(method, input)),
        };
        let Some(measured) = measured else {
            unknown.insert(method);
            continue;
        };
        let mut expected = case["output"].clone();
        for (_, name) in OURS.iter().filter(|(of, _)| case["id"].as_str().unwrap().starts_with(of)) {
            assert!(expected.as_object_mut().unwrap().remove(*name).is_some());
        }
        let rtol = case["rtol"].as_f64().unwrap();
        differences(&expected, &Value::Object(measured), rtol, case["id"].as_str().unwrap(), &mut wrong);
        checked += 1;
    }
    println!("{checked} cases compared");
    assert!(wrong.is_empty(), "{} differences in {checked} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unknown.is_empty(), "not compared: {unknown:?}");
}
