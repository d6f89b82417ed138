//! The engine of MLflow's Python models: worker processes, kept alive.

use crate::engine::{Answer, Deadline, Description, Engine};
use crate::worker::Worker;
use crate::{Rows, ServeError, ServerSettings, StartError, environment};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often dead workers are looked for.
const WATCH: Duration = Duration::from_millis(100);
/// The longest pause between two attempts to restart a worker.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The workers of one model. Their processes end when it is dropped.
pub(crate) struct PythonWorkers {
    workers: Arc<RwLock<Vec<Arc<Worker>>>>,
    description: Description,
    restarts: Arc<AtomicU64>,
    watch: JoinHandle<()>,
}

impl Drop for PythonWorkers {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl PythonWorkers {
    /// Starts the workers and waits until all have loaded the model.
    pub(crate) async fn start(
        name: &str,
        model: &Path,
        mut settings: ServerSettings,
    ) -> Result<Self, StartError> {
        std::fs::create_dir_all(&settings.logs).map_err(|error| StartError::Spawn(error.to_string()))?;
        let file: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let log = settings.logs.join(format!("{file}.log"));
        if let Some(folder) = &settings.environments {
            settings.python = environment::interpreter(name, model, folder, &settings).await?;
        }
        let mut workers = Vec::new();
        for _ in 0..settings.workers.max(1) {
            workers.push(Arc::new(Worker::start(&settings, model, &log).await?));
        }
        let (inputs, outputs) =
            workers.first().map(|worker| (worker.inputs.clone(), worker.outputs.clone())).unwrap_or_default();
        let workers = Arc::new(RwLock::new(workers));
        let restarts = Arc::new(AtomicU64::new(0));
        let watch = tokio::spawn(replace_dead(
            name.to_owned(),
            Arc::clone(&workers),
            Arc::clone(&restarts),
            settings,
            model.to_owned(),
            log,
        ));
        let description = Description { platform: "mlflow_pyfunc", inputs, outputs };
        Ok(Self { workers, description, restarts, watch })
    }

    async fn ask(&self, rows: &Rows, params: &Value, deadline: Deadline) -> Answer {
        let worker = self.free()?;
        in_time(&worker, deadline, worker.predict(rows, params)).await
    }

    async fn decode(&self, file: &[u8], deadline: Deadline) -> Result<Rows, ServeError> {
        let worker = self.free()?;
        let answer = in_time(&worker, deadline, worker.read_parquet(file)).await?;
        let table = answer.into_iter().next().unwrap_or_default();
        serde_json::from_value(table)
            .map_err(|error| ServeError::Model(format!("the worker's table: {error}")))
    }

    /// The worker that has the least to do.
    fn free(&self) -> Result<Arc<Worker>, ServeError> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        let alive = workers.iter().filter(|worker| worker.is_alive());
        alive.min_by_key(|worker| worker.load()).cloned().ok_or(ServeError::NotReady)
    }
}

async fn in_time(worker: &Worker, deadline: Deadline, answer: impl Future<Output = Answer>) -> Answer {
    match deadline.wait(answer).await {
        Ok(answer) => answer,
        Err(late) => {
            // A worker that hangs would make everybody after this request wait as well; one that
            // is only behind goes on.
            if worker.silence() >= deadline.limit() {
                worker.abandon();
            }
            Err(late)
        }
    }
}

impl Engine for PythonWorkers {
    fn description(&self) -> &Description {
        &self.description
    }

    fn is_ready(&self) -> bool {
        self.workers.read().unwrap_or_else(PoisonError::into_inner).iter().any(|worker| worker.is_alive())
    }

    fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    fn predict<'a>(
        &'a self,
        rows: &'a Rows,
        params: &'a Value,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.ask(rows, params, deadline))
    }

    fn read_parquet<'a>(
        &'a self,
        file: &'a [u8],
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Result<Rows, ServeError>> + Send + 'a>> {
        Box::pin(self.decode(file, deadline))
    }
}

async fn replace_dead(
    name: String,
    workers: Arc<RwLock<Vec<Arc<Worker>>>>,
    restarts: Arc<AtomicU64>,
    settings: ServerSettings,
    model: PathBuf,
    log: PathBuf,
) {
    let mut backoff = WATCH;
    loop {
        tokio::time::sleep(backoff).await;
        let dead = {
            let workers = workers.read().unwrap_or_else(PoisonError::into_inner);
            workers.iter().position(|worker| !worker.is_alive())
        };
        let Some(dead) = dead else {
            backoff = WATCH;
            continue;
        };
        tracing::warn!(model = %name, "a worker died; starting another");
        match Worker::start(&settings, &model, &log).await {
            Ok(worker) => {
                let mut workers = workers.write().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = workers.get_mut(dead) {
                    *place = Arc::new(worker);
                }
                restarts.fetch_add(1, Ordering::Relaxed);
                backoff = WATCH;
            }
            Err(error) => {
                tracing::error!(model = %name, %error, "the worker cannot be restarted");
                backoff = (backoff * 2).min(MAX_BACKOFF);
            }
        }
    }
}
