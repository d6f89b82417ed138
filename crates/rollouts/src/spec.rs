//! Reading a rollout manifest: the `strategy.canary` block of an Argo `Rollout` and the
//! `AnalysisTemplate`s it names, as documents of one YAML file.

use mainspring_expressions::duration;
use mainspring_expressions::gate::Gate;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// A manifest that is refused: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {message}\n  hint: {hint}")]
pub struct SpecError {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A validated rollout strategy.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutSpec {
    /// The rollout's name.
    pub name: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step of a canary.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Give the canary this share of the traffic, in percent.
    SetWeight(u8),
    /// Wait; without a duration, until somebody promotes.
    Pause(Option<Duration>),
    /// Measure, and go on only if every metric succeeds.
    Analysis {
        /// The template names, for people.
        templates: Vec<String>,
        /// The metrics of all templates.
        metrics: Vec<AnalysisMetric>,
    },
}

impl Step {
    /// How the step reads in a list.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::SetWeight(weight) => format!("set weight {weight} %"),
            Self::Pause(Some(time)) => format!("pause {}", duration::format(*time)),
            Self::Pause(None) => "pause until promoted".to_owned(),
            Self::Analysis { templates, .. } => format!("analysis {}", templates.join(", ")),
        }
    }
}

/// One metric of an analysis, with Argo's fields and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisMetric {
    /// Its name.
    pub name: String,
    /// Time between measurements.
    pub interval: Option<Duration>,
    /// Time before the first one.
    pub initial_delay: Duration,
    /// How many measurements; without it one, or with an interval endless.
    pub count: Option<u32>,
    /// A measurement succeeds when this holds.
    pub success_condition: Option<String>,
    /// A measurement fails when this holds, even if the other holds too.
    pub failure_condition: Option<String>,
    /// Failed measurements allowed; -1 = any number.
    pub failure_limit: i64,
    /// Inconclusive measurements allowed.
    pub inconclusive_limit: i64,
    /// Errors in a row allowed.
    pub consecutive_error_limit: i64,
    /// What is measured.
    pub query: Query,
}

/// What is measured of the live traffic.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Query {
    /// The quantity.
    pub metric: Quantity,
    /// How far back it looks.
    #[serde(default = "default_window", deserialize_with = "read_duration")]
    pub window: Duration,
    /// With fewer requests on the canary the measurement is an error, not a number.
    #[serde(default = "default_min_requests")]
    pub min_requests: u64,
    /// The side that is measured; only the canary can be.
    #[serde(default)]
    pub arm: Option<String>,
}

/// A quantity of the live traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quantity {
    /// Share of requests that failed in the model, 0 to 1.
    ErrorRate,
    /// 95th percentile of the latency in milliseconds.
    LatencyP95Ms,
    /// The canary's 95th percentile of the latency over that of stable.
    LatencyP95Ratio,
    /// Population stability index of the canary's scores against those of stable.
    PredictionPsi,
}

fn default_window() -> Duration {
    Duration::from_secs(30)
}

const fn default_min_requests() -> u64 {
    20
}

