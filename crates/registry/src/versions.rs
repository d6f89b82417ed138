//! Versions of registered models.

use crate::source::{self, Origin};
use crate::{RegistryError, Result, StageCheck, models, validation};
use mainspring_domain::events::Record;
use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::workspaces::local_model_name;
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Value, json};

/// The tag in which a logged model lists its registered versions, as JSON.
const VERSIONS_TAG: &str = "mlflow.modelVersions";

/// What a client says of a version that it registers.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    /// The registered model.
    pub name: String,
    /// Where its files are, as a URI.
    pub source: String,
    /// Whether this server itself reads files there: they must belong to the run or logged model then.
    pub kept_here: bool,
    /// The run that produced it.
    pub run_id: Option<String>,
    /// The logged model it is made from.
    pub model_id: Option<String>,
    /// A link to the run elsewhere.
    pub run_link: String,
    /// A text for people.
    pub description: String,
    /// Its tags.
    pub tags: Vec<KeyValue>,
}

fn subject(version: &ModelVersion) -> String {
    format!("model:{}/{}", version.name, version.version)
}

/// Reads a version number as clients write it.
///
/// # Errors
/// When it is no number.
pub fn parse_version(text: &str) -> Result<u32> {
    text.parse()
        .or_else(|_| validation::invalid(format!("Parameter 'version' must be an integer, got '{text}'.")))
}

/// Reads a stage name in any case.
///
/// # Errors
/// When it is none.
pub fn parse_stage(text: &str) -> Result<Stage> {
    match Stage::parse(text) {
        Some(stage) => Ok(stage),
        None => validation::invalid(format!(
            "Invalid Model Version stage: {text}. Value must be one of {}.",
            Stage::ALL.map(Stage::as_str).join(", ")
        )),
    }
}

/// Registers a version. What its source names must exist and belong to the run or logged model that
/// is given with it.
///
/// # Errors
/// When there is no such model, or the source or a tag is not taken.
pub fn create(tx: &mut dyn WriteTx, new: NewVersion) -> Result<ModelVersion> {
    validation::model_name(tx, &new.name)?;
    validation::description(&new.description)?;
    new.tags.iter().try_for_each(validation::tag)?;
    models::get(tx, &new.name)?;
    let Origin { source, storage_location, run_id, model_id } = source::resolve(tx, &new)?;
    let version = tx.take_version_number(&new.name)?;
    let now = tx.now();
    let version = ModelVersion {
        name: new.name,
        version,
        created: now,
        updated: now,
        stage: Stage::None,
        description: new.description,
        source,
        storage_location,
        run_id,
        model_id,
        run_link: new.run_link,
        user: String::new(),
        created_by: tx.actor().clone(),
        tags: new.tags,
        aliases: Vec::new(),
    };
    tx.insert_model_version(&version)?;
    if let Some(model) = &version.model_id {
        note_in_logged_model(tx, model, &version)?;
    }
    models::touch_named(tx, &version.name)?;
    let details = json!({ "run_id": version.run_id, "model_id": version.model_id, "source": version.source });
    tx.record(Record::new("model_version.created", subject(&version)).with(details))?;
    Ok(version)
}

/// Notes a version in the tag in which a logged model lists its versions.
fn note_in_logged_model(tx: &mut dyn WriteTx, model: &str, version: &ModelVersion) -> Result<()> {
    let Some(model) = tx.logged_model(model)? else { return Ok(()) };
    let held = model.tags.iter().find(|tag| tag.key == VERSIONS_TAG);
    let mut versions: Vec<Value> =
        held.and_then(|tag| serde_json::from_str(&tag.value).ok()).unwrap_or_default();
    let entry = json!({ "name": local_model_name(&version.name), "version": version.version });
    if !versions.contains(&entry) {
        versions.push(entry);
    }
    // Clients compare the text: a space after each comma and colon, as Python writes JSON.
    let entries: Vec<String> = versions
        .iter()
        .map(|entry| format!("{{\"name\": {}, \"version\": {}}}", entry["name"], entry["version"]))
        .collect();
    let tag = KeyValue { key: VERSIONS_TAG.to_owned(), value: format!("[{}]", entries.join(", ")) };
    tx.set_logged_model_tags(&model.id, &[tag])?;
    Ok(())
}

/// One version.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, name: &str, version: u32) -> Result<ModelVersion> {
    tx.model_version(name, version)?
        .ok_or_else(|| RegistryError::NoVersion { name: name.to_owned(), version })
}

