//! Stores of objects by hash: the cache and local-directory remotes share one layout,
//! `files/md5/<2>/<30>`, files 0444.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::VersioningError;
use crate::fsio::{self, Copied};

const OBJECT_MODE: u32 = 0o444;

/// The name of an object: 32 hexadecimal digits, with `.dir` for a directory listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Oid {
    md5: String,
    is_dir: bool,
}

impl Oid {
    /// Reads an object name; `None` for anything that is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (md5, is_dir) = text.strip_suffix(".dir").map_or((text, false), |md5| (md5, true));
        let hexadecimal = md5.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (md5.len() == 32 && hexadecimal).then(|| Self { md5: md5.to_owned(), is_dir })
    }

    /// The name of a file with this hash, which must be 32 hexadecimal digits.
    pub(crate) fn of_file(md5: String) -> Self {
        Self { md5, is_dir: false }
    }

    /// The name of a directory listing with this hash.
    pub(crate) fn of_listing(bytes: &[u8]) -> Self {
        Self { md5: fsio::hash_bytes(bytes), is_dir: true }
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.is_dir
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.md5)?;
        if self.is_dir { formatter.write_str(".dir") } else { Ok(()) }
    }
}

/// A directory of objects.
#[derive(Debug, Clone)]
pub(crate) struct ObjectStore {
    directory: PathBuf,
}

impl ObjectStore {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The store's name in messages.
    pub(crate) fn name(&self) -> String {
        self.directory.display().to_string()
    }

    /// Where an object lies, whether it exists or not.
    pub(crate) fn path(&self, oid: &Oid) -> PathBuf {
        let name = oid.to_string();
        let (head, tail) = name.split_at(2);
        self.objects().join(head).join(tail)
    }

    pub(crate) fn has(&self, oid: &Oid) -> bool {
        self.path(oid).is_file()
    }

    /// Copies a file into the store and names it by its hash.
    pub(crate) fn put_file(&self, source: &Path) -> Result<(Oid, u64), VersioningError> {
        let copied = Copied::of(source, &self.objects())?;
        let (oid, size) = (Oid::of_file(copied.md5.clone()), copied.size);
        if !self.has(&oid) {
            copied.place(&self.path(&oid), OBJECT_MODE)?;
        }
        Ok((oid, size))
    }

    /// Stores a directory listing.
    pub(crate) fn put_listing(&self, bytes: &[u8]) -> Result<Oid, VersioningError> {
        let oid = Oid::of_listing(bytes);
        if !self.has(&oid) {
            let target = self.path(&oid);
            if let Some(parent) = target.parent() {
                fsio::create_dir(parent)?;
            }
            fsio::write(&target, bytes)?;
            set_read_only(&target)?;
        }
        Ok(oid)
    }

    /// Copies an object from `source` unless it is here already; true if it was copied. The bytes are
    /// hashed on the way and refused if they are not what the name says.
    pub(crate) fn copy_from(&self, source: &Self, oid: &Oid) -> Result<bool, VersioningError> {
        if self.has(oid) {
            return Ok(false);
        }
        let copied = Copied::of(&source.path(oid), &self.objects())?;
        if copied.md5 != oid.md5 {
            return Err(VersioningError::Corrupted {
                md5: oid.to_string(),
                found: copied.md5.clone(),
                store: source.name(),
            });
        }
        copied.place(&self.path(oid), OBJECT_MODE)?;
        Ok(true)
    }

    fn objects(&self) -> PathBuf {
        self.directory.join("files/md5")
    }
}

fn set_read_only(path: &Path) -> Result<(), VersioningError> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(OBJECT_MODE);
    std::fs::set_permissions(path, permissions).map_err(fsio::at(path))
}
