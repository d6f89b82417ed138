//! What is deleted, and deleting it for good.

use super::tx::{SqlTx, place, to_u64};
use super::workspaces::{BURIED, IN_WORKSPACE};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::search::View;
use crate::traits::{DeletionRead, DeletionWrite, Garbage};
use mainspring_domain::Timestamp;

fn garbage(row: &Row<'_>) -> Result<Garbage> {
    Ok(Garbage { path: row.get(0)?, queued: Timestamp::from_millis(row.get(1)?), error: row.get(2)? })
}

impl SqlTx<'_> {
    /// The ids of what was deleted before a time, of what this transaction sees.
    fn before(&self, sql: &str, order: &str, before: Timestamp) -> Result<Vec<String>> {
        let before = before.as_millis();
        match &self.within {
            None => self.rows(&format!("{sql} ORDER BY {order}"), [before], |row| row.get(0)),
            Some(within) => self.rows(
                &format!("{sql}{IN_WORKSPACE} ORDER BY {order}"),
                params![before, within.as_str()],
                |row| row.get(0),
            ),
        }
    }
}

impl DeletionRead for SqlTx<'_> {
    fn deleted_runs(&self, before: Timestamp) -> Result<Vec<String>> {
        let sql = "SELECT e.id FROM runs e WHERE e.lifecycle = 'deleted' AND e.deleted_at < ?1";
        self.before(sql, "e.deleted_at, e.id", before)
    }

    fn run_deleted_at(&self, id: &str) -> Result<Option<Timestamp>> {
        let sql = "SELECT deleted_at FROM runs WHERE id = ?1 AND lifecycle = 'deleted'";
        let time: Option<Option<i64>> = self.row(sql, [id], |row| row.get(0))?;
        Ok(time.flatten().map(Timestamp::from_millis))
    }

    fn deleted_logged_models(&self, before: Timestamp) -> Result<Vec<String>> {
        let sql = "SELECT e.id FROM logged_models e WHERE e.lifecycle <> 'active' AND e.updated < ?1";
        self.before(sql, "e.updated, e.id", before)
    }

    fn deleted_experiments(&self, before: Timestamp) -> Result<Vec<i64>> {
        let mut statement = self.select("SELECT e.id FROM experiments e");
        statement.view(View::Deleted);
        let before = statement.bind(before.as_millis());
        statement.and(&format!("e.updated < {before}"));
        if let Some(within) = &self.within {
            statement.in_workspace(within);
        }
        self.rows(&format!("{} ORDER BY e.updated, e.id", statement.sql), statement.values, |row| row.get(0))
    }

    fn runs_of_experiment(&self, experiment: i64) -> Result<Vec<String>> {
        self.rows("SELECT id FROM runs WHERE experiment = ?1 ORDER BY id", [experiment], |row| row.get(0))
    }

    fn logged_models_of_experiment(&self, experiment: i64) -> Result<Vec<String>> {
        let sql = "SELECT id FROM logged_models WHERE experiment = ?1 ORDER BY id";
        self.rows(sql, [experiment], |row| row.get(0))
    }

    fn artifact_garbage(&self, limit: usize) -> Result<Vec<Garbage>> {
        let sql = "SELECT path, queued, error FROM artifact_garbage ORDER BY queued, path LIMIT ?1";
        self.rows(sql, [place(limit)], garbage)
    }

    fn count_artifact_garbage(&self) -> Result<u64> {
        Ok(to_u64(self.scalar("SELECT COUNT(*) FROM artifact_garbage", [])?))
    }
}

impl DeletionWrite for SqlTx<'_> {
    fn purge_run(&mut self, id: &str) -> Result<()> {
        self.execute("DELETE FROM runs WHERE id = ?1", [id])?;
        Ok(())
    }

    fn purge_logged_model(&mut self, id: &str) -> Result<()> {
        self.execute("DELETE FROM logged_models WHERE id = ?1", [id])?;
        Ok(())
    }

    fn purge_experiment(&mut self, id: i64) -> Result<()> {
        self.execute("DELETE FROM experiments WHERE id = ?1", [id])?;
        // Where experiments of a deleted workspace waited for this goes with the last of them.
        self.execute(
            &format!(
                "DELETE FROM workspaces WHERE name LIKE {BURIED}
                 AND NOT EXISTS (SELECT 1 FROM experiments e WHERE e.workspace = workspaces.name)"
            ),
            [],
        )?;
        Ok(())
    }

    fn add_artifact_garbage(&mut self, path: &str) -> Result<()> {
        self.execute(
            "INSERT INTO artifact_garbage (path, queued) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![path, self.now.as_millis()],
        )?;
        Ok(())
    }

    fn fail_artifact_garbage(&mut self, path: &str, error: &str) -> Result<()> {
        // It goes to the end of the queue.
        self.execute(
            "UPDATE artifact_garbage SET error = ?2, queued = ?3 WHERE path = ?1",
            params![path, error, self.now.as_millis()],
        )?;
        Ok(())
    }

    fn drop_artifact_garbage(&mut self, path: &str) -> Result<()> {
        self.execute("DELETE FROM artifact_garbage WHERE path = ?1", [path])?;
        Ok(())
    }
}
