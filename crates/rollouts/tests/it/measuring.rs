//! How measurements are judged.

use crate::driver::{Driver, measure, measured, spec_with};
use mainspring_rollouts::{Assessment, Command, Event, Phase, RolloutSpec, Run, Value};
use std::path::Path;

/// A rollout in its analysis with this metric.
fn analysing(metric: &str) -> Driver {
    let mut driver = Driver::new(spec_with("10 a p", metric));
    driver.send(Event::Ready);
    driver
}

/// Measures until the analysis has ended, an interval apart; says how.
fn outcome(metric: &str, values: &[Result<f64, &str>]) -> String {
    let mut driver = analysing(metric);
    for value in values {
        driver.send(measured(0, value.map_err(str::to_owned)));
        driver.tick(10);
    }
    match (driver.state.phase, driver.state.message.as_str()) {
        (Phase::Paused, "CanaryPauseStep") => "successful".to_owned(),
        (Phase::Paused, "InconclusiveAnalysisRun") => "inconclusive".to_owned(),
        (Phase::Degraded, _) => "aborted".to_owned(),
        (_, message) => message.to_owned(),
    }
}

/// How one value is judged.
fn judged(conditions: &str, value: Result<f64, &str>) -> Assessment {
    // Limits that decide nothing after one measurement.
    let limits = "interval: 10s\ncount: 9\nfailureLimit: -1\ninconclusiveLimit: 9";
    let mut driver = analysing(&format!("{limits}\n{conditions}"));
    driver.send(measured(0, value.map_err(str::to_owned)));
    driver.state.analysis.unwrap().metrics[0].measurements[0].assessment
}

const WAITING: &str = "waiting for analysis to complete";

#[test]
fn one_measurement_follows_the_table() {
    use Assessment::{Error, Failed, Inconclusive, Successful};
    let only_success = "successCondition: result < 1";
    let only_failure = "failureCondition: result > 2";
    let both = "successCondition: result < 1\nfailureCondition: result > 2";
    let overlapping = "successCondition: result < 3\nfailureCondition: result > 2";
    let cases = [
        (only_success, 0.5, Successful),
        (only_success, 1.0, Failed),
        (only_failure, 2.5, Failed),
        (only_failure, 2.0, Successful),
        (both, 0.5, Successful),
        (both, 2.5, Failed),
        (both, 1.5, Inconclusive),
        (overlapping, 2.5, Failed),
        (overlapping, 1.0, Successful),
        ("successCondition: result", 0.5, Error),
        ("successCondition: result[0] < 1", 0.5, Error),
        ("successCondition: result < 9\nfailureCondition: result[0] > 1", 0.5, Error),
    ];
    for (conditions, value, expected) in cases {
        assert_eq!(judged(conditions, Ok(value)), expected, "{conditions} of {value}");
    }
}

#[test]
fn what_is_no_number_never_passes_whatever_the_condition_says() {
    let generous = [
        "successCondition: 'true'",
        "successCondition: isNaN(result) || isInf(result)",
        "failureCondition: 'false'",
    ];
    for conditions in generous {
        for value in [Ok(f64::NAN), Ok(f64::INFINITY), Ok(f64::NEG_INFINITY), Err("nobody came")] {
            assert_eq!(judged(conditions, value), Assessment::Error, "{conditions} of {value:?}");
        }
    }
    assert_eq!(judged("successCondition: result < 1", Ok(f64::NAN)), Assessment::Failed);
}

/// How a value that is no single number is judged.
fn judged_value(conditions: &str, value: Value) -> Assessment {
    let limits = "interval: 10s\ncount: 9\nfailureLimit: -1\ninconclusiveLimit: 9";
    let mut driver = analysing(&format!("{limits}\n{conditions}"));
    driver.send(Event::Measured { run: Run::Step, metric: 0, value: Ok(value) });
    driver.state.analysis.unwrap().metrics[0].measurements[0].assessment
}

