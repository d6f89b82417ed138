//! Reading objects piece by piece.

use super::bucket::Bucket;
use crate::artifact::{Artifact, Source, pieces_of};
use crate::fingerprint::PIECE;
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore as _};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;

impl Bucket {
    pub(crate) async fn open_artifact(self: &Arc<Self>, path: &ArtifactPath) -> Result<Artifact> {
        let not_found = || ArtifactError::NotFound(path.as_str().to_owned());
        if path.as_str().is_empty() {
            return Err(not_found());
        }
        let (plain, mut lines) = tokio::try_join!(self.plain_object(path), self.lines(path))?;
        let source = |key| Source::Object { bucket: Arc::clone(self), key };
        // What clients put there themselves is newer: an upload through the server removes it.
        if let Some(object) = plain {
            let tag = object.e_tag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
            let modified = SystemTime::from(object.last_modified);
            return Ok(Artifact::new(path, object.size, modified, tag, None, source(object.location)));
        }
        let line = lines.pop().ok_or_else(not_found)?;
        let print = self.print(&line, path.as_str()).await?;
        let key = self.blob(&line.sum())?;
        Ok(Artifact::new(path, line.size, line.modified(), line.sum(), Some(print), source(key)))
    }

    /// Sends a range of an object, whole pieces checked and then cut.
    pub(crate) async fn send(
        &self,
        key: &Key,
        artifact: &Artifact,
        range: Range<u64>,
        sender: &mpsc::Sender<Result<Bytes>>,
    ) {
        if let Err(error) = self.try_send(key, artifact, range, sender).await {
            // Without a reader there is nobody to tell.
            let _ = sender.send(Err(error)).await;
        }
    }

    async fn try_send(
        &self,
        key: &Key,
        artifact: &Artifact,
        range: Range<u64>,
        sender: &mpsc::Sender<Result<Bytes>>,
    ) -> Result<()> {
        let indices = pieces_of(&range);
        if indices.is_empty() {
            return Ok(());
        }
        let error = |error| match ArtifactError::from_remote(error, artifact.path()) {
            // The entry is there and its bytes are not, or not as many.
            ArtifactError::NotFound(path) => ArtifactError::Damaged(path),
            other => other,
        };
        let whole = indices.start * PIECE as u64..(indices.end * PIECE as u64).min(artifact.size);
        let options = GetOptions { range: Some(GetRange::Bounded(whole)), ..GetOptions::default() };
        let mut bytes = self.store.get_opts(key, options).await.map_err(error)?.into_stream();
        let mut piece = Vec::with_capacity(PIECE);
        let mut index = indices.start;
        while let Some(more) = bytes.next().await {
            let mut more = more.map_err(error)?;
            while !more.is_empty() {
                piece.extend_from_slice(&more.split_to(more.len().min(PIECE - piece.len())));
                if piece.len() == PIECE {
                    let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
                    if sender.send(Ok(artifact.cut(index, full, &range)?)).await.is_err() {
                        return Ok(());
                    }
                    index += 1;
                }
            }
        }
        if index < indices.end {
            // Fewer bytes than there should be are no piece, and an error.
            let _ = sender.send(Ok(artifact.cut(index, piece, &range)?)).await;
        }
        Ok(())
    }
}
