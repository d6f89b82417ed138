//! Artifact files on their way into our store.

use crate::mlflow::Api;
use crate::report::Report;
use crate::target::{Opened, Target};
use crate::{MigrationError, Result};
use bytes::Bytes;
use mainspring_artifact_store::{ArtifactError, ArtifactPath};
use percent_encoding::percent_decode_str;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes that are read and handed on at a time.
const PIECE: usize = 256 << 10;

/// What happens to artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copying {
    /// Files in folders and behind MLflow's artifact proxy are copied; other locations stay.
    Copy,
    /// All locations stay as they are.
    Reference,
}

/// Where artifact files may be taken from.
#[derive(Debug)]
pub struct Files {
    copying: Copying,
    /// Folders below which local files are taken: a foreign store must not make us publish others.
    roots: Vec<PathBuf>,
    /// Folders that an artifact proxy may have served.
    behind_proxy: Vec<PathBuf>,
    /// What relative locations start from.
    base: PathBuf,
    /// The server whose proxy has the files.
    api: Option<Api>,
}

/// What a location names.
enum Place {
    Local(PathBuf),
    Proxy(String),
    Elsewhere(String),
}

impl Files {
    pub(crate) fn new(
        copying: Copying,
        roots: &[PathBuf],
        behind_proxy: &[PathBuf],
        base: PathBuf,
        api: Option<Api>,
    ) -> Self {
        let real = |folders: &[PathBuf]| folders.iter().filter_map(|root| root.canonicalize().ok()).collect();
        Self { copying, roots: real(roots), behind_proxy: real(behind_proxy), base, api }
    }

    fn place(&self, location: &str) -> Place {
        if let Some(path) = location.strip_prefix("mlflow-artifacts:") {
            let path = match path.strip_prefix("//") {
                Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
                None => path,
            };
            return Place::Proxy(path.trim_matches('/').to_owned());
        }
        if let Some(path) = location.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let path = percent_decode_str(path).decode_utf8_lossy();
            return match path.starts_with('/') {
                true => Place::Local(PathBuf::from(path.as_ref())),
                false => Place::Elsewhere("file".to_owned()),
            };
        }
        match location.split_once(':') {
            Some((scheme, _)) if !scheme.contains('/') => Place::Elsewhere(scheme.to_owned()),
            _ => Place::Local(self.base.join(location)),
        }
    }

    /// Whether files at a location would be copied, and new ones should go to our store.
    pub(crate) fn would_move(&self, location: &str) -> bool {
        self.copying == Copying::Copy && !matches!(self.place(location), Place::Elsewhere(_))
    }

    /// Copies what lies at a location to `to` below our root; gives the new location, or none when it
    /// stays. `beside` is where the source keeps the files when it was moved as a whole.
    pub(crate) fn bring(
        &self,
        target: &Target,
        report: &mut Report,
        location: &str,
        to: &str,
        beside: Option<&Path>,
    ) -> Result<Option<String>> {
        let place = self.place(location);
        if let (Copying::Reference, _) | (_, Place::Elsewhere(_)) = (self.copying, &place) {
            let scheme = match place {
                Place::Local(_) => "file".to_owned(),
                Place::Proxy(_) => "mlflow-artifacts".to_owned(),
                Place::Elsewhere(scheme) => scheme,
            };
            *report.kept_locations.entry(scheme).or_default() += 1;
            return Ok(None);
        }
        let folder = match &place {
            Place::Local(path) if path.is_dir() => Some(path.clone()),
            Place::Local(_) | Place::Elsewhere(_) => {
                beside.filter(|path| path.is_dir()).map(Path::to_path_buf)
            }
            Place::Proxy(path) => {
                self.behind_proxy.iter().map(|root| root.join(path)).find(|folder| folder.is_dir())
            }
        };
        let mut way = Way { target, report, to };
        match (folder, place, &self.api) {
            (Some(folder), _, _) => {
                let real = folder.canonicalize().map_err(|error| source(&folder, &error))?;
                if !self.roots.iter().any(|root| real.starts_with(root)) {
                    way.report.left_out(
                        location,
                        "the folder is outside of the store; name it with --artifact-root to have it copied",
                    );
                    return Ok(None);
                }
                way.bring_folder(&real)?;
            }
            (None, Place::Proxy(path), Some(api)) => way.bring_remote(api, &path)?,
            (None, Place::Proxy(_), None) if self.behind_proxy.is_empty() => {
                way.report.left_out(
                    location,
                    "the files are behind an artifact proxy; name its folder with --artifact-root",
                );
                return Ok(None);
            }
            (None, ..) => way.report.absent_folders += 1,
        }
        Ok(Some(format!("mlflow-artifacts:/{to}")))
    }
}

