//! Workspaces, and what a transaction sees of the store.

use crate::Result;
use mainspring_domain::workspaces::{Workspace, WorkspaceName};

/// What lies in a workspace, deleted or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceContents {
    /// Experiments, by id.
    pub experiments: Vec<i64>,
    /// Registered models, by the name that the whole server knows.
    pub models: Vec<String>,
    /// Data sets for evaluation, by id.
    pub evaluation_datasets: Vec<String>,
    /// Webhooks, by id.
    pub webhooks: Vec<String>,
}

/// Reading workspaces.
pub trait WorkspacesRead {
    /// The workspace that this transaction sees: what lies in another one is not there for it. With
    /// none it sees everything, and names mean what is in the default workspace.
    fn within(&self) -> Option<&WorkspaceName>;
    /// The name by which the whole server knows a registered model that is named within what this
    /// transaction sees.
    fn qualified(&self, model: &str) -> String {
        self.within().map_or_else(|| model.to_owned(), |within| within.qualify(model))
    }
    /// One workspace.
    fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>>;
    /// All workspaces, by name.
    fn workspaces(&self) -> Result<Vec<Workspace>>;
    /// What lies in a workspace, whatever this transaction sees.
    fn workspace_contents(&self, name: &WorkspaceName) -> Result<WorkspaceContents>;
    /// Names of experiments of a workspace that experiments of the default one have too.
    fn experiments_also_in_default(&self, name: &WorkspaceName) -> Result<Vec<String>>;
}

/// Writing workspaces.
pub trait WorkspacesWrite {
    /// Adds a workspace.
    fn insert_workspace(&mut self, workspace: &Workspace) -> Result<()>;
    /// Writes all of a workspace but its name.
    fn update_workspace(&mut self, workspace: &Workspace) -> Result<()>;
    /// Removes a workspace in which no experiment lies.
    fn delete_workspace(&mut self, name: &WorkspaceName) -> Result<()>;
    /// Puts the experiments of a workspace where no transaction within a workspace sees them, until they
    /// are deleted for good.
    fn bury_experiments(&mut self, name: &WorkspaceName) -> Result<()>;
    /// Moves experiments, data sets and webhooks of a workspace into the default one.
    fn move_into_default(&mut self, name: &WorkspaceName) -> Result<()>;
}
