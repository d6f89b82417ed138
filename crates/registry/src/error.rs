//! What can go wrong.

use crate::Refusal;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_expressions::search::FilterError;
use mainspring_metadata_store::StoreError;
use thiserror::Error;

/// An error of the registry.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A value that is not taken; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// A filter or an order that is not understood.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// There is no such model.
    #[error("Registered Model with name={0} not found")]
    NoModel(String),
    /// There is no such workspace any more.
    #[error("Workspace '{0}' not found")]
    NoWorkspace(WorkspaceName),
    /// The name is taken.
    #[error("Registered Model (name={0}) already exists.")]
    ModelExists(String),
    /// There is no such version.
    #[error("Model Version (name={name}, version={version}) not found")]
    NoVersion {
        /// The model.
        name: String,
        /// The version.
        version: u32,
    },
    /// The model has no version yet.
    #[error("Latest version not found for model {0}.")]
    NoLatest(String),
    /// There is no such alias.
    #[error("Registered model alias {0} not found.")]
    NoAlias(String),
    /// There is no such webhook.
    #[error("Webhook with ID {0} not found.")]
    NoWebhook(String),
    /// What a change expected to find is not so any more.
    #[error("{0}")]
    Conflict(String),
    /// A gate does not let the version take the stage.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
