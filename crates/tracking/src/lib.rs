//! Experiments, runs, parameters, metric history, logged models and traces.
//!
//! Functions over one transaction of the store. They hold the rules: which names and values are
//! taken, that a parameter never changes, which point of a metric is its latest, that only what is
//! in use can be written to. Messages are those that clients of this protocol know.

pub mod compare;
mod downsample;
mod error;
pub mod evaluation;
pub mod experiments;
pub mod locations;
pub mod logged_models;
pub mod logging;
pub mod purge;
pub mod runs;
pub mod search;
pub mod traces;
mod validation;
pub mod wandb;
pub mod wandb_file;
pub mod workspaces;

pub use downsample::{Band, Series};
pub use error::TrackingError;

/// A result of this capability.
pub type Result<T> = std::result::Result<T, TrackingError>;