/// Changes the description.
///
/// # Errors
/// When there is no such version or the text is not taken.
pub fn update(tx: &mut dyn WriteTx, name: &str, version: u32, description: &str) -> Result<ModelVersion> {
    validation::description(description)?;
    let mut version = get(tx, name, version)?;
    description.clone_into(&mut version.description);
    version.updated = tx.now();
    tx.update_model_version(&version)?;
    tx.record(Record::new("model_version.updated", subject(&version)))?;
    Ok(version)
}

/// Checks that a version is in the stage that is expected, before it is moved in the same transaction.
///
/// # Errors
/// When there is no such version, or it is in another stage.
pub fn expect_stage(tx: &dyn ReadTx, name: &str, version: u32, expected: Stage) -> Result<()> {
    let found = get(tx, name, version)?.stage;
    if found == expected {
        return Ok(());
    }
    Err(RegistryError::Conflict(format!(
        "Version {version} of model '{name}' is in the stage '{}', which is not what the request expects. \
         Read it again and decide anew.",
        found.as_str()
    )))
}

/// Moves a version to a stage, in one step with archiving those that hold it now when
/// `archive_existing` says so.
///
/// # Errors
/// When there is no such version, nothing can be archived for this stage, or the check refuses.
pub fn transition_stage(
    tx: &mut dyn WriteTx,
    check: &StageCheck<'_>,
    name: &str,
    version: u32,
    stage: Stage,
    archive_existing: bool,
) -> Result<ModelVersion> {
    if archive_existing && !matches!(stage, Stage::Staging | Stage::Production) {
        return validation::invalid(format!(
            "Model version transition cannot archive existing model versions because '{}' is not an Active \
             stage. Valid stages are ['Staging', 'Production']",
            stage.as_str()
        ));
    }
    let mut version = get(tx, name, version)?;
    check(tx, &version, stage)?;
    if archive_existing {
        let held = tx.model_versions(name)?;
        for mut other in held.into_iter().filter(|o| o.stage == stage && o.version != version.version) {
            let because = format!("version {} takes the stage", version.version);
            set_stage(tx, &mut other, Stage::Archived, false, Some(because))?;
        }
    }
    set_stage(tx, &mut version, stage, archive_existing, None)?;
    models::touch_named(tx, name)?;
    Ok(version)
}

fn set_stage(
    tx: &mut dyn WriteTx,
    version: &mut ModelVersion,
    to: Stage,
    archive_existing: bool,
    reason: Option<String>,
) -> Result<()> {
    let from = std::mem::replace(&mut version.stage, to);
    version.updated = tx.now();
    tx.update_model_version(version)?;
    let details = json!({ "from": from.as_str(), "to": to.as_str(), "archive_existing": archive_existing });
    let mut record = Record::new("model_version.stage_changed", subject(version)).with(details);
    record.reason = reason;
    tx.record(record)?;
    Ok(())
}

/// Removes a version with its tags and aliases. Its number is not given again.
///
/// # Errors
/// When there is none.
pub fn delete(tx: &mut dyn WriteTx, name: &str, version: u32) -> Result<()> {
    let version = get(tx, name, version)?;
    tx.delete_model_version(name, version.version)?;
    models::touch_named(tx, name)?;
    let details = json!({ "stage": version.stage.as_str(), "aliases": version.aliases });
    tx.record(Record::new("model_version.deleted", subject(&version)).with(details))?;
    Ok(())
}

/// Sets a tag.
///
/// # Errors
/// When there is no such version or the tag is not taken.
pub fn set_tag(tx: &mut dyn WriteTx, name: &str, version: u32, tag: &KeyValue) -> Result<()> {
    validation::tag(tag)?;
    let version = get(tx, name, version)?;
    tx.set_model_version_tag(name, version.version, tag)?;
    tx.record(Record::new("model_version.tagged", subject(&version)).with(json!({ "key": tag.key })))?;
    Ok(())
}

/// Removes a tag; none there is no error.
///
/// # Errors
/// When there is no such version.
pub fn delete_tag(tx: &mut dyn WriteTx, name: &str, version: u32, key: &str) -> Result<()> {
    let version = get(tx, name, version)?;
    if tx.delete_model_version_tag(name, version.version, key)? {
        let details = json!({ "key": key, "removed": true });
        tx.record(Record::new("model_version.tagged", subject(&version)).with(details))?;
    }
    Ok(())
}

/// Where a version's files are, as a URI.
///
/// # Errors
/// When there is no such version.
pub fn download_uri(tx: &dyn ReadTx, name: &str, version: u32) -> Result<String> {
    Ok(get(tx, name, version)?.storage_location)
}
