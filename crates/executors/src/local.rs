//! Attempts as processes on this machine.

use crate::ExecutorError;
use crate::files::{self, AttemptSpec};
use mainspring_domain::pipelines::AttemptResult;
use mainspring_domain::secrets::VARIABLES;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a supervisor may take to come to life.
const SUPERVISOR_START: Duration = Duration::from_secs(10);

/// Starts attempts and looks after them through their folders.
#[derive(Clone, Debug)]
pub struct LocalExecutor {
    binary: PathBuf,
    root: PathBuf,
}

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptStatus {
    /// At work, or being started.
    Running,
    /// Ended.
    Ended(AttemptResult),
    /// Its supervisor is gone without a result, or never came to life. It will not run any more.
    Lost,
}

impl LocalExecutor {
    /// `binary` is the program that understands `supervise FOLDER`; `root` holds the folders.
    #[must_use]
    pub const fn new(binary: PathBuf, root: PathBuf) -> Self {
        Self { binary, root }
    }

    /// The folder of an attempt. Ids are made by the server and never come from users.
    #[must_use]
    pub fn folder(&self, attempt_id: &str) -> PathBuf {
        self.root.join(attempt_id)
    }

    /// Prepares the folder and starts the supervisor.
    ///
    /// # Errors
    /// When the folder cannot be written or the supervisor not be started.
    pub fn start(
        &self,
        attempt_id: &str,
        spec: &AttemptSpec,
        context: &serde_json::Value,
    ) -> Result<(), ExecutorError> {
        let folder = self.folder(attempt_id);
        // The folder holds the attempt's token.
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&folder).map_err(|error| ExecutorError::file(&folder, &error))?;
        files::write_json(&folder.join("context.json"), context)?;
        files::write_json(&folder.join("spec.json"), spec)?;
        let mut command = Command::new(&self.binary);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let mut child = command
            .arg("supervise")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(ExecutorError::Spawn)?;
        // Somebody has to collect the exit status, or a zombie stays for as long as the server.
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    /// Looks at an attempt that was started `age` ago.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn poll(&self, attempt_id: &str, age: Duration) -> Result<AttemptStatus, ExecutorError> {
        let folder = self.folder(attempt_id);
        if let Some(result) = ended(&folder)? {
            return Ok(AttemptStatus::Ended(result));
        }
        if folder.join("claim").exists() {
            if is_locked(&folder)? {
                return Ok(AttemptStatus::Running);
            }
            // It may have written its result between the two looks.
            if let Some(result) = ended(&folder)? {
                return Ok(AttemptStatus::Ended(result));
            }
            end_orphans(&folder);
            return Ok(AttemptStatus::Lost);
        }
        if age < SUPERVISOR_START {
            return Ok(AttemptStatus::Running);
        }
        if !folder.exists() || files::claim(&folder)? {
            return Ok(AttemptStatus::Lost);
        }
        Ok(AttemptStatus::Running)
    }

    /// The end of what an attempt printed: at most `limit` bytes.
    ///
    /// # Errors
    /// When the log cannot be read; a log that does not exist yet is empty.
    pub fn log_tail(&self, attempt_id: &str, limit: u64) -> Result<String, ExecutorError> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let path = self.folder(attempt_id).join("log");
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(limit)))?;
            let mut bytes = Vec::new();
            file.take(limit).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(ExecutorError::file(&path, &error)),
        }
    }
}

/// The result, if there is one. What is no result (a task can write into its folder) counts as none:
/// the supervisor replaces it, or the attempt is lost.
fn ended(folder: &Path) -> Result<Option<AttemptResult>, ExecutorError> {
    let path = folder.join("result.json");
    match std::fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ExecutorError::file(&path, &error)),
    }
}

/// Ends a task whose supervisor was killed: it must not go on beside the attempt that follows.
fn end_orphans(folder: &Path) {
    if let Some(group) = files::living_group(folder) {
        tracing::warn!(folder = %folder.display(), group, "ending a task whose supervisor is gone");
        // A group that is gone already is what we want.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

fn is_locked(folder: &Path) -> Result<bool, ExecutorError> {
    let path = folder.join("lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(ExecutorError::file(&path, &error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(ExecutorError::file(&path, &error)),
    }
}
