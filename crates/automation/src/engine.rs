//! Brings the parts of a project to life.

use crate::collect::Collector;
use crate::config::Config;
use crate::delivery::{Delivery, manifest};
use crate::models::ModelFiles;
use crate::monitors::Monitors;
use crate::reactions::Reactions;
use crate::runner::PythonTasks;
use crate::watch::Watcher;
use crate::webhooks::{Dispatch, Sender};
use crate::{AutomationError, triggers};
use mainspring_artifact_store::ArtifactStore;
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
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

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
    pub artifacts: ArtifactStore,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who sends messages to webhooks.
    pub webhooks: Sender,
}

/// The parts at work, and what faces need of them.
pub struct Loop {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The rollouts' driver.
    pub delivery: Delivery,
    /// The gates that production asks for.
    pub policy: Arc<StagePolicy>,
    /// The executor, for logs.
    pub executor: LocalExecutor,
    /// The importer of DAG files.
    pub import: Importer,
    /// Deletes for good.
    pub collector: Collector,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Loop {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
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
        for model in config.model.keys() {
            manifest(&config, &project, model)?;
        }
        let python = config.python(&project);
        let python_path = install_python_package(&data_dir.join("python"))?;
        let executor = LocalExecutor::new(binary.clone(), data_dir.join("attempts"));
        let policy = Arc::new(policy(&config));
        let gateway = Arc::new(Gateway::new(arm_of, Arc::clone(&clock)));
        let collector = Collector::new(store.clone(), artifacts.clone(), Arc::clone(&clock));
        let models = Arc::new(ModelFiles {
            store: store.clone(),
            artifacts,
            settings: ServerSettings {
                python: python.clone(),
                python_path: python_path.clone(),
                workers: 1,
                queue: 1024,
                load_timeout: Duration::from_secs(120),
                request_timeout: Duration::from_secs(30),
                logs: data_dir.join("logs"),
                role: "serving",
            },
        });
        let delivery = Delivery::new(
            store.clone(),
            Arc::clone(&gateway),
            Arc::clone(&models),
            Arc::clone(&config),
            Arc::clone(&clock),
        );
        delivery.restore().await?;
        let scheduler = Scheduler::new(
            store.clone(),
            Arc::new(PythonTasks {
                executor: executor.clone(),
                project: project.clone(),
                python: python.clone(),
                python_path: python_path.clone(),
                binary,
                url,
            }),
            Arc::clone(&clock),
            SchedulerSettings { project: project.clone() },
        );
        let (passes, passed) = watch::channel(0);
        let import = Importer { wake: Arc::new(Notify::new()), passed };
        let importing = ImportSettings {
            project: project.clone(),
            dags: config.project.dags.clone(),
            python,
            python_path,
            scratch: data_dir.join("parsed"),
        };
        let watcher = Watcher::new(store.clone(), Arc::clone(&clock), project.clone(), config.watch.clone());
        let reactions = Reactions {
            store: store.clone(),
            config: Arc::clone(&config),
            project,
            policy: Arc::clone(&policy),
            webhooks: webhooks.clone(),
        };
        let dispatch = Dispatch { store: store.clone(), sender: webhooks, clock: Arc::clone(&clock) };
        let monitors = Monitors { store: store.clone(), config: Arc::clone(&config), models };
        let tasks = vec![
            tokio::spawn(scheduler.run()),
            tokio::spawn(delivery.clone().run()),
            tokio::spawn(reactions.run()),
            tokio::spawn(dispatch.run()),
            tokio::spawn(collector.clone().run()),
            tokio::spawn(monitors.run()),
            tokio::spawn(import_changes(store.clone(), importing, Arc::clone(&import.wake), passes)),
            tokio::spawn(look_and_trigger(watcher, store, config, clock)),
        ];
        Ok(Self { gateway, delivery, policy, executor, import, collector, tasks })
    }
}

/// A way to have changed DAG files read now.
#[derive(Clone, Debug)]
pub struct Importer {
    wake: Arc<Notify>,
    passed: watch::Receiver<u64>,
}

impl Importer {
    /// Waits until every file has been read as it is now.
    pub async fn read_now(&self) {
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

async fn import_changes(
    store: Store,
    settings: ImportSettings,
    wake: Arc<Notify>,
    passes: watch::Sender<u64>,
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
