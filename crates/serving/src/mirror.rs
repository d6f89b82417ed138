//! Copies of live requests for a version on trial. The live answer never waits for one: what does not
//! fit into the queue is dropped and counted.

use crate::Rows;
use crate::gateway::ServedVersion;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{Mutex, mpsc};

/// Copies that may wait.
const WAITING: usize = 1024;
/// Bytes of their values that may wait, roughly.
const WAITING_BYTES: usize = 256 << 20;

/// What the client got.
#[derive(Clone, Debug)]
pub struct Live {
    /// The version that answered.
    pub version: u32,
    /// One answer per row; none when the version failed.
    pub answers: Vec<Value>,
    /// How long it took, in microseconds.
    pub latency_us: i64,
}

/// A copy of a request.
pub struct Mirrored {
    /// The registered model.
    pub model: String,
    /// The request's id.
    pub request_id: String,
    /// Its rows.
    pub rows: Arc<Rows>,
    /// Its parameters.
    pub params: Value,
    /// What the client got.
    pub live: Live,
    /// The version to ask.
    pub shadow: ServedVersion,
}

/// The queue of copies.
pub struct Mirrors {
    sender: mpsc::Sender<(usize, Mirrored)>,
    receiver: Mutex<mpsc::Receiver<(usize, Mirrored)>>,
    /// Bytes of what waits.
    bytes: AtomicUsize,
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Default for Mirrors {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self {
            sender,
            receiver: Mutex::new(receiver),
            bytes: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Mirrors {
    /// Puts a copy into the queue, or counts that there was no room.
    pub(crate) fn send(&self, copy: Mirrored) {
        let size = size(&copy);
        let fits = self.bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) <= WAITING_BYTES;
        let counter = if fits && self.sender.try_send((size, copy)).is_ok() {
            &self.sent
        } else {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            &self.dropped
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for copies; gives at most `limit` of those that are there.
    pub async fn take(&self, limit: usize) -> Vec<Mirrored> {
        let mut copies = Vec::new();
        self.receiver.lock().await.recv_many(&mut copies, limit).await;
        let taken = copies.iter().map(|(size, _)| size).sum();
        self.bytes.fetch_sub(taken, Ordering::Relaxed);
        copies.into_iter().map(|(_, copy)| copy).collect()
    }

    /// Copies that found room so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Copies that found none.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// About how many bytes a copy holds.
fn size(copy: &Mirrored) -> usize {
    let names = copy.rows.columns.iter().flatten().map(String::len).sum::<usize>();
    let values = copy.rows.data.iter().flatten().chain(&copy.live.answers).chain([&copy.params]);
    values.map(bytes).fold(names, usize::saturating_add)
}

fn bytes(value: &Value) -> usize {
    let within = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + bytes(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size_of::<Value>() + within
}
