//! The attempt's folder.

use crate::ExecutorError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a supervisor has to start and how to bound it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptSpec {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables added to the server's environment.
    pub environment: BTreeMap<String, String>,
    /// Where it starts.
    pub directory: PathBuf,
    /// Seconds after which it is killed; `None` = no limit.
    pub timeout_seconds: Option<f64>,
    /// Bytes of output that are kept.
    pub log_limit: u64,
}

/// Writes a file so that a reader sees all of it or nothing, also after a power cut.
///
/// # Errors
/// When the file cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ExecutorError> {
    let temporary = path.with_extension("tmp");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| ExecutorError::file(path, &error))
}

pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ExecutorError> {
    let bytes = std::fs::read(path).map_err(|error| ExecutorError::file(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| ExecutorError::file(path, &error))
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), ExecutorError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| ExecutorError::file(path, &error))?;
    write_atomically(path, &bytes)
}

/// Creates `claim`; true for whoever came first.
pub(crate) fn claim(folder: &Path) -> Result<bool, ExecutorError> {
    let path = folder.join("claim");
    match File::create_new(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(ExecutorError::file(&path, &error)),
    }
}

/// Writes down which process group the task runs in.
pub(crate) fn note_group(folder: &Path, leader: u32) -> Result<(), ExecutorError> {
    match start_of(leader) {
        Some(start) => write_json(&folder.join("group"), &(leader, start)),
        None => Ok(()),
    }
}

/// The task's process group, if its leader is still the process that was noted.
pub(crate) fn living_group(folder: &Path) -> Option<i32> {
    let (leader, start): (u32, u64) = read_json(&folder.join("group")).ok()?;
    (start_of(leader) == Some(start)).then(|| i32::try_from(leader).ok()).flatten()
}

/// When a process began, in clock ticks since the machine did: with its number, what tells it from
/// any other that had the number before or has it now.
fn start_of(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; the fields after it are plain.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}
