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
    /// Since when requests are evidence: this try's beginning.
    pub(crate) since: Timestamp,
    pub(crate) now: Timestamp,
}

impl Measuring<'_> {
    /// One measurement, or why there is none. Too few requests are no number: an analysis must not pass
    /// because nobody came.
    pub(crate) async fn measure(&self, metric: &AnalysisMetric) -> Result<Value, String> {
        match &metric.provider {
            Provider::Mainspring(query) => self.own(query).await.map(Value::Float),
            Provider::Prometheus { address, query, timeout, headers } => {
                let fill = |text: &str| self.fill(text, metric);
                let headers = headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
                prometheus::ask(fill(address), fill(query), *timeout, headers).await
            }
        }
    }

    /// A text with the arguments that only the rollout knows.
    fn fill(&self, text: &str, metric: &AnalysisMetric) -> String {
        metric.runtime.iter().fold(text.to_owned(), |text, (name, argument)| {
            let version = match argument {
                RuntimeArgument::Latest => Some(self.rollout.version),
                RuntimeArgument::Stable => self.rollout.previous,
            };
            let version = version.map(|version| version.to_string()).unwrap_or_default();
            text.replace(&format!("{{{{args.{name}}}}}"), &version)
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

    /// Requests from before this try are not evidence on it.
    fn since(&self, query: &Query) -> Timestamp {
        (self.now - query.window).max(self.since)
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
        let enough = |side: &ArmStatistics, name: &str| {
            let (found, needed) = (side.requests, query.min_requests);
            let message =
                || format!("only {found} requests reached the {name} in the window, {needed} are needed");
            if found < needed { Err(message()) } else { Ok(()) }
        };
        enough(side, name)?;
        if query.metric.compares() {
            enough(&stable, "stable")?;
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
                let (stable, canary) = (histogram(&stable.scores)?, histogram(&canary.scores)?);
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

/// How many scores lie in each tenth.
fn histogram(scores: &[f64]) -> Result<Vec<u64>, String> {
    let mut counts = vec![0; BINS];
    for score in scores {
        if !(0.0..=1.0).contains(score) {
            return Err(format!(
                "the score {score} is no probability, and only these are counted in tenths; `predictionKs` compares others"
            ));
        }
        // Truncation is the point: the bin's number.
        let bin = (score * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::Measuring;
    use mainspring_domain::delivery::{Arm, Rollout};
    use mainspring_domain::monitoring::Prediction;
    use mainspring_domain::{Actor, Clock as _, Timestamp};
    use mainspring_metadata_store::StoreError;
    use mainspring_rollouts::{AnalysisMetric, RolloutSpec, Step, Value};
    use mainspring_test_support::{FakeClock, TempStore};
    use serde_json::{Map, json};
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    /// The metric of a manifest with this query.
    fn metric(query: &str) -> AnalysisMetric {
        let text = format!(
            "steps: [{{analysis: {{templates: [{{templateName: t}}]}}}}]\n---\nkind: AnalysisTemplate\nmetadata: {{name: t}}\n\
             spec: {{metrics: [{{name: m, successCondition: result < 1, provider: {{plugin: {{mainspring: {query}}}}}}}]}}\n"
        );
        let spec = RolloutSpec::parse(&text, Path::new("r")).unwrap();
        spec.steps.first().and_then(Step::analysis).unwrap().metrics[0].clone()
    }

    struct World {
        temp: TempStore,
        clock: Arc<FakeClock>,
        rollout: Rollout,
        since: Timestamp,
    }

    impl World {
        fn new() -> Self {
            let clock = FakeClock::new();
            let temp = TempStore::new(Arc::<FakeClock>::clone(&clock));
            let rollout = Rollout {
                id: "r".into(),
                model: "m".into(),
                version: 2,
                previous: Some(1),
                requested_by: String::new(),
                reason: String::new(),
                ended: None,
                created: clock.now(),
                spec_text: String::new(),
                state: json!({}),
            };
            let since = clock.now();
            clock.advance(Duration::from_secs(10));
            Self { temp, clock, rollout, since }
        }

        /// Puts answers of both sides on record: score, label, latency in milliseconds; no score is a
        /// failure.
        async fn answers(&self, arm: Arm, answers: &[(Option<f64>, Option<f64>, i64)], time: Timestamp) {
            let version = if arm == Arm::Canary { 2 } else { 1 };
            let predictions: Vec<Prediction> = answers
                .iter()
                .enumerate()
                .map(|(number, (score, _, millis))| Prediction {
                    id: format!("{}-{number}-{time}", arm.as_str()),
                    time,
                    event_time: None,
                    model: "m".into(),
                    version,
                    arm,
                    rollout: Some("r".into()),
                    canary_weight: 50,
                    features: Map::new(),
                    score: *score,
                    error: score.is_none().then(|| "it failed".to_owned()),
                    latency_us: millis * 1000,
                    label: None,
                    label_time: None,
                })
                .collect();
            let labels: Vec<Option<f64>> = answers.iter().map(|(_, label, _)| *label).collect();
            let store = self.temp.store();
            let written = store.write(Actor::user("client"), move |tx| {
                tx.add_predictions(&predictions)?;
                for (prediction, label) in predictions.iter().zip(labels) {
                    if let Some(label) = label {
                        tx.add_label(&prediction.id, label)?;
                    }
                }
                tx.bookkeeping();
                Ok::<_, StoreError>(())
            });
            written.await.unwrap();
        }

        async fn measure(&self, query: &str) -> Result<f64, String> {
            let store = self.temp.store();
            let measuring =
                Measuring { store: &store, rollout: &self.rollout, since: self.since, now: self.clock.now() };
            measuring.measure(&metric(query)).await.map(|value| match value {
                Value::Float(number) => number,
                other => panic!("{other:?}"),
            })
        }
    }

    /// Answers of 100 requests whose scores rise from 0 to 1 and whose labels are right except for some.
    fn rising(wrong: usize, millis: i64) -> Vec<(Option<f64>, Option<f64>, i64)> {
        let answer = |n: usize| {
            let score = n as f64 / 100.0 + 0.005;
            let label = f64::from(u8::from((score >= 0.5) != (n < wrong)));
            (Some(score), Some(label), if n >= 97 { 10 * millis } else { millis })
        };
        (0..100).map(answer).collect()
    }

    #[tokio::test]
    async fn quantities_of_the_traffic_are_measured() {
        let world = World::new();
        let now = world.clock.now();
        world.answers(Arm::Stable, &rising(0, 2), now).await;
        world.answers(Arm::Canary, &rising(10, 3), now).await;
        for (query, expected) in [
            ("{metric: errorRate}", 0.0),
            ("{metric: requestCount}", 100.0),
            ("{metric: latencyP50Ms}", 3.0),
            ("{metric: latencyP99Ms}", 30.0),
            ("{metric: latencyP50Ms, arm: stable}", 2.0),
            ("{metric: latencyP95Ratio}", 1.5),
            ("{metric: predictionKs}", 0.0),
            ("{metric: accuracy}", 0.9),
            ("{metric: accuracy, arm: stable}", 1.0),
            ("{metric: accuracyDelta}", -0.1),
            ("{metric: auc, arm: stable}", 1.0),
        ] {
            let measured = world.measure(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
            assert!((measured - expected).abs() < 1e-9, "{query}: {measured}");
        }
        assert!(
            world.measure("{metric: brier}").await.unwrap()
                > world.measure("{metric: brier, arm: stable}").await.unwrap()
        );
        assert!(world.measure("{metric: auc}").await.unwrap() < 1.0);
    }

    #[tokio::test]
    async fn too_little_is_no_number() {
        let world = World::new();
        for query in [
            "{metric: errorRate}",
            "{metric: latencyP95Ratio}",
            "{metric: predictionPsi}",
            "{metric: auc}",
            "{metric: accuracyDelta}",
            "{metric: shadowAgreement}",
            "{metric: shadowDistance, minRequests: 0}",
            "{metric: latencyP50Ms, minRequests: 0}",
        ] {
            assert!(world.measure(query).await.is_err(), "{query}");
        }
        // From before the rollout, and from before the window.
        let before = world.rollout.created - Duration::from_secs(1);
        world.answers(Arm::Canary, &rising(0, 1), before).await;
        let error = world.measure("{metric: errorRate}").await.unwrap_err();
        assert_eq!(error, "only 0 requests reached the canary in the window, 20 are needed");
        world.answers(Arm::Canary, &rising(0, 1), world.clock.now()).await;
        assert!(world.measure("{metric: errorRate}").await.is_ok());
        assert!(world.measure("{metric: latencyP95Ratio}").await.is_err(), "stable answered nothing");
        world.clock.advance(Duration::from_secs(31));
        assert!(world.measure("{metric: errorRate}").await.is_err());
        assert!(world.measure("{metric: errorRate, window: 60s}").await.is_ok());
    }

    #[tokio::test]
    async fn scores_that_are_no_probabilities_have_no_tenths() {
        let world = World::new();
        let shifted = |by: f64| -> Vec<_> { (0..30).map(|n| (Some(by + f64::from(n)), None, 1)).collect() };
        world.answers(Arm::Stable, &shifted(10.0), world.clock.now()).await;
        world.answers(Arm::Canary, &shifted(500.0), world.clock.now()).await;
        let error = world.measure("{metric: predictionPsi}").await.unwrap_err();
        assert!(error.contains("is no probability"), "{error}");
        assert_eq!(world.measure("{metric: predictionKs}").await, Ok(1.0));
    }

    #[tokio::test]
    async fn only_the_sides_that_are_used_must_have_enough() {
        let world = World::new();
        let now = world.clock.now();
        world.answers(Arm::Stable, &rising(0, 1)[40..60], now).await;
        assert_eq!(
            world.measure("{metric: auc, arm: stable}").await,
            Ok(1.0),
            "without a label of the canary"
        );
        assert!(world.measure("{metric: accuracyDelta}").await.is_err());
        world.answers(Arm::Canary, &rising(0, 1), now).await;
        for metric in ["predictionPsi", "predictionKs", "latencyP95Ratio", "accuracyDelta"] {
            let error = world.measure(&format!("{{metric: {metric}, minRequests: 21}}")).await.unwrap_err();
            assert!(error.contains("only 20") && error.contains("stable"), "{error}");
            assert!(world.measure(&format!("{{metric: {metric}}}")).await.is_ok(), "{metric}");
        }
        assert!(world.measure("{metric: errorRate, minRequests: 21}").await.is_ok());
    }

    #[tokio::test]
    async fn a_try_is_not_measured_by_the_one_before() {
        let mut world = World::new();
        world.answers(Arm::Canary, &rising(0, 1), world.clock.now()).await;
        world.clock.advance(Duration::from_secs(1));
        world.since = world.clock.now();
        assert_eq!(world.measure("{metric: requestCount, window: 1h}").await, Ok(0.0));
    }

    #[tokio::test]
    async fn labels_that_are_all_alike_give_no_curve() {
        let world = World::new();
        let alike: Vec<_> = (0..30).map(|n| (Some(f64::from(n) / 30.0), Some(1.0), 1)).collect();
        world.answers(Arm::Canary, &alike, world.clock.now()).await;
        assert!(world.measure("{metric: auc}").await.unwrap_err().contains("all alike"));
    }
}
