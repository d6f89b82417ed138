//! One attempt: a shell script under a supervisor.

use mainspring_domain::pipelines::AttemptResult;
use mainspring_executors::{AttemptSpec, AttemptStatus, LocalExecutor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take in a test.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Attempt {
    _root: TempDir,
    pub(crate) executor: LocalExecutor,
    pub(crate) folder: PathBuf,
}

/// A script with the attempt's folder as `$1`.
pub(crate) fn script(text: &str, folder: &Path) -> AttemptSpec {
    AttemptSpec {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), text.into(), "sh".into(), folder.display().to_string()],
        environment: BTreeMap::new(),
        directory: "/".into(),
        timeout_seconds: None,
        log_limit: 1 << 20,
    }
}

impl Attempt {
    /// An attempt that is not started, with this program as its supervisor.
    pub(crate) fn unstarted(binary: PathBuf) -> Self {
        let root = tempfile::tempdir().unwrap();
        let executor = LocalExecutor::new(binary, root.path().join("attempts"));
        let folder = executor.folder("a1");
        Self { _root: root, executor, folder }
    }

    pub(crate) fn start(text: &str, change: impl FnOnce(&mut AttemptSpec)) -> Self {
        let attempt = Self::unstarted(std::env::current_exe().unwrap());
        let mut spec = script(text, &attempt.folder);
        change(&mut spec);
        attempt.executor.start("a1", &spec, &serde_json::json!({ "task_id": "t" })).unwrap();
        attempt
    }

    /// Runs a script to its end.
    pub(crate) fn run(text: &str) -> (Self, AttemptResult) {
        let attempt = Self::start(text, |_| {});
        let result = attempt.result();
        (attempt, result)
    }

    pub(crate) fn poll(&self) -> AttemptStatus {
        self.executor.poll("a1", Duration::ZERO).unwrap()
    }

    pub(crate) fn result(&self) -> AttemptResult {
        match wait_for("the attempt's end", || Some(self.poll()).filter(|s| *s != AttemptStatus::Running)) {
            AttemptStatus::Ended(result) => result,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn log(&self) -> String {
        self.executor.log_tail("a1", 1 << 20).unwrap()
    }

    /// The number that the task writes into a file of its folder.
    pub(crate) fn number(&self, file: &str) -> i32 {
        let path = self.folder.join(file);
        wait_for(file, || std::fs::read_to_string(&path).ok()?.trim().parse().ok())
    }
}

pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is at work; one that has ended but was not collected is not.
pub(crate) fn is_alive(process: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

pub(crate) fn wait_until_gone(process: i32) {
    wait_for("the end of a process", || (!is_alive(process)).then_some(()));
}
