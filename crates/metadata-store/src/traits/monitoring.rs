//! Predictions, labels, monitor windows and alerts.

use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::Arm;
use mainspring_domain::monitoring::{Alert, MonitorWindow, Prediction};

/// What one arm of a rollout did over a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmStatistics {
    /// Requests.
    pub requests: u64,
    /// Requests that failed in the model.
    pub errors: u64,
    /// Latencies of the answered ones in microseconds, ascending.
    pub latencies_us: Vec<i64>,
    /// Scores of the answered ones.
    pub scores: Vec<f64>,
}

/// Reading what is watched.
pub trait MonitoringRead {
    /// One prediction by its request id.
    fn prediction(&self, id: &str) -> Result<Option<Prediction>>;
    /// The newest predictions of a model, newest first.
    fn recent_predictions(&self, model: &str, limit: u32) -> Result<Vec<Prediction>>;
    /// What a version did on one arm since a moment; at most the newest 20,000 requests.
    fn arm_statistics(&self, model: &str, arm: Arm, version: u32, since: Timestamp) -> Result<ArmStatistics>;
    /// Scores and labels of a version's answers on one arm since a moment, where both are known; at most
    /// the newest 20,000.
    fn arm_labels(&self, model: &str, arm: Arm, version: u32, since: Timestamp) -> Result<Vec<(f64, f64)>>;
    /// The number of the newest label, 0 without one. Each label has a larger one than those before it.
    fn newest_label(&self) -> Result<i64>;
    /// Predictions of a model that were labelled after label number `after`, in the order of their
    /// labels, with that number.
    fn labelled_after(&self, model: &str, after: i64, limit: u32) -> Result<Vec<(i64, Prediction)>>;
    /// The versions alone of what [`MonitoringRead::labelled_after`] gives: a cheap look at how much
    /// waits.
    fn labelled_versions_after(&self, model: &str, after: i64, limit: u32) -> Result<Vec<u32>>;
    /// Requests and errors of a model since a moment.
    fn traffic_since(&self, model: &str, since: Timestamp) -> Result<(u64, u64)>;
    /// The number of a model's predictions, failed ones included, and of its labelled ones.
    fn prediction_counts(&self, model: &str) -> Result<(u64, u64)>;
    /// Feedback that named no known request.
    fn orphan_count(&self) -> Result<u64>;
    /// The newest windows of a model's monitor, newest first.
    fn monitor_windows(&self, model: &str, limit: u32) -> Result<Vec<MonitorWindow>>;
    /// The newest alerts, newest first, of one model or all.
    fn alerts(&self, model: Option<&str>, limit: u32) -> Result<Vec<Alert>>;
    /// The alert of a model that is not resolved.
    fn open_alert(&self, model: &str) -> Result<Option<Alert>>;
}

/// Writing what is watched.
pub trait MonitoringWrite {
    /// Adds predictions. A failed one is replaced by a later try of the same request id, and the
    /// failure stays counted; an answered one is left as it is.
    fn add_predictions(&mut self, predictions: &[Prediction]) -> Result<()>;
    /// Attaches a label to a request; `false` when the request is unknown, in which case the label
    /// is kept aside. A second label for the same request is ignored.
    fn add_label(&mut self, request_id: &str, label: f64) -> Result<bool>;
    /// Adds a window; its `id` is ignored and the new one given back.
    fn add_monitor_window(&mut self, window: &MonitorWindow) -> Result<i64>;
    /// Adds an alert; its `id` is ignored and the new one given back.
    fn add_alert(&mut self, alert: &Alert) -> Result<i64>;
    /// Replaces an alert.
    fn put_alert(&mut self, alert: &Alert) -> Result<()>;
}