#[test]
fn a_vector_is_a_list_and_an_empty_one_is_an_error() {
    let vector = |numbers: &[f64]| Value::List(numbers.iter().copied().map(Value::Float).collect());
    let condition = "successCondition: result[0] >= 0.95";
    assert_eq!(judged_value(condition, vector(&[0.96, 0.1])), Assessment::Successful);
    assert_eq!(judged_value(condition, vector(&[0.9])), Assessment::Failed);
    assert_eq!(judged_value(condition, vector(&[])), Assessment::Error);
    assert_eq!(judged_value("successCondition: len(result) == 0", vector(&[])), Assessment::Error);
    assert_eq!(
        judged_value("successCondition: all(result, {# < 1})", vector(&[0.5, f64::NAN])),
        Assessment::Failed
    );
    assert_eq!(judged_value("successCondition: default(result, 1) == 1", Value::Nil), Assessment::Error);
}

#[test]
fn successes_in_a_row_decide() {
    let metric = |more: &str| {
        format!("interval: 10s\nconsecutiveSuccessLimit: 2\nsuccessCondition: result < 1\n{more}")
    };
    assert_eq!(
        outcome(&metric("failureLimit: -1"), &[Ok(5.0), Ok(0.0), Ok(5.0), Ok(0.0), Ok(0.0)]),
        "successful"
    );
    assert_eq!(outcome(&metric("failureLimit: -1"), &[Ok(0.0), Err("nobody came"), Ok(0.0)]), WAITING);
    assert_eq!(outcome(&metric("count: 3\nfailureLimit: 1"), &[Ok(0.0), Ok(5.0), Ok(0.0)]), "inconclusive");
    assert_eq!(outcome(&metric("count: 3\nfailureLimit: -1"), &[Ok(0.0), Ok(5.0), Ok(0.0)]), "aborted");
}

#[test]
fn a_dry_run_has_no_say() {
    let text = crate::driver::manifest(&crate::driver::steps("a p"), "      successCondition: result < 1")
        .replace(
            "templates: [{templateName: t}]",
            "templates: [{templateName: t}], dryRun: [{metricName: .*}]",
        );
    let mut driver = Driver::new(RolloutSpec::parse(&text, Path::new("r")).unwrap());
    driver.send(Event::Ready);
    assert_eq!(driver.state.step, 1, "nothing is waited for");
}

#[test]
fn the_limit_of_failures_is_the_number_that_is_allowed() {
    let metric =
        |limit: i32| format!("interval: 10s\ncount: 4\nfailureLimit: {limit}\nsuccessCondition: result < 1");
    assert_eq!(outcome(&metric(0), &[Ok(5.0)]), "aborted");
    assert_eq!(outcome(&metric(1), &[Ok(5.0)]), WAITING);
    assert_eq!(outcome(&metric(1), &[Ok(5.0), Ok(0.0), Ok(5.0)]), "aborted");
    assert_eq!(outcome(&metric(1), &[Ok(5.0), Ok(0.0), Ok(0.0), Ok(0.0)]), "successful");
    assert_eq!(outcome(&metric(-1), &[Ok(5.0), Ok(5.0), Ok(5.0)]), WAITING);
}

#[test]
fn the_limit_of_inconclusive_measurements_is_the_number_that_is_allowed() {
    let metric = |limit: u32| {
        format!(
            "interval: 10s\ncount: 3\ninconclusiveLimit: {limit}\nsuccessCondition: result < 1\nfailureCondition: result > 2"
        )
    };
    assert_eq!(outcome(&metric(0), &[Ok(1.5)]), "inconclusive");
    assert_eq!(outcome(&metric(1), &[Ok(1.5), Ok(0.0), Ok(0.0)]), "successful");
    assert_eq!(outcome(&metric(1), &[Ok(1.5), Ok(1.5)]), "inconclusive");
}

#[test]
fn errors_do_not_count_and_are_forgotten_by_a_number() {
    let metric = "interval: 10s\ncount: 2\nsuccessCondition: result < 1";
    let error = Err("nobody came");
    assert_eq!(outcome(metric, &[error, error, error, error]), WAITING);
    assert_eq!(outcome(metric, &[error, error, error, error, error]), "aborted");
    let mixed = [error, error, error, error, Ok(0.0), error, error, error, error, Ok(0.0)];
    assert_eq!(outcome(metric, &mixed), "successful");
}

