//! Battery files, accepted and refused.

use std::path::Path;

use mainspring_model_testing::Battery;
use proptest::prelude::*;

fn refusal(check: &str) -> String {
    let text = format!("version: 1\nlabel: late\nchecks:\n  - {check}\n");
    let error = Battery::parse(&text, Path::new("tests/battery.yaml")).unwrap_err();
    format!("{error}\n  {}", error.hint())
}

#[test]
fn the_example_project_s_battery_is_accepted() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/tests/battery.yaml");
    let battery = Battery::parse(&std::fs::read_to_string(&file).unwrap(), &file).unwrap();
    assert_eq!(battery.label, "late");
    assert!(battery.check_count() >= 5);
}

#[test]
fn refusals_name_place_and_remedy() {
    insta::assert_snapshot!(
        [
            "{ check: metrik, metric: auc, min: 0.6 }",
            "{ check: metric, metric: acu, min: 0.6 }",
            "{ check: metric, metric: auc }",
            "{ check: metric, metric: auc, min: high }",
            "{ check: metric, metric: auc, minimum: 0.6 }",
            "{ check: non_inferiority, metric: brier, margin: 0.01 }",
            "{ check: non_inferiority, margin: -1 }",
            "{ check: non_inferiority, margin: 0.01, confidence: 1 }",
            "{ check: slices, metric: auc, min: 0.5 }",
            "{ check: slices, columns: origin, metric: auc, min: 0.5 }",
            "{ check: latency }",
            "{ check: calibration, max_ece: .nan }",
            "signature",
        ]
        .map(refusal)
        .join("\n")
    );
}

#[test]
fn an_empty_battery_is_refused() {
    for text in [
        "",
        "version: 1\nlabel: late\nchecks: []\n",
        "version: 2\nlabel: late\nchecks: [{check: signature}]\n",
        "version: 1\n",
    ] {
        assert!(Battery::parse(text, Path::new("b.yaml")).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z_:0-9\\-\\[\\]{},. \n]{0,200}") {
        let _ = Battery::parse(&text, Path::new("b.yaml"));
    }
}
