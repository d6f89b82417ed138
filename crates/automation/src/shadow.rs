//! Mirrored requests: asked of the version on trial beside the live traffic, and compared with what
//! the clients got.

use crate::config::Config;
use mainspring_domain::delivery::{Shadow, route_parts};
use mainspring_domain::{Actor, Clock};
use mainspring_metadata_store::{Store, StoreError};
use mainspring_serving::{Gateway, Mirrored, Rows, kept_error, score};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// Copies that are asked before what came of them is written.
const BATCH: usize = 32;
/// How many are asked at a time: the version on trial has live traffic too.
pub(crate) const AT_A_TIME: usize = 2;

/// Asks and compares copies until dropped.
pub(crate) async fn run(store: Store, gateway: Arc<Gateway>, config: Arc<Config>, clock: Arc<dyn Clock>) {
    loop {
        let copies = gateway.mirrors().take(BATCH).await;
        let mut shadows = Vec::new();
        for copy in copies {
            // A trial that is over keeps no workers busy.
            if gateway.is_on_trial(&copy.model, &copy.shadow) {
                let rules = config.model.get(route_parts(&copy.model).0).map(|rules| rules.log.clone());
                let mut asked = ask(copy, clock.as_ref()).await;
                for shadow in &mut asked {
                    // What the log of predictions must not have is not kept here either.
                    shadow.features.retain(|name, _| !rules.as_ref().is_some_and(|rules| rules.hides(name)));
                }
                shadows.extend(asked);
            }
        }
        if shadows.is_empty() {
            continue;
        }
        let written = store.write(Actor::system("gateway"), move |tx| {
            tx.add_shadows(&shadows)?;
            tx.bookkeeping();
            Ok::<_, StoreError>(())
        });
        if let Err(error) = written.await {
            tracing::error!(%error, "mirrored requests");
        }
    }
}

async fn ask(copy: Mirrored, clock: &dyn Clock) -> Vec<Shadow> {
    let Mirrored { model, request_id, rows, params, live, shadow } = copy;
    let mut began = Instant::now();
    let (rows, outcome) = match shadow.server.fit(Rows::clone(&rows)) {
        Ok(fitted) => {
            // The clients' answers are timed in the model as well.
            began = Instant::now();
            let outcome = shadow.server.predict(&fitted, &params).await;
            (fitted, outcome)
        }
        Err(error) => (Arc::unwrap_or_clone(rows), Err(error)),
    };
    let latency_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
    let time = clock.now();
    let error = outcome.as_ref().err().map(kept_error);
    let one = |(index, row): (usize, &Vec<Value>)| {
        let (got, given) = (live.answers.get(index), outcome.as_ref().ok().and_then(|all| all.get(index)));
        Shadow {
            time,
            rollout: shadow.rollout.clone().unwrap_or_default(),
            model: model.clone(),
            version: shadow.version,
            live_version: live.version,
            request_id: if index == 0 { request_id.clone() } else { format!("{request_id}.{index}") },
            features: rows.named(row),
            live_score: got.and_then(score),
            score: given.and_then(score),
            agrees: got.zip(given).map(|(got, given)| agree(got, given)),
            error: error.clone(),
            live_latency_us: live.latency_us,
            latency_us,
        }
    };
    rows.data.iter().enumerate().map(one).collect()
}

/// Whether two answers decide alike: they are equal, or both are probabilities on the same side of 0.5.
fn agree(one: &Value, other: &Value) -> bool {
    let probability = |value: &Value| score(value).filter(|score| (0.0..=1.0).contains(score));
    one == other
        || probability(one).zip(probability(other)).is_some_and(|(one, other)| (one >= 0.5) == (other >= 0.5))
}

/// How two versions answered the same requests. What cannot be computed is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Rows that were mirrored.
    pub requests: u64,
    /// Share that both decided alike, of those that the version on trial answered.
    pub agreement: Option<f64>,
    /// Mean distance of the scores.
    pub distance: Option<f64>,
    /// Share that failed in the version on trial.
    pub error_rate: Option<f64>,
    /// Median latency of the live answers in milliseconds.
    pub live_latency_ms: Option<f64>,
    /// Median latency of the other answers in milliseconds.
    pub latency_ms: Option<f64>,
    /// The second over the first.
    pub latency_ratio: Option<f64>,
}

