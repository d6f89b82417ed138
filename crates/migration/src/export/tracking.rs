//! Experiments, runs and logged models.

use super::tables::Table;
use super::traces::Traces;
use super::write::ExportReport;
use crate::Result;
use crate::mlflow::{LOGGED_MODEL_STATUSES, number};
use crate::report::{Counts, LeftOut};
use mainspring_domain::tracking::{Experiment, KeyValue, Lifecycle, LoggedModel, Metric, Run};
use mainspring_domain::{Clock as _, SystemClock, Timestamp};
use mainspring_metadata_store::traits::ModelMetric;
use mainspring_metadata_store::traits::search::{Search, View};
use mainspring_metadata_store::{Cell, ForeignDatabase, ReadTx};
use std::collections::HashMap;
use uuid::Uuid;

/// Experiments, runs or models that are read at a time.
const PAGE: usize = 200;
/// Points that are read at a time.
const POINTS: usize = 20_000;

/// The tables.
struct Tables<'a> {
    db: &'a ForeignDatabase,
    experiments: Table,
    experiment_tags: Table,
    runs: Table,
    params: Table,
    tags: Table,
    metrics: Table,
    latest_metrics: Table,
    datasets: Table,
    inputs: Table,
    input_tags: Table,
    models: Table,
    model_params: Table,
    model_tags: Table,
    model_metrics: Table,
}

impl<'a> Tables<'a> {
    #[rustfmt::skip]
    fn of(db: &'a ForeignDatabase, left_out: &mut Vec<LeftOut>) -> Result<Self> {
        let mut table = |name, columns: &[&str]| Table::of(db, name, columns, left_out);
        Ok(Self {
            db,
            experiments: table("experiments", &[
                "experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time",
            ])?,
            experiment_tags: table("experiment_tags", &["experiment_id", "key", "value"])?,
            runs: table("runs", &[
                "run_uuid", "name", "source_type", "source_name", "entry_point_name", "user_id", "status",
                "start_time", "end_time", "deleted_time", "source_version", "lifecycle_stage", "artifact_uri",
                "experiment_id",
            ])?,
            params: table("params", &["run_uuid", "key", "value"])?,
            tags: table("tags", &["run_uuid", "key", "value"])?,
            metrics: table("metrics", &["run_uuid", "key", "timestamp", "step", "value", "is_nan"])?,
            latest_metrics: table("latest_metrics", &["run_uuid", "key", "timestamp", "step", "value", "is_nan"])?,
            datasets: table("datasets", &[
                "dataset_uuid", "experiment_id", "name", "digest", "dataset_source_type", "dataset_source",
                "dataset_schema", "dataset_profile",
            ])?,
            inputs: table("inputs", &[
                "input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step",
            ])?,
            input_tags: table("input_tags", &["input_uuid", "name", "value"])?,
            models: table("logged_models", &[
                "model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms",
                "last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type", "source_run_id",
            ])?,
            model_params: table("logged_model_params", &["model_id", "experiment_id", "param_key", "param_value"])?,
            model_tags: table("logged_model_tags", &["model_id", "experiment_id", "tag_key", "tag_value"])?,
            model_metrics: table("logged_model_metrics", &[
                "model_id", "experiment_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value",
                "run_id", "dataset_uuid", "dataset_name", "dataset_digest",
            ])?,
        })
    }

    /// Writes what waits: what is referred to first.
    fn flush(&mut self) -> Result<()> {
        let all = [
            &mut self.experiments,
            &mut self.experiment_tags,
            &mut self.runs,
            &mut self.params,
            &mut self.tags,
            &mut self.metrics,
            &mut self.latest_metrics,
            &mut self.datasets,
            &mut self.inputs,
            &mut self.input_tags,
            &mut self.models,
            &mut self.model_params,
            &mut self.model_tags,
            &mut self.model_metrics,
        ];
        all.into_iter().try_for_each(|table| table.flush(self.db))
    }
}

/// The data sets of an experiment, by name and digest.
type Datasets = HashMap<(String, String), String>;

pub(super) fn write(
    db: &ForeignDatabase,
    tx: &dyn ReadTx,
    report: &mut ExportReport,
    progress: &mut dyn FnMut(&Counts),
) -> Result<()> {
    let mut tables = Tables::of(db, &mut report.left_out)?;
    let mut traces = Traces::of(db, report)?;
    let mut offset = 0;
    loop {
        let search = Search { limit: PAGE, offset, ..Search::default() };
        let experiments = tx.search_experiments(View::All, &search)?;
        for one in &experiments {
            if !one.workspace.is_default() {
                report.left_out.push(LeftOut {
                    place: format!("experiment {}", one.id),
                    why: format!("it is in the workspace `{}`; only `default` is written", one.workspace),
                });
                continue;
            }
            experiment(&mut tables, one, report)?;
            tables.flush()?;
            let datasets = runs(&mut tables, tx, one.id, report, progress)?;
            models(&mut tables, tx, one.id, &datasets, report)?;
            traces.write(db, tx, one.id, report, progress)?;
            progress(&report.written);
        }
        if experiments.len() < PAGE {
            return Ok(());
        }
        offset += PAGE;
    }
}

