//! Folders of the bucket on the local disk, for processes that read files.

use super::bucket::Bucket;
use crate::fingerprint::{hex, sum};
use crate::{ArtifactError, ArtifactPath, Result};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

impl Bucket {
    /// A local copy of a folder, checked while it is made. Its name is a sum of what is in it, so
    /// another content is another copy and a copy that is there is the right one.
    pub(crate) async fn whole_folder(self: &Arc<Self>, path: &ArtifactPath) -> Result<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in self.list(&folder).await? {
                let path = folder.child(&entry.name);
                if entry.size.is_some() { files.push(path) } else { folders.push(path) }
            }
        }
        if files.is_empty() {
            return Err(ArtifactError::NotFound(path.as_str().to_owned()));
        }
        files.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        let mut content = path.as_str().to_owned();
        for file in &files {
            let _ = write!(content, "\n{}={}", file.as_str(), self.open_artifact(file).await?.tag);
        }
        let copy = self.cache.join(hex(&sum(content.as_bytes())));
        if copy.is_dir() {
            return Ok(copy);
        }
        let partial = self.cache.join(Uuid::new_v4().simple().to_string());
        for file in &files {
            let name = file.as_str().strip_prefix(path.as_str()).unwrap_or_default().trim_start_matches('/');
            self.copy(file, &partial.join(name)).await?;
        }
        match tokio::fs::rename(&partial, &copy).await {
            // Somebody else was faster with the same content.
            Err(_) if copy.is_dir() => tokio::fs::remove_dir_all(&partial).await?,
            other => other?,
        }
        Ok(copy)
    }

    async fn copy(self: &Arc<Self>, path: &ArtifactPath, to: &std::path::Path) -> Result<()> {
        if let Some(parent) = to.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        let artifact = self.open_artifact(path).await?;
        let size = artifact.size;
        let mut pieces = artifact.read(0..size);
        let mut file = tokio::fs::File::create_new(to).await?;
        while let Some(piece) = pieces.next().await {
            file.write_all(&piece?).await?;
        }
        Ok(file.flush().await?)
    }
}
