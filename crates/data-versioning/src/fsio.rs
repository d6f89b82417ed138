//! Small file operations with the path in the error, and writes that are complete or absent.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use uuid::Uuid;

use crate::error::VersioningError;

/// Attaches `path` to an I/O error.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> VersioningError {
    let path = path.to_path_buf();
    move |source| VersioningError::Io { path, source }
}

pub(crate) fn read_text(path: &Path) -> Result<String, VersioningError> {
    fs::read_to_string(path).map_err(at(path))
}

/// As [`read_text`], empty if the file does not exist.
pub(crate) fn read_text_or_empty(path: &Path) -> Result<String, VersioningError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(at(path)),
    }
}

pub(crate) fn create_dir(path: &Path) -> Result<(), VersioningError> {
    fs::create_dir_all(path).map_err(at(path))
}

/// Replaces `path` with `bytes`: a reader, or the next start after a power cut, sees the old or the new
/// contents.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), VersioningError> {
    let temporary = beside(path);
    let written = File::create_new(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // The error below matters more than a left-over file.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(at(path))
}

/// A copy in progress: a temporary file that disappears unless it is moved into place.
pub(crate) struct Copied {
    temporary: PathBuf,
    /// MD5 of the bytes, in hexadecimal.
    pub(crate) md5: String,
    /// Number of bytes.
    pub(crate) size: u64,
}

impl Copied {
    /// Copies `source` to a temporary file in the directory `into`, hashing on the way.
    pub(crate) fn of(source: &Path, into: &Path) -> Result<Self, VersioningError> {
        create_dir(into)?;
        let mut reader = File::open(source).map_err(at(source))?;
        let temporary = beside(&into.join("object"));
        let mut writer = File::create_new(&temporary).map_err(at(&temporary))?;
        let mut copied = Self { temporary, md5: String::new(), size: 0 };
        let mut hash = Md5::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = reader.read(&mut buffer).map_err(at(source))?;
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            hash.update(chunk);
            writer.write_all(chunk).map_err(at(&copied.temporary))?;
            copied.size += read as u64;
        }
        writer.sync_all().map_err(at(&copied.temporary))?;
        copied.md5 = hex(&hash.finalize());
        Ok(copied)
    }

    /// Moves the copy to `target` with the given permission bits.
    pub(crate) fn place(self, target: &Path, mode: u32) -> Result<(), VersioningError> {
        if let Some(parent) = target.parent() {
            create_dir(parent)?;
        }
        fs::set_permissions(&self.temporary, Permissions::from_mode(mode)).map_err(at(&self.temporary))?;
        fs::rename(&self.temporary, target).map_err(at(target))
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // After a move there is nothing to remove; otherwise a left-over is harmless.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// MD5 and size of a file.
pub(crate) fn hash_file(path: &Path) -> Result<(String, u64), VersioningError> {
    let mut reader = File::open(path).map_err(at(path))?;
    let (mut hash, mut size) = (Md5::new(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = reader.read(&mut buffer).map_err(at(path))?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            return Ok((hex(&hash.finalize()), size));
        };
        hash.update(chunk);
        size += read as u64;
    }
}

/// MD5 of bytes, in hexadecimal.
pub(crate) fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

/// Whether the owner may execute the file.
pub(crate) fn is_executable(path: &Path) -> Result<bool, VersioningError> {
    let metadata = fs::metadata(path).map_err(at(path))?;
    Ok(metadata.permissions().mode() & 0o100 != 0)
}

fn beside(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.tmp", Uuid::new_v4().simple()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
