//! A project with its loop, store and models.

use mainspring_artifact_store::{ArtifactStore, Artifacts};
use mainspring_automation::webhooks::{Sealer, Sender, WebhookSettings};
use mainspring_automation::{Config, Loop, LoopSettings};
use mainspring_domain::data::Arrival;
use mainspring_domain::delivery::{Arm, Deployment, Rollout};
use mainspring_domain::events::Event;
use mainspring_domain::monitoring::Prediction;
use mainspring_domain::pipelines::DagRun;
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_domain::webhooks::SealedSecret;
use mainspring_domain::{Actor, Clock as _};
use mainspring_metadata_store::{ReadTx, Store, StoreError, WriteTx};
use mainspring_registry::{RegistryError, transition_stage};
use mainspring_serving::{Caller, Rows};
use mainspring_test_support::{FakeClock, TempStore};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take in a test.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longer than the loop's parts sleep between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(1200);

pub(crate) const MODEL: &str = "flights";

const CONFIG: &str = r#"
[project]
name = "flights"
python = "PYTHON"
[[watch]]
path = "incoming"
pattern = "flights-*.csv"
settle = "2s"
[[trigger]]
on = "data.arrived"
dag = "train"
debounce = "10s"
[model.flights]
rollout = "rollout.yaml"
[monitor.flights]
label = "late"
window = 100
min_auc = 0.68
retrain = "train"
cooldown = "1h"
"#;

const ROLLOUT: &str = "kind: Rollout
metadata: {name: flights}
spec:
  strategy:
    canary:
      steps:
        - setWeight: 20
        - pause: {}
        - setWeight: 60
        - analysis: {templates: [{templateName: live}]}
        - setWeight: 100
---
kind: AnalysisTemplate
metadata: {name: live}
spec:
  metrics:
    - name: error-rate
      interval: 10s
      count: 2
      successCondition: result <= 0.02
      provider: {plugin: {mainspring: {metric: errorRate, window: 1h, minRequests: 20}}}
    - name: latency
      interval: 10s
      count: 2
      successCondition: result <= 1000.0
      provider: {plugin: {mainspring: {metric: latencyP95Ms, window: 1h, minRequests: 20}}}
";

pub(crate) struct Project {
    directory: TempDir,
    temp: TempStore,
    pub(crate) clock: Arc<FakeClock>,
    config: String,
    running: Option<Loop>,
    predictions: u32,
    /// Whether messages may go to this machine.
    pub(crate) inner_receivers: bool,
}

impl Project {
    /// A project whose loop is not at work yet.
    pub(crate) fn new() -> Self {
        // A test that fails shows what the loop complained of. Only the first of a process can say so.
        let warnings = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_test_writer();
        let _ = warnings.try_init();
        let clock = FakeClock::new();
        let temp = TempStore::new(Arc::<FakeClock>::clone(&clock));
        let directory = tempfile::tempdir().unwrap();
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fake_python");
        let config = CONFIG.replace("PYTHON", &python.display().to_string());
        let project =
            Self { directory, temp, clock, config, running: None, predictions: 0, inner_receivers: true };
        for folder in ["project/incoming", "project/dags"] {
            std::fs::create_dir_all(project.path(folder)).unwrap();
        }
        project.file("rollout.yaml", ROLLOUT);
        project.dag("train", false);
        project
    }

    /// A project at work.
    pub(crate) async fn started() -> Self {
        let mut project = Self::new();
        project.start().await;
        project
    }

    /// Changes the configuration before the start.
    pub(crate) fn configure(&mut self, from: &str, to: &str) {
        assert!(self.config.contains(from));
        self.config = self.config.replace(from, to);
    }

    pub(crate) async fn start(&mut self) {
        let config = Config::parse(&self.config, Path::new("mainspring.toml")).unwrap();
        let settings = LoopSettings {
            project: self.path("project"),
            data_dir: self.path("data"),
            url: "http://127.0.0.1:9".to_owned(),
            binary: std::env::current_exe().unwrap(),
            config: Arc::new(config),
            store: self.store(),
            artifacts: Artifacts::only(ArtifactStore::local(&self.path("artifacts")).unwrap()),
            clock: Arc::<FakeClock>::clone(&self.clock),
            webhooks: self.webhooks(),
        };
        self.running = Some(Loop::start(settings).await.unwrap());
        // A server before it may have to lay the lead down first.
        until("the lead", async || self.running().delivery.leads()).await;
        let known = async || self.read(|tx| Ok(tx.dag("train")?.is_some())).await;
        until("the DAG file to be read", known).await;
    }

    /// A sender to receivers on this machine, unless a test says otherwise.
    fn webhooks(&self) -> Sender {
        std::fs::create_dir_all(self.path("data")).unwrap();
        let settings = WebhookSettings {
            schemes: vec!["http".to_owned()],
            allow_private: self.inner_receivers,
            retries: 2,
            ..WebhookSettings::default()
        };
        let sealer = Sealer::new(&self.path("data"), None).unwrap();
        Sender::new(settings, sealer, Arc::<FakeClock>::clone(&self.clock))
    }

