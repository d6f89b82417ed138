//! A model in production: predictions, late labels, a monitor.

use mainspring_domain::delivery::Arm;
use mainspring_domain::monitoring::{Alert, MonitorWindow, Prediction};
use mainspring_domain::{Actor, Clock as _, Timestamp};
use mainspring_metadata_store::{Store, StoreError};
use mainspring_monitoring::{Limits, MonitorError, evaluate_next};
use mainspring_tables::{CategoricalProfile, ColumnProfile, NumericProfile, Profile};
use mainspring_test_support::{FakeClock, TempStore};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const MODEL: &str = "flights";

/// One answer: its score and what came true.
pub(crate) fn prediction(id: &str, version: u32, score: Option<f64>, label: Option<f64>) -> Prediction {
    Prediction {
        id: id.to_owned(),
        time: Timestamp::from_millis(1),
        event_time: None,
        model: MODEL.to_owned(),
        version,
        arm: Arm::Stable,
        rollout: None,
        canary_weight: 0,
        features: features(&json!({ "hour": 9, "carrier": "UA" })),
        score,
        error: None,
        latency_us: 900,
        label,
        label_time: None,
    }
}

pub(crate) fn features(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// What training saw: scores spread over tenths, hours of the day, two carriers.
pub(crate) fn profile() -> Profile {
    let scores = || (0..1000).map(|n| Some(f64::from(n) / 1000.0));
    let hours = || (0..1000).map(|n| Some(f64::from(n % 24)));
    let carriers = (0..1000).map(|n| Some(if n % 2 == 0 { "UA" } else { "AA" }));
    Profile {
        version: 1,
        rows: 1000,
        columns: vec![
            ColumnProfile::Numeric(NumericProfile::of_values("score", scores)),
            ColumnProfile::Numeric(NumericProfile::of_values("hour", hours)),
            ColumnProfile::Categorical(CategoricalProfile::of_values("carrier", carriers)),
            ColumnProfile::Numeric(NumericProfile::of_values("late", || [Some(0.0), Some(1.0)])),
        ],
    }
}

/// How the model does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Skill {
    /// Its scores order the labels well and say the true rate.
    Good,
    /// Its scores say nothing.
    None,
}

pub(crate) struct Production {
    temp: TempStore,
    pub(crate) clock: Arc<FakeClock>,
    next: u32,
}

impl Production {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::new();
        Self { temp: TempStore::new(Arc::<FakeClock>::clone(&clock)), clock, next: 0 }
    }

    pub(crate) fn store(&self) -> Store {
        self.temp.store()
    }

    pub(crate) async fn restart(&mut self) {
        tokio::task::yield_now().await;
        self.temp.reopen();
    }

    /// Answers and labels arrive.
    pub(crate) async fn serve(&mut self, answers: Vec<Prediction>) {
        self.store()
            .write(Actor::user("client"), move |tx| {
                tx.add_predictions(&answers)?;
                for answer in &answers {
                    if let Some(label) = answer.label {
                        tx.add_label(&answer.id, label)?;
                    }
                }
                tx.bookkeeping();
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }

    /// A number of labelled answers of a version.
    pub(crate) async fn month(&mut self, version: u32, count: u32, skill: Skill) {
        let answers = (0..count).map(|n| {
            self.next += 1;
            let score = f64::from(n % 10) / 10.0 + 0.05;
            let late = match skill {
                // Of ten answers with score s, about 10 s are late.
                Skill::Good => f64::from(n / 10 % 10) / 10.0 < score,
                Skill::None => n / 10 % 2 == 0,
            };
            let mut answer =
                prediction(&format!("p{}", self.next), version, Some(score), Some(f64::from(u8::from(late))));
            answer.features =
                features(&json!({ "hour": n % 24, "carrier": if n % 2 == 0 { "UA" } else { "AA" } }));
            answer.event_time = Some(Timestamp::from_millis(i64::from(n) * 1000));
            answer
        });
        let answers = answers.collect();
        self.serve(answers).await;
    }

    /// The monitor looks once.
    pub(crate) async fn look(&self, limits: &Limits) -> Option<MonitorWindow> {
        self.clock.advance(Duration::from_secs(1));
        let limits = limits.clone();
        self.store()
            .write(Actor::system("monitor"), move |tx| {
                evaluate_next(tx, MODEL, &limits, &|version| (version < 9).then(profile))
            })
            .await
            .map_err(|error: MonitorError| error.to_string())
            .unwrap()
    }

    pub(crate) async fn alerts(&self) -> Vec<Alert> {
        self.store().read(|tx| tx.alerts(Some(MODEL), 100)).await.map_err(|e: StoreError| e).unwrap()
    }

    pub(crate) async fn windows(&self) -> Vec<MonitorWindow> {
        self.store().read(|tx| tx.monitor_windows(MODEL, 100)).await.map_err(|e: StoreError| e).unwrap()
    }

    /// The actions so far, oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        let events = self.store().read(|tx| tx.recent_events(&[], 100)).await;
        let events = events.map_err(|e: StoreError| e).unwrap();
        events.into_iter().rev().map(|event| event.action).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub(crate) fn limits() -> Limits {
    Limits { window: 200, min_auc: Some(0.68), max_calibration_gap: Some(0.1), max_psi: Some(0.25) }
}
