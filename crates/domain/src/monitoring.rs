//! What is watched in production.

use crate::Timestamp;
use crate::delivery::Arm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One answered or failed request for one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The request id that the answer carried.
    pub id: String,
    /// When it was answered.
    pub time: Timestamp,
    /// When the thing predicted took place, if the client said so.
    pub event_time: Option<Timestamp>,
    /// The registered model.
    pub model: String,
    /// The version that answered.
    pub version: u32,
    /// The side of the rollout.
    pub arm: Arm,
    /// The rollout that the version was under, or that put it in charge.
    pub rollout: Option<String>,
    /// The share of traffic that the version on trial had, in percent; 0 when there was none.
    pub canary_weight: u8,
    /// The features, by column.
    pub features: Map<String, Value>,
    /// The score; `None` when the model failed.
    pub score: Option<f64>,
    /// The error, when the model failed.
    pub error: Option<String>,
    /// Time in the model worker, in microseconds.
    pub latency_us: i64,
    /// The label that came later.
    pub label: Option<f64>,
    /// When the label came.
    pub label_time: Option<Timestamp>,
}

/// One evaluation of a monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorWindow {
    /// Its number.
    pub id: i64,
    /// The registered model.
    pub model: String,
    /// The version judged.
    pub version: u32,
    /// When it was computed.
    pub time: Timestamp,
    /// Event time of the first and last prediction, where known.
    pub event_start: Option<Timestamp>,
    /// See `event_start`.
    pub event_end: Option<Timestamp>,
    /// Labelled predictions in it.
    pub rows: u64,
    /// Measured values by name: `auc`, `brier`, `label_rate`, `mean_score`, `calibration_gap`, `max_psi`.
    pub values: Map<String, Value>,
    /// Population stability index by feature, and of `score`.
    pub drift: Map<String, Value>,
    /// The limits that were broken, in words.
    pub breaches: Vec<String>,
}

/// A raised alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number.
    pub id: i64,
    /// The registered model.
    pub model: String,
    /// The version judged.
    pub version: u32,
    /// When it was raised.
    pub time: Timestamp,
    /// The limits that were broken, in words.
    pub breaches: Vec<String>,
    /// The monitor window that raised it.
    pub window: i64,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// The pipeline run that it triggered.
    pub run_id: Option<String>,
}
