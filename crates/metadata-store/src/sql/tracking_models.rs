//! Logged models.

use super::search::{Entity, Property};
use super::tracking::stored;
use super::tracking_runs::metric;
use super::tx::{SqlTx, gathered, place, to_text};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::search::{Attribute, Search, View};
use crate::traits::{ModelMetric, TrackingWrite as _};
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::{Lifecycle, LoggedModel, LoggedModelStatus};

const SELECT: &str = "SELECT e.id, e.experiment, e.name, e.created, e.updated, e.artifact_uri, e.status,
    e.model_type, e.source_run, e.lifecycle,
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM logged_model_params t WHERE t.model = e.id),
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM logged_model_tags t WHERE t.model = e.id)
    FROM logged_models e";

const LOGGED_MODELS: Entity = Entity {
    column,
    tags: "logged_model_tags t WHERE t.model = e.id",
    params: Some("logged_model_params t WHERE t.model = e.id"),
    metrics: Some(("logged_model_metrics t WHERE t.model = e.id", "{}")),
    datasets: None,
    one_metric: false,
    default_order: "e.created DESC, e.id",
};

const fn column(attribute: Attribute) -> Option<Property> {
    Some(match attribute {
        Attribute::Id => Property::Text("e.id"),
        Attribute::Name => Property::Text("e.name"),
        Attribute::Status => Property::Text("e.status"),
        Attribute::Created => Property::Number("e.created"),
        Attribute::Updated => Property::Number("e.updated"),
        Attribute::ArtifactUri => Property::Text("e.artifact_uri"),
        Attribute::Experiment => Property::Number("e.experiment"),
        Attribute::ModelType => Property::Text("e.model_type"),
        Attribute::SourceRun => Property::Text("e.source_run"),
        _ => return None,
    })
}

fn logged_model(row: &Row<'_>) -> Result<LoggedModel> {
    Ok(LoggedModel {
        id: row.get(0)?,
        experiment: row.get(1)?,
        name: row.get(2)?,
        created: Timestamp::from_millis(row.get(3)?),
        updated: Timestamp::from_millis(row.get(4)?),
        artifact_uri: row.get(5)?,
        status: LoggedModelStatus::parse(row.text(6)?).unwrap_or(LoggedModelStatus::UploadFailed),
        model_type: row.get(7)?,
        source_run: row.get(8)?,
        lifecycle: Lifecycle::from_stored(row.text(9)?),
        params: gathered(row, 10)?,
        tags: gathered(row, 11)?,
    })
}

fn model_metric(row: &Row<'_>) -> Result<ModelMetric> {
    Ok(ModelMetric {
        model_id: row.get(0)?,
        run_id: row.get(1)?,
        dataset_name: row.get(2)?,
        dataset_digest: row.get(3)?,
        metric: metric(row.get(4)?, row, 5)?,
    })
}

impl SqlTx<'_> {
    pub(super) fn logged_model_row(&self, id: &str) -> Result<Option<LoggedModel>> {
        self.row_in_sight(&format!("{SELECT} WHERE e.id = ?1"), id, logged_model)
    }

    pub(super) fn find_logged_models(
        &self,
        experiments: &[i64],
        search: &Search,
    ) -> Result<Vec<LoggedModel>> {
        let mut statement = self.select(SELECT);
        let list = statement.bind(to_text(&self.experiments_in_sight(experiments)?)?);
        statement.and(&format!("e.experiment IN (SELECT value FROM json_each({list}))"));
        statement.view(View::Active);
        let statement = statement.search(&LOGGED_MODELS, search)?;
        self.rows(&statement.sql, statement.values, logged_model)
    }

    pub(super) fn latest_model_metrics(&self, models: &[String]) -> Result<Vec<ModelMetric>> {
        self.rows(
            "SELECT model, run, dataset_name, dataset_digest, key, step, ts, is_nan, value FROM (
                 SELECT *, row_number() OVER (
                     PARTITION BY model, key, run, dataset_name, dataset_digest
                     ORDER BY step DESC, ts DESC) AS place
                 FROM logged_model_metrics WHERE model IN (SELECT value FROM json_each(?1))
             ) AS ranked WHERE place = 1 ORDER BY model, key, run",
            [to_text(&models)?],
            model_metric,
        )
    }

    pub(super) fn list_logged_models(
        &self,
        experiment: i64,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LoggedModel>> {
        self.rows(
            &format!("{SELECT} WHERE e.experiment = ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3"),
            params![experiment, after, place(limit)],
            logged_model,
        )
    }

    pub(super) fn all_model_metrics(
        &self,
        model: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<ModelMetric>> {
        self.rows(
            "SELECT model, run, dataset_name, dataset_digest, key, step, ts, is_nan, value
             FROM logged_model_metrics WHERE model = ?1 ORDER BY key, run, step, ts LIMIT ?2 OFFSET ?3",
            params![model, place(limit), place(offset)],
            model_metric,
        )
    }

    pub(super) fn insert_model_metric(&self, point: &ModelMetric) -> Result<()> {
        let (is_nan, value) = stored(point.metric.value);
        self.execute(
            "INSERT INTO logged_model_metrics
                 (model, key, run, step, ts, is_nan, value, dataset_name, dataset_digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            params![
                point.model_id,
                point.metric.key,
                point.run_id,
                point.metric.step,
                point.metric.timestamp.as_millis(),
                is_nan,
                value,
                point.dataset_name,
                point.dataset_digest
            ],
        )?;
        Ok(())
    }

    pub(super) fn insert_logged_model_row(&mut self, model: &LoggedModel) -> Result<()> {
        self.execute(
            "INSERT INTO logged_models (id, experiment, name, created, updated, artifact_uri, status,
                                        model_type, source_run, lifecycle)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                model.id,
                model.experiment,
                model.name,
                model.created.as_millis(),
                model.updated.as_millis(),
                model.artifact_uri,
                model.status.as_str(),
                model.model_type,
                model.source_run,
                model.lifecycle.as_str()
            ],
        )?;
        self.set_logged_model_tags(&model.id, &model.tags)?;
        model.params.iter().try_for_each(|param| self.insert_logged_model_param(&model.id, param))
    }
}
