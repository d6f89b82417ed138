//! Transfers between clients and the bucket without this server between them: by URLs that carry
//! their own, short-lived authority.

use super::bucket::Bucket;
use crate::artifact::Source;
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use http::Method;
use object_store::ObjectStoreExt as _;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::signer::{SignedUrlOptions, Signer as _};
use std::sync::Arc;
use std::time::Duration;

impl Bucket {
    async fn signed(
        &self,
        method: Method,
        key: &Key,
        lives: Duration,
        options: &SignedUrlOptions,
    ) -> Result<String> {
        let store: &AmazonS3 = &self.store;
        let url = store.signed_url_opts(method, key, lives, options).await;
        Ok(url.map_err(|error| ArtifactError::from_remote(error, key.as_ref()))?.into())
    }

    /// A URL by which an artifact can be read, and its size.
    pub(crate) async fn read_url(
        self: &Arc<Self>,
        path: &ArtifactPath,
        lives: Duration,
    ) -> Result<(String, u64)> {
        let artifact = self.open_artifact(path).await?;
        let size = artifact.size;
        let Source::Object { key, .. } = artifact.into_source() else {
            return Err(ArtifactError::NotFound(path.as_str().to_owned()));
        };
        Ok((self.signed(Method::GET, &key, lives, &SignedUrlOptions::default()).await?, size))
    }

    /// A URL by which an artifact can be written under its own name.
    pub(crate) async fn write_url(&self, path: &ArtifactPath, lives: Duration) -> Result<String> {
        path.split_last()?;
        self.signed(Method::PUT, &self.plain(path.as_str())?, lives, &SignedUrlOptions::default()).await
    }

    /// Writes a small object as clients write theirs.
    pub(crate) async fn write_beside_clients(&self, path: &ArtifactPath, bytes: Bytes) -> Result<()> {
        path.split_last()?;
        let put = self.store.put(&self.plain(path.as_str())?, bytes.into()).await;
        put.map(drop).map_err(|error| ArtifactError::from_remote(error, path.as_str()))
    }

    pub(crate) async fn begin_parts(
        &self,
        path: &ArtifactPath,
        parts: u32,
        lives: Duration,
    ) -> Result<(String, Vec<String>)> {
        self.writable()?;
        path.split_last()?;
        let key = self.plain(path.as_str())?;
        let error = |error| ArtifactError::from_remote(error, path.as_str());
        let id = self.store.create_multipart(&key).await.map_err(error)?;
        let mut urls = Vec::new();
        for part in 1..=parts {
            let query = [("partNumber", part.to_string()), ("uploadId", id.clone())];
            let options = SignedUrlOptions::default().with_query(query);
            urls.push(self.signed(Method::PUT, &key, lives, &options).await?);
        }
        Ok((id, urls))
    }

    pub(crate) async fn join_parts(
        &self,
        path: &ArtifactPath,
        id: &str,
        parts: Vec<(u32, String)>,
    ) -> Result<()> {
        self.writable()?;
        // Parts are counted from one without a gap; the store takes them by their order.
        let gap = parts.iter().zip(1..).any(|((part, _), expected)| *part != expected);
        if gap {
            return Err(ArtifactError::Multipart("a part is missing between the first and the last".into()));
        }
        let parts = parts.into_iter().map(|(_, tag)| PartId { content_id: tag }).collect();
        let joined = self.store.complete_multipart(&self.plain(path.as_str())?, &id.to_owned(), parts).await;
        joined.map_err(|error| refused(&error))?;
        Ok(())
    }

    pub(crate) async fn drop_parts(&self, path: &ArtifactPath, id: &str) -> Result<()> {
        self.writable()?;
        let dropped = self.store.abort_multipart(&self.plain(path.as_str())?, &id.to_owned()).await;
        dropped.map_err(|error| refused(&error))
    }
}

/// The store does not know the upload, or not these parts of it.
fn refused(error: &object_store::Error) -> ArtifactError {
    ArtifactError::Multipart(error.to_string())
}
