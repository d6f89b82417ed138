//! Deleting. What is deleted moves to the trash in one step, so that nobody sees half of it, and is
//! taken apart there; what an interruption leaves there is taken apart at the next start.

use super::entry::Entry;
use super::kept::Kept;
use super::root::Root;
use super::walk::{self, on_the_way};
use crate::{ArtifactError, ArtifactPath, Result};
use nix::sys::stat::SFlag;
use nix::unistd::fsync;
use std::io::Error;
use std::os::fd::OwnedFd;
use uuid::Uuid;

/// The end of the name of the file that says where something in the trash was.
const ORIGIN: &str = ".origin";

impl Root {
    pub(crate) fn delete(&self, path: &ArtifactPath) -> Result<()> {
        let kept = self.kept()?;
        let (parents, name) = path.split_last()?;
        let folder = self.folder(parents, path)?;
        let there = walk::stat(&folder, name).map_err(on_the_way(path))?;
        if there.is_none() {
            return Err(ArtifactError::NotFound(path.as_str().to_owned()));
        }
        let id = Uuid::new_v4().simple().to_string();
        walk::write(&kept.trash, &format!("{id}{ORIGIN}"), path.as_str().as_bytes())?;
        // Until the end: an upload to the same path must find its own entry afterwards.
        let _changing = kept.changing();
        walk::rename(&folder, name, &kept.trash, &id).map_err(on_the_way(path))?;
        fsync(&folder).map_err(Error::from)?;
        self.dispose(&id, path.as_str())
    }

    /// Takes everything in the trash apart.
    pub(super) fn empty_trash(&self) -> Result<()> {
        let kept = self.kept()?;
        for name in walk::names(&kept.trash)? {
            let Some(id) = name.to_str().ok().and_then(|name| name.strip_suffix(ORIGIN)) else { continue };
            let origin = walk::read(&kept.trash, &format!("{id}{ORIGIN}"))?.unwrap_or_default();
            self.dispose(id, &String::from_utf8_lossy(&origin))?;
        }
        Ok(())
    }

    fn dispose(&self, id: &str, origin: &str) -> Result<()> {
        let kept = self.kept()?;
        take_apart(kept, &kept.trash, id, origin)?;
        walk::remove_all(&kept.trash, id)?;
        Ok(walk::unlink(&kept.trash, &format!("{id}{ORIGIN}")).map_err(Error::from)?)
    }
}

/// Removes the files of a deleted tree with their entries, and bytes of which they were the last.
fn take_apart(kept: &Kept, within: &OwnedFd, name: &str, path: &str) -> Result<()> {
    let Some(stat) = walk::stat(within, name).map_err(Error::from)? else { return Ok(()) };
    match walk::kind(&stat) {
        SFlag::S_IFDIR => {
            let folder = walk::folder(within, name).map_err(Error::from)?;
            for inner in walk::names(&folder)? {
                if let Ok(inner) = inner.to_str() {
                    take_apart(kept, &folder, inner, &format!("{path}/{inner}"))?;
                }
            }
            Ok(())
        }
        SFlag::S_IFREG => {
            if let Some(entry) = kept.entry(path)? {
                // The file goes last: as long as it is here, a repetition finds the rest.
                if let Some(entry) = entry {
                    kept.free_with(&entry.print.name(), &stat)?;
                }
                let key = Entry::key(path);
                let (shard, rest) = kept.shard(&kept.index, &key)?;
                walk::unlink(&shard, rest).map_err(Error::from)?;
            }
            Ok(walk::unlink(within, name).map_err(Error::from)?)
        }
        _ => Ok(()),
    }
}
