//! The engine of ONNX models: ONNX Runtime in this process.
//!
//! A model's file is data, not code of its author: its operators are those of the runtime.

mod batch;
mod library;
mod pace;
mod values;

use crate::engine::{Answer, Deadline, Description, Engine, load_within};
use crate::package::Package;
use crate::{Rows, ServeError, ServerSettings, StartError};
use batch::{Waiting, lost};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use pace::Pace;
use serde_json::Value;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;
use values::Port;

/// Times that a model is asked before it counts as ready: the first run is by far the slowest.
const WARM_UPS: usize = 3;

/// A loaded model with its sessions.
pub(crate) struct OnnxModel {
    pool: Arc<Pool>,
    description: Description,
    max_batch: usize,
}

struct Pool {
    ports: Vec<Port>,
    free: Mutex<Vec<Session>>,
    turns: Semaphore,
    waiting: Waiting,
    pace: Pace,
}

impl OnnxModel {
    /// Loads a model.
    ///
    /// # Errors
    /// When the runtime is not found, or refuses the model.
    pub(crate) async fn start(package: Package, settings: &ServerSettings) -> Result<Self, StartError> {
        let environment = library::environment(settings.onnxruntime.as_deref(), &settings.python).await?;
        let (count, file) = (settings.workers.max(1), package.file);
        let sessions = load_within(settings.load_timeout, move || {
            let sessions = (0..count).map(|_| session(&environment, &file));
            sessions.collect::<Result<Vec<_>, _>>().map_err(StartError::Load)
        });
        let sessions = sessions.await?;
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
            waiting: Waiting::default(),
            pace: Pace::default(),
        };
        let model = Self { pool: Arc::new(pool), description, max_batch: settings.max_batch };
        if settings.warm_up {
            model.warm_up(settings.request_timeout).await;
        }
        Ok(model)
    }

    /// Asks for rows that say nothing, so that the first request finds everything in place. A model that
    /// refuses them answers requests all the same.
    async fn warm_up(&self, limit: std::time::Duration) {
        let Some(rows) = values::blank(&self.pool.ports) else { return };
        for _ in 0..WARM_UPS {
            if let Err(error) = self.ask(&rows, Deadline::after(limit)).await {
                tracing::debug!(%error, "the model was not warmed up");
            }
        }
    }

    async fn ask(&self, rows: &Rows, deadline: Deadline) -> Answer {
        deadline.wait(self.in_turn(rows)).await?
    }

    async fn in_turn(&self, rows: &Rows) -> Answer {
        let pool = &self.pool;
        if pool.pace.is_quick(rows) {
            let _turn = pool.turns.acquire().await.map_err(|_| ServeError::NotReady)?;
            return pool.run(rows);
        }
        let mut answer = pool.waiting.push(rows.clone());
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut answer => return answer.unwrap_or_else(|_| Err(lost())),
                turn = pool.turns.acquire() => turn.map_err(|_| ServeError::NotReady)?,
            };
            // Who has the turn takes the oldest, whoever asked for it; so this request may still wait.
            let Some(batch) = pool.waiting.take(self.max_batch) else {
                // Nobody waits any more: this one is at work.
                drop(turn);
                return answer.await.unwrap_or_else(|_| Err(lost()));
            };
            // The turn is given back when the session is: a run cannot be left before its end.
            turn.forget();
            let taken = Taken(Arc::clone(pool));
            tokio::task::spawn_blocking(move || batch.run(|rows| taken.0.run(rows)));
        }
    }
}

/// One thread per run: requests are what runs beside each other. What goes wrong in a run is told to the one
/// who asked, so the runtime need not log it too.
fn session(environment: &Environment, file: &Path) -> Result<Session, String> {
    let made = || -> ort::Result<Session> {
        Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_log_level(LogLevel::Fatal)?
            .commit_from_file(file)
    };
    made().map_err(|error| error.to_string())
}

/// A turn that is given back when this goes, also when the run panics.
struct Taken(Arc<Pool>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.turns.add_permits(1);
    }
}

/// A session that is given back when this goes, also when the run panics.
struct Lent<'a> {
    session: Option<Session>,
    free: &'a Mutex<Vec<Session>>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        lock(self.free).extend(self.session.take());
    }
}

impl Pool {
    fn run(&self, rows: &Rows) -> Answer {
        let one_by_one = rows.data.len() > 1 && self.ports.iter().any(Port::takes_one_row);
        let session = lock(&self.free).pop();
        let mut lent = Lent { session, free: &self.free };
        let Some(session) = &mut lent.session else { return Err(ServeError::NotReady) };
        let began = Instant::now();
        let answer = if one_by_one {
            let mut predictions = Vec::with_capacity(rows.data.len());
            let mut each = rows.data.iter().map(|row| {
                let one = Rows { columns: rows.columns.clone(), data: vec![row.clone()] };
                predictions.extend(self.run_once(session, &one)?);
                Ok(())
            });
            let all = each.try_for_each(|done: Result<(), ServeError>| done);
            all.map(|()| predictions)
        } else {
            self.run_once(session, rows)
        };
        if answer.is_ok() {
            self.pace.took(began.elapsed(), rows);
        }
        answer
    }

    fn run_once(&self, session: &mut Session, rows: &Rows) -> Answer {
        let inputs = values::inputs(&self.ports, rows)?;
        let outputs = session.run(inputs).map_err(|error| ServeError::Model(error.to_string()))?;
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

    fn predict<'a>(
        &'a self,
        rows: &'a Rows,
        _params: &'a Value,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.ask(rows, deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Pool, Taken, Waiting};
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;

    #[test]
    fn a_run_that_panics_gives_its_turn_back() {
        let pool = Arc::new(Pool {
            ports: Vec::new(),
            free: Mutex::default(),
            turns: Semaphore::new(0),
            waiting: Waiting::default(),
            pace: Pace::default(),
        });
        let taken = Taken(Arc::clone(&pool));
        let run = std::thread::spawn(move || {
            let _taken = taken;
            panic!("a run");
        });
        assert!(run.join().is_err());
        assert_eq!(pool.turns.available_permits(), 1);
    }
}
