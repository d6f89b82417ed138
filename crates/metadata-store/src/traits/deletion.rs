//! What is deleted, and deleting it for good.

use crate::Result;
use mainspring_domain::Timestamp;
use serde::Serialize;

/// Artifacts that nobody owns any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Garbage {
    /// The path below the root of all artifacts.
    pub path: String,
    /// Since when.
    pub queued: Timestamp,
    /// Why they could not be removed so far.
    pub error: Option<String>,
}

/// Reading what is deleted.
pub trait DeletionRead {
    /// Runs that were deleted before a time, those deleted first coming first.
    fn deleted_runs(&self, before: Timestamp) -> Result<Vec<String>>;
    /// When a run was deleted.
    fn run_deleted_at(&self, id: &str) -> Result<Option<Timestamp>>;
    /// Logged models that were deleted before a time.
    fn deleted_logged_models(&self, before: Timestamp) -> Result<Vec<String>>;
    /// Experiments that were deleted before a time.
    fn deleted_experiments(&self, before: Timestamp) -> Result<Vec<i64>>;
    /// All runs of an experiment.
    fn runs_of_experiment(&self, experiment: i64) -> Result<Vec<String>>;
    /// All logged models of an experiment.
    fn logged_models_of_experiment(&self, experiment: i64) -> Result<Vec<String>>;
    /// Artifacts without an owner, those that wait longest first.
    fn artifact_garbage(&self, limit: usize) -> Result<Vec<Garbage>>;
    /// How many of these there are.
    fn count_artifact_garbage(&self) -> Result<u64>;
}

/// Deleting for good.
pub trait DeletionWrite {
    /// Removes a run with all that was logged to it.
    fn purge_run(&mut self, id: &str) -> Result<()>;
    /// Removes a logged model with all that belongs to it.
    fn purge_logged_model(&mut self, id: &str) -> Result<()>;
    /// Removes an experiment with all that belongs to it.
    fn purge_experiment(&mut self, id: i64) -> Result<()>;
    /// Notes that artifacts have no owner any more.
    fn add_artifact_garbage(&mut self, path: &str) -> Result<()>;
    /// Notes why artifacts could not be removed.
    fn fail_artifact_garbage(&mut self, path: &str, error: &str) -> Result<()>;
    /// Notes that artifacts are removed.
    fn drop_artifact_garbage(&mut self, path: &str) -> Result<()>;
}
