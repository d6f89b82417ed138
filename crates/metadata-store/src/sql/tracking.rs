//! Experiments, runs and what is logged to them.

use super::search::{Entity, Property};
use super::tracking_runs::metric;
use super::tx::{SqlTx, gathered, place, to_text};
use super::workspaces::BURIED;
use crate::Result;
use crate::driver::{Dialect, Row, ToValue as _, Value, params};
use crate::traits::search::{Attribute, Search, View};
use crate::traits::{DatasetSummary, ModelMetric, TrackingRead, TrackingWrite};
use mainspring_domain::tracking::{
    DatasetInput, Experiment, KeyValue, Lifecycle, LoggedModel, Metric, ModelOutput, Run, RunInfo,
};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, Timestamp};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

const EXPERIMENT: &str = "SELECT e.id, e.name, e.artifact_location, e.lifecycle, e.created, e.updated,
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM experiment_tags t WHERE t.experiment = e.id), e.workspace
    FROM experiments e";

const EXPERIMENTS: Entity = Entity {
    column,
    tags: "experiment_tags t WHERE t.experiment = e.id",
    params: None,
    metrics: None,
    datasets: None,
    one_metric: false,
    default_order: "e.created DESC, e.id DESC",
};

const fn column(attribute: Attribute) -> Option<Property> {
    Some(match attribute {
        Attribute::Id => Property::Number("e.id"),
        Attribute::Name => Property::Text("e.name"),
        Attribute::Created => Property::Number("e.created"),
        Attribute::Updated => Property::Number("e.updated"),
        Attribute::ArtifactUri => Property::Text("e.artifact_location"),
        _ => return None,
    })
}

fn experiment(row: &Row<'_>) -> Result<Experiment> {
    Ok(Experiment {
        id: row.get(0)?,
        name: row.get(1)?,
        artifact_location: row.get(2)?,
        lifecycle: Lifecycle::from_stored(row.text(3)?),
        created: Timestamp::from_millis(row.get(4)?),
        updated: Timestamp::from_millis(row.get(5)?),
        tags: gathered(row, 6)?,
        workspace: WorkspaceName::from_stored(row.get(7)?),
    })
}

impl TrackingRead for SqlTx<'_> {
    fn experiment(&self, id: i64) -> Result<Option<Experiment>> {
        let found = self.row(&format!("{EXPERIMENT} WHERE e.id = ?1"), [id], experiment)?;
        Ok(found.filter(|found| self.sees(&found.workspace)))
    }

    fn experiment_by_name(&self, name: &str) -> Result<Option<Experiment>> {
        let sql = format!("{EXPERIMENT} WHERE e.workspace = ?1 AND e.name = ?2");
        self.row(&sql, [self.named_in(), name], experiment)
    }

    fn search_experiments(&self, view: View, search: &Search) -> Result<Vec<Experiment>> {
        let mut statement = self.select(EXPERIMENT);
        statement.view(view);
        match &self.within {
            Some(within) => statement.in_workspace(within),
            // Those of a workspace that was deleted wait for nothing but their end.
            None => statement.and(&format!("e.workspace NOT LIKE {BURIED}")),
        }
        let statement = statement.search(&EXPERIMENTS, search)?;
        self.rows(&statement.sql, statement.values, experiment)
    }

    fn run_info(&self, id: &str) -> Result<Option<RunInfo>> {
        Ok(self.run_row(id)?.map(|(_, info)| info))
    }

    fn has_run_out_of_sight(&self, id: &str) -> Result<bool> {
        self.is_out_of_sight("runs", id)
    }

    fn run(&self, id: &str) -> Result<Option<Run>> {
        let Some(row) = self.run_row(id)? else { return Ok(None) };
        Ok(self.load_runs(vec![row])?.pop())
    }

    fn runs_created_by(&self, actor: &Actor) -> Result<Vec<RunInfo>> {
        self.runs_of_creator(actor)
    }

    fn search_runs(&self, experiments: &[i64], view: View, search: &Search) -> Result<Vec<Run>> {
        self.find_runs(experiments, view, search)
    }

    fn param(&self, run: &str, key: &str) -> Result<Option<String>> {
        self.row(
            "SELECT value FROM run_params WHERE run = (SELECT num FROM runs WHERE id = ?1) AND key = ?2",
            [run, key],
            |row| row.get(0),
        )
    }

    fn run_tag(&self, run: &str, key: &str) -> Result<Option<String>> {
        self.row(
            "SELECT value FROM run_tags WHERE run = (SELECT num FROM runs WHERE id = ?1) AND key = ?2",
            [run, key],
            |row| row.get(0),
        )
    }

    fn metric_history(&self, run: &str, key: &str, limit: usize, offset: usize) -> Result<Vec<Metric>> {
        self.rows(
            "SELECT step, ts, is_nan, value FROM metric_points
             WHERE run = (SELECT num FROM runs WHERE id = ?1)
               AND key = (SELECT id FROM metric_keys WHERE key = ?2)
             ORDER BY step, ts, is_nan, value LIMIT ?3 OFFSET ?4",
            params![run, key, place(limit), place(offset)],
            |row| metric(key.to_owned(), row, 0),
        )
    }

    fn sample_metric_history(
        &self,
        run: &str,
        key: &str,
        steps: Option<(i64, i64)>,
        buckets: usize,
    ) -> Result<Vec<Metric>> {
        self.sample_history(run, key, steps, buckets)
    }

    fn dataset_summaries(&self, experiments: &[i64], limit: usize) -> Result<Vec<DatasetSummary>> {
        self.summarize_datasets(experiments, limit)
    }

    fn model_inputs(&self, run: &str) -> Result<Vec<String>> {
        self.rows(
            "SELECT model_id FROM run_model_inputs
             WHERE run = (SELECT num FROM runs WHERE id = ?1) ORDER BY model_id",
            [run],
            |row| row.get(0),
        )
    }

    fn has_logged_model_out_of_sight(&self, id: &str) -> Result<bool> {
        self.is_out_of_sight("logged_models", id)
    }

    fn logged_model(&self, id: &str) -> Result<Option<LoggedModel>> {
        self.logged_model_row(id)
    }

    fn search_logged_models(&self, experiments: &[i64], search: &Search) -> Result<Vec<LoggedModel>> {
        self.find_logged_models(experiments, search)
    }

    fn logged_models_after(&self, experiment: i64, after: &str, limit: usize) -> Result<Vec<LoggedModel>> {
        self.list_logged_models(experiment, after, limit)
    }

    fn model_metric_history(&self, model: &str, limit: usize, offset: usize) -> Result<Vec<ModelMetric>> {
        self.all_model_metrics(model, limit, offset)
    }

    fn model_metrics(&self, models: &[String]) -> Result<Vec<ModelMetric>> {
        self.latest_model_metrics(models)
    }
}

