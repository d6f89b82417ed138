//! Brings the parts of a project to life.

use crate::ab::{AT_A_TIME, AbTests, HeldTests, LookFailures};
use crate::collect::Collector;
use crate::config::Config;
use crate::delivery::{Delivery, Releases, Warm, manifest};
use crate::models::ModelFiles;
use crate::monitors::Monitors;
use crate::reactions::Reactions;
use crate::repository::Repository;
use crate::runner::PythonTasks;
use crate::shadow;
use crate::watch::Watcher;
use crate::webhooks::{Dispatch, Sender};
use crate::{AutomationError, triggers};
use mainspring_artifact_store::Artifacts;
use mainspring_domain::Clock;
use mainspring_executors::{LocalExecutor, install_python_package};
use mainspring_governance::policy::StagePolicy;
use mainspring_metadata_store::Store;
use mainspring_pipelines::{ImportSettings, Scheduler, SchedulerSettings, import_folder};
use mainspring_rollouts::arm_of;
use mainspring_serving::{Gateway, ServerSettings};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How often folders of data and of DAG files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What the loop needs to know.
#[derive(Clone)]
pub struct LoopSettings {
    /// The project's folder, absolute.
    pub project: PathBuf,
    /// The server's folder, absolute.
    pub data_dir: PathBuf,
    /// Where tasks reach the server.
    pub url: String,
    /// The program that supervises tasks: this one.
    pub binary: PathBuf,
    /// The project's configuration.
    pub config: Arc<Config>,
    /// The store.
    pub store: Store,
    /// The artifacts.
    pub artifacts: Artifacts,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who sends messages to webhooks.
    pub webhooks: Sender,
}

