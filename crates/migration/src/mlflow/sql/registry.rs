//! Registered models.

use super::source::WORKSPACE;
use super::tables::Tables;
use crate::Result;
use crate::import::Importer;
use crate::mlflow::values::{VersionParts, version};
use mainspring_domain::Timestamp;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::Cell;
use std::collections::HashMap;

pub(super) fn read(tables: &Tables, importer: &mut Importer<'_>) -> Result<()> {
    let mut models = Vec::new();
    let columns = ["name", "creation_time", "last_updated_time", "description", "workspace"];
    tables.rows("registered_models", &columns, "ORDER BY name", &[], |cells| {
        match (cells.owned(0), cells.text(4).unwrap_or(WORKSPACE)) {
            (Some(name), WORKSPACE) => {
                let created = Timestamp::from_millis(cells.int(1).unwrap_or_default());
                models.push(RegisteredModel {
                    name,
                    created,
                    updated: cells.int(2).map_or(created, Timestamp::from_millis),
                    description: cells.text_or_empty(3),
                    tags: Vec::new(),
                    aliases: Vec::new(),
                });
            }
            (Some(name), other) => {
                let why = format!("it is in the workspace `{other}`; only `default` is brought");
                importer.report.left_out(format!("model {name}"), why);
            }
            (None, _) => importer.report.left_out("registered_models", "a model has no readable name"),
        }
        Ok(())
    })?;
    for mut model in models {
        let of = Of { tables, name: Cell::from(model.name.as_str()) };
        of.rows("registered_model_tags", &["key", "value"], |key, value, _| {
            model.tags.push(KeyValue { key, value });
        })?;
        let mut aliases = Vec::new();
        of.rows("registered_model_aliases", &["alias", "alias", "version"], |alias, _, version| {
            aliases.extend(u32::try_from(version).ok().map(|version| (alias, version)));
        })?;
        model.aliases = aliases;
        let versions = versions(&of, &model.name, importer)?;
        importer.registered_model(model, versions)?;
    }
    Ok(())
}

/// What belongs to one model.
struct Of<'a> {
    tables: &'a Tables,
    name: Cell,
}

impl Of<'_> {
    fn condition(&self, table: &str) -> String {
        let workspace = match self.tables.has(table, "workspace") {
            true => format!(" AND workspace = '{WORKSPACE}'"),
            false => String::new(),
        };
        format!("WHERE name = ?1{workspace}")
    }

    /// Hands two texts and a number of each row to `each`.
    fn rows(&self, table: &str, columns: &[&str], mut each: impl FnMut(String, String, i64)) -> Result<()> {
        let values = std::slice::from_ref(&self.name);
        self.tables.rows(table, columns, &self.condition(table), values, |cells| {
            if let Some(first) = cells.owned(0) {
                each(first, cells.text_or_empty(1), cells.int(2).unwrap_or_default());
            }
            Ok(())
        })
    }
}

fn versions(of: &Of<'_>, model: &str, importer: &mut Importer<'_>) -> Result<Vec<ModelVersion>> {
    const COLUMNS: [&str; 10] = [
        "version",
        "creation_time",
        "last_updated_time",
        "current_stage",
        "description",
        "source",
        "storage_location",
        "run_id",
        "run_link",
        "user_id",
    ];
    let mut tags: HashMap<i64, Vec<KeyValue>> = HashMap::new();
    of.rows("model_version_tags", &["key", "value", "version"], |key, value, version| {
        tags.entry(version).or_default().push(KeyValue { key, value });
    })?;
    let mut versions = Vec::new();
    let rest = format!("{} ORDER BY version", of.condition("model_versions"));
    let values = std::slice::from_ref(&of.name);
    of.tables.rows("model_versions", &COLUMNS, &rest, values, |cells| {
        let number = cells.int(0).unwrap_or_default();
        let made = version(VersionParts {
            model: model.to_owned(),
            version: number,
            created: cells.int(1),
            updated: cells.int(2),
            stage: cells.owned(3),
            description: cells.owned(4),
            source: cells.owned(5),
            storage_location: cells.owned(6),
            run_id: cells.owned(7),
            run_link: cells.owned(8),
            model_id: None,
            user: cells.owned(9),
        });
        match made {
            Ok(Some(mut version)) => {
                version.tags = tags.remove(&number).unwrap_or_default();
                versions.push(version);
            }
            Ok(None) => {}
            Err(why) => importer.report.left_out(format!("model {model}/{number}"), why),
        }
        Ok(())
    })?;
    Ok(versions)
}