#[test]
fn the_limit_of_errors_can_be_set() {
    let metric = "interval: 10s\ncount: 2\nconsecutiveErrorLimit: 0\nsuccessCondition: result < 1";
    assert_eq!(outcome(metric, &[Err("nobody came")]), "aborted");
}

#[test]
fn without_count_and_interval_one_measurement_decides() {
    assert_eq!(outcome("successCondition: result < 1", &[Ok(0.5)]), "successful");
    assert_eq!(outcome("successCondition: result < 1", &[Err("nobody came"), Ok(0.5)]), "successful");
}

#[test]
fn after_an_error_the_next_measurement_comes_after_ten_seconds() {
    let mut driver = analysing("interval: 60s\ncount: 2\nsuccessCondition: result < 1");
    driver.send(measured(0, Err("nobody came".into())));
    assert!(driver.tick(9).is_empty());
    assert_eq!(driver.tick(1), [measure(0)], "ten seconds, not sixty");
    driver.measure(0.0);
    assert!(driver.tick(59).is_empty());
    assert_eq!(driver.tick(1), [measure(0)], "after a number the interval holds");
}

#[test]
fn the_first_measurement_waits_for_the_initial_delay() {
    let mut driver = analysing("initialDelay: 30s\nsuccessCondition: result < 1");
    assert!(driver.tick(29).is_empty());
    assert_eq!(driver.tick(1), [measure(0)]);
}

#[test]
fn a_measurement_that_is_not_due_counts_nothing() {
    let mut driver = analysing("interval: 10s\ncount: 3\nsuccessCondition: result < 1");
    for _ in 0..10 {
        driver.measure(0.0);
    }
    assert_eq!(driver.state.analysis.as_ref().unwrap().metrics[0].measurements.len(), 1);
    assert_eq!(driver.state.step, 1, "three measurements take two intervals");
}

const TWO_METRICS: &str = "kind: Rollout
metadata: {name: r}
spec: {strategy: {canary: {steps: [{setWeight: 10}, {analysis: {templates: [{templateName: t}]}}, {pause: {}}]}}}
---
kind: AnalysisTemplate
metadata: {name: t}
spec:
  metrics:
    - {name: one, interval: 10s, count: 2, successCondition: result < 1, provider: {plugin: {mainspring: {metric: errorRate}}}}
    - {name: two, interval: 10s, count: 4, successCondition: result < 1, provider: {plugin: {mainspring: {metric: latencyP95Ms}}}}
";

fn two_metrics() -> Driver {
    let mut driver = Driver::new(RolloutSpec::parse(TWO_METRICS, Path::new("rollout.yaml")).unwrap());
    driver.send(Event::Ready);
    driver
}

#[test]
fn the_answer_to_one_measurement_asks_for_no_other() {
    let mut driver = two_metrics();
    let both = [measure(0), measure(1)];
    assert_eq!(driver.commands[1..], both);
    for metric in [0, 1] {
        let commands = driver.send(measured(metric, Ok(0.0)));
        assert!(commands.is_empty(), "{commands:?}");
    }
    assert_eq!(driver.tick(10), both);
}

#[test]
fn every_metric_must_succeed() {
    let mut driver = two_metrics();
    for round in 0..4 {
        assert_eq!(driver.state.step, 1, "round {round}");
        for metric in [0, 1] {
            driver.send(measured(metric, Ok(0.0)));
        }
        driver.tick(10);
    }
    assert_eq!(driver.state.step, 2);
}

#[test]
fn one_bad_metric_decides_at_once() {
    let mut driver = two_metrics();
    driver.send(measured(0, Ok(0.0)));
    let commands = driver.send(measured(1, Ok(7.0)));
    assert!(
        matches!(&commands[..], [Command::RollBack { reason }] if reason.contains("`two`")),
        "{commands:?}"
    );
}

#[test]
fn a_measurement_of_a_metric_that_does_not_exist_changes_nothing() {
    let mut driver = two_metrics();
    let before = driver.state.clone();
    driver.send(measured(7, Ok(0.0)));
    assert_eq!(driver.state, before);
}
