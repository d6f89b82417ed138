//! The language, by examples and by chance.

use super::{Condition, Value};
use proptest::prelude::*;
use serde_json::json;

fn ask(condition: &str, result: &serde_json::Value) -> Result<bool, String> {
    let condition = Condition::compile(condition).map_err(|error| error.to_string())?;
    condition.holds(&Value::from(result)).map_err(|error| error.to_string())
}

#[test]
fn conditions_of_manifests_are_decided() {
    let yes = [
        ("result[0] >= 0.95", json!([0.95])),
        ("result == 1", json!(1.0)),
        ("len(result) == 2 && result[1] < 3", json!([1, 2])),
        ("len(result) > 0 and not (result[0] > 1)", json!([1])),
        ("all(result, {# > 0.5})", json!([0.6, 0.7])),
        ("all(result, # > 0.5)", json!([0.6, 0.7])),
        ("any(result, {# > 0.65}) || false", json!([0.6, 0.7])),
        ("none(result, {# < 0})", json!([0.6])),
        ("count(result, {# > 0.6}) == 1", json!([0.6, 0.7])),
        ("result.status == 'ok' and result.rates[-1] < 0.1", json!({"status": "ok", "rates": [0.5, 0.05]})),
        ("result.missing == nil", json!({})),
        ("result?.deep ?? true", json!(null)),
        ("isNil(0)", json!(null)),
        ("default(0, 0) < 0.05", json!(null)),
        ("default(result, 0) < 0.05", json!(0.01)),
        ("asInt(result) == 1 && asFloat(result) == 1.123", json!(1.123)),
        ("asFloat(result) >= 1.1", json!("1.1")),
        ("!isNaN(result) && !isInf(result)", json!(1)),
        ("result in [1, 2, 3]", json!(2)),
        ("result not in [1, 2, 3]", json!(4)),
        ("result contains 'ell' and result startsWith \"h\" and result endsWith 'o'", json!("hello")),
        ("result matches '^h.*o$'", json!("hello")),
        ("(result > 0 ? 'good' : 'bad') == 'good'", json!(1)),
        ("2 + 3 * 4 - 1 == 13 and 7 % 4 == 3 and 2 ** 3 ** 2 == 512", json!(0)),
        ("1 / 2 == 0.5 && -2 ** 2 == -4", json!(0)),
        ("sum(result) == 6 && mean(result) == 2 && median(result) == 2", json!([1, 2, 3])),
        ("max(result) == 3 and min(1, 2) == 1 and abs(-1.5) == 1.5", json!([1, 2, 3])),
        ("filter(result, {# > 1}) == [2, 3] && map(result, {# * 2})[0] == 2", json!([1, 2, 3])),
        ("result[1:] == [2, 3] and result[:1] == [1] and len(1..3) == 3", json!([1, 2, 3])),
        ("result | all(# > 0)", json!([1, 2])),
        ("any(result, .name == 'b')", json!([{"name": "a"}, {"name": "b"}])),
    ];
    for (condition, result) in yes {
        assert_eq!(ask(condition, &result), Ok(true), "{condition} of {result}");
    }
    assert_eq!(ask("result[0] < 0.05", &json!([0.06])), Ok(false));
}

#[test]
fn what_cannot_be_decided_is_an_error() {
    let cases = [
        ("result[0] > 1", json!([]), "index out of range: 0 (array length is 0)"),
        ("result > 1", json!(null), "invalid operation: > (mismatched types nil and int)"),
        ("result + 1", json!(1), "expected bool, but got int"),
        (
            "asFloat(result) == \"1.1\"",
            json!("1.1"),
            "invalid operation: == (mismatched types float64 and string)",
        ),
        ("asInt(result) == 1", json!("1.1"), "invalid argument for asInt (type string)"),
        ("result && true", json!(1), "expected bool, but got int"),
        ("result[0] > 1", json!(1), "cannot fetch 0 from int"),
    ];
    for (condition, result, message) in cases {
        assert_eq!(ask(condition, &result), Err(message.to_owned()), "{condition} of {result}");
    }
}

#[test]
fn nothing_compares_with_what_is_no_number() {
    for operator in ["<", "<=", ">", ">=", "=="] {
        let condition = Condition::compile(&format!("result {operator} 1.0")).unwrap();
        assert_eq!(condition.holds(&Value::Float(f64::NAN)), Ok(false), "{operator}");
    }
}

