//! MLflow's values in our words.

use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_domain::tracking::{Lifecycle, LoggedModelStatus, RunStatus};
use mainspring_domain::{Actor, Timestamp};

/// Run statuses by MLflow's number, from 1.
pub(crate) const RUN_STATUSES: [RunStatus; 5] =
    [RunStatus::Running, RunStatus::Scheduled, RunStatus::Finished, RunStatus::Failed, RunStatus::Killed];

/// Statuses of logged models by MLflow's number, from 1.
pub(crate) const LOGGED_MODEL_STATUSES: [LoggedModelStatus; 3] =
    [LoggedModelStatus::Pending, LoggedModelStatus::Ready, LoggedModelStatus::UploadFailed];

/// A status by its number.
pub(crate) fn numbered<T: Copy>(statuses: &[T], number: i64) -> Option<T> {
    usize::try_from(number).ok()?.checked_sub(1).and_then(|index| statuses.get(index)).copied()
}

/// The number of a status.
pub(crate) fn number<T: PartialEq>(statuses: &[T], status: &T) -> i64 {
    let place = statuses.iter().position(|other| *other == *status);
    place.and_then(|place| i64::try_from(place + 1).ok()).unwrap_or_default()
}

/// A lifecycle; what is not said is in use.
pub(crate) fn lifecycle(text: Option<&str>) -> Lifecycle {
    text.map_or(Lifecycle::Active, Lifecycle::from_stored)
}

/// The logged model that a version's source names: `models:/m-<id>`.
pub(crate) fn model_of_source(source: &str) -> Option<String> {
    let name = source.strip_prefix("models:/")?;
    (!name.contains(['/', '@'])).then(|| name.to_owned())
}

/// The stage of a version that was deleted: MLflow keeps its number.
const DELETED: &str = "Deleted_Internal";

/// A version as sources have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct VersionParts {
    pub(crate) model: String,
    pub(crate) version: i64,
    pub(crate) created: Option<i64>,
    pub(crate) updated: Option<i64>,
    pub(crate) stage: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) storage_location: Option<String>,
    pub(crate) run_id: Option<String>,
    pub(crate) run_link: Option<String>,
    pub(crate) model_id: Option<String>,
    pub(crate) user: Option<String>,
}

/// A version in our words, without tags; none when it was deleted.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn version(parts: VersionParts) -> Result<Option<ModelVersion>, String> {
    let stage = match parts.stage.as_deref() {
        Some(DELETED) => return Ok(None),
        Some(text) => Stage::parse(text).ok_or(format!("`{text}` is no stage"))?,
        None => Stage::None,
    };
    let number = u32::try_from(parts.version).ok().filter(|number| *number > 0);
    let created = Timestamp::from_millis(parts.created.unwrap_or_default());
    let source = parts.source.unwrap_or_default();
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Some(ModelVersion {
        name: parts.model,
        version: number.ok_or(format!("{} is no version", parts.version))?,
        created,
        updated: parts.updated.map_or(created, Timestamp::from_millis),
        stage,
        description: parts.description.unwrap_or_default(),
        storage_location: some(parts.storage_location).unwrap_or_else(|| source.clone()),
        run_id: some(parts.run_id),
        model_id: some(parts.model_id).or_else(|| model_of_source(&source)),
        run_link: parts.run_link.unwrap_or_default(),
        user: parts.user.unwrap_or_default(),
        created_by: Actor::system("import"),
        tags: Vec::new(),
        aliases: Vec::new(),
        source,
    }))
}
