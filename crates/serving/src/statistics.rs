//! What a model version has done so far, counted without locks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Upper ends of the classes of durations, in microseconds; the last class has none.
pub const BUCKETS_US: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Counters of one version.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    success: AtomicU64,
    success_ns: AtomicU64,
    failure: AtomicU64,
    failure_ns: AtomicU64,
    refused: AtomicU64,
    invalid: AtomicU64,
    queue_ns: AtomicU64,
    rows: AtomicU64,
    waiting: AtomicU64,
    last_ms: AtomicU64,
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered requests.
    pub success: u64,
    /// Nanoseconds that they took, waiting included.
    pub success_ns: u64,
    /// Requests that failed.
    pub failure: u64,
    /// Nanoseconds that they took.
    pub failure_ns: u64,
    /// Requests that were turned away because too many waited; not among the failed ones.
    pub refused: u64,
    /// Requests whose input the model refused; not among the failed ones.
    pub invalid: u64,
    /// Nanoseconds that requests waited for their turn, where only some may be with the engine at once.
    pub queue_ns: u64,
    /// Rows of answered requests.
    pub rows: u64,
    /// Requests that wait or are at work now.
    pub waiting: u64,
    /// When a request was last answered, in milliseconds since 1970; 0 when none was.
    pub last_ms: u64,
    /// Answered requests by duration: one class for each of [`BUCKETS_US`] and one for the rest.
    pub buckets: [u64; BUCKETS_US.len() + 1],
}

impl Statistics {
    /// Counts a request in; `None` when `limit` are there already.
    pub(crate) fn enter(&self, limit: usize) -> Option<Present<'_>> {
        if self.waiting.fetch_add(1, Relaxed) >= limit as u64 {
            self.waiting.fetch_sub(1, Relaxed);
            self.turned_away();
            return None;
        }
        Some(Present(self))
    }

    pub(crate) fn turned_away(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn input_refused(&self) {
        self.invalid.fetch_add(1, Relaxed);
    }

    pub(crate) fn queued(&self, time: Duration) {
        self.queue_ns.fetch_add(nanoseconds(time), Relaxed);
    }

    pub(crate) fn answered(&self, rows: usize, time: Duration) {
        self.success.fetch_add(1, Relaxed);
        self.success_ns.fetch_add(nanoseconds(time), Relaxed);
        self.rows.fetch_add(rows as u64, Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_ms.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Relaxed);
        let us = nanoseconds(time) / 1000;
        let class = BUCKETS_US.iter().position(|end| us <= *end).unwrap_or(BUCKETS_US.len());
        if let Some(class) = self.buckets.get(class) {
            class.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn failed(&self, time: Duration) {
        self.failure.fetch_add(1, Relaxed);
        self.failure_ns.fetch_add(nanoseconds(time), Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            success: self.success.load(Relaxed),
            success_ns: self.success_ns.load(Relaxed),
            failure: self.failure.load(Relaxed),
            failure_ns: self.failure_ns.load(Relaxed),
            refused: self.refused.load(Relaxed),
            invalid: self.invalid.load(Relaxed),
            queue_ns: self.queue_ns.load(Relaxed),
            rows: self.rows.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            last_ms: self.last_ms.load(Relaxed),
            buckets: std::array::from_fn(|class| {
                self.buckets.get(class).map_or(0, |count| count.load(Relaxed))
            }),
        }
    }
}

/// A request that waits or is at work.
pub(crate) struct Present<'a>(&'a Statistics);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Statistics;
    use std::time::Duration;

    #[test]
    fn requests_are_counted_in_and_out() {
        let statistics = Statistics::default();
        let first = statistics.enter(1).unwrap();
        assert!(statistics.enter(1).is_none());
        drop(first);
        statistics.answered(3, Duration::from_micros(250));
        statistics.answered(1, Duration::from_secs(60));
        statistics.failed(Duration::from_nanos(7));
        let counts = statistics.counts();
        assert_eq!((counts.success, counts.failure, counts.refused, counts.rows), (2, 1, 1, 4));
        assert_eq!((counts.waiting, counts.failure_ns), (0, 7));
        assert_eq!((counts.buckets[1], counts.buckets[13], counts.buckets.iter().sum::<u64>()), (1, 1, 2));
    }
}
