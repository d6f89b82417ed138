//! Registered models and their versions.

use super::search::{Entity, Property};
use super::tx::{SqlTx, gathered, to_text};
use crate::driver::{Row, params};
use crate::traits::search::{Attribute, Search};
use crate::traits::{RegistryRead, RegistryWrite};
use crate::{Result, StoreError};
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::{Actor, Timestamp};

const MODEL: &str = "SELECT e.name, e.description, e.created, e.updated,
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM registered_model_tags t WHERE t.model = e.name),
    (SELECT json_group_array(json_array(a.alias, a.version) ORDER BY a.alias)
     FROM model_aliases a WHERE a.model = e.name)
    FROM registered_models e";

const MODELS: Entity = Entity {
    column: model_column,
    tags: "registered_model_tags t WHERE t.model = e.name",
    params: None,
    metrics: None,
    datasets: None,
    one_metric: false,
    default_order: "e.name",
};

const fn model_column(attribute: Attribute) -> Option<Property> {
    Some(match attribute {
        Attribute::Name => Property::Text("e.name"),
        Attribute::Created => Property::Number("e.created"),
        Attribute::Updated => Property::Number("e.updated"),
        _ => return None,
    })
}

const VERSION: &str = "SELECT e.model, e.version, e.created, e.updated, e.stage, e.description, e.source,
    e.storage_location, e.run_id, e.model_id, e.run_link, e.user_name, e.created_by,
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM model_version_tags t WHERE t.model = e.model AND t.version = e.version),
    (SELECT json_group_array(a.alias ORDER BY a.alias)
     FROM model_aliases a WHERE a.model = e.model AND a.version = e.version)
    FROM model_versions e";

const VERSIONS: Entity = Entity {
    column: version_column,
    tags: "model_version_tags t WHERE t.model = e.model AND t.version = e.version",
    params: None,
    metrics: None,
    datasets: None,
    one_metric: false,
    default_order: "e.updated DESC, e.model, e.version DESC",
};

const fn version_column(attribute: Attribute) -> Option<Property> {
    Some(match attribute {
        Attribute::Name => Property::Text("e.model"),
        Attribute::Version => Property::Number("e.version"),
        Attribute::SourceRun => Property::Text("e.run_id"),
        Attribute::Source => Property::Text("e.source"),
        Attribute::Stage => Property::Text("e.stage"),
        Attribute::User => Property::Text("e.user_name"),
        Attribute::Created => Property::Number("e.created"),
        Attribute::Updated => Property::Number("e.updated"),
        _ => return None,
    })
}

fn model(row: &Row<'_>) -> Result<RegisteredModel> {
    Ok(RegisteredModel {
        name: row.get(0)?,
        description: row.get(1)?,
        created: Timestamp::from_millis(row.get(2)?),
        updated: Timestamp::from_millis(row.get(3)?),
        tags: gathered(row, 4)?,
        aliases: gathered(row, 5)?,
    })
}

fn version(row: &Row<'_>) -> Result<ModelVersion> {
    Ok(ModelVersion {
        name: row.get(0)?,
        version: row.get(1)?,
        created: Timestamp::from_millis(row.get(2)?),
        updated: Timestamp::from_millis(row.get(3)?),
        stage: Stage::parse(row.text(4)?).unwrap_or_default(),
        description: row.get(5)?,
        source: row.get(6)?,
        storage_location: row.get(7)?,
        run_id: row.get(8)?,
        model_id: row.get(9)?,
        run_link: row.get(10)?,
        user: row.get(11)?,
        created_by: Actor::from_stored(row.get(12)?),
        tags: gathered(row, 13)?,
        aliases: gathered(row, 14)?,
    })
}

