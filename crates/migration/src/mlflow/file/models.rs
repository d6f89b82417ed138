//! Logged models of an experiment.

use super::runs::Ended;
use super::tree;
use super::yaml::{self, LoggedModelMeta};
use crate::Result;
use crate::import::Importer;
use crate::mlflow::lines;
use crate::mlflow::values::{LOGGED_MODEL_STATUSES, lifecycle, numbered};
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::{LoggedModel, LoggedModelStatus};
use mainspring_metadata_store::traits::ModelMetric;
use std::path::Path;

/// Models that are asked about at a time.
const PAGE: usize = 200;
/// Points that are handed on at a time.
const POINTS: usize = 2000;

pub(super) fn read(experiment: i64, folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    for page in tree::folders(&folder.join("models"), &mut importer.report).chunks(PAGE) {
        let mut found = Vec::new();
        for model in page {
            match info(experiment, model) {
                Ok(info) => found.push((info, model)),
                Err(why) => importer.report.left_out(model.join("meta.yaml").display().to_string(), why),
            }
        }
        let offered = found.iter().map(|(model, _)| (model.id.clone(), model.artifact_uri.clone())).collect();
        let wanted = importer.wanted_logged_models(offered)?;
        for (model, folder) in found.into_iter().filter(|(model, _)| wanted.contains(&model.id)) {
            one(model, folder, importer)?;
        }
    }
    Ok(())
}

fn info(experiment: i64, folder: &Path) -> std::result::Result<LoggedModel, String> {
    let meta: LoggedModelMeta = yaml::read(&folder.join("meta.yaml"))?;
    if meta.model_id != tree::name(folder) {
        return Err(format!("it says model {}, which is not its folder", meta.model_id));
    }
    let status = match meta.status {
        None => LoggedModelStatus::Pending,
        Some(number) => numbered(&LOGGED_MODEL_STATUSES, number).ok_or(format!("{number} is no status"))?,
    };
    let created = Timestamp::from_millis(meta.creation_timestamp.unwrap_or_default());
    Ok(LoggedModel {
        experiment,
        name: meta.name.unwrap_or_default(),
        created,
        updated: meta.last_updated_timestamp.map_or(created, Timestamp::from_millis),
        artifact_uri: meta
            .artifact_location
            .unwrap_or_else(|| folder.join("artifacts").display().to_string()),
        status,
        model_type: meta.model_type.unwrap_or_default(),
        source_run: meta.source_run_id.filter(|run| !run.is_empty()),
        lifecycle: lifecycle(meta.lifecycle_stage.as_deref()),
        params: Vec::new(),
        tags: Vec::new(),
        id: meta.model_id,
    })
}

fn one(mut model: LoggedModel, folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let id = model.id.clone();
    model.params = tree::values(&folder.join("params"), &mut importer.report);
    model.tags = tree::values(&folder.join("tags"), &mut importer.report);
    if !importer.logged_model(model, Some(&folder.join("artifacts")))? {
        return Ok(());
    }
    for (key, path) in tree::keys(&folder.join("metrics"), &mut importer.report) {
        points(&id, &key, &path, importer)?;
    }
    importer.done(&id)
}

fn points(model: &str, key: &str, path: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let mut points = Vec::new();
    let read = lines::read(path, key, |number, line| {
        let line = line.and_then(|line| {
            let mut rest = line.rest.into_iter();
            Ok(ModelMetric {
                model_id: model.to_owned(),
                run_id: rest.next().ok_or("the line names no run")?,
                metric: line.point,
                dataset_name: rest.next(),
                dataset_digest: rest.next(),
            })
        });
        match line {
            Ok(point) => points.push(point),
            Err(why) => importer.report.left_out(format!("{}:{number}", path.display()), why),
        }
        if points.len() >= POINTS {
            importer.model_points(model, std::mem::take(&mut points)).map_err(Ended::Stop)?;
        }
        Ok(())
    });
    match read {
        Ok(()) => {}
        Err(Ended::Unreadable(error)) => {
            importer.report.left_out(path.display().to_string(), error.to_string());
        }
        Err(Ended::Stop(error)) => return Err(error),
    }
    importer.model_points(model, points)
}
