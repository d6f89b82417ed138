//! What every way to run a model offers.

use crate::signature::ColumnSpec;
use crate::{Rows, ServeError, StartError};
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// One prediction per row, or why there is none.
pub(crate) type Answer = Result<Vec<Value>, ServeError>;

/// Until when a request must be answered, waiting for its turn included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// The whole time that a request has.
    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Waits for something until the deadline.
    ///
    /// # Errors
    /// [`ServeError::Timeout`] when it does not come before.
    pub(crate) async fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, ServeError> {
        let late = ServeError::Timeout(self.limit.as_secs());
        tokio::time::timeout_at(self.at, future).await.map_err(|_| late)
    }
}

/// Loads a model on a thread of its own.
///
/// # Errors
/// What the loading says, or that it took longer than the limit.
pub(crate) async fn load_within<T: Send + 'static>(
    limit: Duration,
    load: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let loaded = tokio::time::timeout(limit, tokio::task::spawn_blocking(load)).await;
    let loaded = loaded.map_err(|_| StartError::Timeout(limit.as_secs()))?;
    loaded.map_err(|error| StartError::Load(error.to_string()))?
}

/// What is known of a loaded model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The kind of model, as the Open Inference Protocol names it: `<project>_<format>`.
    pub platform: &'static str,
    /// Its inputs, when they are known.
    pub inputs: Option<Vec<ColumnSpec>>,
    /// Its outputs, when they are known.
    pub outputs: Option<Vec<ColumnSpec>>,
}

/// A loaded model. What is left out holds for one that runs in this process.
pub(crate) trait Engine: Send + Sync {
    /// What is known of the model.
    fn description(&self) -> &Description;

    /// Whether a request would be taken.
    fn is_ready(&self) -> bool {
        true
    }

    /// Processes that had to be replaced so far.
    fn restarts(&self) -> u64 {
        0
    }

    /// Predicts rows that fit the inputs: one prediction per row. A model with one output gives its
    /// values; one with several gives an object per row, by name.
    fn predict<'a>(
        &'a self,
        rows: &'a Rows,
        params: &'a Value,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    /// The rows of a Parquet file.
    fn read_parquet<'a>(
        &'a self,
        _file: &'a [u8],
        _deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Result<Rows, ServeError>> + Send + 'a>> {
        let message = "Parquet is read by Python workers, and this model runs without; send JSON or CSV";
        Box::pin(async { Err(ServeError::Input(message.to_owned())) })
    }
}
