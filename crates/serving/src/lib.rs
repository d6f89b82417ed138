//! Models that answer: worker processes and the gateway that spreads requests over versions.
//!
//! An ONNX model runs in this process, by the ONNX Runtime of the user's environment, and so does a booster of
//! LightGBM or XGBoost, read from its file; any other in Python worker processes of that environment: the
//! server never loads what is code.
//! [`ModelServer`] keeps the workers of one version alive, [`Gateway`] holds the route of each
//! model and assigns each request to a version. What was served comes back as a
//! [`Prediction`](mainspring_domain::monitoring::Prediction) for the caller to store.

mod boosters;
mod engine;
mod environment;
mod frames;
mod gateway;
mod interpreter;
mod lightgbm;
mod limits;
mod mirror;
mod onnx;
mod package;
mod python;
mod routing;
mod server;
mod signature;
mod statistics;
mod testing;
mod worker;
mod xgboost;

pub use engine::Description;
pub use gateway::{Assign, Gateway, RouteView, Served, ServedVersion, score};
pub use limits::{MAX_CELLS, MAX_ROWS, kept_error};
pub use mirror::{Live, Mirrored, Mirrors};
pub use routing::Caller;
pub use server::{EngineChoice, ModelServer, ServerSettings};
pub use signature::{ColumnSpec, SignatureError};
pub use statistics::{BUCKETS_US, Counts};
pub use testing::{Assigned, Split, TestRoute};

use thiserror::Error;

/// A set of rows: column names (absent for plain arrays) and the rows' values.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Rows {
    /// The names, or `None` for unnamed columns.
    pub columns: Option<Vec<String>>,
    /// One list of values per row.
    pub data: Vec<Vec<serde_json::Value>>,
}

impl Rows {
    /// A row's values by column.
    #[must_use]
    pub fn named(&self, row: &[serde_json::Value]) -> serde_json::Map<String, serde_json::Value> {
        match &self.columns {
            Some(columns) => columns.iter().cloned().zip(row.iter().cloned()).collect(),
            None => row.iter().enumerate().map(|(index, value)| (index.to_string(), value.clone())).collect(),
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ServeError {
    /// Nothing serves this model.
    #[error("no version of model `{0}` is deployed; deploy one with `mainspring deploy models:/{0}/VERSION`")]
    NotDeployed(String),
    /// The version that the client names is not loaded.
    #[error("version {version} of model `{model}` is not loaded{}", loaded_versions(.loaded))]
    NotLoaded {
        /// The registered model.
        model: String,
        /// The version asked for.
        version: u32,
        /// What is loaded.
        loaded: Vec<u32>,
    },
    /// The request brings more than one request may.
    #[error("the request is too large: {0}")]
    TooLarge(String),
    /// The request does not fit the model's signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The model refused the input.
    #[error("the model refuses the input: {0}")]
    Input(String),
    /// The model raised.
    #[error("the model failed: {0}")]
    Model(String),
    /// The worker died while it had the request.
    #[error("the model's worker died; it is being restarted, try again")]
    WorkerDied,
    /// No worker is ready.
    #[error("the model's workers are starting, try again")]
    NotReady,
    /// Too many requests wait.
    #[error("too many requests are waiting for this model, try again later")]
    Overloaded,
    /// The model took too long.
    #[error("the model did not answer within {0} s")]
    Timeout(u64),
}

/// Why a version cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// What its requirements ask for could not be made.
    #[error("the model's environment cannot be made: {0}")]
    Environment(String),
    /// The process could not be started.
    #[error("cannot start the model worker: {0}")]
    Spawn(String),
    /// It started and said why it cannot go on, or ended.
    #[error("the model cannot be loaded: {0}")]
    Load(String),
    /// It said nothing for too long.
    #[error("the model was not loaded within {0} s")]
    Timeout(u64),
}

fn loaded_versions(loaded: &[u32]) -> String {
    match loaded {
        [] => String::new(),
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("; loaded are {}", several.join(", "))
        }
    }
}