/// The parts at work, and what faces need of them.
pub struct Loop {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Loads and unloads models.
    pub repository: Arc<Repository>,
    /// The rollouts' driver.
    pub delivery: Delivery,
    /// The A/B tests.
    pub ab: AbTests,
    /// The gates that production asks for.
    pub policy: Arc<StagePolicy>,
    /// The executor, for logs.
    pub executor: LocalExecutor,
    /// The importer of DAG files.
    pub import: Importer,
    /// Deletes for good.
    pub collector: Collector,
    task: JoinHandle<()>,
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The gates of each model, from the configuration.
fn policy(config: &Config) -> StagePolicy {
    StagePolicy::new(config.model.iter().map(|(name, rules)| (name.clone(), rules.require.clone())).collect())
}

impl Loop {
    /// Starts everything.
    ///
    /// # Errors
    /// When the Python package cannot be written, a rollout manifest has a mistake, or the store
    /// refuses.
    pub async fn start(settings: LoopSettings) -> Result<Self, AutomationError> {
        let LoopSettings { project, data_dir, url, binary, config, store, artifacts, clock, webhooks } =
            settings;
        // A mistake in a manifest is better found now than at the first promotion.
        for (model, rules) in &config.model {
            manifest(&config, &project, model)?;
            for stage in rules.stage.keys() {
                manifest(&config, &project, &format!("{model}@{stage}"))?;
            }
        }
        for (name, warehouse) in &config.warehouse {
            // Tests that do not ask it run all the same.
            if let Some(reason) = warehouse.unusable() {
                tracing::warn!(warehouse = name, reason, "metrics cannot be asked of this database");
            }
        }
        let leads = store.leadership()?;
        let python = config.python(&project);
        let python_path = install_python_package(&data_dir.join("python"))?;
        let executor = LocalExecutor::new(binary.clone(), data_dir.join("attempts"));
        let policy = Arc::new(policy(&config));
        let gateway = Arc::new(Gateway::new(arm_of, Arc::clone(&clock)));
        let collector = Collector::new(store.clone(), artifacts.clone(), Arc::clone(&clock));
        let models = Arc::new(ModelFiles {
            store: store.clone(),
            artifacts,
            config: Arc::clone(&config),
            settings: ServerSettings {
                onnxruntime: config.serving.onnxruntime.clone(),
                environments: Some(data_dir.join("environments")),
                ..ServerSettings::new(python.clone(), python_path.clone(), data_dir.join("logs"))
            },
        });
        let releases = Releases {
            config: Arc::clone(&config),
            project: project.clone(),
            policy: Arc::clone(&policy),
            warm: Arc::<Warm>::default(),
        };
        let delivery = Delivery {
            store: store.clone(),
            gateway: Arc::clone(&gateway),
            models: Arc::clone(&models),
            releases: releases.clone(),
            clock: Arc::clone(&clock),
            leads: leads.clone(),
            turn: Arc::default(),
        };
        let ab = AbTests {
            store: store.clone(),
            gateway: Arc::clone(&gateway),
            models: Arc::clone(&models),
            releases: releases.clone(),
            clock: Arc::clone(&clock),
            failures: LookFailures::default(),
            held: HeldTests::default(),
            asking: Arc::new(Semaphore::new(AT_A_TIME)),
        };
        let repository = Repository {
            store: store.clone(),
            gateway: Arc::clone(&gateway),
            models: Arc::clone(&models),
            leads: leads.clone(),
        };
        let (passes, passed) = watch::channel(0);
        let import = Importer { wake: Arc::new(Notify::new()), passed, leads: leads.clone() };
        let work = Work {
            delivery: delivery.clone(),
            ab: ab.clone(),
            runner: Arc::new(PythonTasks {
                executor: executor.clone(),
                project: project.clone(),
                python: python.clone(),
                python_path: python_path.clone(),
                binary,
                url,
            }),
            importing: ImportSettings {
                project: project.clone(),
                dags: config.project.dags.clone(),
                python,
                python_path,
                scratch: data_dir.join("parsed"),
            },
            wake: Arc::clone(&import.wake),
            passes: Arc::new(passes),
            releases,
            gateway: Arc::clone(&gateway),
            models,
            store,
            config,
            project,
            clock,
            webhooks,
            collector: collector.clone(),
        };
        let at_work = work.begin_if_leading(&leads).await?;
        let task = tokio::spawn(work.follow(leads, at_work));
        Ok(Self {
            gateway,
            repository: Arc::new(repository),
            delivery,
            ab,
            policy,
            executor,
            import,
            collector,
            task,
        })
    }
}

/// What runs on the leading server only.
struct Work {
    store: Store,
    config: Arc<Config>,
    project: PathBuf,
    clock: Arc<dyn Clock>,
    releases: Releases,
    gateway: Arc<Gateway>,
    delivery: Delivery,
    ab: AbTests,
    models: Arc<ModelFiles>,
    runner: Arc<PythonTasks>,
    importing: ImportSettings,
    wake: Arc<Notify>,
    passes: Arc<watch::Sender<u64>>,
    webhooks: Sender,
    collector: Collector,
}

impl Work {
    async fn begin_if_leading(
        &self,
        leads: &watch::Receiver<bool>,
    ) -> Result<Option<JoinSet<()>>, AutomationError> {
        let leads = *leads.borrow();
        if leads { self.begin().await.map(Some) } else { Ok(None) }
    }

