//! What becomes of all that lies in a workspace when it is deleted: experiments and data sets are those
//! of tracking, models and webhooks those of the registry, and whatever serves knows the models too.

use mainspring_domain::access::Scope;
use mainspring_domain::delivery::served_model;
use mainspring_domain::events::Record;
use mainspring_domain::workspaces::{WorkspaceName, local_model_name};
use mainspring_metadata_store::traits::WorkspaceContents;
use mainspring_metadata_store::{ReadTx, StoreError, WriteTx};
use mainspring_registry::{RegistryError, models, webhooks};
use mainspring_tracking::{TrackingError, evaluation, workspaces};
use serde_json::json;
use std::collections::HashSet;
use thiserror::Error;

/// Names that a message lists.
const LISTED: usize = 20;

/// Why a workspace is not deleted.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    /// What lies in it keeps it.
    #[error("{0}")]
    InUse(String),
    /// Tracking.
    #[error(transparent)]
    Tracking(#[from] TrackingError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, WorkspaceError>;

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

/// Deletes a workspace, and does with what lies in it as the mode says.
///
/// # Errors
/// When there is none, it is the default one, or the mode lets it stay.
pub fn delete(tx: &mut dyn WriteTx, name: &WorkspaceName, mode: Deletion) -> Result<()> {
    if name.is_default() {
        let message = "The 'default' workspace is reserved and cannot be deleted".to_owned();
        return Err(TrackingError::Invalid(message).into());
    }
    workspaces::get(tx, name)?;
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
    tx.record(Record::new("workspace.deleted", format!("workspace:{name}")).with(details))?;
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
        Some((table, count)) => Err(WorkspaceError::InUse(format!(
            "Cannot delete workspace '{name}': table '{table}' still contains {count} resource(s). Remove or \
             reassign them before deleting the workspace."
        ))),
    }
}

/// What serves, rolls out and tests a model knows it by its name on the whole server, which goes away.
fn check_undelivered(tx: &dyn ReadTx, name: &WorkspaceName, contents: &WorkspaceContents) -> Result<()> {
    let rollouts = tx.open_rollouts()?.into_iter().map(|rollout| rollout.model);
    let tests = tx.running_ab_tests()?.into_iter().filter_map(|test| test.model);
    let deployed = tx.deployments()?.into_iter().filter(|one| one.stable.is_some()).map(|one| one.model);
    // They name routes, of which a model has one per stage.
    let busy: HashSet<String> =
        rollouts.chain(tests).chain(deployed).map(|route| served_model(&route).to_owned()).collect();
    let mut held: Vec<&str> = contents.models.iter().map(String::as_str).collect();
    held.retain(|model| busy.contains(served_model(model)));
    if held.is_empty() {
        return Ok(());
    }
    let further = held.len().saturating_sub(LISTED);
    held.truncate(LISTED);
    let more = if further > 0 { format!(" and {further} more") } else { String::new() };
    Err(WorkspaceError::InUse(format!(
        "Cannot delete workspace '{name}': a version in charge, an open rollout or a running test has {}{more}. End \
         rollouts and tests, and delete these models first.",
        held.join(", ")
    )))
}

/// Registered models, data sets and webhooks have no bin; experiments have.
fn empty(tx: &mut dyn WriteTx, name: &WorkspaceName, contents: &WorkspaceContents) -> Result<()> {
    for model in &contents.models {
        models::delete(tx, model)?;
        tx.delete_grants_on(&Scope::Model(model.clone()))?;
    }
    for dataset in &contents.evaluation_datasets {
        evaluation::delete(tx, dataset)?;
    }
    for webhook in &contents.webhooks {
        webhooks::delete(tx, webhook)?;
    }
    for experiment in &contents.experiments {
        tx.delete_grants_on(&Scope::Experiment(*experiment))?;
    }
    Ok(workspaces::bury(tx, name, &contents.experiments)?)
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
        return Err(WorkspaceError::InUse(format!(
            "Cannot reassign resources from workspace '{name}' to 'default': the following resources already \
             exist in the default workspace and would cause conflicts:\n{}\nRename or remove the conflicting \
             resources before retrying.",
            conflicts.join("\n")
        )));
    }
    for model in &contents.models {
        let local = local_model_name(model);
        models::rename(tx, model, local)?;
        tx.move_grants(&Scope::Model(model.clone()), &Scope::Model(local.to_owned()))?;
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
