//! Artifacts: versions of collections.

use crate::validation::invalid;
use crate::{Result, TrackingError, runs};
use mainspring_domain::events::Record;
use mainspring_domain::wandb::{ArtifactDetails, ArtifactEntry, ArtifactState, ArtifactVersion, Collection};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The alias that the newest version always has.
const LATEST: &str = "latest";
/// Bytes of an artifact's metadata.
const METADATA: usize = 1 << 20;

/// What a client says of a version that it begins to log.
#[derive(Clone, Debug, Default)]
pub struct NewArtifact {
    /// The experiment.
    pub experiment: i64,
    /// The type: `model`, `dataset`.
    pub kind: String,
    /// The collection.
    pub collection: String,
    /// A digest over the files.
    pub digest: String,
    /// How that was made.
    pub digest_algorithm: String,
    /// The aliases that it is to get.
    pub aliases: Vec<String>,
    /// The client's id for it.
    pub client_id: Option<String>,
    /// The client's id for the collection.
    pub sequence_client_id: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Facts about it.
    pub metadata: Map<String, Value>,
    /// The run that makes it.
    pub run: Option<String>,
    /// The step of that run.
    pub history_step: Option<i64>,
}

fn subject(id: &str) -> String {
    format!("artifact:{id}")
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let bad = name.is_empty()
        || name.chars().nth(128).is_some()
        || name.contains(['/', ':', '\\'])
        || name.chars().any(char::is_control)
        || matches!(name, "." | "..");
    if bad {
        return invalid(format!("Invalid {what} '{name}': it has 1 to 128 characters, none of / : and \\."));
    }
    Ok(())
}

/// The number in `v3`.
fn version_number(alias: &str) -> Option<i64> {
    let digits = alias.strip_prefix('v').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

fn check_alias(alias: &str) -> Result<()> {
    check_name("alias", alias)?;
    if version_number(alias).is_some() {
        return invalid(format!("'{alias}' is the name of a version and cannot be an alias."));
    }
    Ok(())
}

/// One version.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, id: &str) -> Result<ArtifactVersion> {
    let found = tx.wandb_artifact(id)?.filter(|found| found.state != ArtifactState::Deleted);
    found.ok_or_else(|| TrackingError::Invalid(format!("There is no artifact with the id '{id}'.")))
}

/// The collection of a version.
///
/// # Errors
/// When there is none.
pub fn collection_of(tx: &dyn ReadTx, artifact: &ArtifactVersion) -> Result<Collection> {
    let found = tx.wandb_collection(artifact.collection)?;
    found.ok_or_else(|| TrackingError::Invalid("The artifact's collection is gone.".to_owned()))
}

/// The version that `name:alias` or `name:v3` names; without an alias the latest.
///
/// # Errors
/// When the store fails.
pub fn find(tx: &dyn ReadTx, experiment: i64, name: &str) -> Result<Option<(Collection, ArtifactVersion)>> {
    let (collection, alias) = name.split_once(':').unwrap_or((name, LATEST));
    let Some(collection) = tx.wandb_collection_named(experiment, collection)? else { return Ok(None) };
    let found = version(tx, &collection, alias)?;
    Ok(found.map(|found| (collection, found)))
}

/// The version of a collection by alias or number.
///
/// # Errors
/// When the store fails.
pub fn version(tx: &dyn ReadTx, collection: &Collection, alias: &str) -> Result<Option<ArtifactVersion>> {
    if let Some(number) = version_number(alias) {
        let versions = tx.wandb_artifacts(collection.id)?;
        return Ok(versions.into_iter().find(|found| found.version == Some(number)));
    }
    Ok(tx.wandb_artifact_aliased(collection.id, alias)?)
}

