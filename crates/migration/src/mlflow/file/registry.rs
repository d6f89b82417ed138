//! Registered models.

use super::tree;
use super::yaml::{self, RegisteredModelMeta, VersionMeta};
use crate::Result;
use crate::import::Importer;
use crate::mlflow::values::{VersionParts, version};
use crate::report::Report;
use mainspring_domain::Timestamp;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use std::path::Path;

pub(super) fn read(folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    for folder in tree::folders(folder, &mut importer.report) {
        let path = folder.join("meta.yaml");
        let meta: RegisteredModelMeta = match yaml::read(&path) {
            Ok(meta) => meta,
            Err(why) => {
                importer.report.left_out(path.display().to_string(), why);
                continue;
            }
        };
        let versions = versions(&meta.name, &folder, &mut importer.report);
        let created = Timestamp::from_millis(meta.creation_timestamp.unwrap_or_default());
        let model = RegisteredModel {
            created,
            updated: meta.last_updated_timestamp.map_or(created, Timestamp::from_millis),
            description: meta.description.unwrap_or_default(),
            tags: tree::values(&folder.join("tags"), &mut importer.report),
            aliases: aliases(&folder.join("aliases"), &mut importer.report),
            name: meta.name,
        };
        importer.registered_model(model, versions)?;
    }
    Ok(())
}

fn aliases(folder: &Path, report: &mut Report) -> Vec<(String, u32)> {
    let mut aliases = Vec::new();
    for alias in tree::values(folder, report) {
        match alias.value.trim().parse() {
            Ok(version) => aliases.push((alias.key, version)),
            Err(_) => {
                let place = folder.join(&alias.key).display().to_string();
                report.left_out(place, format!("`{}` is no version", alias.value.trim()));
            }
        }
    }
    aliases
}

fn versions(model: &str, folder: &Path, report: &mut Report) -> Vec<ModelVersion> {
    let mut versions = Vec::new();
    for folder in tree::folders(folder, report) {
        if !tree::name(&folder).starts_with("version-") {
            continue;
        }
        let path = folder.join("meta.yaml");
        let made = yaml::read::<VersionMeta>(&path).and_then(|meta| {
            version(VersionParts {
                model: model.to_owned(),
                version: meta.version,
                created: meta.creation_timestamp,
                updated: meta.last_updated_timestamp,
                stage: meta.current_stage,
                description: meta.description,
                source: meta.source,
                storage_location: meta.storage_location,
                run_id: meta.run_id,
                run_link: meta.run_link,
                model_id: meta.model_id,
                user: meta.user_id,
            })
        });
        match made {
            Ok(Some(mut version)) => {
                version.tags = tree::values(&folder.join("tags"), report);
                versions.push(version);
            }
            Ok(None) => {}
            Err(why) => report.left_out(path.display().to_string(), why),
        }
    }
    versions.sort_by_key(|version| version.version);
    versions
}