    /// Encrypts a secret with the key of this project.
    pub(crate) fn seal(&self, webhook: &str, secret: &str) -> SealedSecret {
        self.webhooks().seal(webhook, secret).unwrap()
    }

    /// The server goes down with all its parts.
    pub(crate) fn crash(&mut self) {
        self.running = None;
    }

    pub(crate) async fn restart(&mut self) {
        self.crash();
        self.start().await;
    }

    pub(crate) fn running(&self) -> &Loop {
        self.running.as_ref().unwrap()
    }

    /// Puts a file among the artifacts.
    pub(crate) fn artifact(&self, path: &str) {
        let path = self.path("artifacts").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "content").unwrap();
    }

    /// Writes a file of a version's model.
    pub(crate) fn model_file(&self, version: u32, name: &str, content: &str) {
        std::fs::write(self.path(&format!("artifacts/m/{version}")).join(name), content).unwrap();
    }

    pub(crate) fn has_artifact(&self, path: &str) -> bool {
        self.path("artifacts").join(path).exists()
    }

    pub(crate) fn store(&self) -> Store {
        self.temp.store()
    }

    fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    /// Writes a file of the project.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path("project").join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a DAG file with one task.
    pub(crate) fn dag(&self, id: &str, with_schedule: bool) {
        let schedule = if with_schedule { json!({ "kind": "once" }) } else { Value::Null };
        let dag = json!({
            "dag_id": id, "schedule": schedule, "max_active_runs": 1, "max_active_tasks": 1,
            "tasks": [{ "task_id": "t", "operator": "PythonOperator", "upstream": [], "trigger_rule": "all_success",
                        "retries": 0, "retry_delay_seconds": 1.0 }],
        });
        self.file(&format!("dags/{id}.py"), &json!({ "dags": [dag], "error": null }).to_string());
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&dyn ReadTx) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store().read(query).await.unwrap()
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        actor: Actor,
        change: impl FnOnce(&mut dyn WriteTx) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let store = self.store();
        let written = store.write(actor, move |tx| {
            let value = change(tx)?;
            tx.bookkeeping();
            Ok::<T, StoreError>(value)
        });
        written.await.unwrap()
    }

    pub(crate) async fn arrivals(&self) -> Vec<Arrival> {
        let mut arrivals = self.read(|tx| tx.recent_arrivals(100)).await;
        arrivals.reverse();
        arrivals
    }

    /// All runs, oldest first.
    pub(crate) async fn runs(&self) -> Vec<DagRun> {
        let mut runs = self.read(|tx| tx.dag_runs(None, 100)).await;
        runs.reverse();
        runs
    }

    pub(crate) async fn rollouts(&self) -> Vec<Rollout> {
        let mut rollouts = self.read(|tx| tx.rollouts(None, 100)).await;
        rollouts.reverse();
        rollouts
    }

    pub(crate) async fn deployment(&self) -> Option<Deployment> {
        self.read(|tx| tx.deployment(MODEL)).await
    }

    /// Events of one action, oldest first.
    pub(crate) async fn events(&self, action: &'static str) -> Vec<Event> {
        let events = self.read(|tx| tx.recent_events(&[], 5000)).await;
        events.into_iter().rev().filter(|event| event.action == action).collect()
    }

    /// Tells how workers of a version behave that start from now on.
    pub(crate) fn behave(&self, number: u32, behaviour: &Value) {
        let folder = self.path(&format!("artifacts/m/{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("behaviour.json"), behaviour.to_string()).unwrap();
    }

    /// Registers a version whose worker behaves as told.
    pub(crate) async fn register(&self, number: u32, behaviour: Value) {
        self.behave(number, &behaviour);
        let now = self.clock.now();
        self.write(Actor::user("ada"), move |tx| {
            if tx.registered_model(MODEL)?.is_none() {
                tx.insert_registered_model(&RegisteredModel {
                    name: MODEL.to_owned(),
                    description: String::new(),
                    created: now,
                    updated: now,
                    tags: Vec::new(),
                    aliases: Vec::new(),
                })?;
            }
            tx.insert_model_version(&ModelVersion {
                name: MODEL.to_owned(),
                version: number,
                created: now,
                updated: now,
                stage: Stage::None,
                description: String::new(),
                source: String::new(),
                storage_location: format!("mlflow-artifacts:/m/{number}"),
                run_id: None,
                model_id: None,
                run_link: String::new(),
                user: String::new(),
                created_by: Actor::user("ada"),
                tags: Vec::new(),
                aliases: Vec::new(),
            })
        })
        .await;
    }

    /// Asks for production as a client does.
    pub(crate) async fn promote(&self, number: u32) {
        let store = self.store();
        let asked = store.write(Actor::user("ada"), move |tx| {
            transition_stage(tx, &|_, _, _| Ok(()), MODEL, number, Stage::Production, false).map(|_| ())
        });
        asked.await.map_err(|error: RegistryError| error.to_string()).unwrap();
    }

    /// Asks for an earlier release; gives the version and its rollout.
    pub(crate) async fn undo(&self, revision: Option<u32>) -> Result<(u32, Option<String>), String> {
        let delivery = self.running().delivery.clone();
        let store = self.store();
        let undone = store.write(Actor::user("ada"), move |tx| {
            let undone = delivery.undo(tx, MODEL, revision, "user:ada");
            tx.bookkeeping();
            undone
        });
        undone.await.map_err(|error: mainspring_automation::AutomationError| error.to_string())
    }

    /// Says something to the newest rollout; its phase then, unless it does not listen.
    pub(crate) async fn say(&self, event: mainspring_rollouts::Event) -> Option<mainspring_rollouts::Phase> {
        let id = self.newest_state().await.unwrap().0;
        self.running().delivery.command(&id, Actor::user("ada"), event).await.unwrap()
    }

    pub(crate) async fn stage(&self, number: u32) -> Stage {
        self.read(move |tx| tx.model_version(MODEL, number)).await.unwrap().stage
    }

    /// One request through the gateway; the version that answered.
    pub(crate) async fn ask(&self, id: &str) -> Option<u32> {
        let rows = Rows { columns: None, data: vec![vec![json!(1)]] };
        let served = self
            .running()
            .gateway
            .predict(MODEL, id, &Caller::default(), None, rows, &Value::Null)
            .await
            .ok()?;
        let answer = served.outcome.ok()?;
        assert_eq!(answer, [json!(served.version)], "what is recorded is what answered");
        Some(served.version)
    }

    /// How many of a hundred requests each of two versions answers.
    pub(crate) async fn split(&self, first: u32, second: u32) -> (usize, usize) {
        let mut versions = Vec::new();
        for n in 0..100 {
            versions.push(self.ask(&format!("split-{n}")).await.unwrap());
        }
        let of = |version| versions.iter().filter(|other| **other == version).count();
        (of(first), of(second))
    }

    /// Waits until a version answers all requests.
    pub(crate) async fn until_all_from(&self, version: u32) {
        until(&format!("version {version} to be in charge"), async || {
            let stable = self.deployment().await.and_then(|deployment| deployment.stable);
            stable == Some(version)
                && self.running().gateway.stable(MODEL).is_some_and(|s| s.version == version)
        })
        .await;
    }

    /// The state of the newest rollout's machine.
    pub(crate) async fn newest_state(&self) -> Option<(String, Value)> {
        self.rollouts().await.pop().map(|rollout| (rollout.id, rollout.state))
    }

    /// Waits until the newest rollout stands at this step; gives its id.
    pub(crate) async fn until_step(&self, step: u64) -> String {
        until(&format!("step {step}"), async || {
            self.newest_state().await.is_some_and(|(_, state)| state["step"] == step)
        })
        .await;
        self.newest_state().await.unwrap().0
    }

    /// A project in which version 1 is in charge.
    pub(crate) async fn with_champion() -> Self {
        let project = Self::started().await;
        project.register(1, json!({ "answer": 1 })).await;
        project.promote(1).await;
        project.until_all_from(1).await;
        project
    }

    /// Puts requests of a rollout on record, some of which failed in the model.
    pub(crate) async fn traffic(&mut self, rollout: &str, version: u32, good: u32, bad: u32) {
        let mut predictions = Vec::new();
        for n in 0..good + bad {
            self.predictions += 1;
            predictions.push(Prediction {
                id: format!("traffic-{}", self.predictions),
                time: self.clock.now(),
                event_time: None,
                model: MODEL.to_owned(),
                version,
                arm: Arm::Canary,
                rollout: Some(rollout.to_owned()),
                canary_weight: 60,
                features: Map::new(),
                score: (n < good).then_some(0.5),
                error: (n >= good).then(|| "the model failed".to_owned()),
                latency_us: 1000,
                label: None,
                label_time: None,
            });
        }
        self.write(Actor::user("client"), move |tx| tx.add_predictions(&predictions)).await;
    }

    /// Puts labelled answers on record: a month that went well or badly.
    pub(crate) async fn month(&mut self, good: bool) {
        let mut predictions = Vec::new();
        for n in 0..100 {
            self.predictions += 1;
            let late = n % 2 == 0;
            predictions.push(Prediction {
                id: format!("month-{}", self.predictions),
                time: self.clock.now(),
                event_time: None,
                model: MODEL.to_owned(),
                version: 1,
                arm: Arm::Stable,
                rollout: None,
                canary_weight: 0,
                features: Map::new(),
                score: Some(if late == good { 0.9 } else { 0.1 }),
                error: None,
                latency_us: 1000,
                label: Some(f64::from(u8::from(late))),
                label_time: None,
            });
        }
        self.write(Actor::user("client"), move |tx| {
            tx.add_predictions(&predictions)?;
            for prediction in &predictions {
                tx.add_label(&prediction.id, prediction.label.unwrap_or_default())?;
            }
            Ok(())
        })
        .await;
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Gives the loop time to do something, in a test that it does not.
pub(crate) async fn let_it_look() {
    tokio::time::sleep(LOOK).await;
}
