//! Experiments, runs and what is logged to them.

use crate::workspaces::WorkspaceName;
use crate::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Whether an entity is in use or in the bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// In use.
    #[default]
    Active,
    /// Deleted, but restorable.
    Deleted,
}

impl Lifecycle {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the stored form; anything unknown counts as deleted, which is the safe side.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        if text == "active" { Self::Active } else { Self::Deleted }
    }
}

/// A key with its value: a parameter or a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A group of runs that answer one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// A decimal number; 0 is the default experiment.
    pub id: i64,
    /// The workspace that it lies in.
    pub workspace: WorkspaceName,
    /// Unique among the experiments of its workspace, the deleted ones included.
    pub name: String,
    /// Where its artifacts live, as a URI.
    pub artifact_location: String,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Its tags.
    pub tags: Vec<KeyValue>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// At work.
    Running,
    /// Planned.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Failed,
    /// Stopped from outside.
    Killed,
}

impl RunStatus {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// Reads the form of [`RunStatus::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "RUNNING" => Self::Running,
            "SCHEDULED" => Self::Scheduled,
            "FINISHED" => Self::Finished,
            "FAILED" => Self::Failed,
            "KILLED" => Self::Killed,
            _ => return None,
        })
    }
}

/// What is known of a run apart from what was logged to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The experiment it belongs to.
    pub experiment: i64,
    /// A name for people.
    pub name: String,
    /// The user name that the client gave.
    pub user: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// Where its artifacts live, as a URI.
    pub artifact_uri: String,
    /// Who created it: the link from a run to the task attempt that made it.
    pub created_by: Actor,
}

/// One measured point.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The metric's name.
    pub key: String,
    /// The value; NaN is kept, infinities are stored as the largest finite number of their sign.
    pub value: f64,
    /// When it was measured.
    pub timestamp: Timestamp,
    /// The position on the step axis.
    pub step: i64,
}

/// The latest point of each metric: the greatest by step, time and value.
#[must_use]
pub fn latest_points(points: &[Metric]) -> Vec<&Metric> {
    // NaN stands where 0 stands, as in the store.
    let value = |point: &Metric| if point.value.is_nan() { 0.0 } else { point.value };
    let mut latest: HashMap<&str, &Metric> = HashMap::new();
    for point in points {
        let held = latest.entry(&point.key).or_insert(point);
        let order = (point.step, point.timestamp).cmp(&(held.step, held.timestamp));
        if order.then(value(point).total_cmp(&value(held))).is_gt() {
            *held = point;
        }
    }
    latest.into_values().collect()
}

/// A data set that a run read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInput {
    /// Its name.
    pub name: String,
    /// A digest of its content.
    pub digest: String,
    /// The kind of source.
    pub source_type: String,
    /// The source, as JSON text.
    pub source: String,
    /// The schema, as JSON text.
    pub schema: Option<String>,
    /// The profile, as JSON text.
    pub profile: Option<String>,
    /// Tags of this use, such as `mlflow.data.context`.
    pub tags: Vec<KeyValue>,
}

/// A model that a run produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOutput {
    /// The logged model's id.
    pub model_id: String,
    /// The step at which it was logged.
    pub step: i64,
}

/// A run with everything that is shown of it at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What it is.
    pub info: RunInfo,
    /// The latest point of each metric.
    pub metrics: Vec<Metric>,
    /// Its parameters.
    pub params: Vec<KeyValue>,
    /// Its tags.
    pub tags: Vec<KeyValue>,
    /// The data sets it read.
    pub inputs: Vec<DatasetInput>,
    /// The models it produced.
    pub outputs: Vec<ModelOutput>,
}

/// Whether a logged model is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedModelStatus {
    /// Its files are still being written.
    Pending,
    /// Complete.
    Ready,
    /// The upload failed.
    UploadFailed,
}

impl LoggedModelStatus {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "LOGGED_MODEL_PENDING",
            Self::Ready => "LOGGED_MODEL_READY",
            Self::UploadFailed => "LOGGED_MODEL_UPLOAD_FAILED",
        }
    }

    /// Reads the form of [`LoggedModelStatus::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "LOGGED_MODEL_PENDING" => Self::Pending,
            "LOGGED_MODEL_READY" => Self::Ready,
            "LOGGED_MODEL_UPLOAD_FAILED" => Self::UploadFailed,
            _ => return None,
        })
    }
}

/// A model as an entity of its own, beside the run that produced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModel {
    /// `m-` and 32 hexadecimal digits.
    pub id: String,
    /// The experiment it belongs to.
    pub experiment: i64,
    /// Its name within the run.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Where its files live, as a URI.
    pub artifact_uri: String,
    /// Whether it is complete.
    pub status: LoggedModelStatus,
    /// The kind of model, empty when unknown.
    pub model_type: String,
    /// The run that produced it.
    pub source_run: Option<String>,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// Its parameters.
    pub params: Vec<KeyValue>,
    /// Its tags.
    pub tags: Vec<KeyValue>,
}

#[cfg(test)]
mod tests {
    use super::{Metric, latest_points};
    use crate::Timestamp;

    fn point(value: f64, timestamp: i64, step: i64) -> Metric {
        Metric { key: "m".into(), value, timestamp: Timestamp::from_millis(timestamp), step }
    }

    #[test]
    fn the_latest_point_goes_by_step_then_time_then_value() {
        let points =
            [point(9.0, 9, 1), point(1.0, 5, 2), point(3.0, 4, 2), point(2.0, 5, 2), point(f64::NAN, 5, 2)];
        assert_eq!(latest_points(&points), [&points[3]]);
    }
}
