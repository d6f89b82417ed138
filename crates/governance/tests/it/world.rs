//! A store in which one model was trained, judged, registered and rolled out.

use mainspring_domain::data::DataVersion;
use mainspring_domain::delivery::{Arm, Rollout};
use mainspring_domain::events::Record;
use mainspring_domain::gates::{GateReport, Verdict};
use mainspring_domain::monitoring::Prediction;
use mainspring_domain::pipelines::{
    Attempt, AttemptResult, AttemptState, DagRun, DagSpec, RunState, TaskOutcome,
};
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_domain::tracking::{KeyValue, Lifecycle, Metric, RunInfo, RunStatus};
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{Result, Store, StoreError, WriteTx};
use mainspring_test_support::{FakeClock, TempStore};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(crate) const TRAINING_RUN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const DAG_RUN: &str = "flights_training__data_triggered__20130401";

pub(crate) struct World {
    temp: TempStore,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { temp: TempStore::new(FakeClock::new()) }
    }

    pub(crate) fn store(&self) -> Store {
        self.temp.store()
    }

    /// Writes as somebody.
    pub(crate) async fn write(
        &self,
        actor: Actor,
        change: impl FnOnce(&mut dyn WriteTx) -> Result<()> + Send + 'static,
    ) {
        self.store()
            .write(actor, move |tx| {
                change(tx)?;
                tx.bookkeeping();
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_365_000_000_000 + second * 1000)
}

pub(crate) fn report(gate: &str, subject: &str, verdict: Verdict, summary: &str) -> GateReport {
    GateReport {
        id: format!("{gate}-{subject}-{summary}"),
        gate: gate.to_owned(),
        subject: subject.to_owned(),
        verdict,
        time: at(50),
        actor: Actor::user("test"),
        summary: summary.to_owned(),
        report: Value::Null,
    }
}

pub(crate) fn version(number: u32, run_id: Option<&str>) -> ModelVersion {
    ModelVersion {
        name: "flights".to_owned(),
        version: number,
        created: at(60),
        updated: at(60),
        stage: Stage::Production,
        description: String::new(),
        source: "runs:/x/model".to_owned(),
        storage_location: "mlflow-artifacts:/0/x/artifacts/model".to_owned(),
        run_id: run_id.map(str::to_owned),
        model_id: None,
        run_link: String::new(),
        user: String::new(),
        created_by: trainer(),
        tags: Vec::new(),
        aliases: Vec::new(),
    }
}

/// The attempt that trained.
pub(crate) fn trainer() -> Actor {
    Actor::task("flights_training", DAG_RUN, "train", 2)
}

pub(crate) fn add_model(tx: &mut dyn WriteTx) -> Result<()> {
    tx.insert_registered_model(&RegisteredModel {
        name: "flights".to_owned(),
        description: String::new(),
        created: at(0),
        updated: at(0),
        tags: Vec::new(),
        aliases: Vec::new(),
    })
}

pub(crate) fn add_run(tx: &mut dyn WriteTx, created_by: Actor) -> Result<()> {
    tx.insert_run(&RunInfo {
        id: TRAINING_RUN.to_owned(),
        experiment: 0,
        name: "brave-crane-7".to_owned(),
        user: "ada".to_owned(),
        status: RunStatus::Finished,
        start: at(30),
        end: Some(at(40)),
        lifecycle: Lifecycle::Active,
        artifact_uri: "mlflow-artifacts:/0/x/artifacts".to_owned(),
        created_by,
    })?;
    tx.insert_param(TRAINING_RUN, &KeyValue { key: "depth".into(), value: "6".into() })?;
    let auc = Metric { key: "auc".into(), value: 0.81, timestamp: at(39), step: 0 };
    tx.insert_metric_points(TRAINING_RUN, std::slice::from_ref(&auc))?;
    tx.raise_latest_metrics(TRAINING_RUN, &[&auc])
}

fn attempt(task: &str, number: u32, state: AttemptState, said: Option<&str>) -> Attempt {
    let outcome = said.map(|state| TaskOutcome {
        state: state.to_owned(),
        error: None,
        xcoms: Map::new(),
        skip: Vec::new(),
    });
    Attempt {
        id: format!("{task}{number}"),
        run_id: DAG_RUN.to_owned(),
        dag_id: "flights_training".to_owned(),
        task_id: task.to_owned(),
        try_number: number,
        state,
        token_sha256: format!("{task}{number}"),
        commit: Some("c0ffee".to_owned()),
        // Two data versions were known when training began; a third came later.
        data_version: 2,
        started: at(10 + i64::from(number)),
        ended: Some(at(40)),
        result: Some(AttemptResult {
            exit_code: Some(0),
            signal: None,
            timed_out: false,
            cpu_seconds: 1.0,
            max_rss: 1,
            log_bytes: 0,
            log_truncated: false,
            outcome,
        }),
    }
}

pub(crate) fn add_pipeline(tx: &mut dyn WriteTx) -> Result<()> {
    tx.put_dag_run(&DagRun {
        run_id: DAG_RUN.to_owned(),
        dag: DagSpec {
            dag_id: "flights_training".to_owned(),
            description: None,
            schedule: None,
            start_date: None,
            end_date: None,
            catchup: false,
            max_active_runs: 1,
            max_active_tasks: 1,
            dagrun_timeout_seconds: None,
            tags: Vec::new(),
            params: Map::new(),
            tasks: Vec::new(),
        },
        file: "dags/flights_training.py".to_owned(),
        state: RunState::Success,
        run_type: "data_triggered".to_owned(),
        reason: "new data: incoming/flights-2013-03.csv".to_owned(),
        conf: Map::new(),
        interval_start: at(0),
        interval_end: at(0),
        created: at(0),
        started: Some(at(1)),
        ended: Some(at(70)),
        tasks: BTreeMap::new(),
    })?;
    for attempt in [
        attempt("validate", 1, AttemptState::Ended, Some("success")),
        attempt("train", 1, AttemptState::Lost, None),
        attempt("train", 2, AttemptState::Ended, Some("success")),
        attempt("promote", 1, AttemptState::Ended, None),
    ] {
        tx.put_attempt(&attempt)?;
    }
    for (path, md5) in [("data/02.csv", "aa"), ("data/03.csv", "bb"), ("data/04.csv", "cc")] {
        tx.add_data_version(&DataVersion {
            id: 0,
            path: path.to_owned(),
            md5: md5.to_owned(),
            size: 100,
            commit: Some("c0ffee".to_owned()),
            time: at(5),
            actor: Actor::user("test"),
        })?;
    }
    tx.add_gate_report(&report("data", "md5:bb", Verdict::Warn, "one warning"))
}

pub(crate) fn add_rollout(tx: &mut dyn WriteTx, id: &str, number: u32) -> Result<()> {
    tx.put_rollout(&Rollout {
        id: id.to_owned(),
        model: "flights".to_owned(),
        version: number,
        previous: None,
        requested_by: "task:x".to_owned(),
        reason: "passed the battery".to_owned(),
        ended: Some(at(90)),
        created: at(80),
        spec_text: String::new(),
        state: json!({ "phase": "Healthy", "message": "the new version is stable", "history": [{ "what": "done" }] }),
    })
}

pub(crate) fn add_prediction(
    tx: &mut dyn WriteTx,
    id: &str,
    number: u32,
    rollout: Option<&str>,
) -> Result<()> {
    tx.add_predictions(&[Prediction {
        id: id.to_owned(),
        time: at(100),
        event_time: None,
        model: "flights".to_owned(),
        version: number,
        arm: Arm::Canary,
        rollout: rollout.map(str::to_owned),
        canary_weight: 10,
        features: Map::new(),
        score: Some(0.7),
        error: None,
        latency_us: 900,
        label: None,
        label_time: None,
    }])?;
    tx.add_label(id, 1.0).map(|_| ())
}

pub(crate) fn stage_changed(tx: &mut dyn WriteTx, number: u32, to: &str, why: &str) -> Result<()> {
    let record = Record::new("model_version.stage_changed", format!("model:flights/{number}"));
    tx.record(record.because(why).with(json!({ "to": to }))).map(|_| ())
}

/// Everything from the data to one answered request.
pub(crate) async fn whole() -> World {
    let world = World::new();
    world
        .write(Actor::user("test"), |tx| {
            add_model(tx)?;
            add_run(tx, trainer())?;
            add_pipeline(tx)?;
            tx.add_gate_report(&report(
                "battery",
                &format!("run:{TRAINING_RUN}"),
                Verdict::Pass,
                "all 12 checks passed",
            ))?;
            tx.insert_model_version(&version(1, Some(TRAINING_RUN)))?;
            tx.set_alias("flights", "champion", 1)?;
            add_rollout(tx, "r1", 1)?;
            add_prediction(tx, "req-1", 1, Some("r1"))
        })
        .await;
    world.write(Actor::user("ada"), |tx| stage_changed(tx, 1, "Staging", "first look")).await;
    world.write(trainer(), |tx| stage_changed(tx, 1, "Production", "passed the battery")).await;
    world
}