impl Comparison {
    /// Compares what was mirrored.
    #[must_use]
    pub fn of<'a>(shadows: impl Iterator<Item = &'a Shadow>) -> Self {
        let (mut requests, mut errors, mut agreed, mut answered) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut distances = Vec::new();
        let (mut live, mut other) = (Vec::new(), Vec::new());
        for shadow in shadows {
            requests += 1;
            errors += u64::from(shadow.error.is_some());
            if let Some(agrees) = shadow.agrees {
                answered += 1;
                agreed += u64::from(agrees);
                live.push(shadow.live_latency_us);
                other.push(shadow.latency_us);
            }
            let scores = shadow.live_score.zip(shadow.score);
            distances.extend(scores.map(|(one, other)| (one - other).abs()).filter(|far| far.is_finite()));
        }
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let (live_latency_ms, latency_ms) = (median_ms(live), median_ms(other));
        Self {
            requests,
            agreement: share(agreed, answered),
            distance: (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64),
            error_rate: share(errors, requests),
            live_latency_ms,
            latency_ms,
            latency_ratio: live_latency_ms.zip(latency_ms).map(|(live, other)| other / live.max(0.001)),
        }
    }

    /// Compares by the values of a column: at most `limit` segments, the largest first.
    #[must_use]
    pub fn by_segment(shadows: &[Shadow], column: &str, limit: usize) -> Vec<(String, Self)> {
        let mut segments: std::collections::BTreeMap<String, Vec<&Shadow>> =
            std::collections::BTreeMap::new();
        for shadow in shadows {
            let value = match shadow.features.get(column) {
                None | Some(Value::Null) => "(missing)".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            segments.entry(value).or_default().push(shadow);
        }
        let mut segments: Vec<_> = segments.into_iter().collect();
        segments.sort_by_key(|(_, shadows)| std::cmp::Reverse(shadows.len()));
        segments.truncate(limit);
        segments.into_iter().map(|(value, shadows)| (value, Self::of(shadows.into_iter()))).collect()
    }
}

fn median_ms(mut latencies: Vec<i64>) -> Option<f64> {
    latencies.sort_unstable();
    latencies.get(latencies.len() / 2).map(|micros| *micros as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::{Comparison, agree};
    use mainspring_domain::Timestamp;
    use mainspring_domain::delivery::Shadow;
    use serde_json::json;

    fn shadow(origin: &str, live: f64, other: Option<f64>) -> Shadow {
        Shadow {
            time: Timestamp::from_millis(0),
            rollout: "r".into(),
            model: "m".into(),
            version: 2,
            live_version: 1,
            request_id: "1".into(),
            features: json!({ "origin": origin }).as_object().unwrap().clone(),
            live_score: Some(live),
            score: other,
            agrees: other.map(|other| agree(&json!(live), &json!(other))),
            error: other.is_none().then(|| "it failed".into()),
            live_latency_us: 1000,
            latency_us: 3000,
        }
    }

    #[test]
    fn answers_agree_when_they_decide_alike() {
        assert!(
            agree(&json!(0.9), &json!(0.6))
                && agree(&json!("a"), &json!("a"))
                && agree(&json!([0.9, 0.1]), &json!([0.8, 0.2]))
        );
        assert!(
            !agree(&json!(0.9), &json!(0.4))
                && !agree(&json!("a"), &json!("b"))
                && !agree(&json!(7), &json!(8))
        );
    }

    #[test]
    fn what_was_mirrored_is_compared_in_all_and_by_segment() {
        let shadows = [
            shadow("JFK", 0.9, Some(0.7)),
            shadow("JFK", 0.9, Some(0.4)),
            shadow("EWR", 0.1, Some(0.1)),
            shadow("EWR", 0.1, None),
            shadow("JFK", 0.2, Some(0.2)),
        ];
        let all = Comparison::of(shadows.iter());
        assert_eq!((all.requests, all.agreement, all.error_rate), (5, Some(0.75), Some(0.2)));
        assert!((all.distance.unwrap() - 0.175).abs() < 1e-12);
        assert_eq!(
            (all.live_latency_ms, all.latency_ms, all.latency_ratio),
            (Some(1.0), Some(3.0), Some(3.0))
        );
        let segments = Comparison::by_segment(&shadows, "origin", 10);
        assert_eq!((segments[0].0.as_str(), segments[0].1.requests), ("JFK", 3));
        assert_eq!((segments[1].0.as_str(), segments[1].1.error_rate), ("EWR", Some(0.5)));
        assert_eq!(Comparison::by_segment(&shadows, "nothing", 10)[0].0, "(missing)");
        assert_eq!(Comparison::of([].iter()), Comparison::default());
    }
}