fn millis(time: Timestamp) -> Cell {
    Cell::Integer(time.as_millis())
}

fn text(text: &str) -> Cell {
    Cell::from(text)
}

/// A text that is absent when it is empty.
fn some(text: &str) -> Cell {
    if text.is_empty() { Cell::Null } else { Cell::from(text) }
}

fn experiment(tables: &mut Tables<'_>, one: &Experiment, report: &mut ExportReport) -> Result<()> {
    report.written.experiments += 1;
    report.written.tags += one.tags.len() as u64;
    tables.experiments.add(
        tables.db,
        [
            Cell::Integer(one.id),
            text(&one.name),
            text(report.location(&one.artifact_location)),
            text(one.lifecycle.as_str()),
            millis(one.created),
            millis(one.updated),
        ],
    )?;
    one.tags.iter().try_for_each(|tag| {
        let row = [Cell::Integer(one.id), text(&tag.key), text(&tag.value)];
        tables.experiment_tags.add(tables.db, row)
    })
}

fn runs(
    tables: &mut Tables<'_>,
    tx: &dyn ReadTx,
    experiment: i64,
    report: &mut ExportReport,
    progress: &mut dyn FnMut(&Counts),
) -> Result<Datasets> {
    let mut datasets = Datasets::new();
    let mut offset = 0;
    loop {
        let search = Search { limit: PAGE, offset, ..Search::default() };
        let runs = tx.search_runs(&[experiment], View::All, &search)?;
        for one in &runs {
            run(tables, one, report)?;
            // Other rows refer to it.
            tables.runs.flush(tables.db)?;
            inputs(tables, one, &mut datasets, report)?;
            links(tables, tx, one, report)?;
            histories(tables, tx, one, report)?;
        }
        tables.flush()?;
        progress(&report.written);
        if runs.len() < PAGE {
            return Ok(datasets);
        }
        offset += PAGE;
    }
}

fn run(tables: &mut Tables<'_>, run: &Run, report: &mut ExportReport) -> Result<()> {
    let info = &run.info;
    // When it was deleted is not known here; clearing away goes by that time.
    let deleted = match info.lifecycle {
        Lifecycle::Active => Cell::Null,
        Lifecycle::Deleted => millis(SystemClock.now()),
    };
    report.written.runs += 1;
    report.written.params += run.params.len() as u64;
    report.written.tags += run.tags.len() as u64;
    tables.runs.add(
        tables.db,
        [
            text(&info.id),
            text(&info.name),
            text("UNKNOWN"),
            text(""),
            text(""),
            text(&info.user),
            text(info.status.as_str()),
            millis(info.start),
            info.end.map_or(Cell::Null, millis),
            deleted,
            text(""),
            text(info.lifecycle.as_str()),
            text(report.location(&info.artifact_uri)),
            Cell::Integer(info.experiment),
        ],
    )?;
    let pair = |pair: &KeyValue| [text(&info.id), text(&pair.key), text(&pair.value)];
    run.params.iter().try_for_each(|param| tables.params.add(tables.db, pair(param)))?;
    run.tags.iter().try_for_each(|tag| tables.tags.add(tables.db, pair(tag)))?;
    run.metrics.iter().try_for_each(|metric| tables.latest_metrics.add(tables.db, point(&info.id, metric)))
}

/// A point as a row. NaN is 0 with a mark.
fn point(run: &str, metric: &Metric) -> [Cell; 6] {
    let is_nan = metric.value.is_nan();
    [
        text(run),
        text(&metric.key),
        millis(metric.timestamp),
        Cell::Integer(metric.step),
        Cell::Real(if is_nan { 0.0 } else { metric.value }),
        Cell::Integer(i64::from(is_nan)),
    ]
}

fn histories(tables: &mut Tables<'_>, tx: &dyn ReadTx, run: &Run, report: &mut ExportReport) -> Result<()> {
    for metric in &run.metrics {
        let mut offset = 0;
        loop {
            let points = tx.metric_history(&run.info.id, &metric.key, POINTS, offset)?;
            report.written.points += points.len() as u64;
            for one in &points {
                tables.metrics.add(tables.db, point(&run.info.id, one))?;
            }
            if points.len() < POINTS {
                break;
            }
            offset += POINTS;
        }
    }
    Ok(())
}

fn id() -> String {
    Uuid::new_v4().simple().to_string()
}

