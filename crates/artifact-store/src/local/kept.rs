//! What the store keeps beside the artifacts, in the folder `.mainspring` of the root: the index,
//! the bytes by their sum, and what is not finished.

use super::entry::Entry;
use super::walk;
use crate::Result;
use crate::path::RESERVED;
use nix::errno::Errno;
use nix::sys::stat::FileStat;
use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Debug)]
pub(crate) struct Kept {
    /// Bytes under way. Removed at start.
    pub(super) uploads: Arc<OwnedFd>,
    /// Entries of the index whose artifact may not be in its place yet.
    pub(super) pending: OwnedFd,
    /// What was deleted and is not taken apart yet.
    pub(super) trash: OwnedFd,
    /// Bytes by their SHA-256: one more name of the files that artifacts are.
    pub(super) blobs: OwnedFd,
    /// Entries by the SHA-256 of their path.
    pub(super) index: OwnedFd,
    /// Parts of multipart uploads.
    pub(super) parts: OwnedFd,
    /// Held for reading while a file and its entry are opened, for writing while they change.
    swap: RwLock<()>,
}

impl Kept {
    pub(super) fn open(files: &OwnedFd) -> Result<Self> {
        let own = walk::make_folder(files, RESERVED).map_err(std::io::Error::from)?;
        let open = |name| walk::make_folder(&own, name).map_err(std::io::Error::from);
        Ok(Self {
            uploads: Arc::new(open("uploads")?),
            pending: open("pending")?,
            trash: open("trash")?,
            blobs: open("blobs")?,
            index: open("index")?,
            parts: open("parts")?,
            swap: RwLock::new(()),
        })
    }

    pub(super) fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.swap.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changing(&self) -> RwLockWriteGuard<'_, ()> {
        self.swap.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder that holds a name of 64 digits, and the rest of the name.
    pub(super) fn shard<'a>(&self, of: &OwnedFd, name: &'a str) -> Result<(OwnedFd, &'a str)> {
        let (shard, rest) = name.split_at(2);
        Ok((walk::make_folder(of, shard).map_err(std::io::Error::from)?, rest))
    }

    /// The entry of a path. One that cannot be read counts as none that fits, so its artifact shows
    /// as damaged.
    pub(super) fn entry(&self, path: &str) -> Result<Option<Option<Entry>>> {
        let key = Entry::key(path);
        let (shard, rest) = key.split_at(2);
        let folder = match walk::folder(&self.index, shard) {
            Err(Errno::ENOENT) => return Ok(None),
            other => other.map_err(std::io::Error::from)?,
        };
        Ok(walk::read(folder, rest)?.map(|bytes| Entry::decode(&bytes)))
    }

    /// Forgets bytes that no artifact uses any more: the link count of the file says so.
    pub(super) fn free_unused(&self, name: &str) -> Result<()> {
        let (shard, rest) = self.shard(&self.blobs, name)?;
        let stat = walk::stat(&shard, rest).map_err(std::io::Error::from)?;
        if stat.is_some_and(|stat| stat.st_nlink == 1) {
            walk::unlink(&shard, rest).map_err(std::io::Error::from)?;
        }
        Ok(())
    }

    /// The same for a file that is about to go: its own name does not count.
    pub(super) fn free_with(&self, name: &str, file: &FileStat) -> Result<()> {
        let (shard, rest) = self.shard(&self.blobs, name)?;
        let known = walk::stat(&shard, rest).map_err(std::io::Error::from)?;
        if known.is_some_and(|known| known.st_ino == file.st_ino && known.st_nlink == 2) {
            walk::unlink(&shard, rest).map_err(std::io::Error::from)?;
        }
        Ok(())
    }
}
