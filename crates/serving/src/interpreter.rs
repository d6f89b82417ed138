//! Asking Python interpreters what they are and have.

use mainspring_domain::secrets::VARIABLES;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long an interpreter may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes from a program that runs a user's Python what would reach the server's own keys.
pub(crate) fn without_keys(command: &mut Command) {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
}

/// What an interpreter prints for a line of Python.
///
/// # Errors
/// When it cannot be run, or not in time.
pub(crate) async fn answer(program: &Path, line: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    without_keys(&mut command);
    let asked = command.args(["-c", line]).stdin(Stdio::null()).kill_on_drop(true).output();
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let answer = answer.map_err(|_| "it does not answer".to_owned())?.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}
