//! What clients of W&B keep of runs and artifacts beyond what other runs have.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A run as its W&B client knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct WandbRun {
    /// The run.
    pub run: String,
    /// The experiment it belongs to.
    pub experiment: i64,
    /// The id that the client chose, unique within the experiment.
    pub name: String,
    /// What it said of the run.
    pub details: RunDetails,
}

/// What a client said of its run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunDetails {
    /// The configuration as it was sent, with the client's own part.
    pub config: Map<String, Value>,
    /// The summary as it was sent.
    pub summary: Map<String, Value>,
    /// The newest system metrics.
    pub system: Map<String, Value>,
    /// The group of runs it belongs to.
    pub group: Option<String>,
    /// Its kind of work.
    pub job_type: Option<String>,
    /// Notes for people.
    pub notes: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The machine it runs on.
    pub host: Option<String>,
    /// The program.
    pub program: Option<String>,
    /// The Git commit of the program.
    pub commit: Option<String>,
    /// The Git repository of the program.
    pub repo: Option<String>,
    /// The keys of its history and how often each came with which kind of value.
    pub history_keys: BTreeMap<String, BTreeMap<String, u64>>,
    /// The last step of its history.
    pub last_step: Option<i64>,
    /// When it was last heard of.
    pub heartbeat: Timestamp,
}

/// A stream of lines that a run sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStream {
    /// One line for each step.
    History,
    /// System metrics.
    Events,
    /// What was printed.
    Console,
}

impl LineStream {
    /// The stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Events => "events",
            Self::Console => "console",
        }
    }
}

/// Versions of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its number.
    pub id: i64,
    /// The experiment it belongs to.
    pub experiment: i64,
    /// The type of its artifacts: `model`, `dataset`.
    pub kind: String,
    /// Its name, unique within the experiment.
    pub name: String,
    /// What it is, in its owner's words.
    pub description: Option<String>,
    /// The id by which clients refer to it before they know this server's.
    pub client_id: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// The number of the newest version; -1 without one.
    pub last_version: i64,
}

/// Where an artifact version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactState {
    /// Its files are being uploaded.
    Pending,
    /// Complete.
    Committed,
    /// Deleted.
    Deleted,
}

impl ArtifactState {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Committed => "COMMITTED",
            Self::Deleted => "DELETED",
        }
    }

    /// Reads the stored form; anything unknown counts as deleted, which is the safe side.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "PENDING" => Self::Pending,
            "COMMITTED" => Self::Committed,
            _ => Self::Deleted,
        }
    }
}

/// One version of an artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct ArtifactVersion {
    /// Its id.
    pub id: String,
    /// The collection.
    pub collection: i64,
    /// Its number, once it is complete.
    pub version: Option<i64>,
    /// A digest over its files.
    pub digest: String,
    /// Where it stands.
    pub state: ArtifactState,
    /// The run that made it.
    pub run: Option<String>,
    /// The id by which clients refer to it before they know this server's.
    pub client_id: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// What else is known of it.
    pub details: ArtifactDetails,
}

/// What else is known of an artifact version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArtifactDetails {
    /// What it is, in its owner's words.
    pub description: Option<String>,
    /// Facts about it.
    pub metadata: Map<String, Value>,
    /// How its digest was made.
    pub digest_algorithm: String,
    /// The step of the run at which it was logged.
    pub history_step: Option<i64>,
    /// The aliases that it gets when it is complete.
    pub wanted_aliases: Vec<String>,
    /// The manifest that counts.
    pub manifest: Option<String>,
    /// The MD5 of that manifest, in hexadecimal, where it was given.
    pub manifest_md5: Option<String>,
    /// Bytes of its files.
    pub size: u64,
    /// Number of its files.
    pub files: u64,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// Its path within the artifact.
    pub path: String,
    /// Its digest: the MD5 in base64 unless it is a reference.
    pub digest: String,
    /// Its size.
    pub size: u64,
    /// Where it is when it is not kept here.
    pub reference: Option<String>,
}
