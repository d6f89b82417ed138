//! The workers of one model version.

use crate::signature::{ColumnSpec, enforce};
use crate::worker::Worker;
use crate::{Rows, ServeError, StartError};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often dead workers are looked for.
const WATCH: Duration = Duration::from_millis(100);
/// The longest pause between two attempts to restart a worker.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// How workers are run.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The Python interpreter.
    pub python: PathBuf,
    /// The folder that holds the `mainspring` Python package.
    pub python_path: PathBuf,
    /// Workers per version.
    pub workers: usize,
    /// Requests that may wait at one worker.
    pub queue: usize,
    /// How long a model may take to load.
    pub load_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Where the workers' output goes.
    pub logs: PathBuf,
    /// What the workers find in `MAINSPRING_ROLE`: `serving` for live traffic, `testing` for a battery.
    pub role: &'static str,
}

/// One version at work. Its processes end when it is dropped.
pub struct ModelServer {
    name: String,
    settings: ServerSettings,
    workers: Arc<RwLock<Vec<Arc<Worker>>>>,
    inputs: Option<Vec<ColumnSpec>>,
    restarts: Arc<AtomicU64>,
    watch: JoinHandle<()>,
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl ModelServer {
    /// Starts the workers and waits until all have loaded the model. `name` is used for logs.
    ///
    /// # Errors
    /// When a worker cannot be started or cannot load the model.
    pub async fn start(name: &str, model: PathBuf, settings: ServerSettings) -> Result<Self, StartError> {
        std::fs::create_dir_all(&settings.logs).map_err(|error| StartError::Spawn(error.to_string()))?;
        let file: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let log = settings.logs.join(format!("{file}.log"));
        let mut workers = Vec::new();
        for _ in 0..settings.workers.max(1) {
            workers.push(Arc::new(Worker::start(&settings, &model, &log).await?));
        }
        let inputs = workers.first().and_then(|worker| worker.inputs.clone());
        let workers = Arc::new(RwLock::new(workers));
        let restarts = Arc::new(AtomicU64::new(0));
        let watch = tokio::spawn(replace_dead(
            name.to_owned(),
            Arc::clone(&workers),
            Arc::clone(&restarts),
            settings.clone(),
            model,
            log,
        ));
        Ok(Self { name: name.to_owned(), settings, workers, inputs, restarts, watch })
    }

    /// The name it was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's input columns, when its signature names them.
    #[must_use]
    pub fn inputs(&self) -> Option<&[ColumnSpec]> {
        self.inputs.as_deref()
    }

    /// Workers that had to be replaced so far.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Whether a worker is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.workers.read().unwrap_or_else(PoisonError::into_inner).iter().any(|worker| worker.is_alive())
    }

    /// Brings rows into the form that the model takes.
    ///
    /// # Errors
    /// Names the columns that do not fit.
    pub fn fit(&self, rows: Rows) -> Result<Rows, ServeError> {
        Ok(enforce(self.inputs(), rows)?)
    }

    /// Predicts rows that [`ModelServer::fit`] has passed: one prediction per row.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn predict(&self, rows: &Rows, params: &Value) -> Result<Vec<Value>, ServeError> {
        let worker = {
            let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
            workers.iter().filter(|worker| worker.is_alive()).min_by_key(|worker| worker.load()).cloned()
        };
        let worker = worker.ok_or(ServeError::NotReady)?;
        let limit = self.settings.request_timeout;
        match tokio::time::timeout(limit, worker.predict(rows, params)).await {
            Ok(answer) => answer,
            Err(_) => {
                // A worker that hangs would make everybody after this request wait as well.
                worker.abandon();
                Err(ServeError::Timeout(limit.as_secs()))
            }
        }
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
