//! One worker process.

use crate::engine::Answer;
use crate::interpreter::without_keys;
use crate::signature::ColumnSpec;
use crate::{Rows, ServeError, ServerSettings, StartError, frames};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>;

/// A worker that has loaded its model.
pub(crate) struct Worker {
    requests: mpsc::Sender<Vec<u8>>,
    waiting: Waiting,
    next_id: AtomicU64,
    in_flight: AtomicUsize,
    /// Answers that the worker owes, also to those who have gone away.
    owed: Arc<AtomicUsize>,
    alive: Arc<AtomicBool>,
    /// The model's input columns, when its signature names them.
    pub(crate) inputs: Option<Vec<ColumnSpec>>,
    /// Its outputs, when its signature names them.
    pub(crate) outputs: Option<Vec<ColumnSpec>>,
    /// Milliseconds from `began` to the last sign that the worker is at work.
    progress: Arc<AtomicU64>,
    began: Instant,
    /// Killed when the worker is dropped.
    _process: Child,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Hello {
    Ready {
        #[serde(default)]
        inputs: Option<Vec<ColumnSpec>>,
        #[serde(default)]
        outputs: Option<Vec<ColumnSpec>>,
    },
    Failed {
        error: WorkerError,
    },
}

#[derive(Deserialize)]
struct WorkerError {
    #[serde(rename = "type")]
    kind: String,
    message: String,
}

#[derive(Serialize)]
struct Request<'a> {
    id: u64,
    columns: Option<&'a [String]>,
    data: &'a [Vec<Value>],
    params: &'a Value,
}

#[derive(Deserialize)]
struct Reply {
    id: u64,
    #[serde(default)]
    predictions: Option<Vec<Value>>,
    #[serde(default)]
    error: Option<RequestError>,
}

#[derive(Deserialize)]
struct RequestError {
    #[serde(rename = "type")]
    kind: String,
    message: String,
    #[serde(rename = "kind")]
    cause: String,
}

impl Worker {
    /// Starts a process and waits until it has loaded the model.
    pub(crate) async fn start(
        settings: &ServerSettings,
        model: &Path,
        log: &Path,
    ) -> Result<Self, StartError> {
        let spawn_error = |error: std::io::Error| StartError::Spawn(error.to_string());
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(spawn_error)?;
        ours.set_nonblocking(true).map_err(spawn_error)?;
        let log_file = File::options().create(true).append(true).open(log).map_err(spawn_error)?;
        let log_errors = log_file.try_clone().map_err(spawn_error)?;
        let mut command = Command::new(&settings.python);
        without_keys(&mut command);
        let process = command
            .args(["-m", "mainspring.model_worker", "--model"])
            .arg(model)
            .args(["--max-batch", &settings.max_batch.to_string()])
            .args(["--batch-wait-ms", &settings.batch_wait.as_millis().to_string()])
            .args(settings.warm_up.then_some("--warm-up"))
            .env("PYTHONPATH", &settings.python_path)
            .env("MAINSPRING_ROLE", settings.role)
            // A worker is one of several; threads of numeric libraries would fight over the cores.
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(log_file)
            .stderr(log_errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| StartError::Spawn(format!("`{}`: {error}", settings.python.display())))?;
        // It holds the worker's end of the socket: while that is open here, nobody sees the worker go.
        drop(command);
        let stream = UnixStream::from_std(ours).map_err(spawn_error)?;
        let (mut reader, writer) = stream.into_split();
        let hello = tokio::time::timeout(settings.load_timeout, frames::read(&mut reader))
            .await
            .map_err(|_| StartError::Timeout(settings.load_timeout.as_secs()))?;
        let hello = match hello {
            Ok(Some(body)) => {
                serde_json::from_slice(&body).map_err(|error| StartError::Load(error.to_string()))?
            }
            Ok(None) | Err(_) => {
                return Err(StartError::Load(format!("the worker ended; see `{}`", log.display())));
            }
        };
        let (inputs, outputs) = match hello {
            Hello::Ready { inputs, outputs } => (inputs, outputs),
            Hello::Failed { error } => {
                return Err(StartError::Load(format!("{}: {}", error.kind, error.message)));
            }
        };
        let (requests, outgoing) = mpsc::channel(settings.queue);
        let waiting = Waiting::default();
        let alive = Arc::new(AtomicBool::new(true));
        tokio::spawn(send(outgoing, writer));
        let (began, progress) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let owed = Arc::new(AtomicUsize::new(0));
        let heard = {
            let (progress, owed) = (Arc::clone(&progress), Arc::clone(&owed));
            move || {
                note(&progress, began);
                // What nobody asked for does not count.
                let _ = owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |owed| owed.checked_sub(1));
            }
        };
        tokio::spawn(receive(reader, Arc::clone(&waiting), Arc::clone(&alive), heard));
        Ok(Self {
            requests,
            waiting,
            next_id: AtomicU64::new(1),
            in_flight: AtomicUsize::new(0),
            owed,
            alive,
            inputs,
            outputs,
            progress,
            began,
            _process: process,
        })
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Gives up on a worker that does not answer: it gets no more requests and will be replaced.
    pub(crate) fn abandon(&self) {
        self.alive.store(false, Ordering::Release);
        for (_, send) in lock(&self.waiting).drain() {
            let _ = send.send(Err(ServeError::WorkerDied));
        }
    }

