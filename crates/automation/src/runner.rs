//! The scheduler's way to the local executor.

use mainspring_executors::{AttemptSpec, AttemptStatus, LocalExecutor};
use mainspring_pipelines::{StartRequest, TaskRunner, TaskStatus};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a task's output that are kept.
const LOG_LIMIT: u64 = 8 << 20;

/// Runs Airflow tasks with the project's interpreter.
pub(crate) struct PythonTasks {
    pub(crate) executor: LocalExecutor,
    pub(crate) project: PathBuf,
    pub(crate) python: PathBuf,
    pub(crate) python_path: PathBuf,
    pub(crate) binary: PathBuf,
    pub(crate) url: String,
}

impl PythonTasks {
    /// What a task finds in its environment: the server as tracking server, a token by which the
    /// server knows which attempt speaks, and the programs of the project's interpreter.
    fn environment(&self, request: &StartRequest) -> BTreeMap<String, String> {
        let mut path = Vec::new();
        path.extend(self.python.parent().map(PathBuf::from));
        path.extend(self.binary.parent().map(PathBuf::from));
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let path =
            std::env::join_paths(path).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        [
            ("PATH", path),
            ("PYTHONPATH", self.python_path.display().to_string()),
            ("PYTHONUNBUFFERED", "1".to_owned()),
            ("MLFLOW_TRACKING_URI", self.url.clone()),
            ("MLFLOW_TRACKING_TOKEN", request.token.clone()),
            ("MAINSPRING_URL", self.url.clone()),
            ("MAINSPRING_TOKEN", request.token.clone()),
            ("MAINSPRING_ATTEMPT_ID", request.attempt_id.clone()),
            // The client's library would complain on every call when Git is not on the path.
            ("GIT_PYTHON_REFRESH", "quiet".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

impl TaskRunner for PythonTasks {
    fn start(&self, request: &StartRequest) -> Result<(), String> {
        let folder = self.executor.folder(&request.attempt_id);
        let spec = AttemptSpec {
            program: self.python.clone(),
            arguments: vec!["-m".into(), "mainspring.run_task".into(), folder.display().to_string()],
            environment: self.environment(request),
            directory: self.project.clone(),
            timeout_seconds: request.timeout_seconds,
            log_limit: LOG_LIMIT,
        };
        self.executor.start(&request.attempt_id, &spec, &request.context).map_err(|error| error.to_string())
    }

    fn poll(&self, attempt_id: &str, age: Duration) -> Result<TaskStatus, String> {
        let status = self.executor.poll(attempt_id, age).map_err(|error| error.to_string())?;
        Ok(match status {
            AttemptStatus::Running => TaskStatus::Running,
            AttemptStatus::Ended(result) => TaskStatus::Ended(result),
            AttemptStatus::Lost => TaskStatus::Lost,
        })
    }

    fn revision(&self) -> Option<String> {
        mainspring_data_versioning::head_of(&self.project)
    }
}
