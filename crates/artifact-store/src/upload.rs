//! Receiving an artifact.

use crate::local::Root;
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Pieces that may wait for the disk: bounds the memory of one upload.
const WAITING: usize = 8;

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Number of bytes.
    pub size: u64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
}

/// An artifact under way. Dropping it forgets what was received.
#[derive(Debug)]
pub struct Upload {
    pieces: mpsc::Sender<Bytes>,
    commit: oneshot::Sender<ArtifactPath>,
    outcome: oneshot::Receiver<Result<Stored>>,
}

impl Upload {
    pub(crate) async fn begin(root: Arc<Root>) -> Result<Self> {
        let (pieces, waiting) = mpsc::channel(WAITING);
        let (commit, target) = oneshot::channel();
        let (report, outcome) = oneshot::channel();
        let partial = tokio::task::spawn_blocking(move || Partial::create(root))
            .await
            .map_err(std::io::Error::other)??;
        tokio::task::spawn_blocking(move || {
            // Nobody may be waiting any more; the upload is then forgotten.
            let _ = report.send(partial.receive(waiting, target));
        });
        Ok(Self { pieces, commit, outcome })
    }

    /// Adds bytes; waits while the disk is behind.
    ///
    /// # Errors
    /// When the disk refused earlier bytes.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        if self.pieces.send(piece).await.is_ok() {
            return Ok(());
        }
        match (&mut self.outcome).await {
            Ok(Err(error)) => Err(error),
            _ => Err(closed()),
        }
    }

    /// Makes the artifact visible under its path, whole and durable, in place of what was there.
    ///
    /// # Errors
    /// When the path leads through something that is no folder, or the disk refuses.
    pub async fn commit(self, path: &ArtifactPath) -> Result<Stored> {
        // The receiver may have stopped with an error, which the outcome then tells.
        let _ = self.commit.send(path.clone());
        drop(self.pieces);
        self.outcome.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> ArtifactError {
    ArtifactError::Io(std::io::Error::other("the upload was cut off"))
}

/// A file in the uploads folder that goes away unless it is moved to its place.
struct Partial {
    root: Arc<Root>,
    name: String,
    file: File,
    placed: bool,
}

impl Partial {
    fn create(root: Arc<Root>) -> Result<Self> {
        let name = Uuid::new_v4().simple().to_string();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&root.uploads, name.as_str(), flags, Mode::from_bits_truncate(0o644))
            .map_err(std::io::Error::from)?;
        Ok(Self { root, name, file: File::from(file), placed: false })
    }

    fn receive(
        mut self,
        mut pieces: mpsc::Receiver<Bytes>,
        target: oneshot::Receiver<ArtifactPath>,
    ) -> Result<Stored> {
        let mut hasher = Sha256::new();
        let mut size = 0;
        while let Some(piece) = pieces.blocking_recv() {
            self.file.write_all(&piece)?;
            hasher.update(&piece);
            size += piece.len() as u64;
        }
        let Ok(path) = target.blocking_recv() else { return Err(closed()) };
        self.file.sync_all()?;
        self.place(&path)?;
        let mut sha256 = String::with_capacity(64);
        for byte in hasher.finalize() {
            let _ = write!(sha256, "{byte:02x}");
        }
        Ok(Stored { size, sha256 })
    }

    fn place(&mut self, path: &ArtifactPath) -> Result<()> {
        let (parents, name) = path.split_last()?;
        let folder = self.root.make_folder(&parents, path)?;
        let error = |errno| ArtifactError::from_errno(errno, path.as_str());
        renameat(&self.root.uploads, self.name.as_str(), &folder, name).map_err(error)?;
        self.placed = true;
        fsync(&folder).map_err(error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is removed at the next start.
            let _ = unlinkat(&self.root.uploads, self.name.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}
