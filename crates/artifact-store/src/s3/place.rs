//! Putting received bytes into the bucket.
//!
//! First the use of the bytes is noted, then the bytes are put unless they are known, then the entry
//! of the index makes the artifact visible. An interruption before that leaves bytes that nobody
//! sees; the next upload of the same bytes finds and uses them.

use super::bucket::Bucket;
use super::index::Line;
use crate::fingerprint::{hex, join_sums, sum};
use crate::upload::Spooled;
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{MultipartUpload as _, ObjectStoreExt as _, PutPayload};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::SystemTime;

/// Bytes that are sent at once; smaller objects are sent whole.
const PART: u64 = 8 << 20;

impl Bucket {
    pub(crate) fn writable(&self) -> Result<()> {
        if self.read_only { Err(ArtifactError::ReadOnly) } else { Ok(()) }
    }

    /// Makes received bytes the artifact of a path.
    pub(crate) async fn place(&self, spooled: Spooled, path: &ArtifactPath) -> Result<()> {
        self.writable()?;
        path.split_last()?;
        let error = |error| ArtifactError::from_remote(error, path.as_str());
        let (plain, before) = tokio::try_join!(self.plain_object(path), self.lines(path))?;
        let print = spooled.print.clone();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let last = before.last().map_or(0, |line| line.millis + 1);
        let entry = self.line(path, &print, u64::try_from(now).unwrap_or(u64::MAX).max(last))?;
        let use_of = self.use_of(&print.name(), path)?;
        {
            let _counting = self.counting.lock().await;
            self.store.put(&use_of, PutPayload::new()).await.map_err(error)?;
        }
        self.put_blob(&self.blob(&print.name())?, spooled).await?;
        let sums = PutPayload::from(join_sums(&print.pieces));
        self.store.put(&entry, sums).await.map_err(error)?;
        if let Some(object) = plain {
            self.store.delete(&object.location).await.map_err(error)?;
        }
        for line in before {
            self.forget(&line, path, line.sha256 != print.sha256).await?;
        }
        Ok(())
    }

    /// The object that says that a path uses bytes.
    fn use_of(&self, sum_of_bytes: &str, path: &ArtifactPath) -> Result<Key> {
        self.own("uses", &format!("{sum_of_bytes}/{}", hex(&sum(path.as_str().as_bytes()))))
    }

    /// Removes an entry, and the bytes when nothing uses them any more.
    pub(super) async fn forget(&self, line: &Line, path: &ArtifactPath, with_use: bool) -> Result<()> {
        let error = |error| ArtifactError::from_remote(error, path.as_str());
        self.store.delete(&line.key).await.map_err(error)?;
        if !with_use {
            return Ok(());
        }
        let _counting = self.counting.lock().await;
        self.store.delete(&self.use_of(&line.sum(), path)?).await.map_err(error)?;
        if self.below(&self.own("uses", &line.sum())?).await?.is_empty() {
            self.store.delete(&self.blob(&line.sum())?).await.map_err(error)?;
        }
        Ok(())
    }

    async fn put_blob(&self, key: &Key, spooled: Spooled) -> Result<()> {
        let error = |error| ArtifactError::from_remote(error, key.as_ref());
        let size = spooled.print.size;
        match self.store.head(key).await {
            Ok(known) if known.size == size => return Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(failed) => return Err(error(failed)),
        }
        let spooled = Arc::new(spooled);
        if size <= PART {
            let bytes = part(&spooled, 0).await?;
            self.store.put(key, bytes.into()).await.map_err(error)?;
            return Ok(());
        }
        let mut upload = self.store.put_multipart(key).await.map_err(error)?;
        for index in 0..size.div_ceil(PART) {
            let sent = match part(&spooled, index).await {
                Ok(bytes) => upload.put_part(bytes.into()).await.map_err(error),
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                // What cannot be taken back now is the store's to expire.
                let _ = upload.abort().await;
                return Err(error);
            }
        }
        upload.complete().await.map_err(error)?;
        Ok(())
    }
}

/// The bytes of one part of a local file.
async fn part(spooled: &Arc<Spooled>, index: u64) -> Result<Bytes> {
    let spooled = Arc::clone(spooled);
    let read = tokio::task::spawn_blocking(move || {
        let begin = index * PART;
        let length = usize::try_from((spooled.print.size - begin).min(PART)).unwrap_or(0);
        let mut bytes = vec![0; length];
        spooled.file.read_exact_at(&mut bytes, begin)?;
        Ok::<_, std::io::Error>(Bytes::from(bytes))
    });
    Ok(read.await.map_err(std::io::Error::other)??)
}
