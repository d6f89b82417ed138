//! The log of predictions: which are kept, what of them, and how surely.

use mainspring_automation::{Config, LogMode, LogRules};
use mainspring_domain::Actor;
use mainspring_domain::ab::AbRequest;
use mainspring_domain::delivery::served_model;
use mainspring_domain::monitoring::Prediction;
use mainspring_metadata_store::{Store, StoreError};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Requests that wait to be written; when there are more, answers wait for the disk as if the log were
/// durable.
const BUFFER: usize = 8192;
/// Requests written in one transaction at most.
const BATCH: usize = 1024;
/// How long a request waits for others before it is written.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes predictions. Cheap to clone.
#[derive(Clone)]
pub struct PredictionLog {
    store: Store,
    config: Arc<Config>,
    buffer: mpsc::Sender<Entry>,
}

enum Entry {
    Predictions(Vec<Prediction>),
    /// Answered when all before it is written.
    Flush(oneshot::Sender<()>),
}

impl PredictionLog {
    /// A log into a store, by the rules of the configuration. Must be made within a runtime.
    #[must_use]
    pub fn new(store: Store, config: Arc<Config>) -> Self {
        let (buffer, entries) = mpsc::channel(BUFFER);
        tokio::spawn(write(store.clone(), entries));
        Self { store, config, buffer }
    }

    /// Keeps the rows of one request as the rules of its model say. Those that count for an A/B test are
    /// kept all, and surely: a log that loses requests would be taken for a difference of the arms.
    ///
    /// # Errors
    /// When the log is durable and the store fails.
    pub(super) async fn keep(
        &self,
        model: &str,
        mut rows: Vec<Prediction>,
        tested: Vec<AbRequest>,
    ) -> Result<(), StoreError> {
        let rules = self.config.model.get(served_model(model)).map(|rules| &rules.log);
        if let Some(rules) = rules {
            let Some(first) = rows.first() else { return Ok(()) };
            if tested.is_empty() && !is_sampled(rules, &first.id) {
                return Ok(());
            }
            if !rules.redact.is_empty() {
                for row in &mut rows {
                    row.features.retain(|feature, _| !rules.hides(feature));
                }
            }
        }
        if tested.is_empty() && rules.map(|rules| rules.mode) == Some(LogMode::Buffered) {
            // The writer lives as long as this does.
            let _ = self.buffer.send(Entry::Predictions(rows)).await;
            return Ok(());
        }
        add(&self.store, rows, tested).await
    }

    /// Waits until all that was answered is written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.buffer.send(Entry::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Requests that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        BUFFER - self.buffer.capacity()
    }
}

/// Decided by the request's id, so that a repeated request is kept or not as the first time.
fn is_sampled(rules: &LogRules, id: &str) -> bool {
    if rules.sample >= 1.0 {
        return true;
    }
    let digest = Sha256::digest(id.as_bytes());
    let (first, _) = digest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    f64::from(u32::from_be_bytes(*first)) / 4_294_967_296.0 < rules.sample
}

async fn add(store: &Store, rows: Vec<Prediction>, tested: Vec<AbRequest>) -> Result<(), StoreError> {
    let written = store.write(Actor::system("gateway"), move |tx| {
        tx.add_predictions(&rows)?;
        tested.iter().try_for_each(|request| tx.add_ab_request(request))?;
        tx.bookkeeping();
        Ok::<_, StoreError>(())
    });
    written.await
}

async fn write(store: Store, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(BATCH);
    while entries.recv_many(&mut batch, BATCH).await > 0 {
        let (mut rows, mut told) = (Vec::new(), Vec::new());
        let full = batch.len() == BATCH;
        for entry in batch.drain(..) {
            match entry {
                Entry::Predictions(mut more) => rows.append(&mut more),
                Entry::Flush(done) => told.push(done),
            }
        }
        let count = rows.len();
        if count > 0
            && let Err(error) = add(&store, rows, Vec::new()).await
        {
            tracing::error!(%error, count, "predictions could not be written; they are lost");
        }
        let flushing = !told.is_empty();
        for done in told {
            // Whoever waited may have gone away.
            let _ = done.send(());
        }
        if !full && !flushing {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_sampled;
    use mainspring_automation::LogRules;

    #[test]
    fn a_share_of_the_ids_is_kept_always_the_same() {
        let rules = |sample| LogRules { sample, ..LogRules::default() };
        let kept = |sample| (0..10_000).filter(|id| is_sampled(&rules(sample), &id.to_string())).count();
        assert_eq!((kept(0.0), kept(1.0)), (0, 10_000));
        // Within five standard deviations of a binomial share.
        assert!((2784..=3216).contains(&kept(0.3)), "{}", kept(0.3));
        assert_eq!(kept(0.3), kept(0.3));
        assert!(
            (0..10_000)
                .filter(|id| is_sampled(&rules(0.3), &id.to_string()))
                .all(|id| is_sampled(&rules(0.4), &id.to_string()))
        );
    }
}
