//! What the battery found.

use serde::{Deserialize, Serialize};

/// The outcome of a check or of the battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold, or cannot be decided.
    Fail,
    /// It does not apply: a comparison with a champion that does not exist.
    Skip,
}

/// What the battery found about a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatteryReport {
    /// Version of this format: 1.
    pub version: u32,
    /// Fail if any check failed, otherwise pass.
    pub verdict: Verdict,
    /// The checks, in the order of the battery.
    pub checks: Vec<CheckReport>,
    /// Labelled rows that were scored.
    pub rows: u64,
    /// Rows left out because their label is null.
    pub unlabelled_rows: u64,
    /// Share of positive labels.
    pub label_rate: Option<f64>,
    /// The candidate's metrics over all labelled rows.
    pub metrics: MetricSet,
    /// The champion's on the same rows.
    pub champion_metrics: Option<MetricSet>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Metrics of one model; `None` for what could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricSet {
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Brier score.
    pub brier: Option<f64>,
    /// Logarithmic loss in nats.
    pub log_loss: Option<f64>,
    /// Expected calibration error over ten bins.
    pub ece: Option<f64>,
    /// |mean score - label rate|.
    pub calibration_gap: Option<f64>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Name, unique in the report.
    pub name: String,
    /// contract, determinism, metrics, slices, robustness or performance.
    pub group: String,
    /// The outcome.
    pub verdict: Verdict,
    /// The number that decided.
    pub measured: Option<f64>,
    /// What was asked of it, for people.
    pub threshold: String,
    /// Confidence interval of `measured`, `[low, high]`, where there is one.
    pub ci: Option<[f64; 2]>,
    /// One sentence for people.
    pub message: String,
    /// For checks of slices: every slice that was large enough, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceReport>,
}

/// A metric on the rows that share a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceReport {
    /// The value.
    pub value: String,
    /// Labelled rows.
    pub rows: u64,
    /// The metric; `None` if it cannot be computed on these rows.
    pub measured: Option<f64>,
}

impl BatteryReport {
    /// Number of checks with this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }
}