impl SqlTx<'_> {
    pub(super) fn run_num(&self, id: &str) -> Result<i64> {
        self.scalar("SELECT num FROM runs WHERE id = ?1", [id])
    }

    /// The numbers of metrics' names, made when they are new.
    pub(super) fn metric_keys<'p>(&self, points: &'p [Metric]) -> Result<HashMap<&'p str, i64>> {
        let mut keys: HashMap<&str, i64> = HashMap::new();
        let mut names: Vec<&str> = points.iter().map(|point| point.key.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if let [name] = names.as_slice() {
            let id = self.row("SELECT id FROM metric_keys WHERE key = ?1", [name], |row| row.get(0))?;
            keys.extend(id.map(|id| (*name, id)));
        } else {
            let sql = "SELECT id, key FROM metric_keys WHERE key IN (SELECT value FROM json_each(?1))";
            let known: HashMap<String, i64> = self
                .rows(sql, [to_text(&names)?], |row| Ok((row.get(1)?, row.get(0)?)))?
                .into_iter()
                .collect();
            keys.extend(names.iter().filter_map(|name| Some((*name, *known.get(*name)?))));
        }
        for name in names {
            if let Entry::Vacant(place) = keys.entry(name) {
                place.insert(self.scalar("INSERT INTO metric_keys (key) VALUES (?1) RETURNING id", [name])?);
            }
        }
        Ok(keys)
    }
}

/// What of a value is stored: NaN as 0 with its mark.
pub(super) const fn stored(value: f64) -> (bool, f64) {
    if value.is_nan() { (true, 0.0) } else { (false, value) }
}

