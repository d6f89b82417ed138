//! The root folder: opening it, finding and listing what is in it.

use super::kept::Kept;
use super::walk::{self, on_the_way};
use crate::artifact::{Artifact, Source};
use crate::path::RESERVED;
use crate::store::Entry;
use crate::{ArtifactError, ArtifactPath, Result};
use nix::sys::stat::SFlag;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Artifacts below a folder, as plain files under their own names.
#[derive(Debug)]
pub(crate) struct Root {
    pub(super) files: OwnedFd,
    path: PathBuf,
    /// None where clients write themselves.
    kept: Option<Kept>,
}

impl Root {
    /// Opens (or makes) a folder in which this server keeps artifacts, and ends what an earlier
    /// server left unfinished.
    pub(crate) fn keep(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        let files = OwnedFd::from(File::open(path)?);
        let kept = Kept::open(&files)?;
        let root = Self { files, path: path.canonicalize()?, kept: Some(kept) };
        root.recover()?;
        Ok(root)
    }

    /// Opens (or makes) a folder that others write.
    pub(crate) fn read_only(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { files: File::open(path)?.into(), path: path.canonicalize()?, kept: None })
    }

    pub(crate) fn kept(&self) -> Result<&Kept> {
        self.kept.as_ref().ok_or(ArtifactError::ReadOnly)
    }

    /// The folder for bytes under way.
    pub(crate) fn uploads(&self) -> Result<std::sync::Arc<OwnedFd>> {
        Ok(std::sync::Arc::clone(&self.kept()?.uploads))
    }

    /// Opens the folder that the components lead to, one at a time.
    pub(super) fn folder<'a>(
        &self,
        components: impl IntoIterator<Item = &'a str>,
        path: &ArtifactPath,
    ) -> Result<OwnedFd> {
        let mut folder = self.files.try_clone()?;
        for component in components {
            folder = walk::folder(&folder, component).map_err(on_the_way(path))?;
        }
        Ok(folder)
    }

    /// As [`Root::folder`], but makes what is missing.
    pub(super) fn make_folder(&self, components: &[&str], path: &ArtifactPath) -> Result<OwnedFd> {
        let mut folder = self.files.try_clone()?;
        for component in components {
            folder = walk::make_folder(&folder, component).map_err(on_the_way(path))?;
        }
        Ok(folder)
    }

    pub(crate) fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        let not_found = || ArtifactError::NotFound(path.as_str().to_owned());
        let damaged = || ArtifactError::Damaged(path.as_str().to_owned());
        let (parents, name) = path.split_last().map_err(|_| not_found())?;
        let opening = self.kept.as_ref().map(Kept::reading);
        let folder = self.folder(parents, path).map_err(|error| match error {
            ArtifactError::InvalidPath => not_found(),
            other => other,
        })?;
        let file = walk::file(&folder, name).map_err(on_the_way(path))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_found());
        }
        let entry = self.kept.as_ref().map(|kept| kept.entry(path.as_str())).transpose()?.flatten();
        drop(opening);
        let print = match entry {
            None => None,
            // Somebody else's entry under this key cannot be: the key is a hash of the path.
            Some(Some(entry)) if entry.path == path.as_str() && entry.print.size == metadata.len() => {
                Some(entry.print)
            }
            Some(_) => return Err(damaged()),
        };
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let tag = match &print {
            Some(print) => print.name(),
            None => format!("{:x}-{:x}-{:x}", metadata.ino(), metadata.mtime_nsec(), metadata.len()),
        };
        Ok(Artifact::new(path, metadata.len(), modified, tag, print, Source::File(file)))
    }

    pub(crate) fn list(&self, path: &ArtifactPath) -> Result<Vec<Entry>> {
        let folder = match self.folder(path.components(), path) {
            Err(ArtifactError::InvalidPath | ArtifactError::NotFound(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let mut entries = Vec::new();
        for name in walk::names(&folder)? {
            let Ok(name) = name.into_string() else { continue };
            if path.as_str().is_empty() && name == RESERVED {
                continue;
            }
            // A name may be gone since it was listed.
            let Some(stat) = walk::stat(&folder, &name).map_err(on_the_way(path))? else { continue };
            let size = match walk::kind(&stat) {
                SFlag::S_IFREG => Some(u64::try_from(stat.st_size).unwrap_or(0)),
                SFlag::S_IFDIR => None,
                _ => continue,
            };
            entries.push(Entry { name, size });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Where an existing folder lies on this machine, after a look at every file in it.
    pub(crate) fn whole_folder(&self, path: &ArtifactPath) -> Result<PathBuf> {
        self.folder(path.components(), path)?;
        self.check_below(path)?;
        Ok(self.path.join(path.as_str()))
    }

    fn check_below(&self, path: &ArtifactPath) -> Result<()> {
        for entry in self.list(path)? {
            let path = path.child(&entry.name);
            match entry.size {
                None => self.check_below(&path)?,
                Some(_) => self.open(&path)?.check()?,
            }
        }
        Ok(())
    }
}
