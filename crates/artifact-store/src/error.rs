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
    /// The place is none of this server's.
    #[error("The artifacts at '{0}' are not kept by this server.")]
    NotKept(String),
    /// The bytes are not those that were stored.
    #[error("The artifact '{0}' is damaged: its bytes are not those that were stored. Upload it again.")]
    Damaged(String),
    /// There is no multipart upload of this id for this path, or a part of it is missing or differs.
    #[error("Invalid multipart upload: {0}")]
    Multipart(String),
    /// Files do not go through this server.
    #[error("This server was started with `--no-serve-artifacts`: artifacts do not go through it.")]
    NotServed,
    /// Clients write there themselves; the server only reads.
    #[error("Artifacts at this place are written by clients, not by the server.")]
    ReadOnly,
    /// The place where artifacts are to be kept is not understood.
    #[error("{0}")]
    Destination(String),
    /// The disk refused.
    #[error("artifact storage failed: {0}")]
    Io(#[from] io::Error),
    /// The object store refused, or cannot be reached.
    #[error("the object store failed: {0}")]
    Remote(String),
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

    /// What an error of the object store means for the one who asked for `path`.
    pub(crate) fn from_remote(error: object_store::Error, path: &str) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound(path.to_owned()),
            object_store::Error::InvalidPath { .. } => Self::InvalidPath,
            other => Self::Remote(other.to_string()),
        }
    }
}
