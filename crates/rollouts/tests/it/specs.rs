//! Manifests, good and bad.

use crate::driver::{manifest, steps};
use mainspring_rollouts::{Quantity, RolloutSpec, Step};
use std::path::Path;
use std::time::Duration;

const METRIC: &str = "      successCondition: result <= 0.02";

/// What a person reads when this manifest is refused.
fn refused(text: &str) -> String {
    RolloutSpec::parse(text, Path::new("rollout.yaml")).unwrap_err().to_string()
}

fn refused_step(step: &str) -> String {
    refused(&manifest(&format!("        - {step}"), METRIC))
}

fn refused_metric(lines: &str) -> String {
    refused(&manifest(&steps("10 a"), lines))
}

#[test]
fn the_example_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/rollout.yaml");
    let spec =
        RolloutSpec::parse(&std::fs::read_to_string(path).unwrap(), Path::new("rollout.yaml")).unwrap();
    assert_eq!(spec.name, "flights");
    let labels: Vec<String> = spec.steps.iter().map(Step::label).collect();
    assert_eq!(
        labels,
        [
            "set weight 10 %",
            "pause 10s",
            "analysis live-health",
            "set weight 50 %",
            "pause 10s",
            "analysis live-health",
            "set weight 100 %"
        ]
    );
    let Step::Analysis { metrics, .. } = &spec.steps[2] else { panic!("{:?}", spec.steps) };
    let quantities: Vec<Quantity> = metrics.iter().map(|metric| metric.query.metric).collect();
    assert_eq!(quantities, [Quantity::ErrorRate, Quantity::LatencyP95Ratio, Quantity::PredictionPsi]);
    assert!(
        metrics.iter().all(|metric| metric.query.min_requests > 0 && metric.consecutive_error_limit == 4)
    );
}

#[test]
fn durations_are_read_as_people_write_them() {
    let spec = RolloutSpec::parse(&manifest(&steps("p1m30s p45 p0s"), METRIC), Path::new("r")).unwrap();
    let pause = |seconds| Step::Pause(Some(Duration::from_secs(seconds)));
    assert_eq!(spec.steps, [pause(90), pause(45), pause(0)]);
}

