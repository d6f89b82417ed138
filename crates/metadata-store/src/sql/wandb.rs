//! What clients of W&B keep of runs: what they said of them, and lines of streams.

use super::tracking::stored;
use super::tx::{SqlTx, place, to_text};
use crate::Result;
use crate::driver::{Row, ToValue as _, Value, params};
use crate::traits::{Line, WandbRead, WandbWrite};
use mainspring_domain::tracking::{KeyValue, Metric};
use mainspring_domain::wandb::{ArtifactEntry, ArtifactVersion, Collection, LineStream, WandbRun};

const RUN: &str = "SELECT run, experiment, name, details FROM wandb_runs";
const LINE: &str = "SELECT line, step, text FROM wandb_lines WHERE run = ?1 AND stream = ?2";

fn run(row: &Row<'_>) -> Result<WandbRun> {
    Ok(WandbRun {
        run: row.get(0)?,
        experiment: row.get(1)?,
        name: row.get(2)?,
        details: serde_json::from_str(row.text(3)?)?,
    })
}

fn line(row: &Row<'_>) -> Result<Line> {
    Ok(Line { number: row.get(0)?, step: row.get(1)?, text: row.get(2)? })
}

impl WandbRead for SqlTx<'_> {
    fn wandb_run(&self, experiment: i64, name: &str) -> Result<Option<WandbRun>> {
        self.row(&format!("{RUN} WHERE experiment = ?1 AND name = ?2"), params![experiment, name], run)
    }

    fn wandb_run_of(&self, id: &str) -> Result<Option<WandbRun>> {
        self.row(&format!("{RUN} WHERE run = ?1"), [id], run)
    }

    fn wandb_runs_of(&self, runs: &[String]) -> Result<Vec<WandbRun>> {
        let sql = format!("{RUN} WHERE run IN (SELECT value FROM json_each(?1))");
        self.rows(&sql, [to_text(&runs)?], run)
    }

    fn wandb_line_count(&self, run: &str, stream: LineStream) -> Result<i64> {
        self.scalar(
            "SELECT COALESCE(MAX(line), -1) + 1 FROM wandb_lines WHERE run = ?1 AND stream = ?2",
            [run, stream.as_str()],
        )
    }

    fn wandb_lines(&self, run: &str, stream: LineStream, from: i64, limit: usize) -> Result<Vec<Line>> {
        self.rows(
            &format!("{LINE} AND line >= ?3 ORDER BY line LIMIT ?4"),
            params![run, stream.as_str(), from, place(limit)],
            line,
        )
    }

    fn wandb_lines_of_steps(
        &self,
        run: &str,
        stream: LineStream,
        (from, to): (i64, i64),
        limit: usize,
    ) -> Result<Vec<Line>> {
        self.rows(
            &format!("{LINE} AND step >= ?3 AND step < ?4 ORDER BY step, line LIMIT ?5"),
            params![run, stream.as_str(), from, to, place(limit)],
            line,
        )
    }

    fn wandb_collections(&self, experiment: i64, kind: Option<&str>) -> Result<Vec<Collection>> {
        self.collections_of(experiment, kind)
    }

    fn wandb_collection(&self, id: i64) -> Result<Option<Collection>> {
        self.collection_row(id)
    }

    fn wandb_collection_named(&self, experiment: i64, name: &str) -> Result<Option<Collection>> {
        self.collection_named(experiment, name)
    }

    fn wandb_artifact(&self, id: &str) -> Result<Option<ArtifactVersion>> {
        self.artifact_row(id)
    }

    fn wandb_artifacts(&self, collection: i64) -> Result<Vec<ArtifactVersion>> {
        self.artifacts_of(collection)
    }

    fn wandb_artifacts_with_digest(&self, collection: i64, digest: &str) -> Result<Vec<ArtifactVersion>> {
        self.artifacts_with_digest(collection, digest)
    }

    fn wandb_artifact_aliased(&self, collection: i64, alias: &str) -> Result<Option<ArtifactVersion>> {
        self.artifact_aliased(collection, alias)
    }

    fn wandb_aliases(&self, artifact: &str) -> Result<Vec<String>> {
        let sql = "SELECT alias FROM wandb_aliases WHERE artifact = ?1 ORDER BY alias";
        self.rows(sql, [artifact], |row| row.get(0))
    }

    fn wandb_entries(&self, artifact: &str, after: &str, limit: usize) -> Result<Vec<ArtifactEntry>> {
        self.entries_after(artifact, after, limit)
    }

    fn wandb_entry(&self, artifact: &str, path: &str) -> Result<Option<ArtifactEntry>> {
        self.entry(artifact, path)
    }

    fn wandb_artifacts_made_by(&self, run: &str) -> Result<Vec<ArtifactVersion>> {
        self.artifacts_made_by(run)
    }

    fn wandb_artifacts_used_by(&self, run: &str) -> Result<Vec<ArtifactVersion>> {
        self.artifacts_used_by(run)
    }

    fn wandb_artifact_users(&self, artifact: &str) -> Result<Vec<String>> {
        let sql = "SELECT run FROM wandb_uses WHERE artifact = ?1 ORDER BY run";
        self.rows(sql, [artifact], |row| row.get(0))
    }

    fn wandb_artifact_of_client(&self, client_id: &str) -> Result<Option<ArtifactVersion>> {
        self.artifact_of_client(client_id)
    }

    fn wandb_secret(&self) -> Result<Option<String>> {
        self.row("SELECT secret FROM wandb_secrets WHERE id = 1", [], |row| row.get(0))
    }
}

