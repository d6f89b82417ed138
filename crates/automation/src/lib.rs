//! The loop: when this happens, do that.
//!
//! The one crate that knows several capabilities at once. [`Loop::start`] brings the parts of a
//! project to life: watched folders, triggers, the scheduler, rollouts, monitors, and the reactions
//! that join them. Every reaction is one transaction with the bookmark of the event it answers, so
//! after a crash each event is answered exactly once.

pub mod collect;
pub mod config;
mod delivery;
mod engine;
mod measure;
mod models;
mod monitors;
mod reactions;
mod runner;
mod triggers;
mod watch;
pub mod webhooks;

pub use config::{Access, Config, ConfigError};
pub use delivery::{Delivery, request_rollout};
pub use engine::{Importer, Loop, LoopSettings};

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
    /// A rollout manifest.
    #[error(transparent)]
    Rollout(#[from] mainspring_rollouts::SpecError),
    /// A stored rollout that cannot be read.
    #[error("the stored rollout {0} cannot be read: {1}")]
    StoredRollout(String, String),
    /// A model without rules.
    #[error("`mainspring.toml` has no [model.{0}] with a `rollout`; add it and restart the server")]
    NoRules(String),
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
    /// The executor or the Python package.
    #[error(transparent)]
    Executor(#[from] mainspring_executors::ExecutorError),
}
