//! Live requests and the labels that come later.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Requests under way at once.
const CLIENTS: usize = 6;
/// How long one request is tried again while the server is away.
const PATIENCE: Duration = Duration::from_secs(40);
/// Labels in one feedback call.
const BATCH: usize = 200;

/// One request with what came back.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// Its id.
    pub(crate) id: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// The version that answered.
    pub(crate) version: Option<u32>,
    /// When, in milliseconds since the epoch.
    pub(crate) time: i64,
    /// The probability that it was told.
    pub(crate) score: Option<f64>,
}

/// One line of a request file.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// When the flight leaves.
    event_time: String,
    /// What the model sees.
    pub(crate) features: Value,
    /// What time told.
    late: f64,
}

impl Request {
    /// Whether the flight was late in the end.
    pub(crate) fn is_late(&self) -> bool {
        self.late > 0.5
    }
}

/// Reads a request file.
pub(crate) fn read(path: &Path) -> Result<Vec<Request>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line)?;
            Ok(Request {
                event_time: value["event_time"].as_str().context("event_time")?.to_owned(),
                features: value["features"].clone(),
                late: value["late"].as_f64().context("late")?,
            })
        })
        .collect()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(15)))
        .http_status_as_error(false)
        .build()
        .into()
}

fn now_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Sends one request. A server that is away (it may have been killed) is tried again with the same
/// id; an answer of whatever status is an answer, but for 503, which asks to come again.
fn send(agent: &ureq::Agent, url: &str, id: &str, request: &Request) -> Result<Answered> {
    let columns: Vec<&String> = request.features.as_object().context("features")?.keys().collect();
    let row: Vec<&Value> = request.features.as_object().context("features")?.values().collect();
    let body = json!({ "dataframe_split": { "columns": columns, "data": [row] } });
    let since = Instant::now();
    loop {
        let answer = agent
            .post(format!("{url}/invocations"))
            .header("x-request-id", id)
            .header("x-mainspring-event-time", &request.event_time)
            .send_json(&body);
        match answer {
            Ok(mut answer) if answer.status() != 503 => {
                let version = answer
                    .headers()
                    .get("x-mainspring-model-version")
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                let status = answer.status().as_u16();
                let body = answer.body_mut().read_to_string()?;
                let body: Value = serde_json::from_str(&body).unwrap_or_default();
                let score = body["predictions"][0][1].as_f64();
                return Ok(Answered { id: id.to_owned(), status, version, time: now_millis(), score });
            }
            _ if since.elapsed() > PATIENCE => bail!("request {id} found no server for {PATIENCE:?}"),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Sends all requests of a file, several at a time, and calls `seen` with how many are done.
pub(crate) fn replay(
    url: &str,
    name: &str,
    requests: &[Request],
    seen: impl Fn(usize) + Sync,
) -> Result<Vec<Answered>> {
    let next = AtomicUsize::new(0);
    let answers: Mutex<Vec<Answered>> = Mutex::new(Vec::with_capacity(requests.len()));
    let result = std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let agent = agent();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(index) else { return Ok(()) };
                let answered = send(&agent, url, &format!("{name}-{index:05}"), request)?;
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                answers.push(answered);
                seen(answers.len());
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().try_for_each(|client| {
            client.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client of the replay panicked")))
        })
    });
    result?;
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(answers)
}

/// Sends the labels of a replayed file.
pub(crate) fn send_labels(url: &str, model: &str, name: &str, requests: &[Request]) -> Result<usize> {
    let agent = agent();
    let labels: Vec<Value> = requests
        .iter()
        .enumerate()
        .map(|(index, request)| json!({ "request_id": format!("{name}-{index:05}"), "label": request.late }))
        .collect();
    let mut matched = 0;
    for batch in labels.chunks(BATCH) {
        let since = Instant::now();
        loop {
            let answer =
                agent.post(format!("{url}/v2/models/{model}/feedback")).send_json(json!({ "labels": batch }));
            match answer {
                Ok(mut answer) if answer.status() == 200 => {
                    let body: Value = answer.body_mut().read_json()?;
                    matched += usize::try_from(body["matched"].as_u64().unwrap_or(0))?;
                    break;
                }
                Ok(answer) if answer.status() != 503 => {
                    bail!("feedback was refused with {}", answer.status())
                }
                _ if since.elapsed() > PATIENCE => bail!("feedback found no server for {PATIENCE:?}"),
                _ => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }
    Ok(matched)
}

/// Traffic that goes on beside the story until it is stopped.
pub(crate) struct Background {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<Vec<Answered>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Sends the requests of a file over and over, at about `per_second`.
    pub(crate) fn start(url: &str, name: &str, requests: &[Request], per_second: f64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(Mutex::new(Vec::new()));
        let next = Arc::new(AtomicUsize::new(0));
        let pause = Duration::from_secs_f64(CLIENTS as f64 / per_second);
        let requests: Arc<[Request]> = requests.into();
        let threads = (0..CLIENTS)
            .map(|_| {
                let (stop, answers, next, requests) =
                    (Arc::clone(&stop), Arc::clone(&answers), Arc::clone(&next), Arc::clone(&requests));
                let (url, name) = (url.to_owned(), name.to_owned());
                std::thread::spawn(move || {
                    let agent = agent();
                    while !stop.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let request = &requests[index % requests.len()];
                        if let Ok(answered) = send(&agent, &url, &format!("{name}-{index:06}"), request) {
                            answers.lock().unwrap_or_else(PoisonError::into_inner).push(answered);
                        }
                        std::thread::sleep(pause.saturating_sub(began.elapsed()));
                    }
                })
            })
            .collect();
        Self { stop, answers, threads }
    }

    /// Stops and gives all answers.
    pub(crate) fn stop(mut self) -> Vec<Answered> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
