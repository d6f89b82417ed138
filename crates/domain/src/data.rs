//! Data that arrives and its versions.

use crate::{Actor, Timestamp};
use serde::{Deserialize, Serialize};

/// A file that was completely written into a watched folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its number.
    pub id: i64,
    /// Path relative to the project.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since the epoch: with path and size, what tells one arrival
    /// from the next of the same name.
    pub modified_ns: i64,
    /// When it was found complete.
    pub time: Timestamp,
    /// The pipeline run that took it up.
    pub claimed_by: Option<String>,
}

/// One version of one tracked file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataVersion {
    /// Its number, in the order of registration.
    pub id: i64,
    /// Path relative to the project.
    pub path: String,
    /// MD5 of the content in hexadecimal (with `.dir` for a directory).
    pub md5: String,
    /// Size in bytes.
    pub size: u64,
    /// The Git commit that holds its `.dvc` file.
    pub commit: Option<String>,
    /// When it was registered.
    pub time: Timestamp,
    /// Who registered it.
    pub actor: Actor,
}
