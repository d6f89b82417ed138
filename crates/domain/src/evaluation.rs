//! Data sets for the evaluation of models: records with inputs and what is expected of them.

use crate::Timestamp;
use crate::tracking::KeyValue;
use crate::workspaces::WorkspaceName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A data set for evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationDataset {
    /// `d-` and 32 hexadecimal digits.
    pub id: String,
    /// The workspace that it lies in.
    pub workspace: WorkspaceName,
    /// Its name; others may have the same.
    pub name: String,
    /// Changes with its content.
    pub digest: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Who created it, as the client said.
    pub created_by: Option<String>,
    /// Who changed it last, as the client said.
    pub updated_by: Option<String>,
    /// The fields of its records with their types, as JSON text.
    pub schema: Option<String>,
    /// How many records there are, as JSON text.
    pub profile: Option<String>,
    /// Its tags.
    pub tags: Vec<KeyValue>,
    /// The experiments that it belongs to.
    pub experiments: Vec<i64>,
}

/// One record of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// `dr-` and 32 hexadecimal digits.
    pub id: String,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Who added it, as the client said.
    pub created_by: Option<String>,
    /// Who changed it last, as the client said.
    pub updated_by: Option<String>,
    /// What a model is given.
    pub inputs: Map<String, Value>,
    /// What a model gave.
    pub outputs: Option<Value>,
    /// What is expected of it.
    pub expectations: Option<Map<String, Value>>,
    /// Its tags.
    pub tags: Map<String, Value>,
    /// Where it comes from.
    pub source: Option<RecordSource>,
}

/// Where a record comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordSource {
    /// The kind: `TRACE`, `HUMAN`, `DOCUMENT`, `CODE` or `UNSPECIFIED`.
    pub kind: String,
    /// What belongs to the kind.
    pub data: Map<String, Value>,
}

impl RecordSource {
    /// The id of the source, where it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let key = if self.kind == "TRACE" { "trace_id" } else { "source_id" };
        self.data.get(key)?.as_str()
    }
}
