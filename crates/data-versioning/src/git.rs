//! The few things that are done through the `git` command.

use std::path::Path;
use std::process::{Command, Output};

use crate::error::VersioningError;

/// The commit that is checked out in the repository around `path`; `None` without one.
#[must_use]
pub fn head_of(path: &Path) -> Option<String> {
    run(path, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).ok()
}

/// Runs `git` in `directory` and gives its output without the last line break.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Result<String, VersioningError> {
    let output = execute(directory, arguments)?;
    if !output.status.success() {
        let command = arguments.iter().find(|argument| !argument.starts_with('-')).unwrap_or(&"");
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(VersioningError::Git { command: (*command).to_owned(), message });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
}

/// Whether a `git` command succeeds.
pub(crate) fn succeeds(directory: &Path, arguments: &[&str]) -> Result<bool, VersioningError> {
    Ok(execute(directory, arguments)?.status.success())
}

fn execute(directory: &Path, arguments: &[&str]) -> Result<Output, VersioningError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).arg("--literal-pathspecs").args(arguments);
    // Inside a hook these would point elsewhere.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(variable);
    }
    command.env("GIT_TERMINAL_PROMPT", "0").stdin(std::process::Stdio::null());
    command.output().map_err(|error| VersioningError::Git {
        command: arguments.first().copied().unwrap_or_default().to_owned(),
        message: format!("cannot be started: {error}"),
    })
}

/// Commits exactly `paths`, with what is in the working copy, and gives the new commit; the current one
/// if they hold no change. Other staged changes stay staged.
pub(crate) fn commit(root: &Path, paths: &[String], message: &str) -> Result<String, VersioningError> {
    let with_paths = |head: &[&str]| {
        let mut arguments: Vec<String> = head.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push("--".to_owned());
        arguments.extend(paths.iter().cloned());
        arguments
    };
    let invoke = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(root, &arguments)
    };
    invoke(&with_paths(&["add"]))?;
    let status = invoke(&with_paths(&["status", "--porcelain", "--untracked-files=no"]))?;
    if !status.is_empty() {
        let has_identity = succeeds(root, &["var", "GIT_COMMITTER_IDENT"])?;
        let mut head = vec![];
        if !has_identity {
            head.extend(["-c", "user.name=Mainspring", "-c", "user.email=mainspring@localhost"]);
        }
        head.extend(["commit", "--quiet", "--message", message]);
        invoke(&with_paths(&head))?;
    }
    run(root, &["rev-parse", "--verify", "HEAD^{commit}"])
}
