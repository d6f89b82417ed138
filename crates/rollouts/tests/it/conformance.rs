//! Argo Rollouts' own cases: its end-to-end scenarios that set their steps inline, played by the
//! machine under a clock that is moved, and the tables that say something of a rollout without a cluster.

use mainspring_domain::Timestamp;
use mainspring_expressions::condition::{Condition, Value};
use mainspring_rollouts::{
    Completion, Entry, Event, Phase, RolloutSpec, RolloutState, Strategy, advance, entry, field_path,
};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/rollouts");
    folder.is_dir().then_some(folder)
}

fn read(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The cases of a table; none when the table is not there.
fn cases(name: &str) -> Vec<Json> {
    let Some(path) = folder().map(|folder| folder.join(format!("table/{name}.json"))) else {
        return Vec::new();
    };
    if !path.is_file() {
        return Vec::new();
    }
    read(&path)["cases"].as_array().unwrap().clone()
}

#[test]
fn conditions_are_evaluated_as_argo_evaluates_them() {
    for table in ["TestEvaluateAsInt", "TestEvaluateAsFloat"] {
        for case in cases(table) {
            let condition = Condition::compile(case["expression"].as_str().unwrap()).unwrap();
            let expected = case["expectation"].as_bool().unwrap();
            assert_eq!(condition.holds(&Value::from(&case["input"])), Ok(expected), "{case}");
        }
    }
    for table in [
        "TestEvaluateAsIntPanic",
        "TestEvaluateAsFloatPanic",
        "TestEvaluateAsFloatError",
        "TestEvaluateAsIntError",
    ] {
        for case in cases(table) {
            let Some(expression) = case["expression"].as_str() else { continue };
            let found = Condition::compile(expression)
                .and_then(|condition| condition.holds(&Value::from(&case["input"])));
            let message = found.expect_err(expression).to_string();
            if let Some(pattern) = case["errRegexp"].as_str() {
                assert!(regex::Regex::new(pattern).unwrap().is_match(&message), "{message} of {case}");
            }
        }
    }
    for (table, function) in [("TestAsInt", "asInt"), ("TestAsFloat", "asFloat")] {
        for case in cases(table) {
            if case["input"].is_object() || case["output"].is_object() {
                continue;
            }
            let condition = Condition::compile(&format!("{function}(result) == {}", case["output"])).unwrap();
            let found = condition.holds(&Value::from(&case["input"]));
            match case["shouldPanic"].as_bool() {
                Some(true) => assert!(found.is_err(), "{case}"),
                _ => assert_eq!(found, Ok(true), "{case}"),
            }
        }
    }
}

#[test]
fn fields_of_a_rollout_are_found_as_argo_finds_them() {
    // The rollout of that test, which the table leaves out.
    let rollout = mainspring_expressions::yaml::parse(
        "metadata: {name: test, labels: {app: app}}\nspec: {template: {metadata: {labels: {version: v1}}}}\n\
         status: {pauseConditions: [{reason: test-reason}]}\n",
    )
    .unwrap();
    for case in cases("Test_extractValueFromRollout") {
        let found = field_path(&rollout, case["path"].as_str().unwrap());
        match case["wantErr"].as_str() {
            Some(message) => assert_eq!(found, Err(message.to_owned()), "{case}"),
            None => assert_eq!(found.as_deref(), Ok(case["want"].as_str().unwrap()), "{case}"),
        }
    }
}

#[test]
fn routers_without_services_are_refused_as_in_argo() {
    for case in cases("TestValidateRolloutStrategyCanaryMissingServiceNames") {
        let routers = case["trafficRouting"].as_object().unwrap();
        let named: serde_json::Map<String, Json> = routers
            .iter()
            .filter(|(name, _)| *name != "Plugins")
            .map(|(name, _)| {
                let lower = if name.chars().all(char::is_uppercase) {
                    name.to_lowercase()
                } else {
                    name[..1].to_lowercase() + &name[1..]
                };
                (lower, serde_json::json!({}))
            })
            .collect();
        let text = serde_json::json!({ "canary": { "trafficRouting": named } }).to_string();
        let error = RolloutSpec::parse(&text, Path::new("r")).unwrap_err();
        assert_eq!(
            error.message, "Canary service and Stable service must to be set to use Traffic Routing",
            "{case}"
        );
    }
}

/// A rollout object as a cluster has it: one after another, the newest is the one that shows.
struct Cluster {
    spec: RolloutSpec,
    now: Timestamp,
    tried: Vec<u32>,
    stable: Option<u32>,
    replaced: Option<(u32, Timestamp)>,
    version: u32,
    state: Option<RolloutState>,
    /// Versions that never become ready.
    bad: Vec<u32>,
    /// What is set while nothing is under way.
    paused: bool,
    phases: Vec<Phase>,
    analyses: usize,
    first_start: Option<Timestamp>,
}

impl Cluster {
    fn new(spec: RolloutSpec) -> Self {
        Self {
            spec,
            now: Timestamp::from_millis(1_000_000),
            tried: Vec::new(),
            stable: None,
            replaced: None,
            version: 0,
            state: None,
            bad: Vec::new(),
            paused: false,
            phases: Vec::new(),
            analyses: 0,
            first_start: None,
        }
    }

    fn send(&mut self, event: Event) {
        let Some(before) = &self.state else { return };
        let (state, _) = advance(&self.spec, before, event, self.now);
        let started = state.history[before.history.len()..]
            .iter()
            .filter(|entry| entry.what.ends_with("analysis started"));
        self.analyses += started.count();
        let put_in_charge = state.history.last().is_some_and(|entry| entry.what.starts_with("completed"));
        if state.is_final() && !before.is_final() && put_in_charge {
            self.replaced = self.stable.map(|stable| (stable, self.now));
            self.stable = Some(self.version);
        }
        self.phases.push(state.phase);
        self.state = Some(state);
    }

    fn release(&mut self, version: u32) {
        let under_way = self.state.as_ref().is_some_and(|state| !state.is_final());
        if under_way && self.stable == Some(version) {
            self.send(Event::GoBack);
            return;
        }
        if under_way {
            self.send(Event::Supersede(format!("superseded by version {version}")));
        }
        let loaded = self
            .replaced
            .is_some_and(|(replaced, at)| replaced == version && self.now < at + self.spec.scale_down_delay);
        let how = entry(&self.spec, &self.tried, self.stable, version, loaded);
        if !self.tried.contains(&version) {
            self.tried.push(version);
        }
        self.version = version;
        let state = RolloutState::new(self.now, how, self.paused);
        self.phases.push(state.phase);
        self.state = Some(state);
        self.come_up();
    }

    /// The version's workers answer, unless it is a bad one.
    fn come_up(&mut self) {
        if !self.bad.contains(&self.version) {
            self.send(Event::Ready);
        }
    }

    fn sleep(&mut self, time: Duration) {
        let mut left = time;
        while left > Duration::ZERO {
            let step = left.min(Duration::from_millis(500));
            self.now = self.now + step;
            left -= step;
            self.send(Event::Tick);
        }
    }

    /// Waits for a phase that was shown since the last wait, or comes.
    fn wait_for(&mut self, phase: Phase) -> bool {
        for _ in 0..240 {
            if let Some(found) = self.phases.iter().position(|shown| *shown == phase) {
                self.phases.drain(..found);
                return true;
            }
            if self.state.as_ref().is_some_and(|state| state.phase == phase) {
                return true;
            }
            self.sleep(Duration::from_millis(500));
        }
        false
    }
}

fn phase(text: &str) -> Phase {
    match text {
        "Healthy" => Phase::Healthy,
        "Paused" => Phase::Paused,
        "Degraded" => Phase::Degraded,
        _ => Phase::Progressing,
    }
}

/// `2*time.Second` and the like.
fn go_duration(argument: &Json) -> Duration {
    let text = argument["go"].as_str().unwrap_or_default();
    let factor = text.split('*').find_map(|part| part.trim().parse::<u64>().ok()).unwrap_or(1);
    if text.contains("Minute") { Duration::from_secs(60 * factor) } else { Duration::from_secs(factor) }
}

/// The manifest of a scenario whose steps are inline; none for the others.
fn manifest(scenario: &Json) -> Option<String> {
    let mut canary: Option<String> = None;
    let mut blue_green: Vec<String> = Vec::new();
    let mut spec = Vec::new();
    for op in scenario["ops"].as_array().unwrap() {
        let argument = &op[1][0];
        match op[0].as_str().unwrap() {
            "SetSteps" => canary = argument.as_str().map(|steps| steps.trim().replace('\n', "\n        ")),
            "AutoPromotionSeconds" => blue_green.push(format!("autoPromotionSeconds: {argument}")),
            "AutoPromotionEnabled" => blue_green.push(format!("autoPromotionEnabled: {argument}")),
            "ScaleDownDelaySeconds" => blue_green.push(format!("scaleDownDelaySeconds: {argument}")),
            "SetRollbackWindow" => spec.push(format!("  rollbackWindow: {{revisions: {argument}}}\n")),
            "HealthyRollout" => {
                let text = argument.as_str()?;
                // Without a step of a strategy there is nothing of a rollout in it.
                let inline =
                    !text.starts_with('@') && (text.contains("canary:") || text.contains("blueGreen:"));
                let job = "\n---\nkind: AnalysisTemplate\nmetadata: {name: sleep-job}\nspec: {args: [{name: duration, value: 0s}], metrics: \
                    [{name: sleep-job, count: 1, interval: 1s, successCondition: 'true', provider: {plugin: {mainspring: {metric: errorRate}}}}]}\n";
                return inline.then(|| format!("{text}{job}"));
            }
            _ => {}
        }
    }
    let strategy = match (canary, blue_green.is_empty()) {
        (Some(steps), _) => format!("    canary:\n      steps:\n        {steps}\n"),
        (None, false) => format!("    blueGreen: {{activeService: a, {}}}\n", blue_green.join(", ")),
        (None, true) => return None,
    };
    Some(format!("kind: Rollout\nspec:\n{}  strategy:\n{strategy}", spec.concat()))
}

/// Plays one scenario; `false` when it asks for something that only a cluster has.
fn plays(scenario: &Json) -> bool {
    let name = scenario["test"].as_str().unwrap();
    let Some(text) = manifest(scenario) else { return false };
    let Ok(spec) = RolloutSpec::parse(&text, Path::new("r")) else { return false };
    let ops: Vec<(&str, &[Json])> = scenario["ops"]
        .as_array()
        .unwrap()
        .iter()
        .map(|op| (op[0].as_str().unwrap(), op[1].as_array().unwrap().as_slice()))
        .collect();
    let known = [
        "RolloutTemplate",
        "SetSteps",
        "SetVersion",
        "RevisionHistoryLimit",
        "SetRollbackWindow",
        "When",
        "Then",
        "ApplyManifests",
        "WaitForRolloutStatus",
        "UpdateSpec",
        "UpdateVersion",
        "Assert",
        "Sleep",
        "PromoteRollout",
        "PromoteRolloutFull",
        "AbortRollout",
        "RetryRollout",
        "AutoPromotionSeconds",
        "AutoPromotionEnabled",
        "ScaleDownDelaySeconds",
        "WaitForRolloutReplicas",
        "HealthyRollout",
        "StartEventWatch",
        "ExpectRevisionPodCount",
        "ExpectRolloutEvents",
        "ExpectRolloutStatus",
        "ExpectAnalysisRunCount",
        "ExpectRollout",
        "PatchSpec",
        "WaitForInlineAnalysisRunPhase",
        "ExpectCanaryStablePodCount",
        "WatchRolloutStatus",
    ];
    if ops.iter().any(|(op, _)| !known.contains(op)) {
        return false;
    }
    let mut cluster = Cluster::new(spec);
    for (op, arguments) in ops {
        let first = arguments.first().unwrap_or(&Json::Null);
        // Nothing happens at the same moment as what came before.
        cluster.now = cluster.now + Duration::from_millis(10);
        match op {
            "SetVersion" => cluster.version = first.as_str().unwrap().parse().unwrap(),
            "ApplyManifests" | "HealthyRollout" => {
                let version = cluster.version;
                cluster.release(version);
            }
            "UpdateVersion" => cluster.release(first.as_str().unwrap().parse().unwrap()),
            "UpdateSpec" | "PatchSpec" => update(&mut cluster, first),
            "WaitForRolloutStatus" | "WatchRolloutStatus" | "ExpectRolloutStatus" => {
                let wanted = phase(first.as_str().unwrap());
                assert!(cluster.wait_for(wanted), "{name}: {wanted:?} never came; it is {:?}", cluster.state);
            }
            "Sleep" => cluster.sleep(go_duration(first)),
            "PromoteRollout" => {
                cluster.phases.clear();
                cluster.send(Event::Promote);
            }
            "PromoteRolloutFull" => {
                cluster.phases.clear();
                cluster.send(Event::PromoteFull);
                cluster.come_up();
            }
            "AbortRollout" => {
                cluster.phases.clear();
                cluster.send(Event::Abort("by hand".to_owned()));
            }
            "RetryRollout" => {
                cluster.phases.clear();
                cluster.send(Event::Retry);
                cluster.come_up();
            }
            "ExpectAnalysisRunCount" => assert_eq!(Some(cluster.analyses as u64), first.as_u64(), "{name}"),
            "ExpectRollout" => {
                let index = first.as_str().unwrap_or_default().strip_prefix("status.currentStepIndex == ");
                let step = cluster.state.as_ref().map(|state| state.step);
                assert!(
                    index.is_none_or(|index| index.parse().ok() == step),
                    "{name}: {arguments:?} {step:?}"
                );
            }
            "Assert" => check(&mut cluster, name, first["go"].as_str().unwrap()),
            _ => {}
        }
    }
    true
}

/// A change of the object: of its pause, its size, or its template, which is a new version.
fn update(cluster: &mut Cluster, change: &Json) {
    let text = change.as_str().unwrap_or_default();
    cluster.phases.clear();
    if let Some(seconds) =
        text.split("progressDeadlineSeconds: ").nth(1).and_then(|rest| rest.split_whitespace().next())
    {
        cluster.spec.progress_deadline = Duration::from_secs(seconds.parse().unwrap());
    }
    if text.contains("\"paused\":true") {
        cluster.paused = true;
        cluster.send(Event::Pause);
    } else if text.contains("\"paused\":false") {
        cluster.paused = false;
        cluster.send(Event::Promote);
    } else if text.is_empty() || text.contains("template") {
        let next = cluster.tried.iter().max().unwrap_or(&0) + 1;
        if text.contains("bad-command") {
            cluster.bad.push(next);
        }
        cluster.release(next);
    }
}

/// What the scenario's Go code asserts of the status' duration.
fn check(cluster: &mut Cluster, name: &str, code: &str) {
    let Some(state) = &cluster.state else { panic!("{name}: nothing is there") };
    let context = format!("{name}: {state:?}");
    if code.contains("initialStartedAt = ") {
        cluster.first_start = Some(state.started);
    }
    if code.contains("NotEqual(s.T(), initialStartedAt") {
        assert_ne!(cluster.first_start, Some(state.started), "{context}");
    } else if code.contains("Equal(s.T(), initialStartedAt") {
        assert_eq!(cluster.first_start, Some(state.started), "{context}");
    }
    for (word, completion) in [
        ("Promoted", Completion::Promoted),
        ("FastPromoted", Completion::FastPromoted),
        ("Aborted", Completion::Aborted),
        ("Superseded", Completion::Superseded),
        ("RolledBack", Completion::RolledBack),
        ("FastRolledBack", Completion::FastRolledBack),
    ] {
        if code.contains(&format!("CompletionStatus{word}, *ro.Status.Duration.CompletionStatus")) {
            assert_eq!(state.completion, Some(completion), "{context}");
        }
    }
    let finished = [("NotNil", true), ("Nil", false)];
    for (word, is) in finished {
        if code.contains(&format!("assert.{word}(s.T(), ro.Status.Duration.FinishedAt")) {
            assert_eq!(state.finished.is_some(), is, "{context}");
        }
        if code.contains(&format!("assert.{word}(s.T(), ro.Status.Duration.ManualPauseStartedAt")) {
            assert_eq!(state.manual_pause_since.is_some(), is, "{context}");
        }
    }
    if code.contains("assert.Nil(s.T(), ro.Status.Duration.TotalManualPauseDurationSeconds)") {
        assert_eq!(state.manual_pause_millis, 0, "{context}");
    }
    if code.contains("assert.Greater(s.T(), *ro.Status.Duration.TotalManualPauseDurationSeconds, int64(0)") {
        assert!(state.manual_pause_millis >= 1000, "{context}");
    }
}

#[test]
fn end_to_end_scenarios_come_out_as_in_argo() {
    let Some(folder) = folder() else {
        eprintln!("skipped: the recorded cases of Argo Rollouts are not beside the project");
        return;
    };
    let mut played = Vec::new();
    for file in std::fs::read_dir(folder.join("e2e")).unwrap() {
        for scenario in read(&file.unwrap().path())["scenarios"].as_array().unwrap() {
            if plays(scenario) {
                played.push(scenario["test"].as_str().unwrap().to_owned());
            }
        }
    }
    let inline = [
        "TestCanaryDuration_Retry",
        "TestBlueGreenDuration_SupersededRollback",
        "TestRolloutAbortRetryPromote",
        "TestCanaryPromoteFull",
    ];
    for wanted in inline {
        assert!(played.iter().any(|name| name == wanted), "{wanted} was not played");
    }
    assert!(played.len() >= 25, "{}", played.len());
}

#[test]
fn the_window_of_going_back_is_that_of_argo() {
    let spec = |window: u32| {
        let text = format!(
            "kind: Rollout\nspec:\n  rollbackWindow: {{revisions: {window}}}\n  strategy: {{canary: {{steps: [{{pause: {{}}}}]}}}}\n"
        );
        RolloutSpec::parse(&text, Path::new("r")).unwrap()
    };
    // Argo's scenarios of the rollback window: one to four, back to two; one to five, back to two.
    assert_eq!(entry(&spec(2), &[1, 2, 3, 4], Some(4), 2, false), Entry::FastRollBack);
    assert_eq!(entry(&spec(2), &[1, 2, 3, 4, 5], Some(5), 2, false), Entry::RollBack);
    assert_eq!(entry(&spec(1), &[1, 2], Some(1), 2, false), Entry::Steps, "newer than the one in charge");
    assert_eq!(entry(&spec(1), &[], None, 1, false), Entry::Initial);
    let text = "blueGreen: {activeService: a}\n";
    let blue_green = RolloutSpec::parse(text, Path::new("r")).unwrap();
    assert_eq!(blue_green.strategy, Strategy::BlueGreen);
    assert_eq!(entry(&blue_green, &[1, 2], Some(2), 1, true), Entry::FastRollBack);
    assert_eq!(entry(&blue_green, &[1, 2], Some(2), 1, false), Entry::RollBack);
}
