//! Where the artifacts of experiments go.

use crate::experiments::EXPERIMENT_DEFAULT;
use crate::{Result, validation};
use mainspring_domain::events::Record;
use mainspring_domain::workspaces::{Workspace, WorkspaceName};
use mainspring_metadata_store::WriteTx;
use mainspring_metadata_store::traits::search::{Search, View};
use serde_json::json;

/// The root that a new store begins with: artifacts go through the server.
pub(crate) const PROXY: &str = "mlflow-artifacts:/";

/// The folder below a root in which each workspace but the default one has a folder.
pub const FOLDER: &str = "workspaces";

/// The folder of a workspace, below a root and among the paths that the server serves.
#[must_use]
pub fn folder_of(workspace: &WorkspaceName) -> String {
    format!("{FOLDER}/{workspace}")
}

/// The experiment in whose folder a path lies, of those that the server serves: its folder is named by its
/// id, in another workspace than the default one behind the workspace's.
#[must_use]
pub fn experiment_in(path: &str) -> Option<i64> {
    let mut parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let id = match parts.next()? {
        FOLDER => parts.nth(1)?,
        first => first,
    };
    id.parse().ok()
}

/// The folder on this server that is an experiment's own, by its location. None where the location is another
/// one, which it may share.
#[must_use]
pub fn own_folder(location: &str, experiment: i64) -> Option<&str> {
    let path = location.strip_prefix(PROXY)?;
    let folder = match path.strip_prefix(FOLDER) {
        Some(rest) => rest.strip_prefix('/')?.split_once('/')?.1,
        None => path,
    };
    (folder == experiment.to_string()).then_some(path)
}

/// What a URI names behind this server's own artifacts, through which clients send their files; empty for
/// all of them. None for another kind of place.
#[must_use]
pub fn behind_server(uri: &str) -> Option<&str> {
    let named = uri.split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mlflow-artifacts"));
    let place = match named {
        Some((_, place)) => place,
        None => uri.split_once("/mlflow-artifacts/artifacts")?.1,
    };
    Some(place.trim_matches('/'))
}

/// Where new experiments keep their artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations {
    /// The URI below which each experiment gets a folder of its own.
    pub root: String,
    /// The folder at which relative paths given by clients begin, absolute.
    pub base: String,
    /// Whether workspaces are in use: clients give no locations of their own then, which could lead into
    /// another workspace.
    pub workspaces: bool,
}

impl Default for Locations {
    fn default() -> Self {
        Self { root: PROXY.to_owned(), base: "/".to_owned(), workspaces: false }
    }
}

impl Locations {
    /// The location of a new experiment of a workspace: in the default one as [`Locations::of`] says,
    /// in another one below a folder of its own. A root that the workspace has counts before the server's.
    ///
    /// # Errors
    /// When a location is given where it cannot be, or one that artifacts cannot have.
    pub fn within(&self, workspace: &Workspace, experiment: i64, given: Option<&str>) -> Result<String> {
        if given.is_some() && self.workspaces {
            return validation::invalid("artifact_location cannot be specified when workspaces are enabled");
        }
        if given.is_some() || (workspace.artifact_root.is_none() && workspace.name.is_default()) {
            return self.of(experiment, given);
        }
        Ok(match &workspace.artifact_root {
            Some(root) => format!("{}/{experiment}", root.trim_end_matches('/')),
            None => {
                format!("{}/{}/{experiment}", self.root.trim_end_matches('/'), folder_of(&workspace.name))
            }
        })
    }

