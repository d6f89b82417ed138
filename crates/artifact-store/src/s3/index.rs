//! The index in the bucket. An entry is an object whose name says everything a list shows:
//! `DIR/NAME=TIME=SIZE=SHA256`; in it are the sums of the pieces. A later time wins, so an entry takes
//! the place of another in one step.

use super::bucket::Bucket;
use crate::fingerprint::{Fingerprint, Sum, hex, parse_sum, split_sums};
use crate::store::Entry;
use crate::{ArtifactError, ArtifactPath, Result};
use futures_util::TryStreamExt as _;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Bytes of the longest name that S3 takes.
const LONGEST: usize = 1024;

/// What the name of an entry says.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) key: Key,
    pub(super) name: String,
    pub(super) millis: u64,
    pub(super) size: u64,
    pub(super) sha256: Sum,
}

impl Line {
    fn read(key: &Key) -> Option<Self> {
        let mut parts = key.filename()?.rsplitn(4, '=');
        let (sum, size, millis) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            key: key.clone(),
            name: parts.next()?.to_owned(),
            millis: millis.parse().ok()?,
            size: size.parse().ok()?,
            sha256: parse_sum(sum)?,
        })
    }

    pub(super) fn modified(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.millis)
    }

    pub(super) fn sum(&self) -> String {
        hex(&self.sha256)
    }
}

impl Bucket {
    /// The key of a new entry.
    pub(super) fn line(&self, path: &ArtifactPath, print: &Fingerprint, millis: u64) -> Result<Key> {
        let rest = format!("{}={millis:014}={}={}", path.as_str(), print.size, print.name());
        let key = self.own("index", &rest)?;
        if key.as_ref().len() > LONGEST { Err(ArtifactError::InvalidPath) } else { Ok(key) }
    }

    /// The entries of a path, the one that counts last.
    pub(super) async fn lines(&self, path: &ArtifactPath) -> Result<Vec<Line>> {
        let error = |error| ArtifactError::from_remote(error, path.as_str());
        let (folder, name) = path.parent_and_name();
        let within = self.own("index", folder)?;
        let first = self.own("index", &format!("{}=", path.as_str()))?;
        let mut listed = self.store.list_with_offset(Some(&within), &first);
        let mut lines = Vec::new();
        while let Some(object) = listed.try_next().await.map_err(error)? {
            if !object.location.as_ref().starts_with(first.as_ref()) {
                break;
            }
            // `a` is asked for and `a=1` is there too: its entries begin alike.
            lines.extend(Line::read(&object.location).filter(|line| line.name == name));
        }
        lines.sort_by_key(|line| line.millis);
        Ok(lines)
    }

    /// The object under the artifact's own name.
    pub(super) async fn plain_object(&self, path: &ArtifactPath) -> Result<Option<ObjectMeta>> {
        match self.store.head(&self.plain(path.as_str())?).await {
            Ok(object) => Ok(Some(object)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(ArtifactError::from_remote(error, path.as_str())),
        }
    }

    /// The fingerprint behind an entry.
    pub(super) async fn print(&self, line: &Line, path: &str) -> Result<Fingerprint> {
        let error = |error| ArtifactError::from_remote(error, path);
        let pieces = if line.size > crate::fingerprint::PIECE as u64 {
            self.store.get(&line.key).await.map_err(error)?.bytes().await.map_err(error)?
        } else {
            bytes::Bytes::new()
        };
        let pieces = split_sums(&pieces, line.size);
        let pieces = pieces.ok_or_else(|| ArtifactError::Damaged(path.to_owned()))?;
        Ok(Fingerprint { size: line.size, sha256: line.sha256, pieces })
    }

    pub(crate) async fn list(&self, path: &ArtifactPath) -> Result<Vec<Entry>> {
        let (index, plain) = (self.own("index", path.as_str())?, self.plain(path.as_str())?);
        let (indexed, plain) = tokio::try_join!(self.level(&index), self.level(&plain))?;
        let mut entries = BTreeMap::new();
        let mut lines: Vec<Line> =
            indexed.1.iter().filter_map(|object| Line::read(&object.location)).collect();
        lines.sort_by_key(|line| line.millis);
        entries.extend(lines.into_iter().map(|line| (line.name, Some(line.size))));
        let named = |key: &Key| key.filename().map(str::to_owned);
        entries.extend(plain.1.iter().filter_map(|o| Some((named(&o.location)?, Some(o.size)))));
        let folders = indexed.0.iter().chain(&plain.0).filter_map(named);
        entries.extend(folders.map(|name| (name, None)));
        if path.as_str().is_empty() {
            entries.remove(crate::path::RESERVED);
        }
        Ok(entries.into_iter().map(|(name, size)| Entry { name, size }).collect())
    }
}
