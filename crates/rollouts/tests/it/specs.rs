//! Manifests, good and bad.

use crate::driver::{manifest, steps};
use mainspring_rollouts::{AnalysisMetric, Provider, Quantity, RolloutSpec, Step, Strategy};
use std::path::Path;
use std::time::Duration;

const METRIC: &str = "      successCondition: result <= 0.02";

/// What a person reads when this manifest is refused.
fn refused(text: &str) -> String {
    let error = RolloutSpec::parse(text, Path::new("rollout.yaml")).unwrap_err();
    format!("{error}\n  hint: {}", error.hint)
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
    let metrics = &spec.steps[2].analysis().unwrap().metrics;
    let own = |metric: &AnalysisMetric| match &metric.provider {
        Provider::Mainspring(query) => query.clone(),
        other => panic!("{other:?}"),
    };
    let quantities: Vec<Quantity> = metrics.iter().map(|metric| own(metric).metric).collect();
    assert_eq!(quantities, [Quantity::ErrorRate, Quantity::LatencyP95Ratio, Quantity::PredictionPsi]);
    assert!(metrics.iter().all(|metric| own(metric).min_requests > 0 && metric.consecutive_error_limit == 4));
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
    rollout.yaml:7:11: unknown step `setWieght`; expected one of setWeight, pause, analysis, experiment, setCanaryScale, setHeaderRoute, setMirrorRoute, plugin
      hint: did you mean `setWeight`?
    ");
}

#[test]
fn an_unknown_field_of_the_canary() {
    let text = manifest(&steps("10"), METRIC).replace("      steps:", "      step:\n      steps:");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:6:7: unknown field of `canary` `step`
      hint: did you mean `steps`?
    ");
}

