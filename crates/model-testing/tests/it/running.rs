//! Good and bad candidates.

use std::path::Path;

use mainspring_model_testing::{
    Battery, BatteryReport, CheckReport, Verdict, render_text, run, to_junit, to_markdown,
};
use mainspring_tables::Table;
use serde_json::json;

use crate::models::{Model, table};

const BATTERY: &str = "\
version: 1
label: late
checks:
  - { check: signature }
  - { check: determinism }
  - { check: missing_values }
  - { check: metric, metric: auc, min: 0.7 }
  - { check: metric, metric: brier, max: 0.2 }
  - { check: non_inferiority, metric: auc, margin: 0.01, confidence: 0.95 }
  - { check: beats_baseline }
  - { check: calibration, max_ece: 0.05 }
  - { check: slices, columns: [origin], metric: auc, min: 0.6, min_rows: 500 }
";

fn battery(text: &str) -> Battery {
    Battery::parse(text, Path::new("battery.yaml")).unwrap()
}

fn of<'a>(report: &'a BatteryReport, name: &str) -> &'a CheckReport {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

fn failed(report: &BatteryReport) -> Vec<&str> {
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
    failed.map(|check| check.name.as_str()).collect()
}

#[test]
fn a_good_candidate_passes_with_and_without_a_champion() {
    let first = run(&battery(BATTERY), &table(), &mut Model::good(), None);
    assert_eq!(failed(&first), Vec::<&str>::new());
    assert_eq!(first.verdict, Verdict::Pass);
    assert_eq!(of(&first, "non_inferiority").verdict, Verdict::Skip);
    assert_eq!((first.rows, first.unlabelled_rows), (1_960, 40));
    assert_eq!(of(&first, "slices.origin").slices.len(), 3);

    let mut champion = Model::good();
    let second = run(&battery(BATTERY), &table(), &mut Model::good(), Some(&mut champion));
    assert_eq!(of(&second, "non_inferiority").ci, Some([0.0, 0.0]));
    assert_eq!(second.champion_metrics, Some(second.metrics));
}

#[test]
fn a_worse_candidate_fails_and_the_reports_say_why() {
    let mut report = run(&battery(BATTERY), &table(), &mut Model::shuffled(), Some(&mut Model::good()));
    assert_eq!(
        failed(&report),
        ["auc", "brier", "non_inferiority", "beats_baseline", "calibration", "slices.origin"]
    );
    assert!(of(&report, "non_inferiority").ci.unwrap()[1] < -0.2);
    report.seconds = 0.0;
    insta::assert_snapshot!(render_text(&report));
    insta::assert_snapshot!(to_markdown(&report));
    insta::assert_snapshot!(to_junit(&report));
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<BatteryReport>(&text).unwrap().checks.len(), report.checks.len());
}

#[test]
fn moods_and_fragility_are_found() {
    let mut calls = 0.0;
    let mut moody = Model::new(move |row| {
        calls += 1e-6;
        Ok(row[0].as_f64().unwrap_or(0.5) * 0.9 + calls)
    });
    assert_eq!(failed(&run(&battery(BATTERY), &table(), &mut moody, None)), ["determinism"]);
    let mut fragile = Model::new(|row| row[0].as_f64().ok_or_else(|| "x must not be null".to_owned()));
    let report = run(&battery(BATTERY), &table(), &mut fragile, None);
    assert_eq!(failed(&report), ["missing_values"]);
    assert_eq!(of(&report, "missing_values").message, "without `x`: x must not be null");
}

#[test]
fn what_cannot_be_decided_fails() {
    let everything_but_skipped = |report: &BatteryReport| {
        assert_eq!(report.verdict, Verdict::Fail);
        failed(report).len()
    };
    let mut broken = Model::new(|_| Err("worker died".to_owned()));
    assert_eq!(everything_but_skipped(&run(&battery(BATTERY), &table(), &mut broken, None)), 7);
    let mut nan = Model::new(|_| Ok(f64::NAN));
    assert_eq!(everything_but_skipped(&run(&battery(BATTERY), &table(), &mut nan, None)), 7);
    let mut unsigned = Model::good().with_columns(&[]);
    assert_eq!(everything_but_skipped(&run(&battery(BATTERY), &table(), &mut unsigned, None)), 8);
    let mut foreign = Model::good().with_columns(&["x", "nowhere"]);
    let report = run(&battery(BATTERY), &table(), &mut foreign, None);
    assert_eq!(of(&report, "signature").message, "the data lacks the input columns nowhere");
    let mut dead = Model::new(|_| Err("gone".to_owned()));
    let report = run(&battery(BATTERY), &table(), &mut Model::good(), Some(&mut dead));
    assert_eq!(failed(&report), ["non_inferiority"]);

    for text in [
        "x,origin\n0.5,EWR\n",
        "x,origin,late\n0.5,EWR,\n",
        "x,origin,late\n0.5,EWR,maybe\n",
        "x,origin,late\n0.5,EWR,2\n",
        "x,origin,late\n0.5,EWR,1\n0.5,EWR,1\n",
    ] {
        let table = Table::parse_csv(text, Path::new("t.csv")).unwrap();
        let report = run(&battery(BATTERY), &table, &mut Model::good(), None);
        assert_eq!(of(&report, "auc").verdict, Verdict::Fail, "{text}");
        assert_eq!(of(&report, "slices.origin").verdict, Verdict::Fail, "{text}");
    }
}

#[test]
fn latency_is_measured_request_by_request() {
    let latency = |limit: u32| {
        battery(&format!(
            "version: 1\nlabel: late\nchecks: [{{ check: latency, max_p95_ms: {limit}, requests: 5 }}]\n"
        ))
    };
    let slow = || {
        Model::new(|row| {
            std::thread::sleep(std::time::Duration::from_micros(if row[1] == json!("EWR") {
                1
            } else {
                9_000
            }));
            Ok(0.5)
        })
    };
    let small = Table::parse_csv("x,origin,late\n0.1,EWR,0\n0.2,JFK,1\n", Path::new("t.csv")).unwrap();
    assert_eq!(run(&latency(1), &small, &mut slow(), None).verdict, Verdict::Fail);
    assert_eq!(run(&latency(60_000), &small, &mut slow(), None).verdict, Verdict::Pass);
}
