//! Where the artifacts of experiments go.

use crate::experiments::EXPERIMENT_DEFAULT;
use crate::{Result, validation};
use mainspring_domain::events::Record;
use mainspring_domain::workspaces::Workspace;
use mainspring_metadata_store::WriteTx;
use mainspring_metadata_store::traits::search::{Search, View};
use serde_json::json;

/// The root that a new store begins with: artifacts go through the server.
const PROXY: &str = "mlflow-artifacts:/";

/// The folder below a root in which each workspace but the default one has a folder.
pub const FOLDER: &str = "workspaces";

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
        if self.workspaces && given.is_some() {
            return validation::invalid("artifact_location cannot be specified when workspaces are enabled");
        }
        let root = match &workspace.artifact_root {
            Some(root) => root.trim_end_matches('/').to_owned(),
            None if workspace.name.is_default() => return self.of(experiment, given),
            None => format!("{}/{FOLDER}/{}", self.root.trim_end_matches('/'), workspace.name),
        };
        match given {
            None => Ok(format!("{root}/{experiment}")),
            Some(_) => self.of(experiment, given),
        }
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
    use super::Locations;

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
