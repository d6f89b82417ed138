//! Graphs, runs and attempts.

use crate::Result;
use mainspring_domain::pipelines::{Attempt, Dag, DagRun, ImportError};

/// Reading graphs, runs and attempts.
pub trait PipelinesRead {
    /// All graphs, by id.
    fn dags(&self) -> Result<Vec<Dag>>;
    /// One graph.
    fn dag(&self, dag_id: &str) -> Result<Option<Dag>>;
    /// Graph files that could not be read.
    fn import_errors(&self) -> Result<Vec<ImportError>>;
    /// One run.
    fn dag_run(&self, run_id: &str) -> Result<Option<DagRun>>;
    /// The newest runs, newest first, of one graph or of all.
    fn dag_runs(&self, dag_id: Option<&str>, limit: u32) -> Result<Vec<DagRun>>;
    /// The newest run of a graph that the clock started.
    fn last_scheduled_run(&self, dag_id: &str) -> Result<Option<DagRun>>;
    /// Runs that have not ended, oldest first.
    fn open_dag_runs(&self) -> Result<Vec<DagRun>>;
    /// The attempts of a run, in order.
    fn attempts(&self, run_id: &str) -> Result<Vec<Attempt>>;
    /// One attempt.
    fn attempt(&self, run_id: &str, task_id: &str, try_number: u32) -> Result<Option<Attempt>>;
    /// The attempt whose token has this hash.
    fn attempt_by_token(&self, token_sha256: &str) -> Result<Option<Attempt>>;
    /// Attempts that are recorded as running.
    fn open_attempts(&self) -> Result<Vec<Attempt>>;
}

/// Writing graphs, runs and attempts.
pub trait PipelinesWrite {
    /// Inserts or replaces a graph.
    fn put_dag(&mut self, dag: &Dag) -> Result<()>;
    /// Removes a graph; its runs stay.
    fn delete_dag(&mut self, dag_id: &str) -> Result<()>;
    /// Inserts or replaces the error of a file.
    fn put_import_error(&mut self, error: &ImportError) -> Result<()>;
    /// Forgets the error of a file.
    fn delete_import_error(&mut self, file: &str) -> Result<()>;
    /// Inserts or replaces a run.
    fn put_dag_run(&mut self, run: &DagRun) -> Result<()>;
    /// Inserts or replaces an attempt.
    fn put_attempt(&mut self, attempt: &Attempt) -> Result<()>;
}
