//! Steps from folder to folder, each relative to the one before and never through a symbolic link.

use crate::{ArtifactError, ArtifactPath, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};

const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Opens a folder within another.
pub(super) fn folder(within: impl AsFd, name: &str) -> nix::Result<OwnedFd> {
    openat(within, name, FOLDER, Mode::empty())
}

/// The same; makes it, durably, when it is missing.
pub(super) fn make_folder(within: impl AsFd, name: &str) -> nix::Result<OwnedFd> {
    let within = within.as_fd();
    match folder(within, name) {
        Err(Errno::ENOENT) => {
            match mkdirat(within, name, Mode::from_bits_truncate(0o755)) {
                Ok(()) => fsync(within)?,
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
            folder(within, name)
        }
        other => other,
    }
}

/// Opens a file within a folder for reading.
pub(super) fn file(within: impl AsFd, name: &str) -> nix::Result<File> {
    // O_NONBLOCK: opening something that is no file must not wait for a writer.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    openat(within, name, flags, Mode::empty()).map(File::from)
}

/// The content of a small file of ours; none when there is no such file.
pub(super) fn read(within: impl AsFd, name: &str) -> Result<Option<Vec<u8>>> {
    let mut file = match file(within, name) {
        Err(Errno::ENOENT) => return Ok(None),
        other => other.map_err(std::io::Error::from)?,
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a new small file of ours, durably.
pub(super) fn write(within: impl AsFd, name: &str, bytes: &[u8]) -> Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = openat(within, name, flags, Mode::from_bits_truncate(0o644)).map_err(std::io::Error::from)?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// What a name within a folder is; none when there is nothing.
pub(super) fn stat(within: impl AsFd, name: &str) -> nix::Result<Option<FileStat>> {
    match fstatat(within, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The kind of thing that a name stands for.
pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// Removes a name that is no folder; nothing there is no error.
pub(super) fn unlink(within: impl AsFd, name: &str) -> nix::Result<()> {
    match unlinkat(within, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// Moves a name from folder to folder.
pub(super) fn rename(from: impl AsFd, name: &str, to: impl AsFd, new_name: &str) -> nix::Result<()> {
    renameat(from, name, to, new_name)
}

/// The names in a folder, in no order; `.` and `..` are left out.
pub(super) fn names(within: impl AsFd) -> Result<Vec<CString>> {
    // A descriptor of its own: the position in the listing belongs to it.
    let own = openat(within, ".", FOLDER, Mode::empty()).map_err(std::io::Error::from)?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(own).map_err(std::io::Error::from)? {
        let entry = entry.map_err(std::io::Error::from)?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Removes a name with all beneath it.
pub(super) fn remove_all(within: impl AsFd, name: &str) -> Result<()> {
    let within = within.as_fd();
    match folder(within, name) {
        Ok(inner) => {
            for name in names(&inner)? {
                match name.to_str() {
                    Ok(name) => remove_all(&inner, name)?,
                    Err(_) => unlinkat(&inner, name.as_c_str(), UnlinkatFlags::NoRemoveDir)
                        .map_err(std::io::Error::from)?,
                }
            }
            Ok(unlinkat(within, name, UnlinkatFlags::RemoveDir).map_err(std::io::Error::from)?)
        }
        Err(Errno::ENOENT) => Ok(()),
        Err(_) => Ok(unlink(within, name).map_err(std::io::Error::from)?),
    }
}

/// The error of a step on the way to a path.
pub(super) fn on_the_way(path: &ArtifactPath) -> impl Fn(Errno) -> ArtifactError + '_ {
    |errno| ArtifactError::from_errno(errno, path.as_str())
}