#[test]
fn a_weight_beyond_all_traffic() {
    insta::assert_snapshot!(refused_step("setWeight: 120"), @r"
    rollout.yaml:7:22: SetWeight needs to be between 0 and 100
      hint: write the canary's share of the traffic in percent
    ");
}

#[test]
fn a_weight_below_nothing() {
    insta::assert_snapshot!(refused_step("setWeight: -1"), @r"
    rollout.yaml:7:22: SetWeight needs to be between 0 and 100
      hint: write the canary's share of the traffic in percent
    ");
}

#[test]
fn a_weight_that_is_no_number() {
    insta::assert_snapshot!(refused_step("setWeight: ten"), @r"
    rollout.yaml:7:22: SetWeight needs to be between 0 and 100
      hint: write the canary's share of the traffic in percent
    ");
}

#[test]
fn two_kinds_in_one_step() {
    insta::assert_snapshot!(refused_step("setWeight: 10\n          pause: {}"), @r"
    rollout.yaml:7:11: Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause
      hint: write each as an item of its own: `- setWeight: 10`
    ");
}

#[test]
fn a_step_of_no_kind() {
    insta::assert_snapshot!(refused_step("{}"), @r"
    rollout.yaml:7:11: Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause
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
    rollout.yaml:7:29: Duration needs to be greater than 0: `soon` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: write for example `30s`, `5m` or `1h`
    ");
}

#[test]
fn a_bad_duration_of_a_metric() {
    insta::assert_snapshot!(refused_metric("      interval: 2x\n      count: 3\n      successCondition: result < 1"), @r"
    rollout.yaml:15:17: Duration needs to be greater than 0: `2x` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: write for example `30s`, `5m` or `1h`
    ");
}

#[test]
fn a_bad_duration_of_a_window() {
    let text = manifest(&steps("10 a"), METRIC).replace("metric: errorRate", "metric: errorRate, window: 2x");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:16:67: Duration needs to be greater than 0: `2x` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: write for example `30s`, `5m` or `1h`
    ");
}

#[test]
fn a_quantity_that_is_not_measured() {
    let text = manifest(&steps("10 a"), METRIC).replace("errorRate", "errorRat");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:16:48: unknown metric `errorRat`
      hint: did you mean `errorRate`?
    ");
}

#[test]
fn a_bad_condition() {
    insta::assert_snapshot!(refused_metric("      successCondition: result <="), @r"
    rollout.yaml:15:25: the condition cannot be read: unexpected end of the condition
      hint: write for example `result[0] <= 0.02`
    ");
}

#[test]
fn a_metric_without_conditions() {
    insta::assert_snapshot!(refused_metric("      count: 1"), @r"
    rollout.yaml:14:7: metric `m`: it has no condition, so it would always pass
      hint: add `successCondition: result <= LIMIT`
    ");
}

#[test]
fn a_metric_that_would_never_end() {
    insta::assert_snapshot!(refused_metric("      interval: 10s\n      successCondition: result < 1"), @r"
    rollout.yaml:14:7: AnalysisTemplate t has metric m which runs indefinitely
      hint: give it a `count` of at least 1
    ");
}

#[test]
fn a_count_without_an_interval() {
    insta::assert_snapshot!(refused_metric("      count: 3\n      successCondition: result < 1"), @r"
    rollout.yaml:14:7: metric `m`: interval must be specified when count > 1
      hint: add for example `interval: 30s`
    ");
}

#[test]
fn an_arm_that_cannot_be_measured() {
    let text =
        manifest(&steps("10 a"), METRIC).replace("metric: errorRate", "metric: predictionPsi, arm: stable");
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:16:68: this metric compares the canary with stable; there is no other side of it
      hint: write `arm: canary` or leave it out
    ");
}

/// What is accepted with these warnings.
fn accepted(text: &str) -> RolloutSpec {
    RolloutSpec::parse(text, Path::new("rollout.yaml")).unwrap_or_else(|error| panic!("{error}"))
}

const WHOLE: &str = include_str!("whole_canary.yaml");
const BLUE_GREEN: &str = include_str!("whole_blue_green.yaml");

#[test]
fn a_whole_canary_is_read() {
    let spec = accepted(WHOLE);
    let labels: Vec<String> = spec.steps.iter().map(Step::label).collect();
    insta::assert_debug_snapshot!(labels);
    assert_eq!((spec.rollback_window, spec.progress_deadline_abort, spec.paused), (Some(3), true, false));
    assert_eq!(spec.progress_deadline, Duration::from_secs(120));
    assert_eq!((spec.scale_down_delay, spec.abort_scale_down_delay), (Duration::from_secs(45), None));
    let background = spec.background.unwrap();
    assert_eq!((background.starting_step, background.analysis.metrics.len()), (2, 1));
    let Provider::Prometheus { address, query, timeout, headers } = &background.analysis.metrics[0].provider
    else {
        panic!("{background:?}")
    };
    assert_eq!(address, "http://prometheus.example:9090");
    assert_eq!(query, "sum(rate(errors{app=\"flights\",hash=\"{{args.latest}}\"}[5m]))");
    assert_eq!((*timeout, headers.len()), (Duration::from_secs(5), 1));
    assert_eq!(background.analysis.metrics[0].runtime[0].0, "latest");
    let warnings: Vec<String> =
        spec.warnings.iter().map(|warning| format!("{}: {}", warning.line, warning.message)).collect();
    insta::assert_debug_snapshot!(warnings);
}

#[test]
fn a_whole_blue_green_is_read() {
    let spec = accepted(BLUE_GREEN);
    assert_eq!(spec.strategy, Strategy::BlueGreen);
    let labels: Vec<String> = spec.steps.iter().map(Step::label).collect();
    assert_eq!(labels, ["analysis smoke", "pause 30s", "switch all traffic", "analysis live"]);
    assert_eq!(
        (spec.scale_down_delay, spec.abort_scale_down_delay),
        (Duration::from_secs(600), Some(Duration::from_secs(30)))
    );
}

#[test]
fn a_block_that_stands_alone_is_read() {
    for text in [
        "strategy: {canary: {steps: [{setWeight: 10}]}}\npaused: true\n",
        "canary: {steps: [{setWeight: 10}]}\n",
        "steps: [{setWeight: 10}]\n",
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {strategy: {canary: {steps: [{setWeight: 10}]}}}\n",
    ] {
        assert_eq!(accepted(text).steps, [Step::SetWeight(10)], "{text}");
    }
    assert_eq!(accepted("blueGreen: {activeService: a}\n").steps, [Step::Switch]);
    assert_eq!(
        accepted("activeService: a\nautoPromotionEnabled: false\n").steps,
        [Step::Pause(None), Step::Switch]
    );
}

#[test]
fn a_canary_without_steps_is_one_that_takes_all() {
    for block in ["{}", "", "{steps: []}", "{maxSurge: 1, maxUnavailable: 0}"] {
        let text = format!("kind: Rollout\nspec:\n  strategy:\n    canary: {block}\n");
        assert!(accepted(&text).steps.is_empty(), "{block}");
    }
}

/// The message and the place of what is refused.
fn refused_with(text: &str, line: &str) -> String {
    let error = RolloutSpec::parse(text, Path::new("r")).unwrap_err();
    assert!(error.at.line > 1 || line == "1", "{error}");
    format!("{}: {}", error.at.line, error.message)
}

#[test]
fn what_argo_refuses_is_refused_with_its_words() {
    let canary = |block: &str| format!("kind: Rollout\nspec:\n  strategy:\n    canary:\n      {block}\n");
    let step = |step: &str| canary(&format!("steps:\n        - {step}"));
    let routed = |step: &str| {
        canary(&format!(
            "trafficRouting: {{managedRoutes: [{{name: known}}]}}\n      steps:\n        - {step}"
        ))
    };
    let cases = [
        (step("setWeight: 101"), "SetWeight needs to be between 0 and 100"),
        (step("setWeight: 1.5"), "SetWeight needs to be between 0 and 100"),
        (step("pause: {duration: -1}"), "Duration needs to be greater than 0"),
        (step("{setWeight: 1, pause: {}}"), "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause"),
        (step("setCanaryScale: {replicas: 1}"), "SetCanaryScale requires TrafficRouting to be set"),
        (step("setHeaderRoute: {name: x}"), "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix"),
        (step("setMirrorRoute: {name: x}"), "SetMirrorRoute requires TrafficRouting, supports Istio and Plugins"),
        (routed("setMirrorRoute: {name: x}"), "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes"),
        (canary("trafficRouting: {}\n      steps: [{setHeaderRoute: {name: x}}]"), "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'"),
        (routed("setHeaderRoute: {name: known, match: [{headerName: a}]}"), "StringMatch value missed, match value must have one of the following: exact, regex, prefix"),
        (routed("setHeaderRoute: {name: known, match: [{headerName: a, headerValue: {exact: b, prefix: c}}]}"), "StringMatch match value must have exactly one of the following: exact, regex, prefix"),
        (canary("scaleDownDelaySeconds: 3"), "Canary scaleDownDelaySeconds can only be used with traffic routing"),
        (canary("dynamicStableScale: true"), "Canary dynamicStableScale can only be used with traffic routing"),
        (canary("{trafficRouting: {}, dynamicStableScale: true, scaleDownDelaySeconds: 3}"), "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds"),
        (canary("{canaryService: a, stableService: a}"), "This rollout uses the same service for the stable and canary services, but two different services are required."),
        (step("experiment: {duration: 1m, templates: [{name: a, specRef: canary, weight: 5}]}"), "Experiment template weight cannot be set unless TrafficRouting is enabled"),
        ("kind: Rollout\nspec:\n  strategy:\n    blueGreen: {activeService: a, previewService: a}\n".to_owned(), "This rollout uses the same service for the active and preview services, but two different services are required."),
        ("kind: Rollout\nspec:\n  revisionHistoryLimit: 2\n  strategy:\n    blueGreen: {activeService: a, scaleDownDelayRevisionLimit: 3}\n".to_owned(), "This rollout's revision history limit can not be smaller than the rollout's scale down limit"),
        ("kind: Rollout\nspec:\n  strategy: {canary: {}, blueGreen: {activeService: a}}\n".to_owned(), "Multiple Strategies can not be listed"),
    ];
    for (text, message) in cases {
        let refused = refused_with(&text, "");
        let (_, found) = refused.split_once(": ").unwrap();
        assert!(found.starts_with(message), "{text}\n{refused}");
    }
}

#[test]
fn a_router_needs_services_as_in_argo() {
    for router in ["istio", "smi", "apisix", "ambassador", "nginx", "appMesh", "traefik", "alb"] {
        let text = |more: &str| {
            format!(
                "kind: Rollout\nspec:\n  strategy:\n    canary:\n      trafficRouting:\n        {router}: {{a: b}}\n{more}"
            )
        };
        let refused = refused_with(&text(""), "");
        assert_eq!(
            refused, "6: Canary service and Stable service must to be set to use Traffic Routing",
            "{router}"
        );
        accepted(&text("      canaryService: c\n      stableService: s\n"));
    }
    accepted("canary: {trafficRouting: {plugins: {some/plugin: {}}}}\n");
    accepted("canary: {trafficRouting: {istio: {destinationRule: {name: d}}}}\n");
}

#[test]
fn the_limits_of_a_metric_are_checked_as_in_argo() {
    let refused = |lines: &str| {
        let indented: Vec<String> = lines.lines().map(|line| format!("      {line}")).collect();
        refused_metric(&format!("{}\n{METRIC}", indented.join("\n")))
    };
    for (lines, message) in [
        ("count: 2", "metric `m`: interval must be specified when count > 1"),
        ("interval: 1s", "AnalysisTemplate t has metric m which runs indefinitely"),
        (
            "count: 2\ninterval: 1s\nfailureLimit: 3",
            "count (2) must be >= failureLimit + consecutiveSuccessLimit (3 + 0) if both >= 0",
        ),
        ("failureLimit: -2", "failureLimit must be >= 0, or -1 to be disabled"),
        ("inconclusiveLimit: -1", "inconclusiveLimit must be >= 0"),
        ("consecutiveErrorLimit: -1", "consecutiveErrorLimit must be >= 0"),
        ("consecutiveSuccessLimit: -1", "consecutiveSuccessLimit must be >= 0"),
        (
            "count: 1\ninterval: 1s\nfailureLimit: -1\nconsecutiveSuccessLimit: 2",
            "count must be >= consecutiveSuccessLimit",
        ),
        ("count: 1\ninterval: 1s\ninconclusiveLimit: 2", "count must be >= inconclusiveLimit"),
        ("cuont: 1", "unknown field of a metric `cuont`"),
    ] {
        let refused = refused(lines);
        assert!(refused.contains(message), "{lines}: {refused}");
    }
}

#[test]
fn arguments_must_be_given() {
    let text = WHOLE.replace(
        "          - { name: app, valueFrom: { fieldRef: { fieldPath: metadata.labels.app } } }\n",
        "",
    );
    insta::assert_snapshot!(refused(&text));
}

#[test]
fn a_provider_that_is_not_there_is_named() {
    let text = manifest(&steps("10 a"), METRIC)
        .replace("{plugin: {mainspring: {metric: errorRate}}}", "{datadog: {query: x}}");
    insta::assert_snapshot!(refused(&text));
}

#[test]
fn no_strategy() {
    insta::assert_snapshot!(refused("kind: Rollout\nspec:\n  strategy: {}\n"), @r"
    rollout.yaml:3:13: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'
      hint: add `canary:` with `steps:`, or `blueGreen:`
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
    let text = format!("{}---\nkind: Servise\n", manifest(&steps("10"), METRIC));
    insta::assert_snapshot!(refused(&text), @r"
    rollout.yaml:17:7: a document of kind `Servise` does not belong here
      hint: write one document of kind `Rollout` and any number of kind `AnalysisTemplate`
    ");
}

#[test]
fn what_is_no_yaml() {
    insta::assert_snapshot!(refused("kind: Rollout\nspec: [\n"), @r"
    rollout.yaml:2:7: not valid YAML: unclosed bracket '['
      hint: check the indentation and the quotes of this line and the one above
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

#[test]
fn numbers_beyond_all_bounds_are_refused() {
    let most = i64::MAX;
    let limits = format!(
        "{METRIC}\n      interval: 1s\n      count: 1\n      failureLimit: {most}\n      consecutiveSuccessLimit: {most}"
    );
    assert!(refused_metric(&limits).contains("must be >="));
    let share = |name: &str| format!("{{name: {name}, specRef: canary, weight: {most}}}");
    let templates: Vec<String> = ["a", "b", "c"].into_iter().map(share).collect();
    let experiment = format!("experiment: {{duration: 1s, templates: [{}]}}", templates.join(", "));
    assert!(refused_step(&experiment).contains("eight"), "{}", refused_step(&experiment));
}