/// Begins a version. One of the same digest that the collection has already is given instead, with
/// the aliases added. Also gives the newest version from before.
///
/// # Errors
/// When a name is not taken, or the collection has another type.
pub fn create(tx: &mut dyn WriteTx, new: NewArtifact) -> Result<(ArtifactVersion, Option<ArtifactVersion>)> {
    check_name("artifact type", &new.kind)?;
    check_name("artifact name", &new.collection)?;
    new.aliases.iter().try_for_each(|alias| check_alias(alias))?;
    if new.digest.is_empty() || new.digest.len() > 200 {
        return invalid("An artifact needs a digest of its files.");
    }
    check_metadata(&new.metadata)?;
    let collection = ensure_collection(tx, &new)?;
    let latest = tx.wandb_artifact_aliased(collection.id, LATEST)?;
    let same = tx.wandb_artifacts_with_digest(collection.id, &new.digest)?;
    if let Some(held) = same.iter().find(|held| held.state == ArtifactState::Committed) {
        for alias in &new.aliases {
            set_alias(tx, held, alias)?;
        }
        return Ok((held.clone(), latest));
    }
    let again = |held: &&ArtifactVersion| held.client_id.is_some() && held.client_id == new.client_id;
    if let Some(held) = same.iter().find(again) {
        return Ok((held.clone(), latest));
    }
    let now = tx.now();
    let artifact = ArtifactVersion {
        id: Uuid::now_v7().simple().to_string(),
        collection: collection.id,
        version: None,
        digest: new.digest,
        state: ArtifactState::Pending,
        run: new.run,
        client_id: new.client_id,
        created: now,
        updated: now,
        details: ArtifactDetails {
            description: new.description,
            metadata: new.metadata,
            digest_algorithm: new.digest_algorithm,
            history_step: new.history_step,
            wanted_aliases: new.aliases,
            ..ArtifactDetails::default()
        },
    };
    tx.put_wandb_artifact(&artifact)?;
    let facts = json!({ "collection": collection.name, "type": collection.kind, "run": artifact.run });
    tx.record(Record::new("artifact.created", subject(&artifact.id)).with(facts))?;
    Ok((artifact, latest))
}

fn check_metadata(metadata: &Map<String, Value>) -> Result<()> {
    let size = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    if size > METADATA {
        return invalid(format!("The metadata has {size} bytes; {METADATA} are taken."));
    }
    Ok(())
}

fn ensure_collection(tx: &mut dyn WriteTx, new: &NewArtifact) -> Result<Collection> {
    if let Some(held) = tx.wandb_collection_named(new.experiment, &new.collection)? {
        if held.kind != new.kind {
            return invalid(format!(
                "The artifact '{}' has the type '{}', not '{}'.",
                held.name, held.kind, new.kind
            ));
        }
        return Ok(held);
    }
    let now = tx.now();
    let mut collection = Collection {
        id: 0,
        experiment: new.experiment,
        kind: new.kind.clone(),
        name: new.collection.clone(),
        description: None,
        client_id: new.sequence_client_id.clone(),
        created: now,
        updated: now,
        last_version: -1,
    };
    collection.id = tx.insert_wandb_collection(&collection)?;
    Ok(collection)
}

/// Gives a version under way its manifest; the last one counts.
///
/// # Errors
/// When the version is complete.
pub fn set_manifest(tx: &mut dyn WriteTx, id: &str, md5: Option<String>) -> Result<String> {
    let mut artifact = pending(tx, id)?;
    let manifest = Uuid::now_v7().simple().to_string();
    artifact.details.manifest = Some(manifest.clone());
    artifact.details.manifest_md5 = md5;
    tx.put_wandb_artifact(&artifact)?;
    tx.bookkeeping();
    Ok(manifest)
}

/// A version under way.
///
/// # Errors
/// When there is none, or it is complete.
pub fn pending(tx: &dyn ReadTx, id: &str) -> Result<ArtifactVersion> {
    let artifact = get(tx, id)?;
    if artifact.state != ArtifactState::Pending {
        return invalid(format!("The artifact '{id}' is complete and does not change."));
    }
    Ok(artifact)
}

/// Completes a version: it gets its number and aliases. One that is complete stays as it is.
///
/// # Errors
/// When there is none.
pub fn commit(tx: &mut dyn WriteTx, id: &str, entries: &[ArtifactEntry]) -> Result<ArtifactVersion> {
    let mut artifact = get(tx, id)?;
    if artifact.state == ArtifactState::Committed {
        return Ok(artifact);
    }
    let mut collection = collection_of(tx, &artifact)?;
    collection.last_version += 1;
    collection.updated = tx.now();
    tx.update_wandb_collection(&collection)?;
    artifact.version = Some(collection.last_version);
    artifact.state = ArtifactState::Committed;
    artifact.updated = tx.now();
    artifact.details.size = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
    artifact.details.files = entries.len() as u64;
    tx.put_wandb_artifact(&artifact)?;
    tx.insert_wandb_entries(id, entries)?;
    for alias in artifact.details.wanted_aliases.iter().map(String::as_str).chain([LATEST]) {
        tx.set_wandb_alias(collection.id, alias, id)?;
    }
    let facts = json!({ "name": format!("{}:v{}", collection.name, collection.last_version),
                        "digest": artifact.digest, "files": entries.len(), "run": artifact.run });
    tx.record(Record::new("artifact.committed", subject(id)).with(facts))?;
    Ok(artifact)
}

