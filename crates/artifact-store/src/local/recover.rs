//! Ending what an earlier server left unfinished.

use super::entry::Entry;
use super::root::Root;
use super::walk;
use crate::{ArtifactPath, Result};
use std::io::Error;
use std::time::{Duration, SystemTime};

/// Parts of a multipart upload that nobody completed are kept this long.
const PARTS_LIVE: Duration = Duration::from_secs(24 * 60 * 60);

impl Root {
    pub(super) fn recover(&self) -> Result<()> {
        let kept = self.kept()?;
        for name in walk::names(&kept.uploads)? {
            walk::remove_all(&kept.uploads, &name.to_string_lossy())?;
        }
        for note in walk::names(&kept.pending)? {
            self.settle(&note.to_string_lossy())?;
        }
        self.empty_trash()?;
        for id in walk::names(&kept.parts)? {
            let id = id.to_string_lossy();
            let Some(stat) = walk::stat(&kept.parts, &id).map_err(Error::from)? else { continue };
            let written =
                SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
            if written.elapsed().is_ok_and(|age| age > PARTS_LIVE) {
                walk::remove_all(&kept.parts, &id)?;
            }
        }
        Ok(())
    }

    /// Completes an upload whose artifact got its name, and forgets one whose did not.
    fn settle(&self, note: &str) -> Result<()> {
        let kept = self.kept()?;
        let entry = walk::read(&kept.pending, note)?.and_then(|bytes| Entry::decode(&bytes));
        let Some(entry) = entry else { return Ok(walk::unlink(&kept.pending, note).map_err(Error::from)?) };
        let there = ArtifactPath::parse(&entry.path).and_then(|path| {
            let (parents, name) = path.split_last()?;
            let folder = self.folder(parents, &path)?;
            Ok(walk::file(&folder, name).map_err(Error::from)?)
        });
        let placed = match &there {
            Ok(file) => super::read::holds(file, &entry.print)?,
            Err(_) => false,
        };
        if placed {
            return self.finish(note, &entry.path, &entry.print);
        }
        kept.free_unused(&entry.print.name())?;
        Ok(walk::unlink(&kept.pending, note).map_err(Error::from)?)
    }
}
