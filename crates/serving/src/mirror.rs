//! Copies of live requests for a version on trial. The live answer never waits for one: what does not
//! fit into the queue is dropped and counted.

use crate::Rows;
use crate::gateway::ServedVersion;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, mpsc};

/// Copies that may wait.
const WAITING: usize = 1024;

/// What the client got.
#[derive(Clone, Debug)]
pub struct Live {
    /// The version that answered.
    pub version: u32,
    /// One answer per row.
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
    pub rows: Rows,
    /// Its parameters.
    pub params: Value,
    /// What the client got.
    pub live: Live,
    /// The version to ask.
    pub shadow: ServedVersion,
}

/// The queue of copies.
pub struct Mirrors {
    sender: mpsc::Sender<Mirrored>,
    receiver: Mutex<mpsc::Receiver<Mirrored>>,
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Default for Mirrors {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver: Mutex::new(receiver), sent: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }
}

impl Mirrors {
    /// Puts a copy into the queue, or counts that there was no room.
    pub(crate) fn send(&self, copy: Mirrored) {
        let counter = if self.sender.try_send(copy).is_ok() { &self.sent } else { &self.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for copies; gives at most `limit` of those that are there.
    pub async fn take(&self, limit: usize) -> Vec<Mirrored> {
        let mut copies = Vec::new();
        self.receiver.lock().await.recv_many(&mut copies, limit).await;
        copies
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
