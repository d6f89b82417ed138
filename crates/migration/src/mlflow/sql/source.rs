//! Experiments, and the way through the tables.

use super::tables::Tables;
use super::{models, registry, runs, traces};
use crate::Result;
use crate::import::Importer;
use crate::mlflow::values::lifecycle;
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::Experiment;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::{Cell, ForeignDatabase};

/// The workspace that is brought; what lies in another one is only counted.
pub(super) const WORKSPACE: &str = "default";

/// Reads a whole SQL store.
pub(in crate::mlflow) fn read(db: ForeignDatabase, place: &str, importer: &mut Importer<'_>) -> Result<()> {
    let tables = Tables::of(db, place.to_owned())?;
    let experiments = experiments(&tables, importer)?;
    for id in experiments {
        models::read(&tables, id, importer)?;
        runs::read(&tables, id, importer)?;
        traces::read(&tables, id, importer)?;
    }
    let lost = tables.count("runs", "WHERE experiment_id NOT IN (SELECT experiment_id FROM experiments)")?;
    if lost > 0 {
        importer.report.left_out("runs", format!("{lost} runs belong to no experiment"));
    }
    registry::read(&tables, importer)
}

fn experiments(tables: &Tables, importer: &mut Importer<'_>) -> Result<Vec<i64>> {
    const COLUMNS: [&str; 7] = [
        "experiment_id",
        "name",
        "artifact_location",
        "lifecycle_stage",
        "creation_time",
        "last_update_time",
        "workspace",
    ];
    let mut found = Vec::new();
    tables.rows("experiments", &COLUMNS, "ORDER BY experiment_id", &[], |cells| {
        let place = || format!("experiments: {:?}", cells.int(0));
        match (cells.int(0), cells.text(1), cells.text(6).unwrap_or(WORKSPACE)) {
            (Some(id), Some(name), WORKSPACE) => {
                let created = Timestamp::from_millis(cells.int(4).unwrap_or_default());
                found.push(Experiment {
                    workspace: WorkspaceName::default(),
                    id,
                    name: name.to_owned(),
                    artifact_location: cells.text_or_empty(2),
                    lifecycle: lifecycle(cells.text(3)),
                    created,
                    updated: cells.int(5).map_or(created, Timestamp::from_millis),
                    tags: Vec::new(),
                });
            }
            (Some(_), Some(_), other) => {
                let why = format!("it is in the workspace `{other}`; only `default` is brought");
                importer.report.left_out(place(), why);
            }
            _ => importer.report.left_out(place(), "it has no readable id or name"),
        }
        Ok(())
    })?;
    let mut ids = Vec::with_capacity(found.len());
    for mut experiment in found {
        let id = Cell::from(experiment.id);
        tables.rows("experiment_tags", &["key", "value"], "WHERE experiment_id = ?1", &[id], |cells| {
            if let Some(key) = cells.owned(0) {
                let value = cells.text_or_empty(1);
                experiment.tags.push(mainspring_domain::tracking::KeyValue { key, value });
            }
            Ok(())
        })?;
        ids.push(experiment.id);
        importer.experiment(experiment)?;
    }
    Ok(ids)
}
