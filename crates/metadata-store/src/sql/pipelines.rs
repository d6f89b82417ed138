//! Graphs, runs and attempts.

use super::tx::{SqlTx, to_text};
use crate::Result;
use crate::driver::params;
use crate::traits::{PipelinesRead, PipelinesWrite};
use mainspring_domain::pipelines::{Attempt, AttemptState, Dag, DagRun, ImportError};

impl PipelinesRead for SqlTx<'_> {
    fn dags(&self) -> Result<Vec<Dag>> {
        self.documents("SELECT doc FROM dags ORDER BY dag_id", [])
    }

    fn dag(&self, dag_id: &str) -> Result<Option<Dag>> {
        self.document("SELECT doc FROM dags WHERE dag_id = ?1", [dag_id])
    }

    fn import_errors(&self) -> Result<Vec<ImportError>> {
        self.documents("SELECT doc FROM import_errors ORDER BY file", [])
    }

    fn dag_run(&self, run_id: &str) -> Result<Option<DagRun>> {
        self.document("SELECT doc FROM dag_runs WHERE run_id = ?1", [run_id])
    }

    fn dag_runs(&self, dag_id: Option<&str>, limit: u32) -> Result<Vec<DagRun>> {
        match dag_id {
            Some(dag_id) => self.documents(
                "SELECT doc FROM dag_runs WHERE dag_id = ?1 ORDER BY num DESC LIMIT ?2",
                params![dag_id, limit],
            ),
            None => self.documents("SELECT doc FROM dag_runs ORDER BY num DESC LIMIT ?1", [limit]),
        }
    }

    fn last_scheduled_run(&self, dag_id: &str) -> Result<Option<DagRun>> {
        self.document(
            "SELECT doc FROM dag_runs WHERE dag_id = ?1 AND run_type = 'scheduled'
             ORDER BY interval_start DESC LIMIT 1",
            [dag_id],
        )
    }

    fn open_dag_runs(&self) -> Result<Vec<DagRun>> {
        self.documents("SELECT doc FROM dag_runs WHERE state IN ('queued', 'running') ORDER BY num", [])
    }

    fn attempts(&self, run_id: &str) -> Result<Vec<Attempt>> {
        let sql = "SELECT doc FROM attempts WHERE run_id = ?1 ORDER BY task_id, try_number";
        let mut attempts: Vec<Attempt> = self.documents(sql, [run_id])?;
        attempts.sort_by_key(|attempt| attempt.started);
        Ok(attempts)
    }

    fn attempt(&self, run_id: &str, task_id: &str, try_number: u32) -> Result<Option<Attempt>> {
        self.document(
            "SELECT doc FROM attempts WHERE run_id = ?1 AND task_id = ?2 AND try_number = ?3",
            params![run_id, task_id, try_number],
        )
    }

    fn attempt_by_token(&self, token_sha256: &str) -> Result<Option<Attempt>> {
        self.document("SELECT doc FROM attempts WHERE token_sha256 = ?1", [token_sha256])
    }

    fn open_attempts(&self) -> Result<Vec<Attempt>> {
        self.documents("SELECT doc FROM attempts WHERE state = 'running'", [])
    }
}

impl PipelinesWrite for SqlTx<'_> {
    fn put_dag(&mut self, dag: &Dag) -> Result<()> {
        self.execute(
            "INSERT INTO dags (dag_id, file, doc) VALUES (?1, ?2, ?3)
             ON CONFLICT (dag_id) DO UPDATE SET file = excluded.file, doc = excluded.doc",
            params![dag.spec.dag_id, dag.file, to_text(dag)?],
        )?;
        Ok(())
    }

    fn delete_dag(&mut self, dag_id: &str) -> Result<()> {
        self.execute("DELETE FROM dags WHERE dag_id = ?1", [dag_id])?;
        Ok(())
    }

    fn put_import_error(&mut self, error: &ImportError) -> Result<()> {
        self.execute(
            "INSERT INTO import_errors (file, doc) VALUES (?1, ?2)
             ON CONFLICT (file) DO UPDATE SET doc = excluded.doc",
            params![error.file, to_text(error)?],
        )?;
        Ok(())
    }

    fn delete_import_error(&mut self, file: &str) -> Result<()> {
        self.execute("DELETE FROM import_errors WHERE file = ?1", [file])?;
        Ok(())
    }

    fn put_dag_run(&mut self, run: &DagRun) -> Result<()> {
        self.execute(
            "INSERT INTO dag_runs (run_id, dag_id, state, run_type, interval_start, doc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (run_id) DO UPDATE SET state = excluded.state, doc = excluded.doc",
            params![
                run.run_id,
                run.dag.dag_id,
                run.state.as_str(),
                run.run_type,
                run.interval_start.as_millis(),
                to_text(run)?
            ],
        )?;
        Ok(())
    }

    fn put_attempt(&mut self, attempt: &Attempt) -> Result<()> {
        let state = match attempt.state {
            AttemptState::Running => "running",
            AttemptState::Ended => "ended",
            AttemptState::Lost => "lost",
        };
        self.execute(
            "INSERT INTO attempts (id, run_id, task_id, try_number, state, token_sha256, doc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, doc = excluded.doc",
            params![
                attempt.id,
                attempt.run_id,
                attempt.task_id,
                attempt.try_number,
                state,
                attempt.token_sha256,
                to_text(attempt)?
            ],
        )?;
        Ok(())
    }
}
