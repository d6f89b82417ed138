//! Workspaces: places in which teams keep experiments and models apart.

use crate::locations::{PROXY, behind_server, folder_of};
use crate::validation::{self, invalid};
use crate::{Result, TrackingError};
use mainspring_domain::events::Record;
use mainspring_domain::tracking::Lifecycle;
use mainspring_domain::workspaces::{Workspace, WorkspaceName};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;

/// Characters of a description.
const DESCRIPTION: usize = 5000;
/// Characters of a root of artifacts.
const ROOT: usize = 2048;

/// Reads the name of a workspace.
///
/// # Errors
/// When it is none.
pub fn parse_name(text: &str) -> Result<WorkspaceName> {
    WorkspaceName::parse(text).or_else(|error| invalid(error.to_string()))
}

fn subject(name: &WorkspaceName) -> String {
    format!("workspace:{name}")
}

/// What a client says of a workspace; what is not given stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceChange {
    /// A text for people.
    pub description: Option<String>,
    /// The root of artifacts of new experiments, as a URI; empty for the server's.
    pub artifact_root: Option<String>,
}

impl WorkspaceChange {
    fn apply(self, workspace: &mut Workspace) -> Result<()> {
        if let Some(description) = self.description {
            validation::check_length("description", &description, DESCRIPTION)?;
            workspace.description = Some(description);
        }
        if let Some(root) = self.artifact_root {
            workspace.artifact_root = artifact_root(&workspace.name, root.trim())?;
        }
        Ok(())
    }
}

/// Checks a root of artifacts; an empty one is none.
fn artifact_root(workspace: &WorkspaceName, root: &str) -> Result<Option<String>> {
    if root.is_empty() {
        return Ok(None);
    }
    validation::check_length("default_artifact_root", root, ROOT)?;
    if root.contains(['#', ';']) || root.chars().any(char::is_control) {
        return invalid("'default_artifact_root' URL can't include fragments or params.");
    }
    let own = format!("{PROXY}{}", folder_of(workspace));
    let scheme = root.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.contains('/'));
    match scheme {
        Some("runs" | "models") => {
            invalid(format!("Artifact location cannot be a runs:/ URI. Given: '{root}'"))
        }
        // What goes through the server lies where it tells workspaces apart by.
        _ if behind_server(root).is_some() && root.trim_end_matches('/') != own => invalid(format!(
            "Invalid value for 'default_artifact_root'. Artifacts that go through the server lie below \
             '{own}', got '{root}'."
        )),
        Some(scheme) if scheme.len() > 1 => Ok(Some(root.to_owned())),
        None if root.starts_with('/') => Ok(Some(root.to_owned())),
        _ => invalid(format!(
            "Invalid value for 'default_artifact_root'. Expected a URI (for example 's3://bucket/prefix' or \
             'mlflow-artifacts:/prefix') or an absolute path, got '{root}'."
        )),
    }
}

/// Makes a workspace.
///
/// # Errors
/// When the name is not taken or in use, or the root of artifacts is not taken.
pub fn create(tx: &mut dyn WriteTx, name: &str, said: WorkspaceChange) -> Result<Workspace> {
    if name == WorkspaceName::DEFAULT {
        return invalid("The 'default' workspace is reserved and cannot be created");
    }
    let now = tx.now();
    let mut workspace = Workspace {
        name: parse_name(name)?,
        description: None,
        artifact_root: None,
        created: now,
        updated: now,
    };
    said.apply(&mut workspace)?;
    if tx.workspace(&workspace.name)?.is_some() {
        return Err(TrackingError::WorkspaceExists(workspace.name));
    }
    tx.insert_workspace(&workspace)?;
    let details = json!({ "artifact_root": workspace.artifact_root });
    tx.record(Record::new("workspace.created", subject(&workspace.name)).with(details))?;
    Ok(workspace)
}

/// One workspace.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, name: &WorkspaceName) -> Result<Workspace> {
    tx.workspace(name)?.ok_or_else(|| TrackingError::NoWorkspace(name.clone()))
}

/// The workspace in which something that is made now lies.
pub(crate) fn current(tx: &dyn ReadTx) -> Result<Workspace> {
    get(tx, &tx.within().cloned().unwrap_or_default())
}

/// Changes a workspace.
///
/// # Errors
/// When there is none, or what is given is not taken.
pub fn update(tx: &mut dyn WriteTx, name: &WorkspaceName, change: WorkspaceChange) -> Result<Workspace> {
    let mut workspace = get(tx, name)?;
    change.apply(&mut workspace)?;
    workspace.updated = tx.now();
    tx.update_workspace(&workspace)?;
    let details = json!({ "artifact_root": workspace.artifact_root });
    tx.record(Record::new("workspace.updated", subject(name)).with(details))?;
    Ok(workspace)
}

/// Deletes experiments of a workspace that goes away, with their runs. They go into a bin that nobody
/// reaches, until they are deleted for good.
///
/// # Errors
/// When the store fails.
pub fn bury(tx: &mut dyn WriteTx, name: &WorkspaceName, experiments: &[i64]) -> Result<()> {
    for id in experiments {
        let Some(mut experiment) = tx.experiment(*id)? else { continue };
        // One that was deleted before may have runs that were restored since.
        let runs = tx.set_lifecycle_with_experiment(*id, Lifecycle::Deleted)?;
        if experiment.lifecycle == Lifecycle::Active || runs > 0 {
            experiment.lifecycle = Lifecycle::Deleted;
            experiment.updated = tx.now();
            tx.update_experiment(&experiment)?;
            let details = json!({ "name": experiment.name, "runs": runs });
            tx.record(Record::new("experiment.deleted", format!("experiment:{id}")).with(details))?;
        }
    }
    if !experiments.is_empty() {
        tx.bury_experiments(name)?;
    }
    Ok(())
}