#[test]
fn an_unknown_field_of_a_step() {
    insta::assert_snapshot!(refused_step("setWieght: 10"), @r"
    rollout.yaml:7:11: unknown field `setWieght`, expected one of setWeight, pause, analysis
      hint: compare with the example `rollout.yaml` of `mainspring init --example flights`
    ");
}

#[test]
fn an_unknown_field_of_the_canary() {
    let text = manifest(&steps("10"), METRIC).replace("      steps:", "      step:\n      steps:");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:6:7: unknown field `step`, expected one of steps
      hint: compare with the example `rollout.yaml` of `mainspring init --example flights`
    ");
}

#[test]
fn a_weight_beyond_all_traffic() {
    insta::assert_snapshot!(refused_step("setWeight: 120"), @r"
    rollout.yaml:7:22: setWeight 120 is outside 0 to 100
      hint: write the canary's share of the traffic in percent
    ");
}

#[test]
fn a_weight_below_nothing() {
    insta::assert_snapshot!(refused_step("setWeight: -1"), @r"
    rollout.yaml:7:22: setWeight -1 is outside 0 to 100
      hint: write the canary's share of the traffic in percent
    ");
}

#[test]
fn a_weight_that_is_no_number() {
    insta::assert_snapshot!(refused_step("setWeight: ten"), @r"
    rollout.yaml:7:22: expected a whole number
      hint: compare with the example `rollout.yaml` of `mainspring init --example flights`
    ");
}

#[test]
fn two_kinds_in_one_step() {
    insta::assert_snapshot!(refused_step("setWeight: 10\n          pause: {}"), @r"
    rollout.yaml:7:11: a step must have exactly one of setWeight, pause, analysis
      hint: write each as an item of its own: `- setWeight: 10`
    ");
}

#[test]
fn a_step_of_no_kind() {
    insta::assert_snapshot!(refused_step("{}"), @r"
    rollout.yaml:7:11: a step must have exactly one of setWeight, pause, analysis
      hint: write each as an item of its own: `- setWeight: 10`
    ");
}

#[test]
fn a_template_that_is_missing() {
    insta::assert_snapshot!(refused_step("analysis: {templates: [{templateName: live-helth}]}"), @r"
    rollout.yaml:7:49: there is no AnalysisTemplate `live-helth` in this file
      hint: add a document of kind `AnalysisTemplate` with that `metadata.name`
    ");
}

#[test]
fn an_analysis_without_templates() {
    insta::assert_snapshot!(refused_step("analysis: {templates: []}"), @r"
    rollout.yaml:7:11: the analysis has no metrics, so it would always pass
      hint: name a template with at least one metric
    ");
}

#[test]
fn a_bad_duration_of_a_pause() {
    insta::assert_snapshot!(refused_step("pause: {duration: soon}"), @r"
    rollout.yaml:7:29: `soon` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: write for example `30s`, `5m` or `1h`
    ");
}

#[test]
fn a_bad_duration_of_a_metric() {
    insta::assert_snapshot!(refused_metric("      interval: 2x\n      count: 3\n      successCondition: result < 1"), @r"
    rollout.yaml:15:17: `2x` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: write for example `30s`, `5m` or `1h`
    ");
}

#[test]
fn a_bad_duration_of_a_window() {
    let text = manifest(&steps("10 a"), METRIC).replace("metric: errorRate", "metric: errorRate, window: 2x");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:16:67: `2x` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: compare with the example `rollout.yaml` of `mainspring init --example flights`
    ");
}

#[test]
fn a_quantity_that_is_not_measured() {
    let text = manifest(&steps("10 a"), METRIC).replace("errorRate", "errorRat");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:16:48: unknown variant `errorRat`, expected one of errorRate, latencyP95Ms, latencyP95Ratio, predictionPsi
      hint: compare with the example `rollout.yaml` of `mainspring init --example flights`
    ");
}

#[test]
fn a_bad_condition() {
    insta::assert_snapshot!(refused_metric("      successCondition: result <="), @r"
    rollout.yaml:15:25: the condition cannot be read: ERROR: <input>:1:10: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
    | result <=
    | .........^
      hint: write for example `result <= 0.02`
    ");
}

#[test]
fn a_metric_without_conditions() {
    insta::assert_snapshot!(refused_metric("      count: 1"), @r"
    rollout.yaml:14:7: the metric `m` has no condition, so it would always pass
      hint: add `successCondition: result <= LIMIT`
    ");
}

#[test]
fn a_metric_that_would_never_end() {
    insta::assert_snapshot!(refused_metric("      interval: 10s\n      successCondition: result < 1"), @r"
    rollout.yaml:14:7: the metric `m` of a step would never end
      hint: give it a `count` of at least 1
    ");
}

#[test]
fn a_count_without_an_interval() {
    insta::assert_snapshot!(refused_metric("      count: 3\n      successCondition: result < 1"), @r"
    rollout.yaml:14:7: the metric `m` has a `count` but no `interval`
      hint: add for example `interval: 30s`
    ");
}

#[test]
fn an_arm_that_cannot_be_measured() {
    let text =
        manifest(&steps("10 a"), METRIC).replace("metric: errorRate", "metric: errorRate, arm: stable");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:16:17: only the arm `canary` can be measured
      hint: write `arm: canary` or leave it out
    ");
}

#[test]
fn the_blue_green_strategy() {
    let text = "kind: Rollout\nspec:\n  strategy:\n    blueGreen:\n      activeService: a\n";
    insta::assert_snapshot!(refused(text), @r"
    rollout.yaml:5:7: the blueGreen strategy is not supported yet
      hint: use `canary` with `steps`
    ");
}

#[test]
fn no_strategy() {
    insta::assert_snapshot!(refused("kind: Rollout\nspec:\n  strategy: {}\n"), @r"
    rollout.yaml:3:13: the strategy names no `canary`
      hint: add `canary:` with `steps:`
    ");
}

#[test]
fn no_steps() {
    insta::assert_snapshot!(refused("kind: Rollout\nspec:\n  strategy:\n    canary:\n      steps: []\n"), @r"
    rollout.yaml:5:14: `steps` is empty
      hint: add at least `- setWeight: 10` and a pause or an analysis
    ");
}

#[test]
fn no_rollout_at_all() {
    insta::assert_snapshot!(refused("kind: AnalysisTemplate\nmetadata: {name: t}\nspec: {metrics: []}\n"), @r"
    rollout.yaml:1:1: there is no document of kind `Rollout`
      hint: start with `kind: Rollout` and `spec.strategy.canary.steps`
    ");
}

#[test]
fn a_document_that_does_not_belong_here() {
    let text = format!("{}---\nkind: Service\n", manifest(&steps("10"), METRIC));
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:17:7: a document of kind `Service` does not belong here
      hint: write one document of kind `Rollout` and any number of kind `AnalysisTemplate`
    ");
}

#[test]
fn what_is_no_yaml() {
    insta::assert_snapshot!(refused("kind: Rollout\nspec: [\n"), @r"
    rollout.yaml:2:7: unclosed bracket '['
      hint: compare with the example `rollout.yaml` of `mainspring init --example flights`
    ");
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(refused(""), @r"
    rollout.yaml:1:1: there is no document of kind `Rollout`
      hint: start with `kind: Rollout` and `spec.strategy.canary.steps`
    ");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in ".{0,300}", cut in 0_usize..600) {
        let _ = RolloutSpec::parse(&text, Path::new("rollout.yaml"));
        let good = manifest(&steps("10 p10s a 50"), METRIC);
        let end = good.char_indices().nth(cut).map_or(good.len(), |(at, _)| at);
        let _ = RolloutSpec::parse(&good[..end], Path::new("rollout.yaml"));
    }
}
