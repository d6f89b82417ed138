//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Why a data-versioning command did nothing or stopped.
#[derive(Debug, thiserror::Error)]
pub enum VersioningError {
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No `.dvc` directory here or above.
    #[error("{}: not inside a DVC repository; run `mainspring init` or `dvc init`", path.display())]
    NotARepository {
        /// Where the search began.
        path: PathBuf,
    },
    /// `init` where a repository already is.
    #[error("{}: already a DVC repository", path.display())]
    AlreadyARepository {
        /// The root.
        path: PathBuf,
    },
    /// `init` outside a Git repository.
    #[error("{}: not the root of a Git repository; run `git init` first", path.display())]
    NotAGitRepository {
        /// The directory.
        path: PathBuf,
    },
    /// Another process works in the repository.
    #[error("unable to acquire the lock {}; another mainspring or dvc process is running", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A path to add that does not exist.
    #[error("output `{}` does not exist", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A path that leads out of the repository, or through a symbolic link.
    #[error("`{path}` is refused: {reason}")]
    Escapes {
        /// The path as it was given.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A path that Git already tracks.
    #[error("output `{path}` is already tracked by Git; run `git rm --cached {path}` first")]
    TrackedByGit {
        /// The path.
        path: String,
    },
    /// A path inside another output, or that contains one.
    #[error("output `{path}` overlaps with `{other}`")]
    Overlaps {
        /// The path.
        path: String,
        /// The `.dvc` file of the other.
        other: String,
    },
    /// A `.dvc` file or `.dir` object that cannot be read.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that DVC can do and this engine cannot.
    #[error("{what} is not supported; use dvc for it")]
    Unsupported {
        /// What.
        what: String,
    },
    /// The configuration names no such remote.
    #[error("{}", match name {
        Some(name) => format!("remote `{name}` does not exist"),
        None => "no remote is configured; run `dvc remote add -d NAME DIRECTORY`".to_owned(),
    })]
    NoRemote {
        /// The name asked for; `None` if the default was and there is none.
        name: Option<String>,
    },
    /// A remote of that name is already configured.
    #[error("remote `{name}` already exists")]
    RemoteExists {
        /// The name.
        name: String,
    },
    /// An object that is neither in the cache nor in the remote.
    #[error("object {md5} of `{path}` is missing from {store}")]
    MissingObject {
        /// Its hash.
        md5: String,
        /// The output it belongs to.
        path: String,
        /// Where it was looked for.
        store: String,
    },
    /// An object whose bytes do not have the hash that names it.
    #[error("object {md5} in {store} is corrupted: its bytes hash to {found}")]
    Corrupted {
        /// The name.
        md5: String,
        /// The real hash.
        found: String,
        /// The store.
        store: String,
    },
    /// A changed file that no cache holds and that a checkout would overwrite.
    #[error("`{path}` has changes that are not in the cache; add it, or delete it, and pull again")]
    WouldOverwrite {
        /// The path.
        path: String,
    },
    /// A `git` command failed.
    #[error("git {command}: {message}")]
    Git {
        /// The sub-command.
        command: String,
        /// What it printed to standard error.
        message: String,
    },
}
