//! `status`: which outputs differ from what their `.dvc` files record.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::VersioningError;
use crate::fsio;
use crate::objects::Oid;
use crate::paths;
use crate::repo::Repo;
use crate::tree::{self, TreeFile};

/// How an output differs, in DVC's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The data has other bytes.
    Modified,
    /// The data is gone.
    Deleted,
    /// The data is as recorded, and the cache does not have it.
    #[serde(rename = "not in cache")]
    NotInCache,
}

/// One output that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Path of the `.dvc` file from the root.
    pub dvc_file: PathBuf,
    /// Path of the data from the root.
    pub path: PathBuf,
    /// How it differs.
    pub state: State,
}

impl Repo {
    /// The outputs that differ from their `.dvc` files; none if all is up to date.
    ///
    /// # Errors
    /// If a `.dvc` file is malformed or a file cannot be read.
    pub fn status(&self) -> Result<Vec<Change>, VersioningError> {
        let _lock = self.lock()?;
        let cache = self.cache()?;
        let mut changes = Vec::new();
        for output in self.outputs()? {
            let state = match present(&paths::below(self.root(), &output.path)?)? {
                None => State::Deleted,
                Some(oid) if oid != output.oid => State::Modified,
                Some(_) if output.is_stored && !cache.has(&output.oid) => State::NotInCache,
                Some(_) => continue,
            };
            changes.push(Change { dvc_file: output.dvc_file, path: output.path, state });
        }
        Ok(changes)
    }
}

/// The object name of what lies at `path` now; `None` if nothing does.
pub(crate) fn present(path: &Path) -> Result<Option<Oid>, VersioningError> {
    if path.is_file() {
        return Ok(Some(Oid::of_file(fsio::hash_file(path)?.0)));
    }
    if !path.is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    for relative in tree::files_below(path)? {
        let (md5, _) = fsio::hash_file(&path.join(&relative))?;
        files.push(TreeFile { relative, oid: Oid::of_file(md5) });
    }
    Ok(Some(Oid::of_listing(tree::listing(&files).as_bytes())))
}