    /// The location of an experiment: the one that was given, made absolute, or one below the root.
    ///
    /// # Errors
    /// When the given one is of a kind that artifacts cannot have.
    pub fn of(&self, experiment: i64, given: Option<&str>) -> Result<String> {
        let Some(given) = given else {
            return Ok(format!("{}/{experiment}", self.root.trim_end_matches('/')));
        };
        if given.starts_with("runs:") {
            return validation::invalid(format!(
                "Artifact location cannot be a runs:/ URI. Given: '{given}'"
            ));
        }
        if given.contains(['#', ';']) || given.chars().any(char::is_control) {
            return validation::invalid("'artifact_location' URL can't include fragments or params.");
        }
        let base = self.base.trim_end_matches('/');
        let (scheme, path) = match given.split_once(':') {
            Some(("file", path)) if !path.starts_with('/') => ("file://", path),
            Some(_) => return Ok(given.to_owned()),
            None if given.starts_with('/') => return Ok(given.to_owned()),
            None => ("", given),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in base.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Ok(format!("{scheme}/{}", parts.join("/")))
    }
}

/// Gives the default experiment of a store that was not used yet its place below the root.
///
/// # Errors
/// When the store refuses.
pub fn settle_default(tx: &mut dyn WriteTx, locations: &Locations) -> Result<()> {
    let Some(mut experiment) = tx.experiment(EXPERIMENT_DEFAULT)? else { return Ok(()) };
    let wanted = locations.of(EXPERIMENT_DEFAULT, None)?;
    let initial = Locations::default().of(EXPERIMENT_DEFAULT, None)?;
    if experiment.artifact_location != initial || wanted == initial {
        return Ok(());
    }
    let any = Search { limit: 1, ..Search::default() };
    let used = !tx.search_runs(&[EXPERIMENT_DEFAULT], View::All, &any)?.is_empty()
        || !tx.search_logged_models(&[EXPERIMENT_DEFAULT], &any)?.is_empty();
    if used {
        return Ok(());
    }
    experiment.artifact_location.clone_from(&wanted);
    experiment.updated = tx.now();
    tx.update_experiment(&experiment)?;
    let details = json!({ "artifact_location": wanted });
    tx.record(Record::new("experiment.updated", format!("experiment:{EXPERIMENT_DEFAULT}")).with(details))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Locations, behind_server, experiment_in, own_folder};

    #[test]
    fn folders_tell_their_experiment() {
        for (path, experiment) in [
            ("7/x", Some(7)),
            ("workspaces/team-a/7/x", Some(7)),
            ("./workspaces//team-a/7", Some(7)),
            ("workspaces/7", None),
            ("workspaces", None),
            ("x/7", None),
            ("", None),
        ] {
            assert_eq!(experiment_in(path), experiment, "{path}");
        }
        for (location, folder) in [
            ("mlflow-artifacts:/7", Some("7")),
            ("mlflow-artifacts:/workspaces/team-a/7", Some("workspaces/team-a/7")),
            ("mlflow-artifacts:/workspaces/team-a/77", None),
            ("mlflow-artifacts:/workspaces/7", None),
            ("mlflow-artifacts:/workspaces/team-a/x/7", None),
            ("mlflow-artifacts:/x/7", None),
            ("s3://bucket/7", None),
        ] {
            assert_eq!(own_folder(location, 7), folder, "{location}");
        }
    }

    #[test]
    fn places_behind_the_server_are_known_by_scheme_or_url() {
        for (uri, place) in [
            ("mlflow-artifacts:/", Some("")),
            ("MLflow-Artifacts:/exp/", Some("exp")),
            ("mlflow-artifacts://host:5000/exp", Some("host:5000/exp")),
            ("http://host/api/2.0/mlflow-artifacts/artifacts", Some("")),
            ("https://host/ajax-api/3.0/mlflow-artifacts/artifacts/exp", Some("exp")),
            ("HTTP://host/api/2.0/mlflow-artifacts/artifacts/exp", Some("exp")),
            ("https://host/files", None),
            ("s3://bucket/exp", None),
            ("/exp", None),
        ] {
            assert_eq!(behind_server(uri), place, "{uri}");
        }
    }

    #[test]
    fn locations_are_absolute() {
        let locations = Locations { root: "file:///r/".into(), base: "/work/dir".into(), workspaces: false };
        for (given, location) in [
            (None, "file:///r/7"),
            (Some("my_location"), "/work/dir/my_location"),
            (Some("./a/../b"), "/work/dir/b"),
            (Some("../../../../x"), "/x"),
            (Some("file:a"), "file:///work/dir/a"),
            (Some("/a/b"), "/a/b"),
            (Some("s3://bucket/x"), "s3://bucket/x"),
        ] {
            assert_eq!(locations.of(7, given).unwrap(), location);
        }
        assert_eq!(Locations::default().of(0, None).unwrap(), "mlflow-artifacts:/0");
        for refused in ["runs:/x/y", "s3://b/a#b", "/a;b", "a\nb"] {
            assert!(locations.of(7, Some(refused)).is_err(), "{refused}");
        }
    }
}
