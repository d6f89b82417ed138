//! What can go wrong with artifacts.

use nix::errno::Errno;
use std::io;
use thiserror::Error;

/// An error of the artifact store.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// The path is not one that this store takes.
    #[error("Invalid path")]
    InvalidPath,
    /// There is nothing of this name.
    #[error("No such artifact: '{0}'")]
    NotFound(String),
    /// The disk refused.
    #[error("artifact storage failed: {0}")]
    Io(#[from] io::Error),
}

impl ArtifactError {
    /// What a failed step on the way to `path` means for the one who asked.
    pub(crate) fn from_errno(errno: Errno, path: &str) -> Self {
        match errno {
            Errno::ENOENT => Self::NotFound(path.to_owned()),
            // A symbolic link on the way, a file where a folder should be or the reverse, or a name
            // that the file system does not take.
            Errno::ELOOP
            | Errno::ENOTDIR
            | Errno::EISDIR
            | Errno::EEXIST
            | Errno::ENOTEMPTY
            | Errno::ENAMETOOLONG
            | Errno::EINVAL => Self::InvalidPath,
            other => Self::Io(other.into()),
        }
    }
}
