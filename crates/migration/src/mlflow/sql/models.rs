//! Logged models of an experiment, a page at a time by id.

use super::tables::{Cells, Tables};
use crate::Result;
use crate::import::Importer;
use crate::mlflow::values::{LOGGED_MODEL_STATUSES, lifecycle, numbered};
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::{LoggedModel, LoggedModelStatus, Metric};
use mainspring_metadata_store::Cell;
use mainspring_metadata_store::traits::ModelMetric;

/// Models of one page.
const PAGE: usize = 100;
/// Points that are handed on at a time.
const POINTS: usize = 2000;

const COLUMNS: [&str; 9] = [
    "model_id",
    "name",
    "artifact_location",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
    "status",
    "lifecycle_stage",
    "model_type",
    "source_run_id",
];

pub(super) fn read(tables: &Tables, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let mut after = String::new();
    loop {
        let mut page = Vec::new();
        let mut last = None;
        let rest = format!("WHERE experiment_id = ?1 AND model_id > ?2 ORDER BY model_id LIMIT {PAGE}");
        let values = [Cell::from(experiment), Cell::from(after.as_str())];
        tables.rows("logged_models", &COLUMNS, &rest, &values, |cells| {
            let Some(id) = cells.text(0) else { return Ok(()) };
            last = Some(id.to_owned());
            match info(experiment, id, cells) {
                Ok(model) => page.push(model),
                Err(why) => importer.report.left_out(format!("logged model {id}"), why),
            }
            Ok(())
        })?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        let offered = page.iter().map(|model| (model.id.clone(), model.artifact_uri.clone())).collect();
        let wanted = importer.wanted_logged_models(offered)?;
        page.retain(|model| wanted.contains(&model.id));
        if !page.is_empty() {
            bring(tables, page, importer)?;
        }
    }
}

fn info(experiment: i64, id: &str, cells: Cells<'_>) -> std::result::Result<LoggedModel, String> {
    let status = match cells.int(5) {
        None => LoggedModelStatus::Pending,
        Some(number) => numbered(&LOGGED_MODEL_STATUSES, number).ok_or(format!("{number} is no status"))?,
    };
    let created = Timestamp::from_millis(cells.int(3).unwrap_or_default());
    Ok(LoggedModel {
        id: id.to_owned(),
        experiment,
        name: cells.text_or_empty(1),
        created,
        updated: cells.int(4).map_or(created, Timestamp::from_millis),
        artifact_uri: cells.text_or_empty(2),
        status,
        model_type: cells.text_or_empty(7),
        source_run: cells.owned(8).filter(|run| !run.is_empty()),
        lifecycle: lifecycle(cells.text(6)),
        params: Vec::new(),
        tags: Vec::new(),
    })
}

fn bring(tables: &Tables, page: Vec<LoggedModel>, importer: &mut Importer<'_>) -> Result<()> {
    let ids: Vec<Cell> = page.iter().map(|model| Cell::from(model.id.as_str())).collect();
    let mut params = tables.pairs("logged_model_params", ["model_id", "param_key", "param_value"], &ids)?;
    let mut tags = tables.pairs("logged_model_tags", ["model_id", "tag_key", "tag_value"], &ids)?;
    for mut model in page {
        let id = model.id.clone();
        model.params = params.remove(&id).unwrap_or_default();
        model.tags = tags.remove(&id).unwrap_or_default();
        if importer.logged_model(model, None)? {
            points(tables, &id, importer)?;
            importer.done(&id)?;
        }
    }
    Ok(())
}

fn points(tables: &Tables, model: &str, importer: &mut Importer<'_>) -> Result<()> {
    const COLUMNS: [&str; 7] = [
        "metric_name",
        "metric_timestamp_ms",
        "metric_step",
        "metric_value",
        "run_id",
        "dataset_name",
        "dataset_digest",
    ];
    let mut points = Vec::new();
    let values = [Cell::from(model)];
    tables.rows("logged_model_metrics", &COLUMNS, "WHERE model_id = ?1", &values, |cells| {
        match point(model, cells) {
            Some(point) => points.push(point),
            None => {
                let place = format!("logged model {model}: metrics");
                importer.report.left_out(place, "a row is no point of a metric");
            }
        }
        if points.len() >= POINTS {
            importer.model_points(model, std::mem::take(&mut points))?;
        }
        Ok(())
    })?;
    importer.model_points(model, points)
}

fn point(model: &str, cells: Cells<'_>) -> Option<ModelMetric> {
    Some(ModelMetric {
        model_id: model.to_owned(),
        run_id: cells.owned(4)?,
        metric: Metric {
            key: cells.owned(0)?,
            timestamp: Timestamp::from_millis(cells.int(1)?),
            step: cells.int(2).unwrap_or_default(),
            // SQLite has no NaN: it became NULL.
            value: cells.real(3).unwrap_or(f64::NAN),
        },
        dataset_name: cells.owned(5),
        dataset_digest: cells.owned(6),
    })
}
