//! Registered models.

use crate::{RegistryError, Result, validation};
use mainspring_domain::events::Record;
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Value, json};

pub(crate) fn subject(name: &str) -> String {
    format!("model:{name}")
}

/// Registers a model under a name.
///
/// # Errors
/// When the name or a tag is not taken, or the name is in use.
pub fn create(
    tx: &mut dyn WriteTx,
    name: &str,
    description: &str,
    tags: Vec<KeyValue>,
) -> Result<RegisteredModel> {
    validation::model_name(tx, name)?;
    validation::description(description)?;
    tags.iter().try_for_each(validation::tag)?;
    if tx.registered_model(name)?.is_some() {
        return Err(RegistryError::ModelExists(name.to_owned()));
    }
    let now = tx.now();
    let model = RegisteredModel {
        name: name.to_owned(),
        description: description.to_owned(),
        created: now,
        updated: now,
        tags,
        aliases: Vec::new(),
    };
    tx.insert_registered_model(&model)?;
    tx.record(Record::new("model.registered", subject(name)))?;
    Ok(model)
}

/// One registered model.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, name: &str) -> Result<RegisteredModel> {
    tx.registered_model(name)?.ok_or_else(|| RegistryError::NoModel(name.to_owned()))
}

/// The newest version of each of the given stages, of every stage when none is given.
///
/// # Errors
/// When there is no such model.
pub fn latest_versions(tx: &dyn ReadTx, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
    get(tx, name)?;
    let mut versions = tx.latest_versions(&[name])?;
    versions.retain(|version| stages.is_empty() || stages.contains(&version.stage));
    Ok(versions)
}

/// Changes the description.
///
/// # Errors
/// When there is no such model or the text is not taken.
pub fn update(tx: &mut dyn WriteTx, name: &str, description: &str) -> Result<RegisteredModel> {
    validation::description(description)?;
    let mut model = get(tx, name)?;
    description.clone_into(&mut model.description);
    touch(tx, &mut model)?;
    updated(tx, name, json!({ "description": true }))?;
    Ok(model)
}

fn touch(tx: &mut dyn WriteTx, model: &mut RegisteredModel) -> Result<()> {
    model.updated = tx.now();
    Ok(tx.update_registered_model(model)?)
}

/// Notes that something of a model changed just now.
pub(crate) fn touch_named(tx: &mut dyn WriteTx, name: &str) -> Result<()> {
    let mut model = get(tx, name)?;
    touch(tx, &mut model)
}

fn updated(tx: &mut dyn WriteTx, name: &str, details: Value) -> Result<()> {
    tx.record(Record::new("model.updated", subject(name)).with(details))?;
    Ok(())
}

/// Gives a model another name; its versions, tags and aliases go with it.
///
/// # Errors
/// When there is no such model, or the new name is not taken or in use.
pub fn rename(tx: &mut dyn WriteTx, name: &str, new_name: &str) -> Result<RegisteredModel> {
    validation::model_name(tx, new_name)?;
    let model = get(tx, name)?;
    if name == new_name {
        return Ok(model);
    }
    if tx.registered_model(new_name)?.is_some() {
        return Err(RegistryError::ModelExists(new_name.to_owned()));
    }
    tx.rename_registered_model(name, new_name)?;
    let details = json!({ "from": name, "to": new_name });
    tx.record(Record::new("model.renamed", subject(new_name)).with(details))?;
    get(tx, new_name)
}

/// Removes a model with its versions, tags and aliases.
///
/// # Errors
/// When there is none.
pub fn delete(tx: &mut dyn WriteTx, name: &str) -> Result<()> {
    get(tx, name)?;
    let versions: Vec<u32> = tx.model_versions(name)?.iter().map(|version| version.version).collect();
    tx.delete_registered_model(name)?;
    tx.record(Record::new("model.deleted", subject(name)).with(json!({ "versions": versions })))?;
    Ok(())
}

/// Sets a tag.
///
/// # Errors
/// When there is no such model or the tag is not taken.
pub fn set_tag(tx: &mut dyn WriteTx, name: &str, tag: &KeyValue) -> Result<()> {
    validation::tag(tag)?;
    get(tx, name)?;
    tx.set_registered_model_tag(name, tag)?;
    updated(tx, name, json!({ "tag": tag.key }))
}

/// Removes a tag; none there is no error.
///
/// # Errors
/// When there is no such model.
pub fn delete_tag(tx: &mut dyn WriteTx, name: &str, key: &str) -> Result<()> {
    get(tx, name)?;
    if tx.delete_registered_model_tag(name, key)? {
        updated(tx, name, json!({ "tag_removed": key }))?;
    }
    Ok(())
}
