//! Task graphs: reading their files, deciding what runs next, and driving it.
//!
//! [`planner`] is pure. [`Scheduler`] carries its commands out through an executor and survives a
//! crash at any moment: an attempt is recorded before it starts, and what became of it is read from
//! its folder.

mod import;
pub mod planner;
mod runner;
mod runs;
mod scheduler;
mod timetable;
mod trigger_rule;

pub use import::{ImportSettings, import_folder};
pub use runner::{StartRequest, TaskRunner, TaskStatus};
pub use runs::{CreateRun, create_run};
pub use scheduler::{Scheduler, SchedulerSettings};

use mainspring_metadata_store::StoreError;
use thiserror::Error;

/// What can go wrong with pipelines.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such graph.
    #[error("there is no DAG `{0}`")]
    UnknownDag(String),
    /// A folder or file cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    File {
        /// The path.
        path: String,
        /// What the system said.
        reason: String,
    },
}
