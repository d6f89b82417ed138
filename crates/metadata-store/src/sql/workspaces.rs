//! Workspaces, and what a transaction sees of the store.

use super::tx::{SqlTx, to_text};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::{WorkspaceContents, WorkspacesRead, WorkspacesWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::workspaces::{Workspace, WorkspaceName};
use std::borrow::Cow;

const WORKSPACE: &str = "SELECT name, description, artifact_root, created, updated FROM workspaces";

/// A condition on an entity `e` of an experiment: that it lies in the workspace bound as `?2`.
pub(super) const IN_WORKSPACE: &str =
    " AND EXISTS (SELECT 1 FROM experiments x WHERE x.id = e.experiment AND x.workspace = ?2)";

/// The pattern of workspaces in which experiments of deleted ones wait for their end. No name of a workspace
/// begins like this, so nobody can ask for one.
pub(super) const BURIED: &str = "'~%'";

fn workspace(row: &Row<'_>) -> Result<Workspace> {
    Ok(Workspace {
        name: WorkspaceName::from_stored(row.get(0)?),
        description: row.get(1)?,
        artifact_root: row.get(2)?,
        created: Timestamp::from_millis(row.get(3)?),
        updated: Timestamp::from_millis(row.get(4)?),
    })
}

impl SqlTx<'_> {
    /// Whether this transaction sees a workspace.
    pub(super) fn sees(&self, workspace: &WorkspaceName) -> bool {
        self.within.as_ref().is_none_or(|within| within == workspace)
    }

    /// Whether this transaction sees a registered model, by the name that the whole server knows.
    pub(super) fn sees_model(&self, name: &str) -> bool {
        self.within.as_ref().is_none_or(|within| within.has_model(name))
    }

    /// The workspace in which names of experiments are looked for.
    pub(super) fn named_in(&self) -> &str {
        self.within.as_ref().map_or(WorkspaceName::DEFAULT, WorkspaceName::as_str)
    }

    /// The row of an entity of an experiment, when this transaction sees it. `sql` ends with
    /// conditions on `e`, of which `?1` is the only value.
    pub(super) fn row_in_sight<T>(
        &self,
        sql: &str,
        value: &str,
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        match &self.within {
            None => self.row(sql, [value], map),
            Some(within) => self.row(&[sql, IN_WORKSPACE].concat(), [value, within.as_str()], map),
        }
    }

    /// The same for all rows.
    pub(super) fn rows_in_sight<T>(
        &self,
        sql: &str,
        value: &str,
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match &self.within {
            None => self.rows(sql, [value], map),
            Some(within) => self.rows(&[sql, IN_WORKSPACE].concat(), [value, within.as_str()], map),
        }
    }

    /// Whether an entity of an experiment lies in another workspace than the one that this transaction sees.
    pub(super) fn is_out_of_sight(&self, table: &str, id: &str) -> Result<bool> {
        let Some(within) = &self.within else { return Ok(false) };
        let sql = format!(
            "SELECT 1 FROM {table} e JOIN experiments x ON x.id = e.experiment
             WHERE e.id = ?1 AND x.workspace <> ?2"
        );
        Ok(self.row(&sql, [id, within.as_str()], |_| Ok(()))?.is_some())
    }

    /// Those of experiments that this transaction sees: a search covers no others.
    pub(super) fn experiments_in_sight<'l>(&self, experiments: &'l [i64]) -> Result<Cow<'l, [i64]>> {
        let Some(within) = &self.within else { return Ok(Cow::Borrowed(experiments)) };
        let found = self.rows(
            "SELECT id FROM experiments WHERE id IN (SELECT value FROM json_each(?1)) AND workspace = ?2
             ORDER BY id",
            params![to_text(experiments)?, within.as_str()],
            |row| row.get(0),
        )?;
        Ok(Cow::Owned(found))
    }

    fn texts(&self, sql: &str, value: &str) -> Result<Vec<String>> {
        self.rows(sql, [value], |row| row.get(0))
    }
}

