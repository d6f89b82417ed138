//! Measuring for a rollout's analyses.

use crate::prometheus;
use crate::shadow::Comparison;
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::{Arm, Rollout};
use mainspring_metadata_store::traits::ArmStatistics;
use mainspring_metadata_store::{Store, StoreError};
use mainspring_rollouts::{AnalysisMetric, Provider, Quantity, Query, RuntimeArgument, Value};
use mainspring_stats::{calibration, counts, ks, ranking};

/// Bins of the comparison of scores: tenths, since scores are probabilities.
const BINS: usize = 10;
/// Mirrored requests that one measurement looks at.
const SHADOWS: u32 = 20_000;

/// A rollout whose metrics are measured.
pub(crate) struct Measuring<'a> {
    pub(crate) store: &'a Store,
    pub(crate) rollout: &'a Rollout,
    pub(crate) now: Timestamp,
}

impl Measuring<'_> {
    /// One measurement, or why there is none. Too few requests are no number: an analysis must not pass
    /// because nobody came.
    pub(crate) async fn measure(&self, metric: &AnalysisMetric) -> Result<Value, String> {
        match &metric.provider {
            Provider::Mainspring(query) => self.own(query).await.map(Value::Float),
            Provider::Prometheus { address, query, timeout, headers } => {
                let query = self.fill(query, metric);
                prometheus::ask(address.clone(), query, *timeout, headers.clone()).await
            }
        }
    }

    /// A query with the arguments that only the rollout knows.
    fn fill(&self, query: &str, metric: &AnalysisMetric) -> String {
        metric.runtime.iter().fold(query.to_owned(), |query, (name, argument)| {
            let version = match argument {
                RuntimeArgument::Latest => Some(self.rollout.version),
                RuntimeArgument::Stable => self.rollout.previous,
            };
            let version = version.map(|version| version.to_string()).unwrap_or_default();
            query.replace(&format!("{{{{args.{name}}}}}"), &version)
        })
    }

    async fn own(&self, query: &Query) -> Result<f64, String> {
        match query.metric {
            Quantity::ShadowAgreement
            | Quantity::ShadowDistance
            | Quantity::ShadowErrorRate
            | Quantity::ShadowLatencyRatio => self.shadow(query).await,
            Quantity::Auc | Quantity::Brier | Quantity::Accuracy | Quantity::AccuracyDelta => {
                self.realised(query).await
            }
            _ => self.traffic(query).await,
        }
    }

    /// Requests from before the rollout are not evidence on it.
    fn since(&self, query: &Query) -> Timestamp {
        (self.now - query.window).max(self.rollout.created)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn mainspring_metadata_store::ReadTx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, String> {
        self.store.read(read).await.map_err(|error: StoreError| error.to_string())
    }

    async fn traffic(&self, query: &Query) -> Result<f64, String> {
        let (model, version, previous) =
            (self.rollout.model.clone(), self.rollout.version, self.rollout.previous);
        let since = self.since(query);
        let (canary, stable) = self
            .read(move |tx| {
                let canary = tx.arm_statistics(&model, Arm::Canary, version, since)?;
                let stable = match previous {
                    Some(previous) => tx.arm_statistics(&model, Arm::Stable, previous, since)?,
                    None => ArmStatistics::default(),
                };
                Ok((canary, stable))
            })
            .await?;
        let side = match query.arm {
            Arm::Canary => &canary,
            Arm::Stable => &stable,
        };
        let name = query.arm.as_str();
        if query.metric == Quantity::RequestCount {
            return Ok(side.requests as f64);
        }
        if side.requests < query.min_requests {
            let (found, needed) = (side.requests, query.min_requests);
            return Err(format!(
                "only {found} requests reached the {name} in the window, {needed} are needed"
            ));
        }
        let ratio = |share: usize| {
            let base = quantile_ms(&stable, share, "stable")?;
            Ok(quantile_ms(&canary, share, "canary")? / base.max(0.001))
        };
        let scores = || {
            let missing = canary.scores.is_empty() || stable.scores.is_empty();
            if missing { Err("one side has no scores in the window".to_owned()) } else { Ok(()) }
        };
        let incomparable = || "the scores cannot be compared".to_owned();
        match query.metric {
            Quantity::ErrorRate => Ok(side.errors as f64 / (side.requests as f64).max(1.0)),
            Quantity::LatencyP50Ms => quantile_ms(side, 50, name),
            Quantity::LatencyP95Ms => quantile_ms(side, 95, name),
            Quantity::LatencyP99Ms => quantile_ms(side, 99, name),
            Quantity::LatencyP95Ratio => ratio(95),
            Quantity::LatencyP99Ratio => ratio(99),
            Quantity::PredictionPsi => {
                scores()?;
                let (stable, canary) = (histogram(&stable.scores), histogram(&canary.scores));
                counts::psi(&stable, &canary, counts::ZeroFill::Epsilon).ok_or_else(incomparable)
            }
            Quantity::PredictionKs => {
                scores()?;
                let result = ks::ks_two_sample(&stable.scores, &canary.scores);
                result.map(|result| result.d).ok_or_else(incomparable)
            }
            _ => Err("this metric is not one of the traffic".to_owned()),
        }
    }

    /// Quality on requests whose labels have come.
    async fn realised(&self, query: &Query) -> Result<f64, String> {
        let (model, version, previous) =
            (self.rollout.model.clone(), self.rollout.version, self.rollout.previous);
        let since = self.since(query);
        let (canary, stable) = self
            .read(move |tx| {
                let canary = tx.arm_labels(&model, Arm::Canary, version, since)?;
                let stable = match previous {
                    Some(previous) => tx.arm_labels(&model, Arm::Stable, previous, since)?,
                    None => Vec::new(),
                };
                Ok((Labelled::new(&canary), Labelled::new(&stable)))
            })
            .await?;
        canary.enough("canary", query)?;
        let side = match query.arm {
            Arm::Canary => &canary,
            Arm::Stable => &stable,
        };
        side.enough(query.arm.as_str(), query)?;
        match query.metric {
            Quantity::Auc => ranking::auc(&side.scores, &side.positive)
                .ok_or_else(|| "the labels are all alike: there is no ROC curve".to_owned()),
            Quantity::Brier => calibration::brier(&side.scores, &side.positive)
                .ok_or_else(|| "the scores are not probabilities".to_owned()),
            Quantity::Accuracy => Ok(side.accuracy()),
            _ => {
                stable.enough("stable", query)?;
                Ok(canary.accuracy() - stable.accuracy())
            }
        }
    }

    async fn shadow(&self, query: &Query) -> Result<f64, String> {
        let (id, since) = (self.rollout.id.clone(), self.since(query));
        let shadows = self.read(move |tx| tx.shadows(&id, since, SHADOWS)).await?;
        let comparison = Comparison::of(shadows.iter());
        if comparison.requests < query.min_requests {
            let (found, needed) = (comparison.requests, query.min_requests);
            return Err(format!("only {found} requests were mirrored in the window, {needed} are needed"));
        }
        let value = match query.metric {
            Quantity::ShadowAgreement => comparison.agreement,
            Quantity::ShadowDistance => comparison.distance,
            Quantity::ShadowErrorRate => comparison.error_rate,
            _ => comparison.latency_ratio,
        };
        value.ok_or_else(|| "no mirrored request in the window can be compared".to_owned())
    }
}