/// One folder on its way.
struct Way<'a> {
    target: &'a Target,
    report: &'a mut Report,
    to: &'a str,
}

impl Way<'_> {
    fn bring_folder(&mut self, root: &Path) -> Result<()> {
        let mut folders = vec![(root.to_path_buf(), String::new())];
        while let Some((folder, below)) = folders.pop() {
            let mut entries: Vec<_> = std::fs::read_dir(&folder)
                .and_then(Iterator::collect)
                .map_err(|error| source(&folder, &error))?;
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let path = entry.path();
                let kind = entry.file_type().map_err(|error| source(&path, &error))?;
                let name = entry.file_name();
                let Some(name) = name.to_str().map(|name| join(&below, name)) else {
                    self.report.left_out(path.display().to_string(), "the name is not UTF-8");
                    continue;
                };
                if kind.is_dir() {
                    folders.push((path, name));
                } else if kind.is_file() {
                    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
                    match opened {
                        Ok((size, file)) => {
                            self.bring_file(&path.display().to_string(), &name, size, file)?;
                        }
                        Err(error) => self.report.left_out(path.display().to_string(), error.to_string()),
                    }
                } else {
                    self.report.left_out(path.display().to_string(), "it is neither a file nor a folder");
                }
            }
        }
        Ok(())
    }

    fn bring_remote(&mut self, api: &Api, root: &str) -> Result<()> {
        let mut folders = vec![String::new()];
        while let Some(below) = folders.pop() {
            for (name, size) in api.list_artifacts(&join(root, &below))? {
                let (place, name) = (join(root, &join(&below, &name)), join(&below, &name));
                // A name that leads elsewhere would be asked of the server, or stored, under it.
                if ArtifactPath::parse(&place).is_err() {
                    self.report.left_out(place, "the name is not one that artifacts may have");
                    continue;
                }
                match size {
                    None => folders.push(name),
                    Some(size) if self.target.is_dry() => self.count(size),
                    Some(size) => match api.open_artifact(&place) {
                        Ok(body) => self.bring_file(&place, &name, size, body)?,
                        Err(error) => self.report.left_out(place, error.to_string()),
                    },
                }
            }
        }
        Ok(())
    }

    fn bring_file(&mut self, place: &str, name: &str, size: u64, bytes: impl Read) -> Result<()> {
        let Ok(path) = ArtifactPath::parse(&join(self.to, name)) else {
            self.report.left_out(place, "the name is not one that artifacts may have");
            return Ok(());
        };
        if let Target::Store(opened) = self.target {
            match upload(opened, &path, bytes) {
                Ok(()) => {}
                Err(Failed::Reading(error)) => {
                    self.report.left_out(place, error.to_string());
                    return Ok(());
                }
                Err(Failed::Writing(ArtifactError::InvalidPath)) => {
                    self.report.left_out(place, "there is something else at its place");
                    return Ok(());
                }
                Err(Failed::Writing(error)) => return Err(error.into()),
            }
        }
        self.count(size);
        Ok(())
    }

    const fn count(&mut self, size: u64) {
        self.report.brought.files += 1;
        self.report.brought.bytes += size;
    }
}

enum Failed {
    Reading(std::io::Error),
    Writing(ArtifactError),
}

fn upload(opened: &Opened, path: &ArtifactPath, mut bytes: impl Read) -> std::result::Result<(), Failed> {
    let mut upload = opened.runtime.block_on(opened.artifacts.upload()).map_err(Failed::Writing)?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = bytes.read(&mut piece).map_err(Failed::Reading)?;
        if read == 0 {
            break;
        }
        let bytes = Bytes::copy_from_slice(&piece[..read]);
        opened.runtime.block_on(upload.write(bytes)).map_err(Failed::Writing)?;
    }
    opened.runtime.block_on(upload.commit(path)).map(drop).map_err(Failed::Writing)
}

fn join(folder: &str, name: &str) -> String {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => folder.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

fn source(path: &Path, error: &dyn std::fmt::Display) -> MigrationError {
    MigrationError::source(path.display().to_string(), error)
}