impl RegistryRead for SqlTx<'_> {
    fn registered_model(&self, name: &str) -> Result<Option<RegisteredModel>> {
        if !self.sees_model(name) {
            return Ok(None);
        }
        self.row(&format!("{MODEL} WHERE e.name = ?1"), [name], model)
    }

    fn search_registered_models(&self, search: &Search) -> Result<Vec<RegisteredModel>> {
        let mut statement = self.select(MODEL);
        statement.models_of(self.within.as_ref(), "e.name");
        let statement = statement.search(&MODELS, search)?;
        self.rows(&statement.sql, statement.values, model)
    }

    fn model_version(&self, name: &str, number: u32) -> Result<Option<ModelVersion>> {
        if !self.sees_model(name) {
            return Ok(None);
        }
        let sql = format!("{VERSION} WHERE e.model = ?1 AND e.version = ?2");
        self.row(&sql, params![name, number], version)
    }

    fn model_versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        if !self.sees_model(name) {
            return Ok(Vec::new());
        }
        self.rows(&format!("{VERSION} WHERE e.model = ?1 ORDER BY e.version"), [name], version)
    }

    fn latest_versions(&self, names: &[&str]) -> Result<Vec<ModelVersion>> {
        let names: Vec<&&str> = names.iter().filter(|name| self.sees_model(name)).collect();
        let sql = format!(
            "{VERSION} JOIN (SELECT model, MAX(version) AS version FROM model_versions
                             WHERE model IN (SELECT value FROM json_each(?1)) GROUP BY model, stage) l
             ON l.model = e.model AND l.version = e.version ORDER BY e.model, e.version"
        );
        self.rows(&sql, [to_text(&names)?], version)
    }

    fn model_versions_of_run(&self, run: &str) -> Result<Vec<ModelVersion>> {
        let sql = format!("{VERSION} WHERE e.run_id = ?1 ORDER BY e.created");
        let mut found = self.rows(&sql, [run], version)?;
        found.retain(|found| self.sees_model(&found.name));
        Ok(found)
    }

    fn model_versions_of_logged_model(&self, id: &str) -> Result<Vec<ModelVersion>> {
        let sql = format!("{VERSION} WHERE e.model_id = ?1 ORDER BY e.created");
        let mut found = self.rows(&sql, [id], version)?;
        found.retain(|found| self.sees_model(&found.name));
        Ok(found)
    }

    fn search_model_versions(&self, search: &Search) -> Result<Vec<ModelVersion>> {
        let mut statement = self.select(VERSION);
        statement.models_of(self.within.as_ref(), "e.model");
        let statement = statement.search(&VERSIONS, search)?;
        self.rows(&statement.sql, statement.values, version)
    }

    fn alias(&self, name: &str, alias: &str) -> Result<Option<u32>> {
        if !self.sees_model(name) {
            return Ok(None);
        }
        let sql = "SELECT version FROM model_aliases WHERE model = ?1 AND alias = ?2";
        self.row(sql, [name, alias], |row| row.get(0))
    }
}

