//! `push` and `pull` between the cache and a remote that is a local directory, and the checkout after
//! a pull.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::dvc_file::Output;
use crate::error::VersioningError;
use crate::fsio::{self, Copied, at};
use crate::objects::{ObjectStore, Oid};
use crate::paths;
use crate::repo::Repo;
use crate::status::present;
use crate::tree;

/// What `pull` did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pulled {
    /// Objects copied from the remote to the cache.
    pub fetched: usize,
    /// Outputs written to the working copy, paths from the root.
    pub written: Vec<PathBuf>,
}

impl Repo {
    /// Copies what the `.dvc` files record from the cache to a remote, the default one without a name;
    /// gives the number of objects copied.
    ///
    /// # Errors
    /// If the remote is not a configured local directory, or the cache misses an object.
    pub fn push(&self, remote: Option<&str>) -> Result<usize, VersioningError> {
        let _lock = self.lock()?;
        let (cache, remote) = (self.cache()?, self.remote_store(remote)?);
        let mut copied = 0;
        for output in self.outputs()?.into_iter().filter(|output| output.is_stored) {
            copied += transfer(&cache, &remote, &output)?;
        }
        Ok(copied)
    }

    /// Copies what the `.dvc` files record from a remote to the cache and from there to the working
    /// copy.
    ///
    /// # Errors
    /// If an object is missing or corrupted, or a changed file that is in no cache stands in the way.
    pub fn pull(&self, remote: Option<&str>) -> Result<Pulled, VersioningError> {
        let _lock = self.lock()?;
        let (cache, remote) = (self.cache()?, self.remote_store(remote)?);
        let outputs = self.outputs()?;
        let mut pulled = Pulled::default();
        for output in outputs.iter().filter(|output| output.is_stored) {
            pulled.fetched += transfer(&remote, &cache, output)?;
        }
        for output in outputs.into_iter().filter(|output| output.is_stored) {
            if checkout(self.root(), &cache, &output)? {
                pulled.written.push(output.path);
            }
        }
        Ok(pulled)
    }

    fn remote_store(&self, name: Option<&str>) -> Result<ObjectStore, VersioningError> {
        Ok(ObjectStore::new(self.config()?.remote(name, &self.dvc_dir())?))
    }
}

/// Copies an output's objects. The listing of a directory comes last, so that a store which has it has
/// its files.
fn transfer(from: &ObjectStore, to: &ObjectStore, output: &Output) -> Result<usize, VersioningError> {
    let missing = |oid: &Oid| VersioningError::MissingObject {
        md5: oid.to_string(),
        path: output.path.display().to_string(),
        store: from.name(),
    };
    let mut copied = 0;
    let mut copy = |oid: &Oid| {
        if !to.has(oid) && !from.has(oid) {
            return Err(missing(oid));
        }
        copied += usize::from(to.copy_from(from, oid)?);
        Ok(())
    };
    if output.oid.is_dir() {
        let holder = if from.has(&output.oid) { from } else { to };
        if !holder.has(&output.oid) {
            return Err(missing(&output.oid));
        }
        for file in tree::read_listing(holder, &output.oid)? {
            copy(&file.oid)?;
        }
    }
    copy(&output.oid)?;
    Ok(copied)
}

/// Writes an output to the working copy unless it is there; true if something was written.
fn checkout(root: &Path, cache: &ObjectStore, output: &Output) -> Result<bool, VersioningError> {
    let target = paths::below(root, &output.path)?;
    if present(&target)?.as_ref() == Some(&output.oid) {
        return Ok(false);
    }
    if !output.oid.is_dir() {
        refuse_unsaved(root, cache, &target)?;
        if target.is_dir() {
            return Err(VersioningError::WouldOverwrite { path: output.path.display().to_string() });
        }
        write(cache, &output.oid, &target, output.is_executable)?;
        return Ok(true);
    }
    let files = tree::read_listing(cache, &output.oid)?;
    let wanted: BTreeSet<&str> = files.iter().map(|file| file.relative.as_str()).collect();
    if target.is_file() {
        return Err(VersioningError::WouldOverwrite { path: output.path.display().to_string() });
    }
    // Look at everything before the first change.
    let there = if target.is_dir() { tree::files_below(&target)? } else { Vec::new() };
    for relative in &there {
        refuse_unsaved(root, cache, &target.join(relative))?;
    }
    for relative in there.iter().filter(|relative| !wanted.contains(relative.as_str())) {
        let path = target.join(relative);
        std::fs::remove_file(&path).map_err(at(&path))?;
    }
    fsio::create_dir(&target)?;
    for file in &files {
        let path = tree::path_of(&target, file);
        paths::below(root, path.strip_prefix(root).unwrap_or(&path))?;
        if present(&path)?.as_ref() != Some(&file.oid) {
            write(cache, &file.oid, &path, false)?;
        }
    }
    Ok(true)
}

/// A file whose bytes no cache holds must not be lost.
fn refuse_unsaved(root: &Path, cache: &ObjectStore, path: &Path) -> Result<(), VersioningError> {
    if path.is_file() && !cache.has(&Oid::of_file(fsio::hash_file(path)?.0)) {
        let path = path.strip_prefix(root).unwrap_or(path).display().to_string();
        return Err(VersioningError::WouldOverwrite { path });
    }
    Ok(())
}

fn write(cache: &ObjectStore, oid: &Oid, target: &Path, executable: bool) -> Result<(), VersioningError> {
    let directory = target.parent().unwrap_or(target);
    let copied = Copied::of(&cache.path(oid), directory)?;
    if Oid::of_file(copied.md5.clone()) != *oid {
        return Err(VersioningError::Corrupted {
            md5: oid.to_string(),
            found: copied.md5.clone(),
            store: cache.name(),
        });
    }
    // DVC gives the owner alone the right to execute.
    copied.place(target, if executable { 0o744 } else { 0o644 })
}
