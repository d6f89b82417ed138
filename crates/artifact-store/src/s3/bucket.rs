//! The bucket, and where in it things are.

use crate::path::RESERVED;
use crate::{ArtifactError, ArtifactPath, Result};
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore as _};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// What is said of an S3-compatible store beside the variables `AWS_*` of the environment.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// The store's URL; none for Amazon's own.
    pub endpoint: Option<String>,
    /// Access key id and secret access key.
    pub credentials: Option<(String, String)>,
}

impl S3Settings {
    /// The endpoint under the names by which MLflow and the AWS tools know it.
    #[must_use]
    pub fn from_env() -> Self {
        let names = ["MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
        let endpoint = names.iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
        Self { endpoint, credentials: None }
    }
}

/// Artifacts below a prefix of a bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(super) store: AmazonS3,
    prefix: String,
    /// The local folder for bytes under way.
    pub(crate) spool: Arc<OwnedFd>,
    /// The local folder for models that workers read from disk.
    pub(super) cache: PathBuf,
    /// Held while it is decided whether bytes are still used.
    pub(super) counting: Mutex<()>,
    /// Clients write there themselves and the server only reads.
    pub(super) read_only: bool,
}

impl Bucket {
    /// Connects by `s3://bucket/prefix`; `work` is a local folder, which is emptied.
    pub(crate) fn open(uri: &str, work: &Path, settings: &S3Settings, read_only: bool) -> Result<Self> {
        let rest = uri.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(ArtifactError::Destination(format!("`{uri}` names no bucket: s3://bucket/prefix")));
        }
        let prefix = ArtifactPath::parse(prefix.trim_matches('/'))?;
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(endpoint) = &settings.endpoint {
            // Whoever names an endpoint without TLS means it.
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some((id, secret)) = &settings.credentials {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let unusable = |error: object_store::Error| ArtifactError::Destination(format!("{uri}: {error}"));
        let store = builder.build().map_err(unusable)?;
        let (spool, cache) = (work.join("uploads"), work.join("models"));
        for folder in [&spool, &cache] {
            if folder.exists() {
                std::fs::remove_dir_all(folder)?;
            }
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self {
            store,
            prefix: prefix.as_str().to_owned(),
            spool: Arc::new(File::open(&spool)?.into()),
            cache: cache.canonicalize()?,
            counting: Mutex::new(()),
            read_only,
        })
    }

    fn key(&self, rest: &str) -> Result<Key> {
        let joined = match (self.prefix.as_str(), rest) {
            ("", rest) => rest.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, rest) => format!("{prefix}/{rest}"),
        };
        Key::parse(joined).map_err(|_| ArtifactError::InvalidPath)
    }

    /// An object under the artifact's own name: one that a client or another program put there.
    pub(super) fn plain(&self, path: &str) -> Result<Key> {
        self.key(path)
    }

    /// Something of the store's own.
    pub(super) fn own(&self, kind: &str, rest: &str) -> Result<Key> {
        let end = if rest.is_empty() { String::new() } else { format!("/{rest}") };
        self.key(&format!("{RESERVED}/{kind}{end}"))
    }

    pub(super) fn blob(&self, sum: &str) -> Result<Key> {
        self.own("blobs", sum)
    }

    /// One level below a key: folders and objects.
    pub(super) async fn level(&self, key: &Key) -> Result<(Vec<Key>, Vec<ObjectMeta>)> {
        let found = self.store.list_with_delimiter(Some(key)).await;
        let found = found.map_err(|error| ArtifactError::from_remote(error, key.as_ref()))?;
        Ok((found.common_prefixes, found.objects))
    }

    /// Everything below a key.
    pub(super) async fn below(&self, key: &Key) -> Result<Vec<ObjectMeta>> {
        let found = self.store.list(Some(key)).try_collect().await;
        found.map_err(|error| ArtifactError::from_remote(error, key.as_ref()))
    }
}
