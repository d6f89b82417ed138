//! Runs of an experiment.

use super::tree;
use super::yaml::{self, DatasetMeta, LinkMeta, RunMeta};
use crate::import::{Importer, SourceRun};
use crate::mlflow::lines;
use crate::mlflow::values::{RUN_STATUSES, lifecycle, numbered};
use crate::report::Report;
use crate::{MigrationError, Result};
use mainspring_domain::tracking::{DatasetInput, KeyValue, Metric, ModelOutput, RunInfo, RunStatus};
use mainspring_domain::{Actor, Timestamp};
use std::path::{Path, PathBuf};

/// Folders of an experiment that are no runs.
const OTHER: [&str; 4] = ["tags", "datasets", "traces", "models"];
/// Runs that are asked about at a time.
const PAGE: usize = 200;
/// Points that are handed on at a time.
const POINTS: usize = 5000;

pub(super) fn read(experiment: i64, folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let mut folders = tree::folders(folder, &mut importer.report);
    folders.retain(|folder| !OTHER.contains(&tree::name(folder)));
    for page in folders.chunks(PAGE) {
        let mut found = Vec::new();
        for run in page {
            match info(experiment, run) {
                Ok(info) => found.push((info, run)),
                Err(why) => importer.report.left_out(run.join("meta.yaml").display().to_string(), why),
            }
        }
        let offered = found.iter().map(|(run, _)| (run.id.clone(), run.artifact_uri.clone())).collect();
        let wanted = importer.wanted_runs(offered)?;
        for (info, run) in found.into_iter().filter(|(info, _)| wanted.contains(&info.id)) {
            one(info, folder, run, importer)?;
        }
    }
    Ok(())
}

fn info(experiment: i64, folder: &Path) -> std::result::Result<RunInfo, String> {
    let meta: RunMeta = yaml::read(&folder.join("meta.yaml"))?;
    let id = meta.run_id.or(meta.run_uuid).ok_or("it names no run")?;
    if id != tree::name(folder) {
        return Err(format!("it says run {id}, which is not its folder"));
    }
    let status = match meta.status {
        None => RunStatus::Running,
        Some(number) => numbered(&RUN_STATUSES, number).ok_or(format!("{number} is no status"))?,
    };
    Ok(RunInfo {
        id,
        experiment,
        name: meta.run_name.or(meta.name).unwrap_or_default(),
        user: meta.user_id.unwrap_or_default(),
        status,
        start: Timestamp::from_millis(meta.start_time.unwrap_or_default()),
        end: meta.end_time.map(Timestamp::from_millis),
        lifecycle: lifecycle(meta.lifecycle_stage.as_deref()),
        artifact_uri: meta.artifact_uri.unwrap_or_else(|| folder.join("artifacts").display().to_string()),
        created_by: Actor::system("import"),
    })
}

fn one(info: RunInfo, experiment: &Path, folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let report = &mut importer.report;
    let id = info.id.clone();
    let tags = tree::values(&folder.join("tags"), report);
    let params = tree::values(&folder.join("params"), report);
    let (inputs, model_inputs) = inputs(&folder.join("inputs"), &experiment.join("datasets"), report);
    let outputs = outputs(&folder.join("outputs"), report);
    let run = SourceRun { info, params, tags, inputs, model_inputs, outputs };
    if !importer.run(run, Some(&folder.join("artifacts")))? {
        return Ok(());
    }
    for (key, path) in tree::keys(&folder.join("metrics"), &mut importer.report) {
        points(&id, &key, &path, importer)?;
    }
    importer.done(&id)
}

fn points(run: &str, key: &str, path: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let mut points: Vec<Metric> = Vec::new();
    let read = lines::read(path, key, |number, line| {
        match line {
            Ok(line) => points.push(line.point),
            Err(why) => importer.report.left_out(format!("{}:{number}", path.display()), why),
        }
        if points.len() >= POINTS {
            importer.points(run, std::mem::take(&mut points)).map_err(Ended::Stop)?;
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
    importer.points(run, points)
}

/// Why a metric file was not read to its end.
pub(super) enum Ended {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// The import ends.
    Stop(MigrationError),
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The data sets and the logged models that a run read.
fn inputs(folder: &Path, datasets: &Path, report: &mut Report) -> (Vec<DatasetInput>, Vec<String>) {
    let (mut data, mut models) = (Vec::new(), Vec::new());
    for link in tree::folders(folder, report) {
        let path = link.join("meta.yaml");
        match input(&path, datasets) {
            Ok(Input::Data(input)) => data.push(*input),
            Ok(Input::Model(id)) => models.push(id),
            Err(why) => report.left_out(path.display().to_string(), why),
        }
    }
    (data, models)
}

enum Input {
    Data(Box<DatasetInput>),
    Model(String),
}

fn input(path: &Path, datasets: &Path) -> std::result::Result<Input, String> {
    let link: LinkMeta = yaml::read(path)?;
    let id = link.source_id.ok_or("it names nothing that was read")?;
    if id.contains('/') || id.starts_with('.') {
        return Err(format!("`{id}` is no id"));
    }
    match link.source_type.as_deref() {
        Some("MODEL") => return Ok(Input::Model(id)),
        Some("DATASET") | None => {}
        Some(other) => return Err(format!("`{other}` is no kind of input")),
    }
    let place: PathBuf = datasets.join(&id).join("meta.yaml");
    let data: DatasetMeta =
        yaml::read(&place).map_err(|why| format!("its data set `{}`: {why}", place.display()))?;
    Ok(Input::Data(Box::new(DatasetInput {
        name: data.name,
        digest: data.digest,
        source_type: data.source_type,
        source: data.source,
        schema: data.schema,
        profile: data.profile,
        tags: link.tags.into_iter().map(|(key, value)| KeyValue { key, value }).collect(),
    })))
}

fn outputs(folder: &Path, report: &mut Report) -> Vec<ModelOutput> {
    let mut outputs = Vec::new();
    for link in tree::folders(folder, report) {
        let path = link.join("meta.yaml");
        match yaml::read::<LinkMeta>(&path) {
            Ok(meta) => outputs.push(ModelOutput {
                model_id: tree::name(&link).to_owned(),
                step: meta.step.unwrap_or_default(),
            }),
            Err(why) => report.left_out(path.display().to_string(), why),
        }
    }
    outputs
}
