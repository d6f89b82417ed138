//! Where a task attempt runs.
//!
//! Each attempt has a folder and a supervisor process of its own. The folder is the whole protocol:
//!
//! | file | written by | content |
//! |---|---|---|
//! | `spec.json` | server | [`AttemptSpec`]: program, environment, limits |
//! | `context.json` | server | what the task is told ([`mainspring.run_task`]'s input) |
//! | `claim` | supervisor, or the server that gives up on it | whoever creates it decides whether the attempt runs |
//! | `lock` | supervisor | locked while it lives |
//! | `group` | supervisor | the task's process group, to end it if the supervisor is killed |
//! | `log` | supervisor | what the task printed, cut at the limit |
//! | `outcome.json` | task | what the task says of itself |
//! | `result.json` | supervisor | how it ended; its presence ends the attempt |
//!
//! A supervisor outlives the server: after a crash the next server finds the attempt at work or
//! its result in place, so nothing runs twice and nothing that was done is lost.

mod files;
mod local;
mod python;
mod supervisor;

pub use files::{AttemptSpec, write_atomically};
pub use local::{AttemptStatus, LocalExecutor};
pub use python::install_python_package;
pub use supervisor::supervise;

use thiserror::Error;

/// What can go wrong around an attempt, the task's own failures excepted.
#[derive(Debug, Error)]
pub enum ExecutorError {
    /// A file of the attempt's folder.
    #[error("cannot use `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The supervisor could not be started.
    #[error("cannot start the supervisor: {0}")]
    Spawn(std::io::Error),
    /// The server gave up on this attempt before its supervisor came to life.
    #[error("the attempt was already given up")]
    GivenUp,
}

impl ExecutorError {
    fn file(path: &std::path::Path, error: &impl ToString) -> Self {
        Self::File { path: path.display().to_string(), reason: error.to_string() }
    }
}