#[test]
fn a_bad_condition_is_refused_when_it_is_read() {
    for (condition, message) in [
        ("", "the condition is empty"),
        ("result <=", "unexpected end of the condition"),
        ("result <= 1 &&\n result >>= 2", "unexpected `>=` at character 25"),
        ("reslt < 1", "unknown name reslt at character 1; the measured value is `result`"),
        ("len(result", "unexpected end of the condition"),
        ("len()", "len takes 1 arguments, not 0"),
        ("result == 'a", "the text that begins at character 11 does not end"),
        ("# > 1", "unexpected `#` at character 1"),
        ("result $ 1", "unexpected `$` at character 8"),
    ] {
        assert_eq!(Condition::compile(condition).map_err(|error| error.to_string()), Err(message.to_owned()));
    }
    let deep = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    assert!(Condition::compile(&deep).is_err() && Condition::compile(&"!".repeat(2000)).is_err());
    assert!(Condition::compile(&format!("1{}", " ** 1".repeat(800))).is_err());
}

#[test]
fn work_is_bounded() {
    let nested = "all(1..9999, all(1..9999, all(1..9999, # > 0)))";
    let too_much = |condition: &str, result: &serde_json::Value| {
        ask(condition, result).is_err_and(|error| error.contains("too much work"))
    };
    assert!(too_much(nested, &json!(0)));
    let samples = json!(vec![1.0; 10_000]);
    // Items count, not only the nodes of the condition.
    for condition in [
        "len(map(0..9999, {{a: 0..9999}})) == 10000",
        "len(map(0..9999, 0..9999)) == 10000",
        "all(result, result == result)",
        "all(result, sum(result) > 0)",
        "all(result, # in result[1:])",
        "len(map(0..9999, string(result))) == 10000",
        "all(result, 'b' matches string('b'))",
    ] {
        assert!(too_much(condition, &samples), "{condition}");
    }
    let doubled = format!("len((['{}']{})[0]) > 0", "x".repeat(1000), " | map(# + #)".repeat(40));
    assert!(too_much(&doubled, &json!(0)));
    let nested = format!("string([result]{}) == ''", " | map([#, #])".repeat(40));
    assert!(too_much(&nested, &samples), "shared lists are counted where they are looked at");
    // What looks at the measured list once per sample is no work by itself.
    let once = "all(result, # <= result[0]) and all(result, {len(result) == 10000 and 'ab' matches '^a'})";
    assert_eq!(ask(once, &samples), Ok(true));
}

#[test]
fn chains_are_bounded_and_patterns_are_read_with_the_condition() {
    for chain in [" + 1", " or true", " | abs()"] {
        assert!(Condition::compile(&format!("1{}", chain.repeat(400))).is_err(), "{chain}");
        assert!(Condition::compile(&format!("1{}", chain.repeat(100))).is_ok(), "{chain}");
    }
    for chain in [".a", "[0]", "?.a", "[1:]"] {
        assert!(Condition::compile(&format!("result{}", chain.repeat(400))).is_err(), "{chain}");
    }
    assert!(Condition::compile("result matches '('").is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}", number in any::<f64>()) {
        if let Ok(condition) = Condition::compile(&text) {
            let _ = condition.holds(&Value::Float(number));
        }
    }

    #[test]
    fn no_row_of_tokens_panics(words in prop::collection::vec(prop::sample::select(vec![
        "result", "(", ")", "[", "]", "{", "}", "#", ".", "..", "1", "2.5", "'x'", "-", "+", "*", "/", "%", "**",
        "<", "==", "&&", "||", "!", "not", "in", "all", "len", "map", "sum", ",", "?", ":", "??", "|", "9223372036854775807",
    ]), 0..30), items in prop::collection::vec(any::<i64>(), 0..4)) {
        if let Ok(condition) = Condition::compile(&words.join(" ")) {
            let _ = condition.holds(&Value::List(items.into_iter().map(Value::Int).collect()));
        }
    }

    #[test]
    fn comparisons_are_those_of_numbers(left in any::<f64>(), right in -1e6..1e6_f64) {
        for (operator, expected) in [("<", left < right), (">=", left >= right), ("==", left == right)] {
            let condition = Condition::compile(&format!("result {operator} {right:?}"));
            // A negative number is a sign and a number.
            prop_assert_eq!(condition.unwrap().holds(&Value::Float(left)), Ok(expected));
        }
    }
}
