//! All places whose artifacts a server keeps or shows, by their URIs.

use crate::s3::S3Settings;
use crate::signing::Signer;
use crate::store::ArtifactStore;
use crate::{ArtifactError, ArtifactPath, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The place of artifacts that go through the server.
const PROXY: &str = "mlflow-artifacts:/";
/// The path of the proxy in its URLs.
const PROXY_PATH: &str = "/api/2.0/mlflow-artifacts/artifacts";

/// What a server is told about artifacts.
#[derive(Clone, Debug)]
pub struct ArtifactSettings {
    /// Where the server keeps the files that go through it: a folder, `file:///...` or `s3://...`; none
    /// for `artifacts` in the data folder.
    pub destination: Option<String>,
    /// Below what the artifacts of new experiments go; none for the server itself.
    pub default_root: Option<String>,
    /// Whether files go through the server at all.
    pub serve: bool,
    /// The folder that relative paths begin at.
    pub base: PathBuf,
    /// The server's data folder.
    pub data_dir: PathBuf,
}

/// The places of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Artifacts {
    places: Arc<Places>,
}

#[derive(Debug)]
struct Places {
    own: Option<ArtifactStore>,
    /// The root of locations of new experiments.
    default_root: String,
    /// A store that clients write, when the root is one this server can read.
    written_by_clients: Option<ArtifactStore>,
    signer: Signer,
}

/// Where artifacts are.
#[derive(Clone, Debug)]
pub struct Located {
    /// The store.
    pub store: ArtifactStore,
    /// Where in it.
    pub path: ArtifactPath,
    /// Whether the store is the server's own, which its proxy serves.
    pub own: bool,
}

impl Artifacts {
    /// A server that keeps everything in one store.
    #[must_use]
    pub fn only(own: ArtifactStore) -> Self {
        let places = Places {
            own: Some(own),
            default_root: PROXY.to_owned(),
            written_by_clients: None,
            signer: Signer::random(),
        };
        Self { places: Arc::new(places) }
    }

    /// Opens the places of a server.
    ///
    /// # Errors
    /// When a place cannot be used, or is of a kind that this server does not keep files in.
    pub fn open(settings: &ArtifactSettings) -> Result<Self> {
        let ArtifactSettings { destination, default_root, serve, base, data_dir } = settings;
        let work = data_dir.join("transfer");
        let settings_of_s3 = S3Settings::from_env();
        let own = match destination.as_deref() {
            _ if !serve => None,
            None => Some(ArtifactStore::local(&data_dir.join("artifacts"))?),
            Some(uri) if uri.starts_with("s3://") => {
                Some(ArtifactStore::s3(uri, &work.join("own"), &settings_of_s3)?)
            }
            Some(uri) => {
                let folder = local_folder(uri, base).ok_or_else(|| {
                    ArtifactError::Destination(format!(
                        "`{uri}` is no place to keep artifacts in: give a folder, file:///folder or \
                         s3://bucket/prefix"
                    ))
                })?;
                Some(ArtifactStore::local(&folder)?)
            }
        };
        let default_root = default_root.as_deref().unwrap_or(PROXY);
        if own.is_none() && default_root.starts_with("mlflow-artifacts:") {
            return Err(ArtifactError::Destination(
                "without served artifacts, --default-artifact-root must say where clients write them".into(),
            ));
        }
        let folder = local_folder(default_root, base);
        let written_by_clients = match &folder {
            Some(folder) => Some(ArtifactStore::local_read_only(folder)?),
            None if default_root.starts_with("s3://") => {
                Some(ArtifactStore::s3_read_only(default_root, &work.join("clients"), &settings_of_s3)?)
            }
            None => None,
        };
        // A plain path stays one, but does not depend on where somebody reads it.
        let default_root = match (&folder, default_root.starts_with("file:")) {
            (Some(folder), false) => folder.to_string_lossy().into_owned(),
            _ => default_root.to_owned(),
        };
        let signer = Signer::from_file(&data_dir.join("links.key"))?;
        Ok(Self { places: Arc::new(Places { own, default_root, written_by_clients, signer }) })
    }