impl TrackingWrite for SqlTx<'_> {
    fn next_experiment_id(&self) -> Result<i64> {
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                "SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'experiments'"
            }
            Dialect::Postgres => "SELECT nextval('experiment_ids')",
        };
        self.scalar(sql, [])
    }

    fn reserve_experiment_id(&mut self, id: i64) -> Result<()> {
        match self.dialect() {
            // The greatest id is remembered there as it is used.
            Dialect::Sqlite => {}
            Dialect::Postgres => {
                let sql = "SELECT setval('experiment_ids', ?1) FROM experiment_ids WHERE last_value < ?1";
                self.rows(sql, [id], |_| Ok(()))?;
            }
        }
        Ok(())
    }

    fn insert_experiment(&mut self, experiment: &Experiment) -> Result<()> {
        self.execute(
            "INSERT INTO experiments (id, name, artifact_location, lifecycle, created, updated, workspace)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                experiment.id,
                experiment.name,
                experiment.artifact_location,
                experiment.lifecycle.as_str(),
                experiment.created.as_millis(),
                experiment.updated.as_millis(),
                experiment.workspace.as_str()
            ],
        )?;
        experiment.tags.iter().try_for_each(|tag| self.set_experiment_tag(experiment.id, tag))
    }

    fn update_experiment(&mut self, experiment: &Experiment) -> Result<()> {
        self.execute(
            "UPDATE experiments SET name = ?2, lifecycle = ?3, updated = ?4, artifact_location = ?5
             WHERE id = ?1",
            params![
                experiment.id,
                experiment.name,
                experiment.lifecycle.as_str(),
                experiment.updated.as_millis(),
                experiment.artifact_location
            ],
        )?;
        Ok(())
    }

    fn set_experiment_tag(&mut self, experiment: i64, tag: &KeyValue) -> Result<()> {
        self.execute(
            "INSERT INTO experiment_tags (experiment, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value",
            params![experiment, tag.key, tag.value],
        )?;
        Ok(())
    }

    fn delete_experiment_tag(&mut self, experiment: i64, key: &str) -> Result<bool> {
        let sql = "DELETE FROM experiment_tags WHERE experiment = ?1 AND key = ?2";
        Ok(self.execute(sql, params![experiment, key])? > 0)
    }

    fn set_lifecycle_with_experiment(&mut self, experiment: i64, lifecycle: Lifecycle) -> Result<usize> {
        match lifecycle {
            Lifecycle::Deleted => self.execute(
                "UPDATE runs SET lifecycle = 'deleted', deleted_at = ?2, deleted_with_experiment = true
                 WHERE experiment = ?1 AND lifecycle = 'active'",
                [experiment, self.now.as_millis()],
            ),
            Lifecycle::Active => self.execute(
                "UPDATE runs SET lifecycle = 'active', deleted_at = NULL, deleted_with_experiment = false
                 WHERE experiment = ?1 AND lifecycle <> 'active' AND deleted_with_experiment",
                [experiment],
            ),
        }
    }

    fn insert_run(&mut self, run: &RunInfo) -> Result<()> {
        self.execute(
            "INSERT INTO runs (id, experiment, name, user_name, status, start_time, end_time, lifecycle,
                               artifact_uri, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                run.id,
                run.experiment,
                run.name,
                run.user,
                run.status.as_str(),
                run.start.as_millis(),
                run.end.map(Timestamp::as_millis),
                run.lifecycle.as_str(),
                run.artifact_uri,
                run.created_by.as_str()
            ],
        )?;
        Ok(())
    }

    fn update_run(&mut self, run: &RunInfo) -> Result<()> {
        self.execute(
            "UPDATE runs SET name = ?2, status = ?3, end_time = ?4, lifecycle = ?5,
                 deleted_at = CASE WHEN ?6 THEN NULL ELSE COALESCE(deleted_at, ?7) END,
                 deleted_with_experiment = CASE WHEN ?6 THEN false ELSE deleted_with_experiment END
             WHERE id = ?1",
            params![
                run.id,
                run.name,
                run.status.as_str(),
                run.end.map(Timestamp::as_millis),
                run.lifecycle.as_str(),
                run.lifecycle == Lifecycle::Active,
                self.now.as_millis()
            ],
        )?;
        Ok(())
    }

    fn set_run_tags(&mut self, run: &str, tags: &[KeyValue]) -> Result<()> {
        let num = self.run_num(run)?;
        self.execute_many(
            "INSERT INTO run_tags (run, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
            tags.iter().map(|tag| [Value::Integer(num), tag.key.to_value(), tag.value.to_value()]),
        )?;
        Ok(())
    }

    fn delete_run_tag(&mut self, run: &str, key: &str) -> Result<bool> {
        let sql = "DELETE FROM run_tags WHERE run = (SELECT num FROM runs WHERE id = ?1) AND key = ?2";
        Ok(self.execute(sql, [run, key])? > 0)
    }

    fn insert_param(&mut self, run: &str, param: &KeyValue) -> Result<()> {
        self.execute(
            "INSERT INTO run_params (run, key, value)
             VALUES ((SELECT num FROM runs WHERE id = ?1), ?2, ?3)",
            [run, &param.key, &param.value],
        )?;
        Ok(())
    }

    fn insert_metric_points(&mut self, run: &str, points: &[Metric]) -> Result<usize> {
        let num = self.run_num(run)?;
        let keys = self.metric_keys(points)?;
        // In the order of the table each of its pages is looked for once.
        let mut ordered: Vec<_> =
            points.iter().map(|point| (keys.get(point.key.as_str()).copied(), point)).collect();
        ordered.sort_by_key(|(key, point)| (*key, point.step));
        self.execute_many(
            "INSERT INTO metric_points (run, key, step, ts, is_nan, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            ordered.into_iter().map(|(key, point)| {
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
        )
    }

    fn raise_latest_metrics(&mut self, run: &str, points: &[&Metric]) -> Result<()> {
        let num = self.run_num(run)?;
        self.execute_many(
            "INSERT INTO latest_metrics (run, key, step, ts, is_nan, value, experiment)
             VALUES (?1, (SELECT id FROM metric_keys WHERE key = ?2), ?3, ?4, ?5, ?6,
                     (SELECT experiment FROM runs WHERE num = ?1))
             ON CONFLICT (run, key) DO UPDATE
             SET step = excluded.step, ts = excluded.ts, is_nan = excluded.is_nan, value = excluded.value
             WHERE (excluded.step, excluded.ts, excluded.value)
                 > (latest_metrics.step, latest_metrics.ts, latest_metrics.value)",
            points.iter().map(|point| {
                let (is_nan, value) = stored(point.value);
                [
                    Value::Integer(num),
                    point.key.to_value(),
                    Value::Integer(point.step),
                    Value::Integer(point.timestamp.as_millis()),
                    Value::Bool(is_nan),
                    Value::Real(value),
                ]
            }),
        )?;
        Ok(())
    }

    fn insert_model_metrics(&mut self, points: &[ModelMetric]) -> Result<()> {
        points.iter().try_for_each(|point| self.insert_model_metric(point))
    }

    fn insert_inputs(&mut self, run: &RunInfo, inputs: &[DatasetInput]) -> Result<()> {
        let num = self.run_num(&run.id)?;
        for input in inputs {
            self.execute(
                "INSERT INTO datasets
                     (experiment, name, digest, source_type, source, schema, profile)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
                params![
                    run.experiment,
                    input.name,
                    input.digest,
                    input.source_type,
                    input.source,
                    input.schema,
                    input.profile
                ],
            )?;
            let dataset: i64 = self.scalar(
                "SELECT id FROM datasets WHERE experiment = ?1 AND name = ?2 AND digest = ?3",
                params![run.experiment, input.name, input.digest],
            )?;
            self.execute(
                "INSERT INTO run_inputs (run, dataset) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                [num, dataset],
            )?;
            for tag in &input.tags {
                self.execute(
                    "INSERT INTO run_input_tags (run, dataset, key, value) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (run, dataset, key) DO UPDATE SET value = excluded.value",
                    params![num, dataset, tag.key, tag.value],
                )?;
            }
        }
        Ok(())
    }

    fn insert_model_inputs(&mut self, run: &str, models: &[String]) -> Result<()> {
        let num = self.run_num(run)?;
        self.execute_many(
            "INSERT INTO run_model_inputs (run, model_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            models.iter().map(|model| [Value::Integer(num), model.to_value()]),
        )?;
        Ok(())
    }

    fn insert_outputs(&mut self, run: &str, outputs: &[ModelOutput]) -> Result<()> {
        let num = self.run_num(run)?;
        self.execute_many(
            "INSERT INTO run_outputs (run, model_id, step) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            outputs
                .iter()
                .map(|output| [Value::Integer(num), output.model_id.to_value(), Value::Integer(output.step)]),
        )?;
        Ok(())
    }

    fn insert_logged_model(&mut self, model: &LoggedModel) -> Result<()> {
        self.insert_logged_model_row(model)
    }

    fn update_logged_model(&mut self, model: &LoggedModel) -> Result<()> {
        self.execute(
            "UPDATE logged_models SET status = ?2, lifecycle = ?3, updated = ?4 WHERE id = ?1",
            params![model.id, model.status.as_str(), model.lifecycle.as_str(), model.updated.as_millis()],
        )?;
        Ok(())
    }

    fn set_logged_model_tags(&mut self, model: &str, tags: &[KeyValue]) -> Result<()> {
        for tag in tags {
            self.execute(
                "INSERT INTO logged_model_tags (model, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (model, key) DO UPDATE SET value = excluded.value",
                [model, &tag.key, &tag.value],
            )?;
        }
        Ok(())
    }

    fn delete_logged_model_tag(&mut self, model: &str, key: &str) -> Result<bool> {
        Ok(self.execute("DELETE FROM logged_model_tags WHERE model = ?1 AND key = ?2", [model, key])? > 0)
    }

    fn insert_logged_model_param(&mut self, model: &str, param: &KeyValue) -> Result<()> {
        self.execute(
            "INSERT INTO logged_model_params (model, key, value) VALUES (?1, ?2, ?3)",
            [model, &param.key, &param.value],
        )?;
        Ok(())
    }
}