fn set_alias(tx: &mut dyn WriteTx, artifact: &ArtifactVersion, alias: &str) -> Result<()> {
    check_alias(alias)?;
    let held = tx.wandb_artifact_aliased(artifact.collection, alias)?;
    if held.is_some_and(|held| held.id == artifact.id) {
        return Ok(());
    }
    tx.set_wandb_alias(artifact.collection, alias, &artifact.id)?;
    tx.record(Record::new("artifact.aliased", subject(&artifact.id)).with(json!({ "alias": alias })))?;
    Ok(())
}

/// Lets aliases name a version.
///
/// # Errors
/// When there is none, or an alias is not taken.
pub fn add_aliases(tx: &mut dyn WriteTx, id: &str, aliases: &[String]) -> Result<()> {
    let artifact = get(tx, id)?;
    aliases.iter().try_for_each(|alias| set_alias(tx, &artifact, alias))
}

/// Takes aliases from a version.
///
/// # Errors
/// When there is none.
pub fn remove_aliases(tx: &mut dyn WriteTx, id: &str, aliases: &[String]) -> Result<()> {
    let artifact = get(tx, id)?;
    for alias in aliases {
        if tx.delete_wandb_alias(artifact.collection, alias, id)? {
            let facts = json!({ "alias": alias, "removed": true });
            tx.record(Record::new("artifact.aliased", subject(id)).with(facts))?;
        }
    }
    Ok(())
}

/// Changes what is said of a version; what is not given stays.
///
/// # Errors
/// When there is none.
pub fn update(
    tx: &mut dyn WriteTx,
    id: &str,
    description: Option<String>,
    metadata: Option<Map<String, Value>>,
) -> Result<ArtifactVersion> {
    let mut artifact = get(tx, id)?;
    if let Some(metadata) = metadata {
        check_metadata(&metadata)?;
        artifact.details.metadata = metadata;
    }
    artifact.details.description = description.or(artifact.details.description);
    artifact.updated = tx.now();
    tx.put_wandb_artifact(&artifact)?;
    tx.record(Record::new("artifact.updated", subject(id)))?;
    Ok(artifact)
}

/// Deletes a version. One with aliases other than `latest` is deleted only with them.
///
/// # Errors
/// When there is none, or it has aliases.
pub fn delete(tx: &mut dyn WriteTx, id: &str, with_aliases: bool) -> Result<ArtifactVersion> {
    let mut artifact = get(tx, id)?;
    let aliases = tx.wandb_aliases(id)?;
    if !with_aliases && aliases.iter().any(|alias| alias != LATEST) {
        return invalid(format!("The artifact has the aliases {}; delete them with it.", aliases.join(", ")));
    }
    for alias in &aliases {
        tx.delete_wandb_alias(artifact.collection, alias, id)?;
    }
    artifact.state = ArtifactState::Deleted;
    artifact.updated = tx.now();
    tx.put_wandb_artifact(&artifact)?;
    if aliases.iter().any(|alias| alias == LATEST)
        && let Some(newest) = tx.wandb_artifacts(artifact.collection)?.first()
    {
        let newest = newest.id.clone();
        tx.set_wandb_alias(artifact.collection, LATEST, &newest)?;
    }
    tx.record(Record::new("artifact.deleted", subject(id)))?;
    Ok(artifact)
}

/// Notes that a run uses a version.
///
/// # Errors
/// When there is no such run or version.
pub fn use_artifact(tx: &mut dyn WriteTx, run: &str, id: &str) -> Result<ArtifactVersion> {
    let artifact = get(tx, id)?;
    let run = runs::get_active(tx, run)?;
    if tx.insert_wandb_use(&run.id, id)? {
        let collection = collection_of(tx, &artifact)?;
        let facts = json!({ "run": run.id, "name": collection.name, "version": artifact.version });
        tx.record(Record::new("artifact.used", subject(id)).with(facts))?;
    }
    Ok(artifact)
}

/// Changes name or description of a collection; what is not given stays.
///
/// # Errors
/// When the name is not taken or in use.
pub fn update_collection(
    tx: &mut dyn WriteTx,
    mut collection: Collection,
    name: Option<String>,
    description: Option<String>,
) -> Result<Collection> {
    if let Some(name) = name.filter(|name| *name != collection.name) {
        check_name("artifact name", &name)?;
        if tx.wandb_collection_named(collection.experiment, &name)?.is_some() {
            return invalid(format!("There is an artifact '{name}' already."));
        }
        collection.name = name;
    }
    collection.description = description.or(collection.description);
    collection.updated = tx.now();
    tx.update_wandb_collection(&collection)?;
    tx.record(Record::new("artifact.updated", format!("artifact_collection:{}", collection.id)))?;
    Ok(collection)
}
