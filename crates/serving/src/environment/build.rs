//! Making an environment: the interpreter's `venv`, then pip.

use super::python::Python;
use super::requirements::Wanted;
use crate::interpreter::without_keys;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;

/// How often a lock that another one holds is tried.
const AGAIN: Duration = Duration::from_millis(200);
/// Bytes and lines of pip's output in an error.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 12;

/// Where an environment lies, and where what is said while it is made goes.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) log: PathBuf,
}

/// The interpreter of an environment, which is made if it is not complete.
pub(super) async fn made(
    name: &str,
    wanted: &Wanted,
    python: &Python,
    place: &Place,
    end: Instant,
) -> Result<PathBuf, String> {
    let text = |error: std::io::Error| error.to_string();
    let Place { folder, log } = place;
    std::fs::create_dir_all(folder.parent().unwrap_or(folder)).map_err(text)?;
    let lock = File::options().create(true).append(true).open(folder.with_extension("lock")).map_err(text)?;
    locked(&lock, end).await?;
    let interpreter = folder.join("bin/python");
    let complete = folder.join("complete");
    if complete.metadata().is_ok_and(|found| found.len() > 0) && interpreter.exists() {
        tracing::debug!(model = name, folder = %folder.display(), "the model's environment is there");
        return Ok(interpreter);
    }
    let began = Instant::now();
    tracing::warn!(model = name, folder = %folder.display(), log = %log.display(), "making the model's environment");
    // What is there was not finished.
    if folder.exists() {
        tokio::fs::remove_dir_all(folder).await.map_err(text)?;
    }
    File::create(log).map_err(text)?;
    let step = Step { log, lock: &lock, end };
    if let Err(error) = steps(&step, wanted, python, folder).await {
        // Half an environment is of no use, and takes as much room as a whole one. The log says what it was.
        let _ = tokio::fs::remove_dir_all(folder).await;
        return Err(error);
    }
    finish(complete).await.map_err(text)?;
    tracing::info!(model = name, seconds = began.elapsed().as_secs(), "the model's environment is made");
    Ok(interpreter)
}

async fn steps(step: &Step<'_>, wanted: &Wanted, python: &Python, folder: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    let mut venv = Command::new(&python.program);
    venv.args(["-m", "venv"]).arg(folder);
    step.run("python -m venv", venv).await?;
    let requirements = wanted.requirements();
    if requirements.is_empty() {
        return Ok(());
    }
    let list = folder.join("requirements.txt");
    std::fs::write(&list, requirements).map_err(text)?;
    let limits = folder.join("constraints.txt");
    std::fs::write(&limits, wanted.constraints()).map_err(text)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"])
        .arg("--requirement")
        .arg(list)
        .arg("--constraint")
        .arg(limits);
    // What lies in the server's own folder is neither imported nor taken for a package.
    pip.current_dir(folder);
    step.run("pip install", pip).await
}

/// Marks an environment as complete, once all of it is on the disk: a loss of power must not leave the mark
/// without the packages.
async fn finish(complete: PathBuf) -> std::io::Result<()> {
    let marking = tokio::task::spawn_blocking(move || {
        let mut file = File::create(&complete)?;
        nix::unistd::syncfs(&file)?;
        file.write_all(b"1\n")?;
        file.sync_all()
    });
    marking.await?
}

/// Waits for a lock, which ends with the last process that holds the file.
async fn locked(lock: &File, end: Instant) -> Result<(), String> {
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.to_string()),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => {
                return Err("another one is still making it".to_owned());
            }
            Err(TryLockError::WouldBlock) => tokio::time::sleep(AGAIN).await,
        }
    }
}

struct Step<'a> {
    log: &'a Path,
    lock: &'a File,
    end: Instant,
}

impl Step<'_> {
    /// Runs a program to its end, which is also that of what it started.
    async fn run(&self, what: &str, mut command: Command) -> Result<(), String> {
        let text = |error: std::io::Error| format!("{what}: {error}");
        without_keys(&mut command);
        // What is installed does not depend on packages elsewhere.
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        let output = File::options().append(true).open(self.log).map_err(text)?;
        let mut child = command
            .stdout(output.try_clone().map_err(text)?)
            .stderr(output)
            // The program holds the lock as long as it runs, also without this process.
            .stdin(Stdio::from(self.lock.try_clone().map_err(text)?))
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(text)?;
        // The command holds the lock as well.
        drop(command);
        let _group = child.id().and_then(|id| i32::try_from(id).ok()).map(Group);
        let ended = tokio::time::timeout_at(self.end, child.wait()).await;
        let ended = ended.map_err(|_| format!("{what} took too long; `environment_timeout` is the limit"))?;
        match ended.map_err(text)? {
            status if status.success() => Ok(()),
            status => {
                Err(format!("{what} ended with {status}; see `{}`:\n{}", self.log.display(), tail(self.log)))
            }
        }
    }
}

/// A program and what it started; killed at the end.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        // Usually nothing is left of it.
        let _ = killpg(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
}
