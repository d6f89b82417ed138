//! `add`: put data into the cache and its `.dvc` file beside it.

use std::path::{Path, PathBuf};

use crate::dvc_file::{self, Facts};
use crate::error::VersioningError;
use crate::fsio;
use crate::git;
use crate::gitignore;
use crate::objects::ObjectStore;
use crate::paths;
use crate::repo::Repo;
use crate::tree::{self, TreeFile};

/// What `add` recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedFile {
    /// Path of the data from the root.
    pub path: PathBuf,
    /// MD5 of the data, with `.dir` for a directory.
    pub md5: String,
    /// Bytes; of a directory the sum over its files.
    pub size: u64,
    /// Path of the `.dvc` file from the root.
    pub dvc_file: PathBuf,
    /// The files that belong into the Git commit: the `.dvc` file, and the `.gitignore` if it changed.
    pub to_commit: Vec<PathBuf>,
}

impl Repo {
    /// Tracks files and directories as `dvc add` does; paths are absolute or relative to the current
    /// directory. The data stays where it is; the cache gets a copy.
    ///
    /// # Errors
    /// The first path that is missing, leads out of the repository, is tracked by Git or overlaps with
    /// another output; what was added before it stays added.
    pub fn add(&self, given: &[PathBuf]) -> Result<Vec<TrackedFile>, VersioningError> {
        let _lock = self.lock()?;
        given.iter().map(|path| self.add_one(path)).collect()
    }

    fn add_one(&self, given: &Path) -> Result<TrackedFile, VersioningError> {
        let path = paths::inside(self.root(), given)?;
        let absolute = self.root().join(&path);
        let dvc_file = format!("{path}.dvc");
        self.refuse_overlap(&path, &absolute)?;
        let uses_git = self.uses_git()?;
        if uses_git && !git::run(self.root(), &["ls-files", "--", &path])?.is_empty() {
            return Err(VersioningError::TrackedByGit { path });
        }
        let name = Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned());
        let facts = self.store(&absolute, name.unwrap_or_default())?;
        let existing = fsio::read_text_or_empty(&self.root().join(&dvc_file))?;
        let text = dvc_file::text_of(Some(existing.as_str()).filter(|text| !text.is_empty()), &facts)
            .map_err(|reason| VersioningError::Malformed { path: PathBuf::from(&dvc_file), reason })?;
        if text != existing {
            fsio::write(&self.root().join(&dvc_file), text.as_bytes())?;
        }
        let mut to_commit = vec![PathBuf::from(&dvc_file)];
        if uses_git && !git::succeeds(self.root(), &["check-ignore", "--quiet", "--", &path])? {
            let directory = Path::new(&path).parent().unwrap_or(Path::new(""));
            if gitignore::ignore(&self.root().join(directory), &facts.name)? {
                to_commit.push(directory.join(".gitignore"));
            }
        }
        Ok(TrackedFile {
            path: PathBuf::from(path),
            md5: facts.oid.to_string(),
            size: facts.size,
            dvc_file: PathBuf::from(dvc_file),
            to_commit,
        })
    }

    fn store(&self, absolute: &Path, name: String) -> Result<Facts, VersioningError> {
        let cache = self.cache()?;
        if absolute.is_file() {
            let (oid, size) = cache.put_file(absolute)?;
            let is_executable = fsio::is_executable(absolute)?;
            return Ok(Facts { oid, size, files: None, is_executable, name });
        }
        if !absolute.is_dir() {
            return Err(VersioningError::Escapes {
                path: absolute.display().to_string(),
                reason: "it is neither a file nor a directory",
            });
        }
        self.refuse_ignore_patterns()?;
        let (files, size) = store_directory(&cache, absolute)?;
        let oid = cache.put_listing(tree::listing(&files).as_bytes())?;
        Ok(Facts { oid, size, files: Some(files.len() as u64), is_executable: false, name })
    }

    /// An output may not lie in another one, nor contain one.
    fn refuse_overlap(&self, path: &str, absolute: &Path) -> Result<(), VersioningError> {
        let overlaps = |other: String| VersioningError::Overlaps { path: path.to_owned(), other };
        for parent in Path::new(path).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            let other = format!("{}.dvc", parent.display());
            if self.root().join(&other).is_file() {
                return Err(overlaps(other));
            }
        }
        if absolute.is_dir() {
            let inside = tree::files_below(absolute)?.into_iter().find(|file| file.ends_with(".dvc"));
            if let Some(file) = inside {
                return Err(overlaps(format!("{path}/{file}")));
            }
        }
        Ok(())
    }

    /// `.dvcignore` patterns decide which files of a directory count; without reading them the hash of
    /// the directory would differ from DVC's.
    fn refuse_ignore_patterns(&self) -> Result<(), VersioningError> {
        let text = fsio::read_text_or_empty(&self.root().join(".dvcignore"))?;
        let mut lines = text.lines().map(str::trim);
        if lines.any(|line| !line.is_empty() && !line.starts_with('#')) {
            let what = "a directory in a repository with patterns in .dvcignore".to_owned();
            return Err(VersioningError::Unsupported { what });
        }
        Ok(())
    }
}

fn store_directory(cache: &ObjectStore, absolute: &Path) -> Result<(Vec<TreeFile>, u64), VersioningError> {
    let (mut files, mut total) = (Vec::new(), 0);
    for relative in tree::files_below(absolute)? {
        let (oid, size) = cache.put_file(&absolute.join(&relative))?;
        total += size;
        files.push(TreeFile { relative, oid });
    }
    Ok((files, total))
}