fn inputs(
    tables: &mut Tables<'_>,
    run: &Run,
    datasets: &mut Datasets,
    report: &mut ExportReport,
) -> Result<()> {
    report.written.inputs += run.inputs.len() as u64;
    for input in &run.inputs {
        let key = (input.name.clone(), input.digest.clone());
        let dataset = match datasets.get(&key) {
            Some(dataset) => dataset.clone(),
            None => {
                let dataset = id();
                tables.datasets.add(
                    tables.db,
                    [
                        text(&dataset),
                        Cell::Integer(run.info.experiment),
                        text(&input.name),
                        text(&input.digest),
                        text(&input.source_type),
                        text(&input.source),
                        Cell::optional(input.schema.as_deref()),
                        Cell::optional(input.profile.as_deref()),
                    ],
                )?;
                datasets.insert(key, dataset.clone());
                dataset
            }
        };
        let link = id();
        tables.inputs.add(
            tables.db,
            [text(&link), text("DATASET"), text(&dataset), text("RUN"), text(&run.info.id), Cell::Integer(0)],
        )?;
        for tag in &input.tags {
            tables.input_tags.add(tables.db, [text(&link), text(&tag.key), text(&tag.value)])?;
        }
    }
    Ok(())
}

/// The models that a run read and produced.
fn links(tables: &mut Tables<'_>, tx: &dyn ReadTx, run: &Run, report: &mut ExportReport) -> Result<()> {
    let read = tx.model_inputs(&run.info.id)?;
    report.written.model_links += (read.len() + run.outputs.len()) as u64;
    let read = read.iter().map(|model| ("RUN_INPUT", "MODEL_INPUT", model, 0));
    let produced = run.outputs.iter().map(|one| ("RUN_OUTPUT", "MODEL_OUTPUT", &one.model_id, one.step));
    for (from, to, model, step) in read.chain(produced) {
        tables.inputs.add(
            tables.db,
            [text(&id()), text(from), text(&run.info.id), text(to), text(model), Cell::Integer(step)],
        )?;
    }
    Ok(())
}

fn models(
    tables: &mut Tables<'_>,
    tx: &dyn ReadTx,
    experiment: i64,
    datasets: &Datasets,
    report: &mut ExportReport,
) -> Result<()> {
    let mut after = String::new();
    loop {
        let models = tx.logged_models_after(experiment, &after, PAGE)?;
        for one in &models {
            model(tables, one, report)?;
            tables.models.flush(tables.db)?;
            model_points(tables, tx, one, datasets, report)?;
        }
        tables.flush()?;
        match models.last() {
            Some(last) if models.len() == PAGE => after.clone_from(&last.id),
            _ => return Ok(()),
        }
    }
}

fn model(tables: &mut Tables<'_>, model: &LoggedModel, report: &mut ExportReport) -> Result<()> {
    report.written.logged_models += 1;
    let status = number(&LOGGED_MODEL_STATUSES, &model.status);
    tables.models.add(
        tables.db,
        [
            text(&model.id),
            Cell::Integer(model.experiment),
            text(&model.name),
            text(report.location(&model.artifact_uri)),
            millis(model.created),
            millis(model.updated),
            Cell::Integer(status),
            text(model.lifecycle.as_str()),
            some(&model.model_type),
            Cell::optional(model.source_run.as_deref()),
        ],
    )?;
    let pair = |pair: &KeyValue| {
        [text(&model.id), Cell::Integer(model.experiment), text(&pair.key), text(&pair.value)]
    };
    model.params.iter().try_for_each(|param| tables.model_params.add(tables.db, pair(param)))?;
    model.tags.iter().try_for_each(|tag| tables.model_tags.add(tables.db, pair(tag)))
}

fn model_points(
    tables: &mut Tables<'_>,
    tx: &dyn ReadTx,
    model: &LoggedModel,
    datasets: &Datasets,
    report: &mut ExportReport,
) -> Result<()> {
    let mut offset = 0;
    loop {
        let points = tx.model_metric_history(&model.id, POINTS, offset)?;
        for one in &points {
            if tx.run_info(&one.run_id)?.is_none() {
                // The schema refuses a point of a run that it does not have.
                let place = format!("logged model {}: {}", model.id, one.metric.key);
                report.left_out.push(LeftOut { place, why: format!("there is no run {}", one.run_id) });
                continue;
            }
            report.written.model_points += 1;
            tables.model_metrics.add(tables.db, model_point(model, one, datasets))?;
        }
        if points.len() < POINTS {
            return Ok(());
        }
        offset += POINTS;
    }
}

fn model_point(model: &LoggedModel, point: &ModelMetric, datasets: &Datasets) -> [Cell; 10] {
    let dataset = point.dataset_name.clone().zip(point.dataset_digest.clone());
    [
        text(&model.id),
        Cell::Integer(model.experiment),
        text(&point.metric.key),
        millis(point.metric.timestamp),
        Cell::Integer(point.metric.step),
        // SQLite has no NaN.
        if point.metric.value.is_nan() { Cell::Null } else { Cell::Real(point.metric.value) },
        text(&point.run_id),
        Cell::optional(dataset.and_then(|key| datasets.get(&key)).map(String::as_str)),
        Cell::optional(point.dataset_name.as_deref()),
        Cell::optional(point.dataset_digest.as_deref()),
    ]
}
