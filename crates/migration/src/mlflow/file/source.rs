//! Experiments, and the way through the folders.

use super::yaml::{self, ExperimentMeta};
use super::{models, registry, runs, traces, tree};
use crate::Result;
use crate::import::Importer;
use crate::mlflow::values::lifecycle;
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::Experiment;
use mainspring_domain::workspaces::WorkspaceName;
use std::path::{Path, PathBuf};

/// Folders of the root that are no experiments.
const OTHER: [&str; 2] = [".trash", "models"];

/// Reads a whole file store.
pub(in crate::mlflow) fn read(root: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let mut folders = tree::folders(root, &mut importer.report);
    folders.retain(|folder| !OTHER.contains(&tree::name(folder)));
    folders.extend(tree::folders(&root.join(".trash"), &mut importer.report));
    let mut known: Vec<(i64, PathBuf)> = Vec::new();
    for folder in folders {
        match experiment(&folder, importer) {
            Ok(experiment) => {
                let id = experiment.id;
                importer.experiment(experiment)?;
                known.push((id, folder));
            }
            Err(why) => importer.report.left_out(folder.join("meta.yaml").display().to_string(), why),
        }
    }
    for (id, folder) in &known {
        models::read(*id, folder, importer)?;
        runs::read(*id, folder, importer)?;
        traces::read(*id, folder, importer)?;
    }
    registry::read(&root.join("models"), importer)
}

fn experiment(folder: &Path, importer: &mut Importer<'_>) -> std::result::Result<Experiment, String> {
    let meta: ExperimentMeta = yaml::read(&folder.join("meta.yaml"))?;
    let id: i64 =
        meta.experiment_id.parse().map_err(|_| format!("`{}` is no experiment id", meta.experiment_id))?;
    if meta.experiment_id != tree::name(folder) {
        return Err(format!("it says experiment {id}, which is not its folder"));
    }
    let created = Timestamp::from_millis(meta.creation_time.unwrap_or_default());
    Ok(Experiment {
        workspace: WorkspaceName::default(),
        id,
        name: meta.name,
        artifact_location: meta.artifact_location.unwrap_or_else(|| folder.display().to_string()),
        lifecycle: lifecycle(meta.lifecycle_stage.as_deref()),
        created,
        updated: meta.last_update_time.map_or(created, Timestamp::from_millis),
        tags: tree::values(&folder.join("tags"), &mut importer.report),
    })
}
