//! What the scheduler needs of an executor.

use mainspring_domain::pipelines::AttemptResult;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that is needed to start one attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct StartRequest {
    /// The attempt's id.
    pub attempt_id: String,
    /// The graph's file, absolute.
    pub dag_file: PathBuf,
    /// What the task is told, as `mainspring.run_task` reads it.
    pub context: Value,
    /// The bearer token with which the attempt speaks to the server.
    pub token: String,
    /// Seconds after which it is killed.
    pub timeout_seconds: Option<f64>,
}

/// Where a started attempt stands.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskStatus {
    /// At work.
    Running,
    /// Ended.
    Ended(AttemptResult),
    /// Gone without a result; it will not run any more.
    Lost,
}

/// Runs attempts somewhere.
pub trait TaskRunner: Send + Sync {
    /// Starts an attempt. An attempt is started at most once.
    ///
    /// # Errors
    /// A text for people.
    fn start(&self, request: &StartRequest) -> Result<(), String>;

    /// Looks at an attempt that was recorded as started `age` ago.
    ///
    /// # Errors
    /// A text for people.
    fn poll(&self, attempt_id: &str, age: Duration) -> Result<TaskStatus, String>;

    /// The revision of the project's code that an attempt started now would see.
    fn revision(&self) -> Option<String>;
}
