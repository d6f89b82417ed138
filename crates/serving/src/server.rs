//! One version of a model at work: its engine, who gets in, and what is counted.

use crate::boosters::BoosterModel;
use crate::engine::{Deadline, Description, Engine};
use crate::onnx::OnnxModel;
use crate::package::{Format, Package};
use crate::python::PythonWorkers;
use crate::signature::{ColumnSpec, enforce};
use crate::statistics::{Counts, Statistics};
use crate::{Rows, ServeError, StartError};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How a version is run.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The Python interpreter.
    pub python: PathBuf,
    /// Where environments are made from the requirements of models, for Python workers; none for them to run in
    /// that of `python`.
    pub environments: Option<PathBuf>,
    /// How long the making of an environment may take.
    pub environment_timeout: Duration,
    /// The folder that holds the `mainspring` Python package.
    pub python_path: PathBuf,
    /// Workers per version.
    pub workers: usize,
    /// Requests of a version that may wait or be at work; more are turned away.
    pub queue: usize,
    /// Requests that may be with the engine at once; none for as many as the queue has.
    pub concurrency: Option<usize>,
    /// What runs the model.
    pub engine: EngineChoice,
    /// The library of ONNX Runtime; none to look for it.
    pub onnxruntime: Option<PathBuf>,
    /// Rows that a Python worker predicts in one call at most, when requests that wait are put together.
    pub max_batch: usize,
    /// How long the first request of such a batch waits for others.
    pub batch_wait: Duration,
    /// Whether the model is asked once before it counts as ready.
    pub warm_up: bool,
    /// How long a model may take to load.
    pub load_timeout: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Where the workers' output goes.
    pub logs: PathBuf,
    /// What the workers find in `MAINSPRING_ROLE`: `serving` for live traffic, `testing` for a battery.
    pub role: &'static str,
}

impl ServerSettings {
    /// The defaults, with one worker: 1,024 requests may wait, batches have 256 rows and nobody waits for
    /// them, loading may take two minutes, a request 30 seconds and an environment a quarter of an hour.
    #[must_use]
    pub fn new(python: PathBuf, python_path: PathBuf, logs: PathBuf) -> Self {
        Self {
            python,
            environments: None,
            environment_timeout: Duration::from_mins(15),
            python_path,
            workers: 1,
            queue: 1024,
            concurrency: None,
            engine: EngineChoice::Auto,
            onnxruntime: None,
            max_batch: 256,
            batch_wait: Duration::ZERO,
            warm_up: true,
            load_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            logs,
            role: "serving",
        }
    }
}

/// What runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// In this process what can be run here, in Python workers all else.
    #[default]
    Auto,
    /// Python workers, whatever the model.
    Python,
}

/// One version at work. Its processes end when it is dropped.
pub struct ModelServer {
    name: String,
    settings: ServerSettings,
    engine: Box<dyn Engine>,
    turns: Option<Semaphore>,
    statistics: Statistics,
}

impl ModelServer {
    /// Loads the model. `name` is used for logs.
    ///
    /// # Errors
    /// When the engine cannot be started or cannot load the model.
    pub async fn start(name: &str, model: PathBuf, settings: ServerSettings) -> Result<Self, StartError> {
        let package = match settings.engine {
            EngineChoice::Auto => Package::find(&model)?,
            EngineChoice::Python => None,
        };
        let mut engine: Option<Box<dyn Engine>> = None;
        if let Some(package) = package {
            match package.format {
                Format::Onnx => engine = Some(Box::new(OnnxModel::start(package, &settings).await?)),
                Format::Booster(library) => {
                    let booster = BoosterModel::start(package, library, &settings).await?;
                    engine = booster.map(|booster| Box::new(booster) as _);
                }
            }
        }
        let engine = match engine {
            Some(engine) => engine,
            None => Box::new(PythonWorkers::start(name, &model, settings.clone()).await?),
        };
        Ok(Self {
            name: name.to_owned(),
            turns: settings.concurrency.map(Semaphore::new),
            settings,
            engine,
            statistics: Statistics::default(),
        })
    }

    /// The name it was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is known of the model.
    #[must_use]
    pub fn description(&self) -> &Description {
        self.engine.description()
    }

    /// The model's input columns, when its signature names them.
    #[must_use]
    pub fn inputs(&self) -> Option<&[ColumnSpec]> {
        self.description().inputs.as_deref()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.statistics.counts()
    }

    /// Workers that had to be replaced so far.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.engine.restarts()
    }

    /// Whether a request would be taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.engine.is_ready()
    }

    /// Brings rows into the form that the model takes.
    ///
    /// # Errors
    /// Names the columns that do not fit.
    pub fn fit(&self, rows: Rows) -> Result<Rows, ServeError> {
        Ok(enforce(self.inputs(), rows)?)
    }

    /// The rows of a Parquet file, read where the model runs. It waits for its turn as a prediction does, but
    /// counts as an answer only with the prediction that follows.
    ///
    /// # Errors
    /// When it cannot be read there.
    pub async fn read_parquet(&self, file: &[u8]) -> Result<Rows, ServeError> {
        let _present = self.statistics.enter(self.settings.queue).ok_or(ServeError::Overloaded)?;
        let began = Instant::now();
        let read = self.in_turn(|deadline| self.engine.read_parquet(file, deadline)).await;
        if let Err(error) = &read {
            self.count(error, began);
        }
        read
    }

    /// Predicts rows that [`ModelServer::fit`] has passed: one prediction per row.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn predict(&self, rows: &Rows, params: &Value) -> Result<Vec<Value>, ServeError> {
        let _present = self.statistics.enter(self.settings.queue).ok_or(ServeError::Overloaded)?;
        let began = Instant::now();
        let answer = self.in_turn(|deadline| self.engine.predict(rows, params, deadline)).await;
        match &answer {
            Ok(_) => self.statistics.answered(rows.data.len(), began.elapsed()),
            Err(error) => self.count(error, began),
        }
        answer
    }

    fn count(&self, error: &ServeError, began: Instant) {
        match error {
            ServeError::Overloaded => self.statistics.turned_away(),
            // The client's mistake says nothing of the model.
            ServeError::Input(_) => self.statistics.input_refused(),
            _ => self.statistics.failed(began.elapsed()),
        }
    }

    async fn in_turn<T, F>(&self, work: impl FnOnce(Deadline) -> F) -> Result<T, ServeError>
    where
        F: Future<Output = Result<T, ServeError>>,
    {
        let deadline = Deadline::after(self.settings.request_timeout);
        let Some(turns) = &self.turns else { return work(deadline).await };
        let began = Instant::now();
        // Nobody closes the semaphore; if somebody did, nothing would serve.
        let _turn = deadline.wait(turns.acquire()).await?.map_err(|_| ServeError::NotReady)?;
        self.statistics.queued(began.elapsed());
        work(deadline).await
    }
}

impl std::fmt::Debug for ModelServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelServer").field("name", &self.name).finish_non_exhaustive()
    }
}
