//! An artifact that is ready to be read.

use crate::fingerprint::{Fingerprint, PIECE};
use crate::local::piece;
use crate::s3::Bucket;
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;

/// Pieces that wait for a slow reader: bounds the memory of one download.
const WAITING: usize = 2;

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Source {
    File(File),
    Object { bucket: Arc<Bucket>, key: object_store::path::Path },
}

/// An artifact ready to be read.
#[derive(Debug)]
pub struct Artifact {
    /// How many bytes there are.
    pub size: u64,
    /// When they were written.
    pub modified: SystemTime,
    /// A text that changes with the bytes: their SHA-256 where this server stored them.
    pub tag: String,
    path: String,
    print: Option<Fingerprint>,
    source: Source,
}

/// The bytes of an artifact in their order. A damaged piece is an error in place of its bytes.
#[derive(Debug)]
pub struct Pieces(mpsc::Receiver<Result<Bytes>>);

impl Pieces {
    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        self.0.recv().await
    }
}

impl Artifact {
    pub(crate) fn new(
        path: &ArtifactPath,
        size: u64,
        modified: SystemTime,
        tag: String,
        print: Option<Fingerprint>,
        source: Source,
    ) -> Self {
        Self { size, modified, tag, path: path.as_str().to_owned(), print, source }
    }

    /// Reads some of the bytes, or all with `0..size`. What this server stored is checked piece by
    /// piece before it is let go.
    #[must_use]
    pub fn read(self, range: Range<u64>) -> Pieces {
        let (sender, receiver) = mpsc::channel(WAITING);
        match self.source {
            Source::File(_) => {
                tokio::task::spawn_blocking(move || self.send_file(range, &sender));
            }
            Source::Object { ref bucket, ref key } => {
                let (bucket, key) = (Arc::clone(bucket), key.clone());
                tokio::spawn(async move { bucket.send(&key, &self, range, &sender).await });
            }
        }
        Pieces(receiver)
    }

    /// All bytes of a small artifact.
    ///
    /// # Errors
    /// When there are more than `limit`, they are damaged, or the store fails.
    pub async fn bytes(self, limit: u64) -> Result<Vec<u8>> {
        if self.size > limit {
            let message = format!("'{}' has more than {limit} bytes", self.path);
            return Err(std::io::Error::other(message).into());
        }
        let range = 0..self.size;
        let mut bytes = Vec::new();
        let mut pieces = self.read(range);
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    /// Looks at every byte of a file.
    pub(crate) fn check(&self) -> Result<()> {
        if let (Source::File(file), Some(print)) = (&self.source, &self.print) {
            for index in 0..self.size.div_ceil(PIECE as u64) {
                self.admit(print, index, &piece(file, index)?)?;
            }
        }
        Ok(())
    }

    fn admit(&self, print: &Fingerprint, index: u64, bytes: &[u8]) -> Result<()> {
        if print.admits(index, bytes) { Ok(()) } else { Err(ArtifactError::Damaged(self.path.clone())) }
    }

    /// Checks a whole piece, and cuts out what is wanted of it.
    pub(crate) fn cut(&self, index: u64, bytes: Vec<u8>, range: &Range<u64>) -> Result<Bytes> {
        let begin = index * PIECE as u64;
        let expected = usize::try_from(self.size.saturating_sub(begin)).unwrap_or(PIECE).min(PIECE);
        if bytes.len() != expected {
            return Err(ArtifactError::Damaged(self.path.clone()));
        }
        if let Some(print) = &self.print {
            self.admit(print, index, &bytes)?;
        }
        let within = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(PIECE).min(expected);
        Ok(Bytes::from(bytes).slice(within(range.start)..within(range.end)))
    }

    fn send_file(&self, range: Range<u64>, sender: &mpsc::Sender<Result<Bytes>>) {
        let Source::File(file) = &self.source else { return };
        for index in pieces_of(&range) {
            let cut = piece(file, index).and_then(|bytes| self.cut(index, bytes, &range));
            let failed = cut.is_err();
            // Without a reader there is nobody to tell.
            if sender.blocking_send(cut).is_err() || failed {
                return;
            }
        }
    }

    pub(crate) fn into_source(self) -> Source {
        self.source
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// The pieces that hold a range.
pub(crate) fn pieces_of(range: &Range<u64>) -> Range<u64> {
    let piece = PIECE as u64;
    if range.is_empty() { 0..0 } else { range.start / piece..range.end.div_ceil(piece) }
}
