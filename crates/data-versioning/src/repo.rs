//! A DVC repository.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::config::{self, Config};
use crate::dvc_file::{self, Output};
use crate::error::VersioningError;
use crate::fsio::{self, at};
use crate::git;
use crate::lock::Lock;
use crate::objects::ObjectStore;

const GITIGNORE: &str = "/config.local\n/tmp\n/cache\n";
const DVCIGNORE: &str = "# Add patterns of files dvc should ignore, which could improve\n\
                         # the performance. Learn more at\n\
                         # https://dvc.org/doc/user-guide/dvcignore\n";

/// A directory with `.dvc` in it.
#[derive(Debug, Clone)]
pub struct Repo {
    /// Canonical.
    root: PathBuf,
}

/// An output as a commit records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedAt {
    /// Path of the data from the root, with `/`.
    pub path: String,
    /// MD5 of the data, with `.dir` for a directory.
    pub md5: String,
    /// Bytes, where the file says so.
    pub size: Option<u64>,
}

impl Repo {
    /// Makes a DVC repository as `dvc init` does: `.dvc/config`, `.dvc/.gitignore` and `.dvcignore`,
    /// added to Git. With `no_scm` it needs no Git.
    ///
    /// # Errors
    /// If there is a repository already, or no Git repository with this root.
    pub fn init(root: &Path, no_scm: bool) -> Result<Self, VersioningError> {
        let root = root.canonicalize().map_err(at(root))?;
        let dvc_dir = root.join(".dvc");
        if dvc_dir.exists() {
            return Err(VersioningError::AlreadyARepository { path: root });
        }
        if !no_scm && !root.join(".git").exists() {
            return Err(VersioningError::NotAGitRepository { path: root });
        }
        fsio::create_dir(&dvc_dir.join("tmp"))?;
        let config = if no_scm { "[core]\n    no_scm = True\n" } else { "" };
        fsio::write(&dvc_dir.join("config"), config.as_bytes())?;
        let dvcignore = root.join(".dvcignore");
        if !dvcignore.exists() {
            fsio::write(&dvcignore, DVCIGNORE.as_bytes())?;
        }
        // Its time of change names the repository in DVC's own caches.
        let btime = dvc_dir.join("tmp/btime");
        File::create(&btime).map_err(at(&btime))?;
        if !no_scm {
            fsio::write(&dvc_dir.join(".gitignore"), GITIGNORE.as_bytes())?;
            git::run(&root, &["add", "--", ".dvc/.gitignore", ".dvc/config", ".dvcignore"])?;
        }
        Ok(Self { root })
    }

    /// The repository around `path`.
    ///
    /// # Errors
    /// [`VersioningError::NotARepository`] if there is none.
    pub fn discover(path: &Path) -> Result<Self, VersioningError> {
        let start = path.canonicalize().map_err(at(path))?;
        let root = start.ancestors().find(|directory| directory.join(".dvc").is_dir());
        root.map(|root| Self { root: root.to_path_buf() })
            .ok_or_else(|| VersioningError::NotARepository { path: path.to_path_buf() })
    }

    /// The canonical root directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Adds a remote, as `dvc remote add [-d]` does. A relative directory is relative to the root.
    ///
    /// # Errors
    /// If there is a remote of that name, or the name is no plain word.
    pub fn add_remote(&self, name: &str, url: &str, default: bool) -> Result<(), VersioningError> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(plain) || url.chars().any(char::is_control) {
            let reason = "a remote's name has letters, digits, `-`, `_` and `.` only";
            return Err(VersioningError::Escapes { path: name.to_owned(), reason });
        }
        let _lock = self.lock()?;
        let exists = !matches!(
            self.config()?.remote(Some(name), &self.dvc_dir()),
            Err(VersioningError::NoRemote { .. })
        );
        if exists {
            return Err(VersioningError::RemoteExists { name: name.to_owned() });
        }
        let relative = !url.contains("://") && Path::new(url).is_relative();
        let url = if relative { format!("../{url}") } else { url.to_owned() };
        let path = self.dvc_dir().join("config");
        let text = config::with_remote(&fsio::read_text_or_empty(&path)?, name, &url, default);
        fsio::write(&path, text.as_bytes())
    }

    /// The checked-out commit; `None` before the first one.
    #[must_use]
    pub fn head(&self) -> Option<String> {
        git::head_of(&self.root)
    }

    /// Commits exactly `paths` (relative to the root) and gives the new commit; the current one if they
    /// hold no change.
    ///
    /// # Errors
    /// What `git` says.
    pub fn commit(&self, paths: &[PathBuf], message: &str) -> Result<String, VersioningError> {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        git::commit(&self.root, &paths, message)
    }

    /// What the `.dvc` files of a commit, branch or tag record, in the order of the paths.
    ///
    /// # Errors
    /// If there is no such revision, or one of its `.dvc` files is malformed.
    pub fn tracked_at(&self, revision: &str) -> Result<Vec<TrackedAt>, VersioningError> {
        let commit = format!("{revision}^{{commit}}");
        let commit = git::run(&self.root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
            .map_err(|_| VersioningError::Git {
                command: "rev-parse".to_owned(),
                message: format!("no revision `{revision}`"),
            })?;
        let files = git::run(&self.root, &["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit])?;
        let mut tracked = Vec::new();
        for file in files.split('\0').filter(|file| file.ends_with(".dvc")) {
            let text = git::run(&self.root, &["cat-file", "blob", &format!("{commit}:{file}")])?;
            for output in dvc_file::outputs(&text, Path::new(file))? {
                tracked.push(TrackedAt {
                    path: output.path.display().to_string(),
                    md5: output.oid.to_string(),
                    size: output.size,
                });
            }
        }
        tracked.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(tracked)
    }

    pub(crate) fn dvc_dir(&self) -> PathBuf {
        self.root.join(".dvc")
    }

    pub(crate) fn config(&self) -> Result<Config, VersioningError> {
        Config::read(&self.dvc_dir())
    }

    pub(crate) fn lock(&self) -> Result<Lock, VersioningError> {
        if self.config()?.is_true("core", "hardlink_lock") {
            return Err(VersioningError::Unsupported { what: "core.hardlink_lock".to_owned() });
        }
        Lock::take(&self.dvc_dir())
    }

    pub(crate) fn cache(&self) -> Result<ObjectStore, VersioningError> {
        let config = self.config()?;
        let directory = config.get("cache", "dir").unwrap_or("cache");
        Ok(ObjectStore::new(self.dvc_dir().join(directory)))
    }

    pub(crate) fn uses_git(&self) -> Result<bool, VersioningError> {
        Ok(!self.config()?.is_true("core", "no_scm"))
    }

    pub(crate) fn outputs(&self) -> Result<Vec<Output>, VersioningError> {
        dvc_file::all_outputs(&self.root)
    }
}
