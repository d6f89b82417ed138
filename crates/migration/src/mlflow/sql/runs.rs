//! Runs of an experiment, a page at a time by id.

use super::tables::{Cells, Tables, places};
use crate::Result;
use crate::import::{Importer, SourceRun};
use crate::mlflow::values::lifecycle;
use mainspring_domain::tracking::{DatasetInput, KeyValue, Metric, ModelOutput, RunInfo, RunStatus};
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::Cell;
use std::collections::HashMap;

/// Runs of one page.
const PAGE: usize = 100;
/// Points that are handed on at a time.
const POINTS: usize = 5000;

const COLUMNS: [&str; 8] =
    ["run_uuid", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"];

pub(super) fn read(tables: &Tables, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let mut after = String::new();
    loop {
        let mut page = Vec::new();
        let mut last = None;
        let rest = format!("WHERE experiment_id = ?1 AND run_uuid > ?2 ORDER BY run_uuid LIMIT {PAGE}");
        let values = [Cell::from(experiment), Cell::from(after.as_str())];
        tables.rows("runs", &COLUMNS, &rest, &values, |cells| {
            let Some(id) = cells.text(0) else { return Ok(()) };
            last = Some(id.to_owned());
            match info(experiment, id, cells) {
                Ok(info) => page.push(info),
                Err(why) => importer.report.left_out(format!("run {id}"), why),
            }
            Ok(())
        })?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        let offered = page.iter().map(|run| (run.id.clone(), run.artifact_uri.clone())).collect();
        let wanted = importer.wanted_runs(offered)?;
        page.retain(|run| wanted.contains(&run.id));
        if !page.is_empty() {
            bring(tables, page, importer)?;
        }
    }
}

fn info(experiment: i64, id: &str, cells: Cells<'_>) -> std::result::Result<RunInfo, String> {
    if cells.unreadable() {
        return Err("a column holds neither text nor a number".to_owned());
    }
    let status = cells.text(3).unwrap_or("RUNNING");
    Ok(RunInfo {
        id: id.to_owned(),
        experiment,
        name: cells.text_or_empty(1),
        user: cells.text_or_empty(2),
        status: RunStatus::parse(status).ok_or(format!("`{status}` is no status"))?,
        start: Timestamp::from_millis(cells.int(4).unwrap_or_default()),
        end: cells.int(5).map(Timestamp::from_millis),
        lifecycle: lifecycle(cells.text(6)),
        artifact_uri: cells.text_or_empty(7),
        created_by: Actor::system("import"),
    })
}

fn bring(tables: &Tables, page: Vec<RunInfo>, importer: &mut Importer<'_>) -> Result<()> {
    let ids: Vec<Cell> = page.iter().map(|run| Cell::from(run.id.as_str())).collect();
    let mut params = tables.pairs("params", ["run_uuid", "key", "value"], &ids)?;
    let mut tags = tables.pairs("tags", ["run_uuid", "key", "value"], &ids)?;
    let mut links = links(tables, &ids, importer)?;
    for info in page {
        let id = info.id.clone();
        let links = links.remove(&id).unwrap_or_default();
        let tags = tags.remove(&id).unwrap_or_default();
        let name = tags.iter().find(|tag| tag.key == "mlflow.runName").map(|tag| tag.value.clone());
        // Before runs had names of their own, the tag was the name.
        let name = if info.name.is_empty() { name.unwrap_or_default() } else { info.name };
        let run = SourceRun {
            info: RunInfo { name, ..info },
            params: params.remove(&id).unwrap_or_default(),
            tags,
            inputs: links.data,
            model_inputs: links.read,
            outputs: links.produced,
        };
        if importer.run(run, None)? {
            points(tables, &id, importer)?;
            importer.done(&id)?;
        }
    }
    Ok(())
}

fn points(tables: &Tables, run: &str, importer: &mut Importer<'_>) -> Result<()> {
    let mut points = Vec::new();
    let columns = ["key", "timestamp", "step", "value", "is_nan"];
    tables.rows("metrics", &columns, "WHERE run_uuid = ?1", &[Cell::from(run)], |cells| {
        match point(cells) {
            Some(point) => points.push(point),
            None => importer.report.left_out(format!("run {run}: metrics"), "a row is no point of a metric"),
        }
        if points.len() >= POINTS {
            importer.points(run, std::mem::take(&mut points))?;
        }
        Ok(())
    })?;
    importer.points(run, points)
}

fn point(cells: Cells<'_>) -> Option<Metric> {
    let is_nan = cells.int(4).is_some_and(|mark| mark != 0);
    Some(Metric {
        key: cells.owned(0)?,
        timestamp: Timestamp::from_millis(cells.int(1)?),
        step: cells.int(2).unwrap_or_default(),
        value: if is_nan { f64::NAN } else { cells.real(3)? },
    })
}

/// What a run read and produced.
#[derive(Default)]
struct Links {
    data: Vec<DatasetInput>,
    read: Vec<String>,
    produced: Vec<ModelOutput>,
}

fn links(tables: &Tables, runs: &[Cell], importer: &mut Importer<'_>) -> Result<HashMap<String, Links>> {
    let mut links: HashMap<String, Links> = HashMap::new();
    let from_runs =
        format!("WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ({})", places(runs));
    let columns = ["source_type", "source_id", "destination_id", "step"];
    tables.rows("inputs", &columns, &from_runs, runs, |cells| {
        if let (Some(kind), Some(run), Some(model)) = (cells.text(0), cells.text(1), cells.owned(2)) {
            let links = links.entry(run.to_owned()).or_default();
            match kind {
                "RUN_INPUT" => links.read.push(model),
                _ => links
                    .produced
                    .push(ModelOutput { model_id: model, step: cells.int(3).unwrap_or_default() }),
            }
        }
        Ok(())
    })?;
    let to_runs = format!(
        "WHERE source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id IN ({})",
        places(runs)
    );
    let mut uses: Vec<(String, String, String)> = Vec::new();
    tables.rows("inputs", &["input_uuid", "source_id", "destination_id"], &to_runs, runs, |cells| {
        if let (Some(input), Some(data), Some(run)) = (cells.owned(0), cells.owned(1), cells.owned(2)) {
            uses.push((input, data, run));
        }
        Ok(())
    })?;
    for uses in uses.chunks(PAGE) {
        let inputs: Vec<Cell> = uses.iter().map(|(input, ..)| Cell::from(input.as_str())).collect();
        let data: Vec<Cell> = uses.iter().map(|(_, data, _)| Cell::from(data.as_str())).collect();
        let mut tags = tables.pairs("input_tags", ["input_uuid", "name", "value"], &inputs)?;
        let data = datasets(tables, &data)?;
        for (input, id, run) in uses {
            match data.get(id) {
                Some(found) => {
                    let tags: Vec<KeyValue> = tags.remove(input).unwrap_or_default();
                    let data = DatasetInput { tags, ..found.clone() };
                    links.entry(run.clone()).or_default().data.push(data);
                }
                None => importer
                    .report
                    .left_out(format!("run {run}: inputs"), format!("there is no data set {id}")),
            }
        }
    }
    Ok(links)
}

fn datasets(tables: &Tables, ids: &[Cell]) -> Result<HashMap<String, DatasetInput>> {
    const COLUMNS: [&str; 7] = [
        "dataset_uuid",
        "name",
        "digest",
        "dataset_source_type",
        "dataset_source",
        "dataset_schema",
        "dataset_profile",
    ];
    let mut datasets = HashMap::new();
    let rest = format!("WHERE dataset_uuid IN ({})", places(ids));
    tables.rows("datasets", &COLUMNS, &rest, ids, |cells| {
        if let (Some(id), Some(name), Some(digest)) = (cells.owned(0), cells.owned(1), cells.owned(2)) {
            let data = DatasetInput {
                name,
                digest,
                source_type: cells.text_or_empty(3),
                source: cells.text_or_empty(4),
                schema: cells.owned(5),
                profile: cells.owned(6),
                tags: Vec::new(),
            };
            datasets.insert(id, data);
        }
        Ok(())
    })?;
    Ok(datasets)
}
