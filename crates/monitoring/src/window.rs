//! What one batch of labelled predictions says.

use mainspring_domain::monitoring::Prediction;
use mainspring_stats::counts::{ZeroFill, psi};
use mainspring_stats::{calibration, ranking};
use mainspring_tables::{BinnedCounts, Profile};
use serde_json::{Map, Value, json};

/// The column of a profile that holds the model's own scores.
pub(crate) const SCORE: &str = "score";

/// The figures of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Rows that have both a score and a label.
    pub rows: u64,
    /// Area under the ROC curve; `None` when only one class is there.
    pub auc: Option<f64>,
    /// Mean squared error of the scores.
    pub brier: Option<f64>,
    /// Share of positive labels.
    pub label_rate: Option<f64>,
    /// Mean score.
    pub mean_score: Option<f64>,
    /// Distance of the two.
    pub calibration_gap: Option<f64>,
    /// Population stability index of the scores against the profile's.
    pub score_psi: Option<f64>,
    /// The same by feature.
    pub drift: Map<String, Value>,
}

impl Measured {
    /// The figures by name; those that could not be computed are null.
    #[must_use]
    pub fn values(&self) -> Map<String, Value> {
        let figures = json!({
            "auc": self.auc,
            "brier": self.brier,
            "label_rate": self.label_rate,
            "mean_score": self.mean_score,
            "calibration_gap": self.calibration_gap,
            "score_psi": self.score_psi,
        });
        match figures {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// Measures a batch against the training profile, when there is one.
#[must_use]
pub fn measure(batch: &[Prediction], profile: Option<&Profile>) -> Measured {
    let pairs: Vec<(f64, bool)> =
        batch.iter().filter_map(|prediction| Some((prediction.score?, prediction.label? > 0.5))).collect();
    let (scores, labels): (Vec<f64>, Vec<bool>) = pairs.into_iter().unzip();
    let mean = |sum: f64| (!scores.is_empty()).then(|| sum / scores.len() as f64);
    let mut measured = Measured {
        rows: scores.len() as u64,
        auc: ranking::auc(&scores, &labels),
        brier: calibration::brier(&scores, &labels),
        label_rate: mean(labels.iter().filter(|label| **label).count() as f64),
        mean_score: mean(scores.iter().sum()),
        calibration_gap: calibration::calibration_gap(&scores, &labels),
        ..Measured::default()
    };
    let Some(profile) = profile else { return measured };
    for column in &profile.columns {
        let mut counts = BinnedCounts::new(column);
        if column.name() == SCORE {
            for score in &scores {
                counts.observe(&json!(score));
            }
        } else {
            let mut present = false;
            for value in batch.iter().filter_map(|prediction| prediction.features.get(column.name())) {
                counts.observe(value);
                present = true;
            }
            if !present {
                // The profile may hold columns that requests do not carry, the label above all.
                continue;
            }
        }
        let index = psi(&column.reference_counts(), counts.counts(), ZeroFill::Epsilon);
        if column.name() == SCORE {
            measured.score_psi = index;
        } else {
            measured.drift.insert(column.name().to_owned(), json!(index));
        }
    }
    measured
}
