//! The `meta.yaml` files.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The largest file that is read: the profile of a data set is its largest part.
const LARGEST: u64 = 40 << 20;

/// Reads a document.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 > LARGEST {
        return Err("the file is too large".to_owned());
    }
    serde_saphyr::from_str(&text).map_err(|error| first_line(&error.to_string()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[derive(Debug, Deserialize)]
pub(super) struct ExperimentMeta {
    pub(super) experiment_id: String,
    pub(super) name: String,
    pub(super) artifact_location: Option<String>,
    pub(super) lifecycle_stage: Option<String>,
    pub(super) creation_time: Option<i64>,
    pub(super) last_update_time: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RunMeta {
    pub(super) run_id: Option<String>,
    pub(super) run_uuid: Option<String>,
    pub(super) run_name: Option<String>,
    pub(super) name: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) status: Option<i64>,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    pub(super) lifecycle_stage: Option<String>,
    pub(super) artifact_uri: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DatasetMeta {
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) source_type: String,
    pub(super) source: String,
    pub(super) schema: Option<String>,
    pub(super) profile: Option<String>,
}

/// What a run reads or produces. The ids of both ends are not reliable in it: the folders' names are.
#[derive(Debug, Deserialize)]
pub(super) struct LinkMeta {
    pub(super) source_type: Option<String>,
    pub(super) source_id: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) step: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LoggedModelMeta {
    pub(super) model_id: String,
    pub(super) name: Option<String>,
    pub(super) artifact_location: Option<String>,
    pub(super) creation_timestamp: Option<i64>,
    pub(super) last_updated_timestamp: Option<i64>,
    pub(super) status: Option<i64>,
    pub(super) lifecycle_stage: Option<String>,
    pub(super) model_type: Option<String>,
    pub(super) source_run_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RegisteredModelMeta {
    pub(super) name: String,
    pub(super) creation_timestamp: Option<i64>,
    pub(super) last_updated_timestamp: Option<i64>,
    pub(super) description: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VersionMeta {
    pub(super) version: i64,
    pub(super) creation_timestamp: Option<i64>,
    pub(super) last_updated_timestamp: Option<i64>,
    pub(super) current_stage: Option<String>,
    pub(super) description: Option<String>,
    pub(super) source: Option<String>,
    pub(super) storage_location: Option<String>,
    pub(super) run_id: Option<String>,
    pub(super) run_link: Option<String>,
    pub(super) model_id: Option<String>,
    pub(super) user_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{DatasetMeta, ExperimentMeta};

    #[test]
    fn texts_that_look_like_numbers_are_texts() {
        let text = "digest: 1e10\nname: 007\nsource_type: local\nsource: '{}'\nschema: null\n";
        let data: DatasetMeta = serde_saphyr::from_str(text).unwrap();
        assert_eq!((data.digest.as_str(), data.name.as_str(), data.schema), ("1e10", "007", None));
        let text = "experiment_id: 12\nname: yes\nartifact_location: ~\n";
        let meta: ExperimentMeta = serde_saphyr::from_str(text).unwrap();
        assert_eq!((meta.experiment_id.as_str(), meta.name.as_str()), ("12", "yes"));
        assert_eq!(meta.artifact_location, None);
    }
}
