//! How models are served and what is kept of their predictions: `[serving]`, `[model.NAME.serving]` and
//! `[model.NAME.log]`.

use crate::config::read_duration;
use mainspring_serving::{EngineChoice, ServerSettings};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// `[serving]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serving {
    /// The library of ONNX Runtime, absolute; none to look for it.
    #[serde(default)]
    pub onnxruntime: Option<PathBuf>,
}

/// What runs a model, in the words of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The server itself for ONNX models and boosters, Python workers for all others.
    #[default]
    Auto,
    /// Python workers.
    Python,
}

/// Where Python workers have their packages from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentName {
    /// The project's interpreter.
    #[default]
    Project,
    /// An environment made from the model's own requirements.
    Model,
}

/// `[model.NAME.serving]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServingRules {
    /// What runs the model.
    pub engine: EngineName,
    /// Where its Python workers have their packages from.
    pub environment: EnvironmentName,
    /// How long the making of an environment may take.
    #[serde(deserialize_with = "read_duration")]
    pub environment_timeout: Duration,
    /// Requests that may wait or be at work; more are turned away with 429.
    pub queue: usize,
    /// Requests that may be with the engine at once; none for as many as come.
    pub concurrency: Option<usize>,
    /// How long a request may take.
    #[serde(deserialize_with = "read_duration")]
    pub timeout: Duration,
    /// How long the model may take to load.
    #[serde(deserialize_with = "read_duration")]
    pub load_timeout: Duration,
    /// Rows that are predicted in one call at most, when requests that wait are put together.
    pub max_batch: usize,
    /// How long the first request of a batch waits for others.
    #[serde(deserialize_with = "read_duration")]
    pub batch_wait: Duration,
    /// Whether the model is asked once before it counts as ready.
    pub warm_up: bool,
}

impl Default for ServingRules {
    fn default() -> Self {
        let settings = ServerSettings::new(PathBuf::new(), PathBuf::new(), PathBuf::new());
        Self {
            engine: EngineName::Auto,
            environment: EnvironmentName::Project,
            environment_timeout: settings.environment_timeout,
            queue: settings.queue,
            concurrency: settings.concurrency,
            timeout: settings.request_timeout,
            load_timeout: settings.load_timeout,
            max_batch: settings.max_batch,
            batch_wait: settings.batch_wait,
            warm_up: settings.warm_up,
        }
    }
}

impl ServingRules {
    /// What is wrong with the rules: the key, and what to write.
    pub(crate) fn mistake(&self) -> Option<(&'static str, &'static str)> {
        if !(1..=1_000_000).contains(&self.queue) {
            return Some(("queue", "use 1 to 1000000 requests"));
        }
        if self.concurrency.is_some_and(|most| !(1..=100_000).contains(&most)) {
            return Some(("concurrency", "use 1 to 100000 requests, or leave it out"));
        }
        if !(1..=1_000_000).contains(&self.max_batch) {
            return Some(("max_batch", "use 1 to 1000000 rows"));
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_secs(3600) {
            return Some(("timeout", "use up to 1h"));
        }
        if self.load_timeout.is_zero() || self.load_timeout > Duration::from_secs(3600) {
            return Some(("load_timeout", "use up to 1h"));
        }
        if self.environment_timeout.is_zero() || self.environment_timeout > Duration::from_hours(2) {
            return Some(("environment_timeout", "use up to 2h"));
        }
        (self.batch_wait >= self.timeout).then_some(("batch_wait", "use less than `timeout`; `5ms` is much"))
    }

    /// The settings of a model's server: what the process has, with these rules. Environments are made in the
    /// folder that the process has for them.
    pub(crate) fn apply(&self, settings: &ServerSettings, workers: usize) -> ServerSettings {
        ServerSettings {
            workers,
            engine: match self.engine {
                EngineName::Auto => EngineChoice::Auto,
                EngineName::Python => EngineChoice::Python,
            },
            environments: match self.environment {
                EnvironmentName::Project => None,
                EnvironmentName::Model => settings.environments.clone(),
            },
            environment_timeout: self.environment_timeout,
            queue: self.queue,
            concurrency: self.concurrency,
            request_timeout: self.timeout,
            load_timeout: self.load_timeout,
            max_batch: self.max_batch,
            batch_wait: self.batch_wait,
            warm_up: self.warm_up,
            ..settings.clone()
        }
    }
}

/// How surely a prediction is kept when its answer goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogMode {
    /// On disk, before the answer.
    #[default]
    Durable,
    /// In memory, written within a moment: a crash loses what was answered last.
    Buffered,
}

/// `[model.NAME.log]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogRules {
    /// How surely predictions are kept.
    pub mode: LogMode,
    /// The share of the requests that is kept, 0 to 1.
    pub sample: f64,
    /// Features that are not kept; `*` at the end of a name stands for any.
    pub redact: Vec<String>,
}

impl Default for LogRules {
    fn default() -> Self {
        Self { mode: LogMode::Durable, sample: 1.0, redact: Vec::new() }
    }
}

impl LogRules {
    pub(crate) fn mistake(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..=1.0).contains(&self.sample) {
            return Some(("sample", "use a share from 0 to 1"));
        }
        self.redact
            .iter()
            .any(String::is_empty)
            .then_some(("redact", "name features, as \"email\" or \"address_*\""))
    }

    /// Whether a feature is left out.
    #[must_use]
    pub fn hides(&self, feature: &str) -> bool {
        self.redact.iter().any(|rule| match rule.strip_suffix('*') {
            Some(start) => feature.starts_with(start),
            None => feature == rule,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LogRules;

    #[test]
    fn features_are_hidden_by_name_or_by_how_they_begin() {
        let rules = LogRules { redact: vec!["email".into(), "address_*".into()], ..LogRules::default() };
        let hidden = ["email", "address_street", "email_hash", "address"].map(|feature| rules.hides(feature));
        assert_eq!(hidden, [true, true, false, false]);
        assert!(LogRules { redact: vec!["*".into()], ..LogRules::default() }.hides("anything"));
    }
}