    /// The store behind the proxy.
    ///
    /// # Errors
    /// When files do not go through this server.
    pub fn own(&self) -> Result<&ArtifactStore> {
        self.places.own.as_ref().ok_or(ArtifactError::NotServed)
    }

    /// The root of the locations of new experiments.
    #[must_use]
    pub fn default_root(&self) -> &str {
        &self.places.default_root
    }

    /// Signs links to the server's own store.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.places.signer
    }

    /// Finds the place that a URI names. Only the server's own store and what lies below the default
    /// root is ever read, whatever a client gave as a location.
    ///
    /// # Errors
    /// [`ArtifactError::NotKept`] for any other place.
    pub fn locate(&self, uri: &str) -> Result<Located> {
        let not_kept = || ArtifactError::NotKept(uri.to_owned());
        let own = |path| Ok(Located { store: self.own()?.clone(), path, own: true });
        if uri.starts_with("mlflow-artifacts:") {
            return own(ArtifactPath::from_uri(uri).map_err(|_| not_kept())?);
        }
        let rest = below(uri, &self.places.default_root).ok_or_else(not_kept)?;
        let path = ArtifactPath::parse(&rest).map_err(|_| not_kept())?;
        if uri.starts_with("http") {
            let (_, base) = self.places.default_root.split_once(PROXY_PATH).ok_or_else(not_kept)?;
            let base = ArtifactPath::parse(base.trim_matches('/')).map_err(|_| not_kept())?;
            return own(base.join(path.as_str())?);
        }
        let store = self.places.written_by_clients.clone().ok_or_else(not_kept)?;
        Ok(Located { store, path, own: false })
    }
}

/// What remains of a URI below a root; none when it is not below it.
fn below(uri: &str, root: &str) -> Option<String> {
    let (uri, root) = match (local_path(uri), local_path(root)) {
        (Some(uri), Some(root)) => (uri, root),
        (None, None) => (uri.to_owned(), root.to_owned()),
        _ => return None,
    };
    let rest = uri.strip_prefix(root.trim_end_matches('/'))?;
    if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('/').map(str::to_owned) }
}

/// The absolute path that a location on a local disk names; none for another kind of location.
fn local_path(uri: &str) -> Option<String> {
    let Some(rest) = uri.strip_prefix("file:") else {
        return uri.starts_with('/').then(|| uri.to_owned());
    };
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    path.starts_with('/').then(|| crate::path::percent_decode(path))
}

/// The folder that a setting names: a path, also a relative one, or a `file:` URI.
fn local_folder(uri: &str, base: &Path) -> Option<PathBuf> {
    match local_path(uri) {
        Some(path) => Some(path.into()),
        None if uri.contains(':') => None,
        None => Some(base.join(uri.trim_start_matches("./"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{below, local_folder};
    use std::path::Path;

    #[test]
    fn only_what_is_below_the_root_is_found() {
        for (uri, root, rest) in [
            ("/a/b/c", "/a/b", Some("c")),
            ("file:///a/b/c%20d", "/a/b/", Some("c d")),
            ("file://localhost/a/b", "file:///a/b", Some("")),
            ("/a/bc", "/a/b", None),
            ("/etc/passwd", "/a/b", None),
            ("file://other/a/b/c", "file:///a/b", None),
            ("s3://b/p/x", "s3://b/p", Some("x")),
            ("s3://b/pq/x", "s3://b/p", None),
            ("s3://b/p/x", "/b/p", None),
        ] {
            assert_eq!(below(uri, root).as_deref(), rest, "{uri} {root}");
        }
        assert_eq!(local_folder("./x", Path::new("/b")).unwrap(), Path::new("/b/x"));
        assert_eq!(local_folder("gs://x", Path::new("/b")), None);
    }
}