    /// Takes the lead when it comes and lays it down when it is lost. What was interrupted is taken
    /// up by whoever leads next, as after a crash.
    async fn follow(self, mut leads: watch::Receiver<bool>, mut at_work: Option<JoinSet<()>>) {
        loop {
            let lead = *leads.borrow_and_update();
            match (lead, at_work.is_some()) {
                (true, false) => match self.begin().await {
                    Ok(tasks) => {
                        tracing::warn!("this server runs pipelines and rollouts from now on");
                        at_work = Some(tasks);
                    }
                    Err(error) => {
                        tracing::error!(%error, "cannot take the lead");
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                },
                (false, true) => {
                    tracing::warn!("the lead is lost: pipelines and rollouts stop here");
                    if let Some(mut tasks) = at_work.take() {
                        tasks.shutdown().await;
                    }
                    self.gateway.clear();
                    self.delivery.clear();
                }
                (true, true) | (false, false) => {}
            }
            if leads.changed().await.is_err() {
                // Nothing more is heard: it stays as it is.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn begin(&self) -> Result<JoinSet<()>, AutomationError> {
        let mut tasks = JoinSet::new();
        self.delivery.restore().await?;
        let store = &self.store;
        let scheduler = Scheduler::new(
            store.clone(),
            Arc::<PythonTasks>::clone(&self.runner),
            Arc::clone(&self.clock),
            SchedulerSettings { project: self.project.clone() },
        );
        let reactions = Reactions {
            store: store.clone(),
            config: Arc::clone(&self.config),
            releases: self.releases.clone(),
            webhooks: self.webhooks.clone(),
        };
        let dispatch =
            Dispatch { store: store.clone(), sender: self.webhooks.clone(), clock: Arc::clone(&self.clock) };
        let monitors = Monitors {
            store: store.clone(),
            config: Arc::clone(&self.config),
            models: Arc::clone(&self.models),
        };
        let watcher = Watcher::new(
            store.clone(),
            Arc::clone(&self.clock),
            self.project.clone(),
            self.config.watch.clone(),
        );
        tasks.spawn(scheduler.run());
        tasks.spawn(self.delivery.clone().run());
        tasks.spawn(self.ab.clone().run());
        for _ in 0..shadow::AT_A_TIME {
            let (gateway, config) = (Arc::clone(&self.gateway), Arc::clone(&self.config));
            tasks.spawn(shadow::run(store.clone(), gateway, config, Arc::clone(&self.clock)));
        }
        tasks.spawn(reactions.run());
        tasks.spawn(dispatch.run());
        tasks.spawn(self.collector.clone().run());
        tasks.spawn(monitors.run());
        tasks.spawn(import_changes(
            store.clone(),
            self.importing.clone(),
            Arc::clone(&self.wake),
            Arc::clone(&self.passes),
        ));
        tasks.spawn(look_and_trigger(
            watcher,
            store.clone(),
            Arc::clone(&self.config),
            Arc::clone(&self.clock),
        ));
        Ok(tasks)
    }
}

/// A way to have changed DAG files read now.
#[derive(Clone, Debug)]
pub struct Importer {
    wake: Arc<Notify>,
    passed: watch::Receiver<u64>,
    leads: watch::Receiver<bool>,
}

impl Importer {
    /// Waits until every file has been read as it is now.
    ///
    /// # Errors
    /// When another server reads the files.
    pub async fn read_now(&self) -> Result<(), AutomationError> {
        tokio::select! {
            () = lost(self.leads.clone()) => Err(AutomationError::NotLeading),
            () = self.read() => Ok(()),
        }
    }

    async fn read(&self) {
        let mut passed = self.passed.clone();
        // The pass under way may have read a file before it changed; the one after it has not.
        let wanted = *passed.borrow() + 2;
        while *passed.borrow() < wanted {
            self.wake.notify_one();
            if passed.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Waits until this server does not lead; for ever when nobody can take the lead from it.
async fn lost(mut leads: watch::Receiver<bool>) {
    if leads.wait_for(|leads| !leads).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn import_changes(
    store: Store,
    settings: ImportSettings,
    wake: Arc<Notify>,
    passes: Arc<watch::Sender<u64>>,
) {
    let mut seen = HashMap::new();
    loop {
        if let Err(error) = import_folder(&store, &settings, &mut seen).await {
            tracing::error!(%error, "reading DAG files");
        }
        passes.send_modify(|passes| *passes += 1);
        // Woken or not, the next look is the same.
        let _ = tokio::time::timeout(LOOK, wake.notified()).await;
    }
}

async fn look_and_trigger(mut watcher: Watcher, store: Store, config: Arc<Config>, clock: Arc<dyn Clock>) {
    loop {
        if let Err(error) = watcher.look().await {
            tracing::error!(%error, "watched folders");
        }
        if let Err(error) = triggers::start_for_arrivals(&store, &config, clock.now()).await {
            tracing::error!(%error, "triggers");
        }
        tokio::time::sleep(LOOK).await;
    }
}
