//! Workspaces: places in which teams keep experiments and models apart.

use crate::validation::{self, invalid};
use crate::{Result, TrackingError};
use mainspring_domain::access::Scope;
use mainspring_domain::events::Record;
use mainspring_domain::tracking::Lifecycle;
use mainspring_domain::workspaces::{Workspace, WorkspaceName, local_model_name};
use mainspring_metadata_store::traits::WorkspaceContents;
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;
use std::collections::BTreeSet;

/// Characters of a description.
const DESCRIPTION: usize = 5000;
/// Characters of a root of artifacts.
const ROOT: usize = 2048;
/// Names that a message lists.
const LISTED: usize = 20;

/// What becomes of what lies in a workspace that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// While anything lies in it, it stays.
    Restrict,
    /// All is deleted with it: experiments go to the bin, where nobody can reach them.
    Cascade,
    /// All moves into the default workspace.
    SetDefault,
}

impl Deletion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SetDefault, Self::Cascade, Self::Restrict];

    /// The form in which clients name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restrict => "RESTRICT",
            Self::Cascade => "CASCADE",
            Self::SetDefault => "SET_DEFAULT",
        }
    }

    /// Reads that form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

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
    let scheme = root.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.contains('/'));
    match scheme {
        Some("runs" | "models") => {
            invalid(format!("Artifact location cannot be a runs:/ URI. Given: '{root}'"))
        }
        // What goes through the server lies where it tells workspaces apart by.
        Some("mlflow-artifacts")
            if root.trim_end_matches('/') != format!("mlflow-artifacts:/workspaces/{workspace}") =>
        {
            invalid(format!(
                "Invalid value for 'default_artifact_root'. Artifacts that go through the server lie below \
                 'mlflow-artifacts:/workspaces/{workspace}', got '{root}'."
            ))
        }
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

/// Deletes a workspace, and does with what lies in it as the mode says.
///
/// # Errors
/// When there is none, it is the default one, or the mode lets it stay.
pub fn delete(tx: &mut dyn WriteTx, name: &WorkspaceName, mode: Deletion) -> Result<()> {
    if name.is_default() {
        return invalid("The 'default' workspace is reserved and cannot be deleted");
    }
    get(tx, name)?;
    let contents = tx.workspace_contents(name)?;
    match mode {
        Deletion::Restrict => check_empty(name, &contents)?,
        Deletion::Cascade => {
            check_undelivered(tx, name, &contents)?;
            empty(tx, name, &contents)?;
        }
        Deletion::SetDefault => {
            check_undelivered(tx, name, &contents)?;
            move_all(tx, name, &contents)?;
        }
    }
    tx.delete_workspace(name)?;
    tx.delete_grants_on(&Scope::Workspace(name.clone()))?;
    let details = json!({
        "mode": mode.as_str(),
        "experiments": contents.experiments.len(),
        "models": contents.models.len(),
    });
    tx.record(Record::new("workspace.deleted", subject(name)).with(details))?;
    Ok(())
}

fn check_empty(name: &WorkspaceName, contents: &WorkspaceContents) -> Result<()> {
    let kinds = [
        ("registered_models", contents.models.len()),
        ("experiments", contents.experiments.len()),
        ("evaluation_datasets", contents.evaluation_datasets.len()),
        ("webhooks", contents.webhooks.len()),
    ];
    match kinds.into_iter().find(|(_, count)| *count > 0) {
        None => Ok(()),
        Some((table, count)) => Err(TrackingError::WorkspaceInUse(format!(
            "Cannot delete workspace '{name}': table '{table}' still contains {count} resource(s). Remove or \
             reassign them before deleting the workspace."
        ))),
    }
}

/// What serves, rolls out and tests a model knows it by its name on the whole server, which goes away.
fn check_undelivered(tx: &dyn ReadTx, name: &WorkspaceName, contents: &WorkspaceContents) -> Result<()> {
    let mut busy: BTreeSet<String> = tx.open_rollouts()?.into_iter().map(|rollout| rollout.model).collect();
    busy.extend(tx.running_ab_tests()?.into_iter().filter_map(|test| test.model));
    let mut held = Vec::new();
    for model in &contents.models {
        let deployed = tx.deployment(model)?.is_some_and(|found| found.stable.is_some());
        if deployed || busy.contains(model) {
            held.push(model.clone());
        }
    }
    if held.is_empty() {
        return Ok(());
    }
    let further = held.len().saturating_sub(LISTED);
    held.truncate(LISTED);
    let more = if further > 0 { format!(" and {further} more") } else { String::new() };
    Err(TrackingError::WorkspaceInUse(format!(
        "Cannot delete workspace '{name}': a version in charge, an open rollout or a running test has {}{more}. End          rollouts and tests, and delete these models first.",
        held.join(", ")
    )))
}

/// Registered models, data sets and webhooks have no bin; experiments go into one that nobody reaches,
/// until they are deleted for good.
fn empty(tx: &mut dyn WriteTx, name: &WorkspaceName, contents: &WorkspaceContents) -> Result<()> {
    for model in &contents.models {
        tx.delete_registered_model(model)?;
        tx.delete_grants_on(&Scope::Model(model.clone()))?;
        let reason = json!({ "workspace": name.as_str() });
        tx.record(Record::new("model.deleted", format!("model:{model}")).with(reason))?;
    }
    for dataset in &contents.evaluation_datasets {
        tx.delete_evaluation_dataset(dataset)?;
        let reason = json!({ "workspace": name.as_str() });
        tx.record(
            Record::new("evaluation_dataset.deleted", format!("evaluation_dataset:{dataset}")).with(reason),
        )?;
    }
    for webhook in &contents.webhooks {
        tx.delete_webhook(webhook)?;
        let reason = json!({ "workspace": name.as_str() });
        tx.record(Record::new("webhook.deleted", format!("webhook:{webhook}")).with(reason))?;
    }
    for id in &contents.experiments {
        let Some(mut experiment) = tx.experiment(*id)? else { continue };
        tx.delete_grants_on(&Scope::Experiment(*id))?;
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
    if !contents.experiments.is_empty() {
        tx.bury_experiments(name)?;
    }
    Ok(())
}

fn move_all(tx: &mut dyn WriteTx, name: &WorkspaceName, contents: &WorkspaceContents) -> Result<()> {
    let mut conflicts = Vec::new();
    for model in &contents.models {
        let local = local_model_name(model);
        if tx.registered_model(local)?.is_some() {
            conflicts.push(format!("  - registered_models: '{local}'"));
        }
    }
    let experiments = tx.experiments_also_in_default(name)?;
    conflicts.extend(experiments.iter().map(|name| format!("  - experiments: '{name}'")));
    if !conflicts.is_empty() {
        let further = conflicts.len().saturating_sub(LISTED);
        conflicts.truncate(LISTED);
        if further > 0 {
            conflicts.push(format!("  - and {further} more"));
        }
        return Err(TrackingError::WorkspaceInUse(format!(
            "Cannot reassign resources from workspace '{name}' to 'default': the following resources already \
             exist in the default workspace and would cause conflicts:\n{}\nRename or remove the conflicting \
             resources before retrying.",
            conflicts.join("\n")
        )));
    }
    for model in &contents.models {
        let local = local_model_name(model);
        tx.rename_registered_model(model, local)?;
        tx.move_grants(&Scope::Model(model.clone()), &Scope::Model(local.to_owned()))?;
        let details = json!({ "from": model, "to": local });
        tx.record(Record::new("model.renamed", format!("model:{local}")).with(details))?;
    }
    tx.move_into_default(name)?;
    let moved = json!({ "from": name.as_str(), "to": WorkspaceName::DEFAULT });
    for id in &contents.evaluation_datasets {
        let record = Record::new("evaluation_dataset.moved", format!("evaluation_dataset:{id}"));
        tx.record(record.with(moved.clone()))?;
    }
    for id in &contents.webhooks {
        tx.record(Record::new("webhook.moved", format!("webhook:{id}")).with(moved.clone()))?;
    }
    Ok(())
}