    /// How long it has said nothing although it had something to do.
    pub(crate) fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.progress.load(Ordering::Relaxed)))
    }

    /// Requests that this worker has not answered yet.
    pub(crate) fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Sends rows and waits for their predictions, one per row.
    pub(crate) async fn predict(&self, rows: &Rows, params: &Value) -> Answer {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request { id, columns: rows.columns.as_deref(), data: &rows.data, params };
        let predictions = self.ask(id, serde_json::to_vec(&request)).await?;
        if predictions.len() == rows.data.len() {
            Ok(predictions)
        } else {
            let (found, expected) = (predictions.len(), rows.data.len());
            Err(ServeError::Model(format!("it gave {found} predictions for {expected} rows")))
        }
    }

    /// Sends a Parquet file and waits for its table, the one value of the answer.
    pub(crate) async fn read_parquet(&self, file: &[u8]) -> Answer {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.ask(id, serde_json::to_vec(&json!({ "id": id, "parquet": STANDARD.encode(file) }))).await
    }

    async fn ask(&self, id: u64, body: serde_json::Result<Vec<u8>>) -> Answer {
        let body = body.map_err(|error| ServeError::Input(error.to_string()))?;
        if body.len() > frames::LIMIT {
            return Err(ServeError::Input(format!("the request has more than {} bytes", frames::LIMIT)));
        }
        let (send, receive) = oneshot::channel();
        lock(&self.waiting).insert(id, send);
        let guard = InFlight::enter(&self.in_flight, &self.waiting, id);
        // The receiving side marks the worker dead before it empties the list, so a request that
        // comes after that finds it dead here.
        if !self.is_alive() {
            return Err(ServeError::WorkerDied);
        }
        let place = match self.requests.try_reserve() {
            Ok(place) => place,
            Err(mpsc::error::TrySendError::Full(())) => return Err(ServeError::Overloaded),
            Err(mpsc::error::TrySendError::Closed(())) => return Err(ServeError::WorkerDied),
        };
        // Who is left without an answer may have had little time: the silence goes on with the next.
        if self.owed.fetch_add(1, Ordering::Relaxed) == 0 {
            note(&self.progress, self.began);
        }
        place.send(body);
        let answer = receive.await.unwrap_or(Err(ServeError::WorkerDied));
        drop(guard);
        answer
    }
}

/// Counts a request while it waits, also when the one who asked goes away.
struct InFlight<'a> {
    count: &'a AtomicUsize,
    waiting: &'a Waiting,
    id: u64,
}

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicUsize, waiting: &'a Waiting, id: u64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self { count, waiting, id }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        lock(self.waiting).remove(&self.id);
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(mut outgoing: mpsc::Receiver<Vec<u8>>, mut writer: tokio::net::unix::OwnedWriteHalf) {
    while let Some(body) = outgoing.recv().await {
        if frames::write(&mut writer, &body).await.is_err() {
            break;
        }
    }
}

fn note(progress: &AtomicU64, began: Instant) {
    progress.store(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

async fn receive(mut reader: OwnedReadHalf, waiting: Waiting, alive: Arc<AtomicBool>, heard: impl Fn()) {
    while let Ok(Some(body)) = frames::read(&mut reader).await {
        heard();
        let Ok(reply) = serde_json::from_slice::<Reply>(&body) else {
            tracing::warn!("a model worker sent a frame that cannot be read");
            break;
        };
        let answer = match (reply.predictions, reply.error) {
            (Some(predictions), None) => Ok(predictions),
            (_, Some(error)) if error.cause == "input" => Err(ServeError::Input(error.message)),
            (_, Some(error)) => Err(ServeError::Model(format!("{}: {}", error.kind, error.message))),
            (None, None) => Err(ServeError::Model("the worker gave neither predictions nor an error".into())),
        };
        if let Some(send) = lock(&waiting).remove(&reply.id) {
            // The one who asked may have gone away.
            let _ = send.send(answer);
        }
    }
    alive.store(false, Ordering::Release);
    for (_, send) in lock(&waiting).drain() {
        let _ = send.send(Err(ServeError::WorkerDied));
    }
}