/// Scores with their labels.
struct Labelled {
    scores: Vec<f64>,
    positive: Vec<bool>,
}

impl Labelled {
    fn new(pairs: &[(f64, f64)]) -> Self {
        Self {
            scores: pairs.iter().map(|(score, _)| *score).collect(),
            positive: pairs.iter().map(|(_, label)| *label >= 0.5).collect(),
        }
    }

    fn enough(&self, name: &str, query: &Query) -> Result<(), String> {
        let (found, needed) = (self.scores.len(), query.min_requests.max(1));
        if (found as u64) < needed {
            return Err(format!("only {found} labels of the {name} came in the window, {needed} are needed"));
        }
        Ok(())
    }

    fn accuracy(&self) -> f64 {
        let right = self.scores.iter().zip(&self.positive).filter(|(score, yes)| (**score >= 0.5) == **yes);
        right.count() as f64 / (self.scores.len() as f64).max(1.0)
    }
}

fn quantile_ms(statistics: &ArmStatistics, percent: usize, name: &str) -> Result<f64, String> {
    let sorted = &statistics.latencies_us;
    let position = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted
        .get(position)
        .map(|micros| *micros as f64 / 1000.0)
        .ok_or_else(|| format!("{name} answered no request in the window"))
}

fn histogram(scores: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; BINS];
    for score in scores.iter().filter(|score| score.is_finite()) {
        // Truncation is the point: the bin's number.
        let bin = (score.clamp(0.0, 1.0) * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    counts
}
