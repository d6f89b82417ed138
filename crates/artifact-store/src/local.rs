//! The store on the local disk.

use crate::upload::Upload;
use crate::{ArtifactError, ArtifactPath, Result};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Artifacts of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ArtifactStore {
    inner: Arc<Root>,
}

#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) files: OwnedFd,
    pub(crate) uploads: OwnedFd,
    path: PathBuf,
}

/// One line of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name within the folder.
    pub name: String,
    /// Its size; none for a folder.
    pub size: Option<u64>,
}

/// An artifact ready to be read.
#[derive(Debug)]
pub struct Opened {
    /// The bytes.
    pub file: File,
    /// How many there are.
    pub size: u64,
    /// When they were written.
    pub modified: SystemTime,
}

impl ArtifactStore {
    /// Opens (or makes) the store beneath a folder: `files` holds artifacts, `uploads` what is not
    /// complete yet. Leftovers of interrupted uploads are removed.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn local(root: &Path) -> Result<Self> {
        let (files, uploads) = (root.join("files"), root.join("uploads"));
        std::fs::create_dir_all(&files)?;
        std::fs::create_dir_all(&uploads)?;
        for leftover in std::fs::read_dir(&uploads)? {
            std::fs::remove_file(leftover?.path())?;
        }
        let open = |path: &Path| File::open(path).map(OwnedFd::from);
        let inner = Root { files: open(&files)?, uploads: open(&uploads)?, path: files.canonicalize()? };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Begins to receive an artifact. Nothing is visible before [`Upload::commit`].
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn upload(&self) -> Result<Upload> {
        Upload::begin(Arc::clone(&self.inner)).await
    }

    /// Opens an artifact for reading.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] when there is no such file.
    pub async fn open(&self, path: &ArtifactPath) -> Result<Opened> {
        self.blocking(path, Root::open_file).await
    }

    /// Lists a folder, one level, by name. What does not exist is an empty folder, and so is a
    /// file: clients ask before they know.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn list(&self, path: &ArtifactPath) -> Result<Vec<Entry>> {
        let listed = self.blocking(path, Root::list_folder).await;
        match listed {
            Err(ArtifactError::NotFound(_)) => Ok(Vec::new()),
            other => other,
        }
    }

    /// Removes a file, or a folder with all in it.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] when there is nothing.
    pub async fn delete(&self, path: &ArtifactPath) -> Result<()> {
        self.blocking(path, Root::delete).await
    }

    /// Where an existing folder lies on this machine, for a process that must read it from disk.
    ///
    /// # Errors
    /// [`ArtifactError::NotFound`] when there is no such folder, [`ArtifactError::InvalidPath`]
    /// when the way to it is not made of real folders.
    pub async fn local_folder(&self, path: &ArtifactPath) -> Result<PathBuf> {
        self.blocking(path, |root, path| {
            root.folder(path.components(), path)?;
            Ok(root.path.join(path.as_str()))
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        path: &ArtifactPath,
        work: impl FnOnce(&Root, &ArtifactPath) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, path) = (Arc::clone(&self.inner), path.clone());
        tokio::task::spawn_blocking(move || work(&root, &path)).await.map_err(std::io::Error::other)?
    }
}

impl Root {
    /// Opens the folder that the components lead to, one at a time.
    fn folder<'a>(
        &self,
        components: impl IntoIterator<Item = &'a str>,
        path: &ArtifactPath,
    ) -> Result<OwnedFd> {
        let mut folder = self.files.try_clone()?;
        for component in components {
            folder = openat(&folder, component, FOLDER, Mode::empty())
                .map_err(|errno| ArtifactError::from_errno(errno, path.as_str()))?;
        }
        Ok(folder)
    }

    /// As [`Root::folder`], but makes what is missing.
    pub(crate) fn make_folder(&self, components: &[&str], path: &ArtifactPath) -> Result<OwnedFd> {
        let error = |errno| ArtifactError::from_errno(errno, path.as_str());
        let mut folder = self.files.try_clone()?;
        for component in components {
            let opened = openat(&folder, *component, FOLDER, Mode::empty());
            folder = match opened {
                Err(Errno::ENOENT) => {
                    match mkdirat(&folder, *component, Mode::from_bits_truncate(0o755)) {
                        Ok(()) => nix::unistd::fsync(&folder).map_err(error)?,
                        Err(Errno::EEXIST) => {}
                        Err(errno) => return Err(error(errno)),
                    }
                    openat(&folder, *component, FOLDER, Mode::empty()).map_err(error)?
                }
                other => other.map_err(error)?,
            };
        }
        Ok(folder)
    }

    fn open_file(&self, path: &ArtifactPath) -> Result<Opened> {
        let not_found = || ArtifactError::NotFound(path.as_str().to_owned());
        let (parents, name) = path.split_last().map_err(|_| not_found())?;
        let folder = self.folder(parents, path).map_err(|error| match error {
            ArtifactError::InvalidPath => not_found(),
            other => other,
        })?;
        // O_NONBLOCK: opening something that is no file must not wait for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let file = openat(&folder, name, flags, Mode::empty())
            .map_err(|errno| ArtifactError::from_errno(errno, path.as_str()))?;
        let file = File::from(file);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_found());
        }
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH + Duration::ZERO);
        Ok(Opened { size: metadata.len(), modified, file })
    }

    fn list_folder(&self, path: &ArtifactPath) -> Result<Vec<Entry>> {
        let folder = match self.folder(path.components(), path) {
            Err(ArtifactError::InvalidPath) => return Ok(Vec::new()),
            other => other?,
        };
        let error = |errno| ArtifactError::from_errno(errno, path.as_str());
        let mut entries = Vec::new();
        let listing = Dir::from_fd(folder.try_clone()?).map_err(error)?;
        for entry in listing {
            let entry = entry.map_err(error)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let stat = fstatat(&folder, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(error)?;
            let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
            let size = match kind {
                SFlag::S_IFREG => Some(u64::try_from(stat.st_size).unwrap_or(0)),
                SFlag::S_IFDIR => None,
                _ => continue,
            };
            entries.push(Entry { name: name.to_owned(), size });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        let (parents, name) = path.split_last()?;
        let folder = self.folder(parents, path)?;
        remove(folder.as_fd(), name).map_err(|errno| ArtifactError::from_errno(errno, path.as_str()))
    }
}

/// Removes a name from a folder, with all beneath it. A symbolic link is removed, not followed.
fn remove(folder: BorrowedFd<'_>, name: &str) -> nix::Result<()> {
    match openat(folder, name, FOLDER, Mode::empty()) {
        Ok(inner) => {
            let names: Vec<_> = Dir::from_fd(inner.try_clone().map_err(|_| Errno::EMFILE)?)?
                .into_iter()
                .filter_map(std::result::Result::ok)
                .map(|entry| (entry.file_name().to_owned(), entry.file_type()))
                .collect();
            for (name, kind) in names {
                match name.to_str() {
                    Ok("." | "..") => {}
                    Ok(name) if kind == Some(Type::File) => {
                        unlinkat(&inner, name, UnlinkatFlags::NoRemoveDir)?;
                    }
                    Ok(name) => remove(inner.as_fd(), name)?,
                    Err(_) => unlinkat(&inner, name.as_c_str(), UnlinkatFlags::NoRemoveDir)?,
                }
            }
            unlinkat(folder, name, UnlinkatFlags::RemoveDir)
        }
        Err(Errno::ENOTDIR | Errno::ELOOP) => unlinkat(folder, name, UnlinkatFlags::NoRemoveDir),
        Err(errno) => Err(errno),
    }
}