impl RegistryWrite for SqlTx<'_> {
    fn insert_registered_model(&mut self, model: &RegisteredModel) -> Result<()> {
        self.execute(
            "INSERT INTO registered_models (name, description, created, updated) VALUES (?1, ?2, ?3, ?4)",
            params![model.name, model.description, model.created.as_millis(), model.updated.as_millis()],
        )?;
        model.tags.iter().try_for_each(|tag| self.set_registered_model_tag(&model.name, tag))
    }

    fn update_registered_model(&mut self, model: &RegisteredModel) -> Result<()> {
        self.execute(
            "UPDATE registered_models SET description = ?2, updated = ?3 WHERE name = ?1",
            params![model.name, model.description, model.updated.as_millis()],
        )?;
        Ok(())
    }

    fn rename_registered_model(&mut self, name: &str, new_name: &str) -> Result<()> {
        let now = self.now.as_millis();
        self.execute(
            "UPDATE registered_models SET name = ?2, updated = ?3 WHERE name = ?1",
            params![name, new_name, now],
        )?;
        self.execute("UPDATE model_versions SET updated = ?2 WHERE model = ?1", params![new_name, now])?;
        Ok(())
    }

    fn delete_registered_model(&mut self, name: &str) -> Result<()> {
        self.execute("DELETE FROM registered_models WHERE name = ?1", [name])?;
        Ok(())
    }

    fn set_registered_model_tag(&mut self, name: &str, tag: &KeyValue) -> Result<()> {
        self.execute(
            "INSERT INTO registered_model_tags (model, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (model, key) DO UPDATE SET value = excluded.value",
            [name, &tag.key, &tag.value],
        )?;
        Ok(())
    }

    fn delete_registered_model_tag(&mut self, name: &str, key: &str) -> Result<bool> {
        Ok(self.execute("DELETE FROM registered_model_tags WHERE model = ?1 AND key = ?2", [name, key])? > 0)
    }

    fn take_version_number(&mut self, name: &str) -> Result<u32> {
        let number: Option<u32> = self.row(
            "UPDATE registered_models SET last_version = last_version + 1 WHERE name = ?1
             RETURNING last_version",
            [name],
            |row| row.get(0),
        )?;
        number.ok_or(StoreError::NoRow)
    }

    fn use_version_number(&mut self, name: &str, used: u32) -> Result<()> {
        self.execute(
            "UPDATE registered_models SET last_version = ?2 WHERE name = ?1 AND last_version < ?2",
            params![name, used],
        )?;
        Ok(())
    }

    fn insert_model_version(&mut self, version: &ModelVersion) -> Result<()> {
        self.execute(
            "INSERT INTO model_versions (model, version, created, updated, stage, description, source,
                 storage_location, run_id, model_id, run_link, user_name, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            params![
                version.name,
                version.version,
                version.created.as_millis(),
                version.updated.as_millis(),
                version.stage.as_str(),
                version.description,
                version.source,
                version.storage_location,
                version.run_id,
                version.model_id,
                version.run_link,
                version.user,
                version.created_by.as_str()
            ],
        )?;
        version
            .tags
            .iter()
            .try_for_each(|tag| self.set_model_version_tag(&version.name, version.version, tag))
    }

    fn update_model_version(&mut self, version: &ModelVersion) -> Result<()> {
        self.execute(
            "UPDATE model_versions SET stage = ?3, description = ?4, updated = ?5
             WHERE model = ?1 AND version = ?2",
            params![
                version.name,
                version.version,
                version.stage.as_str(),
                version.description,
                version.updated.as_millis()
            ],
        )?;
        Ok(())
    }

    fn delete_model_version(&mut self, name: &str, version: u32) -> Result<()> {
        let sql = "DELETE FROM model_versions WHERE model = ?1 AND version = ?2";
        self.execute(sql, params![name, version])?;
        Ok(())
    }

    fn set_model_version_tag(&mut self, name: &str, version: u32, tag: &KeyValue) -> Result<()> {
        self.execute(
            "INSERT INTO model_version_tags (model, version, key, value) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (model, version, key) DO UPDATE SET value = excluded.value",
            params![name, version, tag.key, tag.value],
        )?;
        Ok(())
    }

    fn delete_model_version_tag(&mut self, name: &str, version: u32, key: &str) -> Result<bool> {
        let sql = "DELETE FROM model_version_tags WHERE model = ?1 AND version = ?2 AND key = ?3";
        Ok(self.execute(sql, params![name, version, key])? > 0)
    }

    fn set_alias(&mut self, name: &str, alias: &str, version: u32) -> Result<()> {
        self.execute(
            "INSERT INTO model_aliases (model, alias, version) VALUES (?1, ?2, ?3)
             ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
            params![name, alias, version],
        )?;
        Ok(())
    }

    fn delete_alias(&mut self, name: &str, alias: &str) -> Result<bool> {
        Ok(self.execute("DELETE FROM model_aliases WHERE model = ?1 AND alias = ?2", [name, alias])? > 0)
    }
}
