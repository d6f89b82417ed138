//! Putting received bytes into their place.
//!
//! The order makes every interruption harmless. What is about to happen is noted durably in
//! `pending` first; then the bytes get their name by sum, then the artifact's name, and then the
//! note becomes the entry of the index. The next start finds the notes that are left and sees by
//! the file itself whether the artifact got its name.

use super::entry::Entry;
use super::root::Root;
use super::walk::{self, on_the_way};
use crate::fingerprint::Fingerprint;
use crate::upload::Spooled;
use crate::{ArtifactError, ArtifactPath, Result};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::SFlag;
use nix::unistd::{fsync, linkat};
use std::io::Error;
use std::os::fd::OwnedFd;
use std::sync::RwLockWriteGuard;
use uuid::Uuid;

impl Root {
    /// Makes received bytes the artifact of a path.
    pub(crate) fn place(&self, spooled: &Spooled, path: &ArtifactPath) -> Result<()> {
        let kept = self.kept()?;
        let (parents, name) = path.split_last()?;
        let folder = self.make_folder(&parents, path)?;
        let there = walk::stat(&folder, name).map_err(on_the_way(path))?;
        if there.is_some_and(|stat| walk::kind(&stat) == SFlag::S_IFDIR) {
            return Err(ArtifactError::InvalidPath);
        }
        let note = Uuid::new_v4().simple().to_string();
        walk::write(&kept.pending, &note, &Entry::encode(path, &spooled.print)?)?;
        let changing = match self
            .share(spooled)
            .and_then(|copy| self.rename_into(spooled, copy.as_deref(), &folder, name, path))
        {
            Ok(changing) => changing,
            Err(error) => {
                // Nothing may become visible later; what cannot be removed now is found at the next start.
                let _ = walk::unlink(&kept.pending, &note);
                let _ = walk::unlink(spooled.folder(), spooled.name());
                let _ = kept.free_unused(&spooled.print.name());
                return Err(error);
            }
        };
        fsync(&folder).map_err(Error::from)?;
        // From here on the note stays until it is the entry, at the latest at the next start.
        self.finish(&note, path.as_str(), &spooled.print)?;
        drop(changing);
        Ok(())
    }

    /// Writes a small file where clients write theirs: as they do, without an entry of its own.
    pub(crate) fn write_beside_clients(&self, path: &ArtifactPath, bytes: &[u8]) -> Result<()> {
        let (parents, name) = path.split_last()?;
        let folder = self.make_folder(&parents, path)?;
        let partial = format!(".{}", Uuid::new_v4().simple());
        let written = walk::write(&folder, &partial, bytes)
            .and_then(|()| walk::rename(&folder, &partial, &folder, name).map_err(on_the_way(path)));
        if written.is_err() {
            let _ = walk::unlink(&folder, &partial);
        }
        written
    }

    /// Gives the artifact its name, and keeps readers away until its entry is there too.
    fn rename_into(
        &self,
        spooled: &Spooled,
        copy: Option<&str>,
        folder: &OwnedFd,
        name: &str,
        path: &ArtifactPath,
    ) -> Result<RwLockWriteGuard<'_, ()>> {
        let link = copy.unwrap_or(spooled.name());
        let changing = self.kept()?.changing();
        let renamed = walk::rename(spooled.folder(), link, folder, name).map_err(on_the_way(path));
        // Two names of one file do not replace each other: the one here may be left.
        let _ = walk::unlink(spooled.folder(), link);
        renamed.map(|()| changing)
    }

    /// Turns the note of an artifact that has its name into the entry of the index.
    pub(super) fn finish(&self, note: &str, path: &str, print: &Fingerprint) -> Result<()> {
        let kept = self.kept()?;
        if let Some(Some(before)) = kept.entry(path)?
            && before.print.sha256 != print.sha256
        {
            kept.free_unused(&before.print.name())?;
        }
        let key = Entry::key(path);
        let (shard, rest) = kept.shard(&kept.index, &key)?;
        walk::rename(&kept.pending, note, &shard, rest).map_err(Error::from)?;
        Ok(fsync(&shard).map_err(Error::from)?)
    }

    /// Gives bytes their name by sum. When they are known already, a new link to the known file is
    /// made beside the upload, and its name is given: identical artifacts are one file.
    fn share(&self, spooled: &Spooled) -> Result<Option<String>> {
        let kept = self.kept()?;
        let name = spooled.print.name();
        let (shard, rest) = kept.shard(&kept.blobs, &name)?;
        loop {
            let known = match walk::file(&shard, rest) {
                Ok(known) => known,
                Err(Errno::ENOENT) => {
                    spooled.file.sync_all()?;
                    match link(spooled.folder(), spooled.name(), &shard, rest) {
                        Ok(()) => fsync(&shard).map_err(Error::from)?,
                        Err(Errno::EEXIST) => continue,
                        // A file system without links: every artifact is a file of its own.
                        Err(Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS) => {}
                        Err(errno) => return Err(Error::from(errno).into()),
                    }
                    return Ok(None);
                }
                Err(errno) => return Err(Error::from(errno).into()),
            };
            let sound = super::read::holds(&known, &spooled.print)?;
            let copy = Uuid::new_v4().simple().to_string();
            match if sound { link(&shard, rest, spooled.folder(), &copy) } else { Err(Errno::EMLINK) } {
                Ok(()) => return Ok(Some(copy)),
                Err(Errno::ENOENT) => {}
                // The known file is damaged, or has as many names as a file can have: the new one
                // takes over for what comes.
                Err(Errno::EMLINK) => walk::unlink(&shard, rest).map_err(Error::from)?,
                Err(errno) => return Err(Error::from(errno).into()),
            }
        }
    }
}

fn link(from: &OwnedFd, name: &str, to: &OwnedFd, new_name: &str) -> nix::Result<()> {
    linkat(from, name, to, new_name, AtFlags::empty())
}