impl WandbWrite for SqlTx<'_> {
    fn put_wandb_run(&mut self, run: &WandbRun) -> Result<()> {
        self.execute(
            "INSERT INTO wandb_runs (run, experiment, name, details) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (run) DO UPDATE SET details = excluded.details",
            params![run.run, run.experiment, run.name, to_text(&run.details)?],
        )?;
        Ok(())
    }

    fn put_wandb_lines(
        &mut self,
        run: &str,
        stream: LineStream,
        lines: &[Line],
        replace: bool,
    ) -> Result<()> {
        let conflict = if replace {
            "ON CONFLICT (run, stream, line) DO UPDATE SET text = excluded.text"
        } else {
            "ON CONFLICT DO NOTHING"
        };
        self.execute_many(
            &format!(
                "INSERT INTO wandb_lines (run, stream, line, step, text) VALUES (?1, ?2, ?3, ?4, ?5) {conflict}"
            ),
            lines.iter().map(|line| {
                [
                    run.to_value(),
                    stream.as_str().to_value(),
                    Value::Integer(line.number),
                    line.step.map_or(Value::Null, Value::Integer),
                    line.text.to_value(),
                ]
            }),
        )?;
        Ok(())
    }

    fn replace_params(&mut self, run: &str, params: &[KeyValue]) -> Result<()> {
        let num = self.run_num(run)?;
        self.execute("DELETE FROM run_params WHERE run = ?1", [num])?;
        self.execute_many(
            "INSERT INTO run_params (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params.iter().map(|param| [Value::Integer(num), param.key.to_value(), param.value.to_value()]),
        )?;
        Ok(())
    }

    fn set_latest_metrics(&mut self, run: &str, points: &[Metric]) -> Result<()> {
        let num = self.run_num(run)?;
        let keys = self.metric_keys(points)?;
        self.execute_many(
            "INSERT INTO latest_metrics (run, key, step, ts, is_nan, value, experiment)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT experiment FROM runs WHERE num = ?1))
             ON CONFLICT (run, key) DO UPDATE
             SET step = excluded.step, ts = excluded.ts, is_nan = excluded.is_nan, value = excluded.value",
            points.iter().map(|point| {
                let key = keys.get(point.key.as_str()).copied();
                let (is_nan, value) = stored(point.value);
                [
                    Value::Integer(num),
                    key.map_or(Value::Null, Value::Integer),
                    Value::Integer(point.step),
                    Value::Integer(point.timestamp.as_millis()),
                    Value::Bool(is_nan),
                    Value::Real(value),
                ]
            }),
        )?;
        Ok(())
    }

    fn insert_wandb_collection(&mut self, collection: &Collection) -> Result<i64> {
        self.insert_collection(collection)
    }

    fn update_wandb_collection(&mut self, collection: &Collection) -> Result<()> {
        self.update_collection(collection)
    }

    fn put_wandb_artifact(&mut self, artifact: &ArtifactVersion) -> Result<()> {
        self.put_artifact(artifact)
    }

    fn set_wandb_alias(&mut self, collection: i64, alias: &str, artifact: &str) -> Result<()> {
        self.execute(
            "INSERT INTO wandb_aliases (collection, alias, artifact) VALUES (?1, ?2, ?3)
             ON CONFLICT (collection, alias) DO UPDATE SET artifact = excluded.artifact",
            params![collection, alias, artifact],
        )?;
        Ok(())
    }

    fn delete_wandb_alias(&mut self, collection: i64, alias: &str, artifact: &str) -> Result<bool> {
        let sql = "DELETE FROM wandb_aliases WHERE collection = ?1 AND alias = ?2 AND artifact = ?3";
        Ok(self.execute(sql, params![collection, alias, artifact])? > 0)
    }

    fn insert_wandb_entries(&mut self, artifact: &str, entries: &[ArtifactEntry]) -> Result<()> {
        self.insert_entries(artifact, entries)
    }

    fn insert_wandb_use(&mut self, run: &str, artifact: &str) -> Result<bool> {
        let sql = "INSERT INTO wandb_uses (run, artifact) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        Ok(self.execute(sql, [run, artifact])? > 0)
    }

    fn insert_wandb_secret(&mut self, secret: &str) -> Result<()> {
        let sql = "INSERT INTO wandb_secrets (id, secret) VALUES (1, ?1) ON CONFLICT DO NOTHING";
        self.execute(sql, [secret])?;
        Ok(())
    }
}