fn read_duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration::parse(&text).map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    kind: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RolloutDoc {
    #[serde(default)]
    metadata: Metadata,
    spec: RolloutBody,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct RolloutBody {
    strategy: Spanned<Strategy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Strategy {
    #[serde(default)]
    canary: Option<Canary>,
    #[serde(default)]
    blue_green: Option<Spanned<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Canary {
    steps: Spanned<Vec<Spanned<RawStep>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawStep {
    #[serde(default)]
    set_weight: Option<Spanned<i64>>,
    #[serde(default)]
    pause: Option<RawPause>,
    #[serde(default)]
    analysis: Option<RawAnalysis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPause {
    #[serde(default)]
    duration: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnalysis {
    templates: Vec<RawTemplateRef>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawTemplateRef {
    template_name: Spanned<String>,
}

#[derive(Deserialize)]
struct TemplateDoc {
    metadata: Metadata,
    spec: TemplateBody,
}

#[derive(Deserialize)]
struct TemplateBody {
    metrics: Vec<Spanned<RawMetric>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawMetric {
    name: String,
    #[serde(default)]
    interval: Option<Spanned<String>>,
    #[serde(default)]
    initial_delay: Option<Spanned<String>>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    success_condition: Option<Spanned<String>>,
    #[serde(default)]
    failure_condition: Option<Spanned<String>>,
    #[serde(default)]
    failure_limit: i64,
    #[serde(default)]
    inconclusive_limit: i64,
    #[serde(default = "default_error_limit")]
    consecutive_error_limit: i64,
    provider: Spanned<RawProvider>,
}

const fn default_error_limit() -> i64 {
    4
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    plugin: RawPlugin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    mainspring: Query,
}

impl RolloutSpec {
    /// Reads a manifest. `file` is only used in messages.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str, file: &Path) -> Result<Self, SpecError> {
        let reader = Reader { file };
        let mut rollout: Option<RolloutDoc> = None;
        let mut templates: Vec<(String, Vec<AnalysisMetric>)> = Vec::new();
        for document in documents(text) {
            let probe: Probe = reader.read(&document)?;
            match probe.kind.as_ref().map(|kind| kind.value.as_str()) {
                Some("Rollout") if rollout.is_none() => rollout = Some(reader.read(&document)?),
                Some("AnalysisTemplate") => {
                    let template: TemplateDoc = reader.read(&document)?;
                    let metrics = template.spec.metrics.into_iter().map(|metric| reader.metric(metric));
                    templates.push((template.metadata.name, metrics.collect::<Result<_, _>>()?));
                }
                other => {
                    let (line, column) = probe.kind.as_ref().map_or((1, 1), place);
                    return Err(reader.error(
                        (line, column),
                        format!("a document of kind `{}` does not belong here", other.unwrap_or("(none)")),
                        "write one document of kind `Rollout` and any number of kind `AnalysisTemplate`",
                    ));
                }
            }
        }
        let Some(rollout) = rollout else {
            return Err(reader.error(
                (1, 1),
                "there is no document of kind `Rollout`".to_owned(),
                "start with `kind: Rollout` and `spec.strategy.canary.steps`",
            ));
        };
        let strategy = rollout.spec.strategy;
        if let Some(blue_green) = &strategy.value.blue_green {
            return Err(reader.error(
                place(blue_green),
                "the blueGreen strategy is not supported yet".to_owned(),
                "use `canary` with `steps`",
            ));
        }
        let Some(canary) = strategy.value.canary else {
            return Err(reader.error(
                (strategy.referenced.line(), strategy.referenced.column()),
                "the strategy names no `canary`".to_owned(),
                "add `canary:` with `steps:`",
            ));
        };
        if canary.steps.value.is_empty() {
            return Err(reader.error(
                place(&canary.steps),
                "`steps` is empty".to_owned(),
                "add at least `- setWeight: 10` and a pause or an analysis",
            ));
        }
        let steps = canary.steps.value.into_iter().map(|step| reader.step(step, &templates));
        Ok(Self { name: rollout.metadata.name, steps: steps.collect::<Result<_, _>>()? })
    }

    /// The weight in force at a step: the nearest `setWeight` at or before it.
    #[must_use]
    pub fn weight_at(&self, step: usize) -> u8 {
        if step >= self.steps.len() {
            return 100;
        }
        let weights = self.steps[..=step].iter().rev().filter_map(|step| match step {
            Step::SetWeight(weight) => Some(*weight),
            Step::Pause(_) | Step::Analysis { .. } => None,
        });
        weights.into_iter().next().unwrap_or(0)
    }
}

fn place<T>(spanned: &Spanned<T>) -> (u64, u64) {
    (spanned.referenced.line(), spanned.referenced.column())
}

/// The YAML documents of a text, each padded with empty lines so that positions stay those of the file.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        if line.trim_end() == "---" {
            documents.push("\n".repeat(number + 1));
        } else if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents.retain(|document| {
        document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    documents
}

struct Reader<'a> {
    file: &'a Path,
}

impl Reader<'_> {
    fn error(&self, (line, column): (u64, u64), message: String, hint: &str) -> SpecError {
        SpecError { file: self.file.display().to_string(), line, column, message, hint: hint.to_owned() }
    }

    fn read<'t, T: Deserialize<'t>>(&self, document: &'t str) -> Result<T, SpecError> {
        serde_saphyr::from_str(document).map_err(|error| {
            let at = error.location().map_or((1, 1), |location| (location.line(), location.column()));
            let text = error.to_string();
            let message = text.lines().next().unwrap_or("the YAML cannot be read");
            // The place is given apart.
            let message = message.strip_prefix("error: ").unwrap_or(message);
            let message =
                message.strip_prefix(&format!("line {} column {}: ", at.0, at.1)).unwrap_or(message);
            let message = match message {
                "invalid i64" | "invalid u32" | "invalid u64" => "expected a whole number".to_owned(),
                other => other.to_owned(),
            };
            self.error(
                at,
                message,
                "compare with the example `rollout.yaml` of `mainspring init --example flights`",
            )
        })
    }

    fn duration(&self, text: &Spanned<String>) -> Result<Duration, SpecError> {
        duration::parse(&text.value).map_err(|error| {
            self.error(place(text), error.to_string(), "write for example `30s`, `5m` or `1h`")
        })
    }

    fn condition(&self, text: Option<Spanned<String>>) -> Result<Option<String>, SpecError> {
        let Some(text) = text else { return Ok(None) };
        Gate::compile(&text.value).map_err(|error| {
            self.error(
                place(&text),
                format!("the condition cannot be read: {error}"),
                "write for example `result <= 0.02`",
            )
        })?;
        Ok(Some(text.value))
    }

    fn metric(&self, raw: Spanned<RawMetric>) -> Result<AnalysisMetric, SpecError> {
        let at = place(&raw);
        let metric = raw.value;
        if metric.count == Some(0) || (metric.interval.is_some() && metric.count.is_none()) {
            return Err(self.error(
                at,
                format!("the metric `{}` of a step would never end", metric.name),
                "give it a `count` of at least 1",
            ));
        }
        if metric.count.is_some_and(|count| count > 1) && metric.interval.is_none() {
            return Err(self.error(
                at,
                format!("the metric `{}` has a `count` but no `interval`", metric.name),
                "add for example `interval: 30s`",
            ));
        }
        if metric.success_condition.is_none() && metric.failure_condition.is_none() {
            return Err(self.error(
                at,
                format!("the metric `{}` has no condition, so it would always pass", metric.name),
                "add `successCondition: result <= LIMIT`",
            ));
        }
        let query = metric.provider.value.plugin.mainspring.clone();
        if query.arm.as_deref().is_some_and(|arm| arm != "canary") {
            return Err(self.error(
                place(&metric.provider),
                "only the arm `canary` can be measured".to_owned(),
                "write `arm: canary` or leave it out",
            ));
        }
        Ok(AnalysisMetric {
            interval: metric.interval.as_ref().map(|text| self.duration(text)).transpose()?,
            initial_delay: metric
                .initial_delay
                .as_ref()
                .map_or(Ok(Duration::ZERO), |text| self.duration(text))?,
            count: metric.count,
            success_condition: self.condition(metric.success_condition)?,
            failure_condition: self.condition(metric.failure_condition)?,
            failure_limit: metric.failure_limit,
            inconclusive_limit: metric.inconclusive_limit,
            consecutive_error_limit: metric.consecutive_error_limit,
            query,
            name: metric.name,
        })
    }

    fn step(
        &self,
        raw: Spanned<RawStep>,
        templates: &[(String, Vec<AnalysisMetric>)],
    ) -> Result<Step, SpecError> {
        let at = place(&raw);
        let step = raw.value;
        match (step.set_weight, step.pause, step.analysis) {
            (Some(weight), None, None) => match u8::try_from(weight.value) {
                Ok(percent) if percent <= 100 => Ok(Step::SetWeight(percent)),
                _ => Err(self.error(
                    place(&weight),
                    format!("setWeight {} is outside 0 to 100", weight.value),
                    "write the canary's share of the traffic in percent",
                )),
            },
            (None, Some(pause), None) => {
                Ok(Step::Pause(pause.duration.as_ref().map(|text| self.duration(text)).transpose()?))
            }
            (None, None, Some(analysis)) => {
                let mut metrics = Vec::new();
                let mut names = Vec::new();
                for reference in analysis.templates {
                    let name = &reference.template_name;
                    let Some((_, found)) = templates.iter().find(|(known, _)| *known == name.value) else {
                        return Err(self.error(
                            place(name),
                            format!("there is no AnalysisTemplate `{}` in this file", name.value),
                            "add a document of kind `AnalysisTemplate` with that `metadata.name`",
                        ));
                    };
                    metrics.extend(found.iter().cloned());
                    names.push(name.value.clone());
                }
                if metrics.is_empty() {
                    return Err(self.error(
                        at,
                        "the analysis has no metrics, so it would always pass".to_owned(),
                        "name a template with at least one metric",
                    ));
                }
                Ok(Step::Analysis { templates: names, metrics })
            }
            _ => Err(self.error(
                at,
                "a step must have exactly one of setWeight, pause, analysis".to_owned(),
                "write each as an item of its own: `- setWeight: 10`",
            )),
        }
    }
}
