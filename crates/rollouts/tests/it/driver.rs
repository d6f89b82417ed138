//! A driver without effects: feeds events, keeps the commands.

use mainspring_domain::Timestamp;
use mainspring_rollouts::{Command, Event, RolloutSpec, RolloutState, advance};
use std::path::Path;
use std::time::Duration;

/// A manifest with these steps and one metric `m` in the template `t`.
pub(crate) fn manifest(steps: &str, metric: &str) -> String {
    format!(
        "kind: Rollout\nmetadata: {{name: r}}\nspec:\n  strategy:\n    canary:\n      steps:\n{steps}\n---\n\
         kind: AnalysisTemplate\nmetadata: {{name: t}}\nspec:\n  metrics:\n    - name: m\n{metric}\n      provider: \
         {{plugin: {{mainspring: {{metric: errorRate}}}}}}\n"
    )
}

/// One step of each kind by its short form: `10` is a weight, `p` an endless pause, `p10s` a pause,
/// `a` an analysis.
pub(crate) fn steps(short: &str) -> String {
    let lines = short.split_whitespace().map(|step| match step.strip_prefix('p') {
        Some("") => "        - pause: {}".to_owned(),
        Some(time) => format!("        - pause: {{duration: {time}}}"),
        None if step == "a" => "        - analysis: {templates: [{templateName: t}]}".to_owned(),
        None => format!("        - setWeight: {step}"),
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
        Self { spec, state: RolloutState::new(now), now, commands: Vec::new() }
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
        self.send(Event::Measured { metric: 0, value: Ok(value) })
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Command) -> bool) -> usize {
        self.commands.iter().filter(|command| wanted(command)).count()
    }
}

pub(crate) fn is_roll_back(command: &Command) -> bool {
    matches!(command, Command::RollBack { .. })
}
