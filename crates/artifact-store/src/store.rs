//! One store of artifacts, whatever its backend.

use crate::artifact::Artifact;
use crate::local::Root;
use crate::s3::{Bucket, S3Settings};
use crate::upload::{Spooled, Upload};
use crate::{ArtifactError, ArtifactPath, Result};
use bytes::Bytes;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Parts of one multipart upload, as S3 limits them.
pub const MOST_PARTS: u32 = 10_000;
/// Bytes that are read at once while parts are joined.
const JOIN: usize = 256 << 10;

/// One line of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name within the folder.
    pub name: String,
    /// Its size; none for a folder.
    pub size: Option<u64>,
}

/// Artifacts below one root. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    backend: Backend,
}

#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Local(Arc<Root>),
    Bucket(Arc<Bucket>),
}

/// A multipart upload that has begun.
#[derive(Clone, Debug)]
pub struct Multipart {
    /// Its id.
    pub id: String,
    /// Where each part is to be sent; none when this server takes the parts itself.
    pub urls: Option<Vec<String>>,
}

impl Backend {
    pub(crate) async fn place(&self, spooled: Spooled, path: &ArtifactPath) -> Result<()> {
        match self {
            Self::Local(_) => self.local(path, move |root, path| root.place(&spooled, path)).await,
            Self::Bucket(bucket) => bucket.place(spooled, path).await,
        }
    }

    pub(crate) async fn keep_part(
        &self,
        spooled: Spooled,
        path: &ArtifactPath,
        id: &str,
        part: u32,
    ) -> Result<()> {
        let id = id.to_owned();
        self.local(path, move |root, path| root.keep_part(&spooled, path, &id, part)).await
    }

    /// Works on the local disk, off the threads that answer requests.
    async fn local<T: Send + 'static>(
        &self,
        path: &ArtifactPath,
        work: impl FnOnce(&Root, &ArtifactPath) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self::Local(root) = self else { return Err(ArtifactError::InvalidPath) };
        let (root, path) = (Arc::clone(root), path.clone());
        tokio::task::spawn_blocking(move || work(&root, &path)).await.map_err(std::io::Error::other)?
    }
}

