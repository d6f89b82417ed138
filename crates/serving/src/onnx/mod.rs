//! The engine of ONNX models: ONNX Runtime in this process.
//!
//! A model's file is data, not code of its author: its operators are those of the runtime.

mod library;
mod package;
mod values;

pub(crate) use package::OnnxPackage;

use crate::engine::{Answer, Description, Engine};
use crate::{Rows, ServeError, ServerSettings, StartError};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{RunOptions, Session};
use serde_json::Value;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use values::Port;

/// A run that is expected to take longer goes to a thread of its own, so that it holds up nobody else.
const QUICK: Duration = Duration::from_micros(500);

/// A loaded model with its sessions.
pub(crate) struct OnnxModel {
    pool: Arc<Pool>,
    description: Description,
    limit: Duration,
}

struct Pool {
    ports: Vec<Port>,
    free: Mutex<Vec<Session>>,
    turns: Semaphore,
    /// What a row took lately, in nanoseconds.
    row_ns: AtomicU64,
}

impl OnnxModel {
    /// Loads a model.
    ///
    /// # Errors
    /// When the runtime is not found, or refuses the model.
    pub(crate) async fn start(package: OnnxPackage, settings: &ServerSettings) -> Result<Self, StartError> {
        let environment = library::environment(settings.onnxruntime.as_deref(), &settings.python).await?;
        let (count, file) = (settings.workers.max(1), package.file);
        let loading = tokio::task::spawn_blocking(move || {
            (0..count).map(|_| session(&environment, &file)).collect::<Result<Vec<_>, _>>()
        });
        let loaded = tokio::time::timeout(settings.load_timeout, loading).await;
        let loaded = loaded.map_err(|_| StartError::Timeout(settings.load_timeout.as_secs()))?;
        let sessions =
            loaded.map_err(|error| StartError::Load(error.to_string()))?.map_err(StartError::Load)?;
        let Some(first) = sessions.first() else { return Err(StartError::Load("no session".to_owned())) };
        let ports: Result<Vec<Port>, String> = first.inputs().iter().map(Port::of).collect();
        let ports = ports.map_err(StartError::Load)?;
        let description = Description {
            platform: "onnx_onnxv1",
            inputs: Some(package.inputs.unwrap_or_else(|| ports.iter().map(Port::spec).collect())),
            outputs: Some(first.outputs().iter().map(values::output_spec).collect()),
        };
        let pool = Pool {
            turns: Semaphore::new(sessions.len()),
            ports,
            free: Mutex::new(sessions),
            row_ns: AtomicU64::new(0),
        };
        Ok(Self { pool: Arc::new(pool), description, limit: settings.request_timeout })
    }

    async fn ask(&self, rows: &Rows) -> Answer {
        let timeout = || ServeError::Timeout(self.limit.as_secs());
        let turn =
            tokio::time::timeout(self.limit, self.pool.turns.acquire()).await.map_err(|_| timeout())?;
        let turn = turn.map_err(|_| ServeError::NotReady)?;
        if self.pool.is_quick(rows.data.len()) {
            return self.pool.run(rows, None);
        }
        let options = RunOptions::new().map_err(|error| ServeError::Model(error.to_string()))?;
        let options = Arc::new(options);
        let (pool, rows, given) = (Arc::clone(&self.pool), rows.clone(), Arc::clone(&options));
        // The turn is given back when the session is: a run cannot be left before its end.
        turn.forget();
        let running = tokio::task::spawn_blocking(move || {
            let answer = pool.run(&rows, Some(&given));
            pool.turns.add_permits(1);
            answer
        });
        match tokio::time::timeout(self.limit, running).await {
            Ok(answer) => answer.unwrap_or_else(|error| Err(ServeError::Model(error.to_string()))),
            Err(_) => {
                // The run ends at its next operator.
                let _ = options.terminate();
                Err(timeout())
            }
        }
    }
}

/// One thread per run: requests are what runs beside each other.
fn session(environment: &Environment, file: &Path) -> Result<Session, String> {
    let made = || -> ort::Result<Session> {
        Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_log_level(LogLevel::Error)?
            .commit_from_file(file)
    };
    made().map_err(|error| error.to_string())
}

impl Pool {
    fn is_quick(&self, rows: usize) -> bool {
        let expected = self.row_ns.load(Relaxed).saturating_mul(rows as u64);
        expected > 0 && Duration::from_nanos(expected) < QUICK
    }

    fn run(&self, rows: &Rows, options: Option<&RunOptions>) -> Answer {
        let one_by_one = rows.data.len() > 1 && self.ports.iter().any(Port::takes_one_row);
        let Some(mut session) = lock(&self.free).pop() else { return Err(ServeError::NotReady) };
        let began = Instant::now();
        let answer = if one_by_one {
            let mut predictions = Vec::with_capacity(rows.data.len());
            let mut each = rows.data.iter().map(|row| {
                let one = Rows { columns: rows.columns.clone(), data: vec![row.clone()] };
                predictions.extend(self.run_once(&mut session, &one, options)?);
                Ok(())
            });
            let all = each.try_for_each(|done: Result<(), ServeError>| done);
            all.map(|()| predictions)
        } else {
            self.run_once(&mut session, rows, options)
        };
        let took =
            u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX) / rows.data.len().max(1) as u64;
        let before = self.row_ns.load(Relaxed);
        let lately = if before == 0 { took } else { before.saturating_mul(7).saturating_add(took) / 8 };
        self.row_ns.store(lately.max(1), Relaxed);
        lock(&self.free).push(session);
        answer
    }

    fn run_once(&self, session: &mut Session, rows: &Rows, options: Option<&RunOptions>) -> Answer {
        let inputs = values::inputs(&self.ports, rows)?;
        let failed = |error: ort::Error| ServeError::Model(error.to_string());
        let outputs = match options {
            None => session.run(inputs).map_err(failed)?,
            Some(options) => session.run_with_options(inputs, options).map_err(failed)?,
        };
        values::predictions(&outputs, rows.data.len())
    }
}

fn lock(free: &Mutex<Vec<Session>>) -> std::sync::MutexGuard<'_, Vec<Session>> {
    free.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine for OnnxModel {
    fn description(&self) -> &Description {
        &self.description
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn restarts(&self) -> u64 {
        0
    }

    fn predict<'a>(
        &'a self,
        rows: &'a Rows,
        _params: &'a Value,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.ask(rows))
    }

    fn read_parquet<'a>(
        &'a self,
        _file: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<Rows, ServeError>> + Send + 'a>> {
        let message = "Parquet is read by Python workers, and this model runs without; send JSON or CSV";
        Box::pin(async move { Err(ServeError::Input(message.to_owned())) })
    }
}
