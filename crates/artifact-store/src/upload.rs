//! Receiving an artifact: into a local file first, whatever the backend, because the name under
//! which its bytes are kept is only known at their end.

use crate::fingerprint::{Fingerprint, Gauge};
use crate::store::Backend;
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
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

impl From<&Fingerprint> for Stored {
    fn from(print: &Fingerprint) -> Self {
        Self { size: print.size, sha256: print.name() }
    }
}

/// An artifact under way. Dropping it forgets what was received.
#[derive(Debug)]
pub struct Upload {
    backend: Backend,
    pieces: mpsc::Sender<Bytes>,
    received: JoinHandle<Result<Spooled>>,
}

impl Upload {
    pub(crate) async fn begin(backend: Backend, folder: Arc<OwnedFd>) -> Result<Self> {
        let (pieces, waiting) = mpsc::channel(WAITING);
        let (partial, file) = tokio::task::spawn_blocking(move || Partial::create(folder))
            .await
            .map_err(std::io::Error::other)??;
        let received = tokio::task::spawn_blocking(move || receive(partial, file, waiting));
        Ok(Self { backend, pieces, received })
    }

    /// Adds bytes; waits while the disk is behind.
    ///
    /// # Errors
    /// When the disk refused earlier bytes.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        if self.pieces.send(piece).await.is_ok() {
            return Ok(());
        }
        match (&mut self.received).await {
            Ok(Err(error)) => Err(error),
            _ => Err(closed()),
        }
    }

    /// Makes the artifact visible under its path, whole and durable, in place of what was there.
    ///
    /// # Errors
    /// When the path leads through something that is no folder, or the store refuses.
    pub async fn commit(self, path: &ArtifactPath) -> Result<Stored> {
        if path.is_reserved() {
            return Err(ArtifactError::InvalidPath);
        }
        let Self { backend, pieces, received } = self;
        drop(pieces);
        let spooled = received.await.map_err(|_| closed())??;
        let stored = Stored::from(&spooled.print);
        backend.place(spooled, path).await?;
        Ok(stored)
    }

    /// Keeps the bytes as a part of a multipart upload; gives the part's tag.
    ///
    /// # Errors
    /// When there is no such multipart upload, or the store takes no parts itself.
    pub async fn commit_part(self, path: &ArtifactPath, id: &str, part: u32) -> Result<String> {
        let Self { backend, pieces, received } = self;
        drop(pieces);
        let spooled = received.await.map_err(|_| closed())??;
        let tag = spooled.print.name();
        backend.keep_part(spooled, path, id, part).await?;
        Ok(tag)
    }
}

fn closed() -> ArtifactError {
    ArtifactError::Io(std::io::Error::other("the upload was cut off"))
}

/// A file that goes away unless it is moved to its place.
#[derive(Debug)]
struct Partial {
    folder: Arc<OwnedFd>,
    name: String,
}

impl Partial {
    fn create(folder: Arc<OwnedFd>) -> Result<(Self, File)> {
        let name = Uuid::new_v4().simple().to_string();
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&folder, name.as_str(), flags, Mode::from_bits_truncate(0o644))
            .map_err(std::io::Error::from)?;
        Ok((Self { folder, name }, File::from(file)))
    }
}

fn receive(partial: Partial, mut file: File, mut pieces: mpsc::Receiver<Bytes>) -> Result<Spooled> {
    let mut gauge = Gauge::default();
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece)?;
        gauge.update(&piece);
    }
    Ok(Spooled { partial, file, print: gauge.finish() })
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Most were moved away. What cannot be removed now is removed at the next start.
        let _ = unlinkat(&self.folder, self.name.as_str(), UnlinkatFlags::NoRemoveDir);
    }
}

/// Received bytes in a local file, which is removed with this value unless it was moved.
#[derive(Debug)]
pub(crate) struct Spooled {
    partial: Partial,
    pub(crate) file: File,
    pub(crate) print: Fingerprint,
}

impl Spooled {
    pub(crate) fn folder(&self) -> &OwnedFd {
        &self.partial.folder
    }

    pub(crate) fn name(&self) -> &str {
        &self.partial.name
    }
}