impl ArtifactStore {
    /// Opens (or makes) a store in a folder; what an earlier server left unfinished is ended.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn local(folder: &Path) -> Result<Self> {
        Ok(Self { backend: Backend::Local(Arc::new(Root::keep(folder)?)) })
    }

    /// Opens a folder that clients write themselves; it is only read.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn local_read_only(folder: &Path) -> Result<Self> {
        Ok(Self { backend: Backend::Local(Arc::new(Root::read_only(folder)?)) })
    }

    /// Opens a store in a bucket, `s3://bucket/prefix`. `work` is a local folder of this store alone;
    /// it is emptied.
    ///
    /// # Errors
    /// When the settings make no sense. Whether the bucket can be reached shows in its use.
    pub fn s3(uri: &str, work: &Path, settings: &S3Settings) -> Result<Self> {
        Ok(Self { backend: Backend::Bucket(Arc::new(Bucket::open(uri, work, settings, false)?)) })
    }

    /// The same for a bucket that clients write themselves.
    ///
    /// # Errors
    /// As [`ArtifactStore::s3`].
    pub fn s3_read_only(uri: &str, work: &Path, settings: &S3Settings) -> Result<Self> {
        Ok(Self { backend: Backend::Bucket(Arc::new(Bucket::open(uri, work, settings, true)?)) })
    }

    fn check(path: &ArtifactPath) -> Result<()> {
        if path.is_reserved() { Err(ArtifactError::InvalidPath) } else { Ok(()) }
    }

    /// Begins to receive an artifact. Nothing is visible before [`Upload::commit`].
    ///
    /// # Errors
    /// When the disk refuses, or clients write here themselves.
    pub async fn upload(&self) -> Result<Upload> {
        let folder: Arc<OwnedFd> = match &self.backend {
            Backend::Local(root) => root.uploads()?,
            Backend::Bucket(bucket) => {
                bucket.writable()?;
                Arc::clone(&bucket.spool)
            }
        };
        Upload::begin(self.backend.clone(), folder).await
    }

    /// Stores a small artifact as a whole; also below a root that clients write, as they write there.
    ///
    /// # Errors
    /// As [`Upload::commit`].
    pub async fn put(&self, path: &ArtifactPath, bytes: Bytes) -> Result<()> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(root) if root.kept().is_err() => {
                let write = move |root: &Root, path: &ArtifactPath| root.write_beside_clients(path, &bytes);
                self.backend.local(path, write).await
            }
            Backend::Bucket(bucket) if bucket.writable().is_err() => {
                bucket.write_beside_clients(path, bytes).await
            }
            _ => {
                let mut upload = self.upload().await?;
                upload.write(bytes).await?;
                upload.commit(path).await.map(drop)
            }
        }
    }

    /// Opens an artifact for reading.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] when there is no such file, [`ArtifactError::Damaged`] when its size
    /// shows already that it is not what was stored.
    pub async fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(_) => self.backend.local(path, Root::open).await,
            Backend::Bucket(bucket) => bucket.open_artifact(path).await,
        }
    }

    /// Lists a folder, one level, by name. What does not exist is an empty folder, and so is a
    /// file: clients ask before they know.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, path: &ArtifactPath) -> Result<Vec<Entry>> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(_) => self.backend.local(path, Root::list).await,
            Backend::Bucket(bucket) => bucket.list(path).await,
        }
    }

    /// Removes a file, or a folder with all in it. Bytes that no other path uses are freed.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] when there is nothing.
    pub async fn delete(&self, path: &ArtifactPath) -> Result<()> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(_) => self.backend.local(path, Root::delete).await,
            Backend::Bucket(bucket) => bucket.delete(path).await,
        }
    }

    /// A folder on this machine's disk with the files of an artifact folder, all of them checked, for
    /// a process that must read them there.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] when there is no such folder, [`ArtifactError::InvalidPath`]
    /// when the way to it is not made of real folders, [`ArtifactError::Damaged`].
    pub async fn local_folder(&self, path: &ArtifactPath) -> Result<PathBuf> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(_) => self.backend.local(path, Root::whole_folder).await,
            Backend::Bucket(bucket) => bucket.whole_folder(path).await,
        }
    }

    /// The size of an artifact, and a URL of the store at which it can be read for a while; none when
    /// only this server can give it out.
    ///
    /// # Errors
    /// As [`ArtifactStore::open`].
    pub async fn read_url(&self, path: &ArtifactPath, lives: Duration) -> Result<(u64, Option<String>)> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(_) => Ok((self.open(path).await?.size, None)),
            Backend::Bucket(bucket) => {
                let (url, size) = bucket.read_url(path, lives).await?;
                Ok((size, Some(url)))
            }
        }
    }

    /// A URL of the store at which an artifact can be written for a while; none when only this
    /// server can take it.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub async fn write_url(&self, path: &ArtifactPath, lives: Duration) -> Result<Option<String>> {
        Self::check(path)?;
        path.split_last()?;
        match &self.backend {
            Backend::Local(root) => root.kept().map(|_| None),
            Backend::Bucket(bucket) => Ok(Some(bucket.write_url(path, lives).await?)),
        }
    }

    /// Begins an upload in parts.
    ///
    /// # Errors
    /// When nothing can be written there, or there are too many parts.
    pub async fn begin_parts(&self, path: &ArtifactPath, parts: u32, lives: Duration) -> Result<Multipart> {
        Self::check(path)?;
        if !(1..=MOST_PARTS).contains(&parts) {
            return Err(ArtifactError::Multipart(format!(
                "it must have 1 to {MOST_PARTS} parts, not {parts}"
            )));
        }
        match &self.backend {
            Backend::Local(_) => {
                let id = self.backend.local(path, Root::begin_parts).await?;
                Ok(Multipart { id, urls: None })
            }
            Backend::Bucket(bucket) => {
                let (id, urls) = bucket.begin_parts(path, parts, lives).await?;
                Ok(Multipart { id, urls: Some(urls) })
            }
        }
    }

    /// Makes an artifact of the parts of an upload, given with their tags.
    ///
    /// # Errors
    /// [`ArtifactError::Multipart`] when there is no such upload, or a part is missing or has another tag.
    pub async fn join_parts(
        &self,
        path: &ArtifactPath,
        id: &str,
        mut parts: Vec<(u32, String)>,
    ) -> Result<()> {
        Self::check(path)?;
        parts.sort_by_key(|(part, _)| *part);
        let twice = parts.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if parts.is_empty() || twice {
            return Err(ArtifactError::Multipart("every part must be named once".into()));
        }
        if let Backend::Bucket(bucket) = &self.backend {
            return bucket.join_parts(path, id, parts).await;
        }
        let of = id.to_owned();
        let files = self.backend.local(path, move |root, path| root.open_parts(path, &of, &parts)).await?;
        let mut upload = self.upload().await?;
        for file in files {
            let mut file = Some(file);
            while let Some(mut open) = file.take() {
                let read = tokio::task::spawn_blocking(move || {
                    let mut bytes = vec![0; JOIN];
                    let count = open.read(&mut bytes)?;
                    bytes.truncate(count);
                    Ok::<_, std::io::Error>((open, bytes))
                });
                let (open, bytes) = read.await.map_err(std::io::Error::other)??;
                if !bytes.is_empty() {
                    upload.write(Bytes::from(bytes)).await?;
                    file = Some(open);
                }
            }
        }
        upload.commit(path).await?;
        self.drop_parts(path, id).await
    }

    /// Gives an upload in parts up.
    ///
    /// # Errors
    /// [`ArtifactError::Multipart`] when there is none.
    pub async fn drop_parts(&self, path: &ArtifactPath, id: &str) -> Result<()> {
        Self::check(path)?;
        match &self.backend {
            Backend::Local(_) => {
                let id = id.to_owned();
                self.backend.local(path, move |root, path| root.drop_parts(path, &id)).await
            }
            Backend::Bucket(bucket) => bucket.drop_parts(path, id).await,
        }
    }
}
