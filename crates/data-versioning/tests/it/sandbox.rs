//! A Git repository in a temporary directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use mainspring_data_versioning::Repo;
use tempfile::TempDir;

pub(crate) struct Sandbox {
    directory: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let sandbox = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(sandbox.root()).unwrap();
        run(&sandbox.root(), "git", &["init", "--quiet", "--initial-branch=main"]);
        sandbox
    }

    pub(crate) fn with_repo() -> (Self, Repo) {
        let sandbox = Self::new();
        let repo = Repo::init(&sandbox.root(), false).unwrap();
        (sandbox, repo)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("repo")
    }

    /// A directory beside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }
}

/// Runs a program and gives its output; panics with what it printed if it fails.
pub(crate) fn run(directory: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).current_dir(directory).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