impl WorkspacesRead for SqlTx<'_> {
    fn within(&self) -> Option<&WorkspaceName> {
        self.within.as_ref()
    }

    fn workspace(&self, name: &WorkspaceName) -> Result<Option<Workspace>> {
        self.row(&format!("{WORKSPACE} WHERE name = ?1"), [name.as_str()], workspace)
    }

    fn workspaces(&self) -> Result<Vec<Workspace>> {
        self.rows(&format!("{WORKSPACE} WHERE name NOT LIKE {BURIED} ORDER BY name"), [], workspace)
    }

    fn workspace_contents(&self, name: &WorkspaceName) -> Result<WorkspaceContents> {
        let mut models = self.select("SELECT e.name FROM registered_models e");
        models.models_of(Some(name), "e.name");
        let models =
            self.rows(&format!("{} ORDER BY e.name", models.sql), models.values, |row| row.get(0))?;
        let name = name.as_str();
        let experiments =
            self.rows("SELECT id FROM experiments WHERE workspace = ?1 ORDER BY id", [name], |row| {
                row.get(0)
            })?;
        Ok(WorkspaceContents {
            experiments,
            models,
            evaluation_datasets: self
                .texts("SELECT id FROM evaluation_datasets WHERE workspace = ?1 ORDER BY id", name)?,
            webhooks: self.texts("SELECT id FROM webhooks WHERE workspace = ?1 ORDER BY id", name)?,
        })
    }

    fn experiments_also_in_default(&self, name: &WorkspaceName) -> Result<Vec<String>> {
        let sql = "SELECT e.name FROM experiments e
                   JOIN experiments d ON d.name = e.name AND d.workspace = 'default'
                   WHERE e.workspace = ?1 ORDER BY e.name";
        self.texts(sql, name.as_str())
    }
}

impl WorkspacesWrite for SqlTx<'_> {
    fn insert_workspace(&mut self, workspace: &Workspace) -> Result<()> {
        self.execute(
            "INSERT INTO workspaces (name, description, artifact_root, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                workspace.name.as_str(),
                workspace.description,
                workspace.artifact_root,
                workspace.created.as_millis(),
                workspace.updated.as_millis()
            ],
        )?;
        Ok(())
    }

    fn update_workspace(&mut self, workspace: &Workspace) -> Result<()> {
        self.execute(
            "UPDATE workspaces SET description = ?2, artifact_root = ?3, updated = ?4 WHERE name = ?1",
            params![
                workspace.name.as_str(),
                workspace.description,
                workspace.artifact_root,
                workspace.updated.as_millis()
            ],
        )?;
        Ok(())
    }

    fn delete_workspace(&mut self, name: &WorkspaceName) -> Result<()> {
        self.execute("DELETE FROM workspaces WHERE name = ?1", [name.as_str()])?;
        Ok(())
    }

    fn bury_experiments(&mut self, name: &WorkspaceName) -> Result<()> {
        // As `BURIED` has it.
        let grave = format!("~{name}~{}", self.now.as_millis());
        self.execute(
            "INSERT INTO workspaces (name, created, updated) VALUES (?1, ?2, ?2) ON CONFLICT DO NOTHING",
            params![grave, self.now.as_millis()],
        )?;
        let sql = "UPDATE experiments SET workspace = ?2 WHERE workspace = ?1";
        self.execute(sql, [name.as_str(), &grave])?;
        Ok(())
    }

    fn move_into_default(&mut self, name: &WorkspaceName) -> Result<()> {
        for sql in [
            "UPDATE experiments SET workspace = 'default' WHERE workspace = ?1",
            "UPDATE evaluation_datasets SET workspace = 'default' WHERE workspace = ?1",
            "UPDATE webhooks SET workspace = 'default' WHERE workspace = ?1",
        ] {
            self.execute(sql, [name.as_str()])?;
        }
        Ok(())
    }
}
