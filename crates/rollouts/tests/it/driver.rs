//! A driver without effects: feeds events, keeps the commands.

use mainspring_domain::Timestamp;
use mainspring_rollouts::{Command, Entry, Event, RolloutSpec, RolloutState, Run, Value, advance};
use std::path::Path;
use std::time::Duration;

const MATCH: &str = "match: [{headerName: x, headerValue: {exact: '1'}}]";

/// A manifest with these steps and one metric `m` in the template `t`.
pub(crate) fn manifest(steps: &str, metric: &str) -> String {
    format!(
        "kind: Rollout\nmetadata: {name}\nspec:\n  strategy:\n    canary:\n      steps:\n{steps}\n---\n\
         kind: AnalysisTemplate\nmetadata: {{name: t}}\nspec:\n  metrics:\n    - name: m\n{metric}\n      provider: \
         {{plugin: {{mainspring: {{metric: errorRate}}}}}}\n",
        name = "{name: r}",
    )
}

/// A manifest of a canary with these steps in short form, the metric `m` and another line of the
/// block. The template `b` is for the background and has no end.
pub(crate) fn manifest_with(short: &str, metric: &str, line: &str) -> String {
    let indented: Vec<String> = metric.lines().map(|line| format!("      {line}")).collect();
    let steps = if short.is_empty() { "        []".to_owned() } else { steps(short) };
    let text = manifest(&steps, &indented.join("\n")).replace(
        "    canary:\n",
        &format!("    canary:\n      trafficRouting: {{managedRoutes: [{{name: hr}}, {{name: mr}}]}}\n      {line}\n"),
    );
    format!(
        "{text}---\nkind: AnalysisTemplate\nmetadata: {{name: b}}\nspec:\n  metrics:\n    - {{name: bm, interval: 10s, \
         successCondition: result <= 0.02, failureLimit: 1, provider: {{plugin: {{mainspring: {{metric: errorRate}}}}}}}}\n"
    )
}

/// One step of each kind by its short form: `10` is a weight, `p` an endless pause, `p10s` a pause,
/// `a` an analysis, `e` an experiment, `h` and `m` routes, `-h` their end.
pub(crate) fn steps(short: &str) -> String {
    let lines = short.split_whitespace().map(|step| match step {
        "a" => "        - analysis: {templates: [{templateName: t}]}".to_owned(),
        "e" => "        - experiment: {duration: 30s, templates: [{name: c, specRef: canary, weight: 5}], analyses: \
                [{name: a, templateName: t}]}"
            .to_owned(),
        "h" => format!("        - setHeaderRoute: {{name: hr, {MATCH}}}"),
        "-h" => "        - setHeaderRoute: {name: hr}".to_owned(),
        "m" => "        - setMirrorRoute: {name: mr, percentage: 50, match: [{path: {prefix: /}}]}".to_owned(),
        "p" => "        - pause: {}".to_owned(),
        step => match step.strip_prefix('p') {
            Some(time) => format!("        - pause: {{duration: {time}}}"),
            None => format!("        - setWeight: {step}"),
        },
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn spec_with(short: &str, metric: &str) -> RolloutSpec {
    let indented: Vec<String> = metric.lines().map(|line| format!("      {line}")).collect();
    RolloutSpec::parse(&manifest(&steps(short), &indented.join("\n")), Path::new("rollout.yaml")).unwrap()
}

/// Three measurements every ten seconds, none of which may fail.
pub(crate) fn spec(short: &str) -> RolloutSpec {
    spec_with(short, "interval: 10s\ncount: 3\nsuccessCondition: result <= 0.02")
}

/// A rollout under way with its own time.
pub(crate) struct Driver {
    pub(crate) spec: RolloutSpec,
    pub(crate) state: RolloutState,
    pub(crate) now: Timestamp,
    pub(crate) commands: Vec<Command>,
}

impl Driver {
    pub(crate) fn new(spec: RolloutSpec) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        Self { state: RolloutState::new(now, Entry::Steps, spec.paused), spec, now, commands: Vec::new() }
    }

    /// A driver whose new version is ready.
    pub(crate) fn ready(short: &str) -> Self {
        let mut driver = Self::new(spec(short));
        driver.send(Event::Ready);
        driver
    }

    /// Feeds one event; gives the commands it led to.
    pub(crate) fn send(&mut self, event: Event) -> Vec<Command> {
        let (state, commands) = advance(&self.spec, &self.state, event, self.now);
        self.state = state;
        self.commands.extend(commands.iter().cloned());
        commands
    }

    /// Lets time pass and tells the rollout.
    pub(crate) fn tick(&mut self, seconds: u64) -> Vec<Command> {
        self.now = self.now + Duration::from_secs(seconds);
        self.send(Event::Tick)
    }

    /// Answers a measurement of the first metric.
    pub(crate) fn measure(&mut self, value: f64) -> Vec<Command> {
        self.send(measured(0, Ok(value)))
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Command) -> bool) -> usize {
        self.commands.iter().filter(|command| wanted(command)).count()
    }
}

pub(crate) fn is_roll_back(command: &Command) -> bool {
    matches!(command, Command::RollBack { .. })
}

/// A measurement of the step's analysis.
pub(crate) fn measured(metric: usize, value: Result<f64, String>) -> Event {
    Event::Measured { run: Run::Step, metric, value: value.map(Value::Float) }
}

/// The request for one.
pub(crate) fn measure(metric: usize) -> Command {
    Command::Measure { run: Run::Step, metric }
}
