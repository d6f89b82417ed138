//! The loop: when this happens, do that.
//!
//! The one crate that knows several capabilities at once. [`Loop::start`] brings the parts of a
//! project to life: watched folders, triggers, the scheduler, rollouts, monitors, and the reactions
//! that join them. Every reaction is one transaction with the bookmark of the event it answers, so
//! after a crash each event is answered exactly once.

pub mod ab;
pub mod collect;
pub mod config;
mod delivery;
mod engine;
mod measure;
mod models;
mod monitors;
mod prometheus;
mod reactions;
mod repository;
mod runner;
mod serving_rules;
mod shadow;
mod triggers;
mod warehouse;
mod watch;
pub mod webhooks;
pub mod workspaces;

pub use config::{Access, Config, ConfigError};
pub use delivery::{Delivery, revisions};
pub use engine::{Importer, Loop, LoopSettings};
pub use repository::Repository;
pub use serving_rules::{EngineName, LogMode, LogRules, Serving, ServingRules};
pub use shadow::Comparison;
pub use warehouse::Warehouse;

use mainspring_metadata_store::StoreError;
use mainspring_pipelines::PipelineError;
use mainspring_registry::RegistryError;
use thiserror::Error;

/// What can go wrong in the loop.
#[derive(Debug, Error)]
pub enum AutomationError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A pipeline.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A rollout manifest, or the file of an A/B test.
    #[error("{0}\n  hint: {hint}", hint = .0.hint)]
    Spec(#[from] mainspring_expressions::yaml::SourceError),
    /// A stored rollout that cannot be read.
    #[error("the stored rollout {0} cannot be read: {1}")]
    StoredRollout(String, String),
    /// A model without rules.
    #[error("`mainspring.toml` has no [model.{0}] with a `rollout`; add it and restart the server")]
    NoRules(String),
    /// A stage that the model does not have.
    #[error("`mainspring.toml` has no [model.{0}.stage.{1}]; add it and restart the server")]
    NoStage(String, String),
    /// There is no release to go back to.
    #[error("`{model}` has no {}", match revision { Some(number) => format!("revision {number}"), None => "earlier release to go back to".to_owned() })]
    NoRevision {
        /// The model, or a stage of it.
        model: String,
        /// The revision that was asked for; the one before the present when none was.
        revision: Option<u32>,
    },
    /// A version that does not exist.
    #[error("there is no version {1} of model `{0}`")]
    UnknownVersion(String, u32),
    /// The policy refuses.
    #[error("{message}\n  hint: {hint}")]
    Blocked {
        /// What stands in the way.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A file.
    #[error("cannot use `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Webhooks.
    #[error("webhooks: {0}")]
    Webhooks(String),
    /// Another server with the same database runs what was asked of this one.
    #[error("this server does not run pipelines and rollouts: another one with the same database does")]
    NotLeading,
    /// Nothing is in charge of a model.
    #[error("no version of model `{0}` is deployed; deploy one with `mainspring deploy models:/{0}/VERSION`")]
    NotDeployed(String),
    /// A model cannot be unloaded while a rollout needs it.
    #[error("a rollout of `{0}` is under way; promote or abort it first")]
    RolloutUnderWay(String),
    /// Another version was put in charge while one was being loaded.
    #[error("another version of model `{model}` was put in charge while version {version} was being loaded")]
    Overtaken {
        /// The registered model, or a stage of it.
        model: String,
        /// What was being loaded.
        version: u32,
    },
    /// A deployed version cannot be loaded.
    #[error("version {version} of model `{model}` cannot be loaded: {reason}")]
    Unloadable {
        /// The registered model.
        model: String,
        /// The version in charge.
        version: u32,
        /// What stands in the way.
        reason: String,
    },
    /// There is no such A/B test.
    #[error("there is no A/B test `{0}`; `mainspring ab list` shows all")]
    NoAbTest(String),
    /// What was asked does not go with how an A/B test stands.
    #[error("the A/B test `{test}` {message}\n  hint: {hint}")]
    AbState {
        /// Its name.
        test: String,
        /// What stands in the way.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A query of a metric of an A/B test has no answer.
    #[error(
        "the A/B test `{test}` cannot be looked at: metric `{metric}`, warehouse `{warehouse}`: {reason}\n  hint: {hint}"
    )]
    AbQuery {
        /// The test's name.
        test: String,
        /// The metric.
        metric: String,
        /// The database that was asked, by its name in the configuration.
        warehouse: String,
        /// What stands in the way.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The executor or the Python package.
    #[error(transparent)]
    Executor(#[from] mainspring_executors::ExecutorError),
}

impl AutomationError {
    /// What to do about it, where that is told apart.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Blocked { hint, .. } | Self::AbState { hint, .. } | Self::AbQuery { hint, .. } => {
                Some(hint)
            }
            Self::Spec(error) => Some(&error.hint),
            _ => None,
        }
    }

    /// What went wrong, without the hint.
    #[must_use]
    pub fn message(&self) -> String {
        let text = self.to_string();
        let hint = self.hint().map(|hint| format!("\n  hint: {hint}"));
        hint.and_then(|hint| text.strip_suffix(&hint)).unwrap_or(&text).to_owned()
    }
}
