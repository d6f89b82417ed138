//! MLflow's stores.

mod file;
mod lines;
mod location;
mod rest;
mod run;
mod sql;
mod trace;
mod values;

pub use location::Location;
pub(crate) use location::sqlite_path;
pub(crate) use rest::Api;
pub use run::import_mlflow;
pub(crate) use trace::{ARTIFACT_LOCATION, IN_STORE, SPANS_LOCATION, document as span_document};
pub(crate) use values::{LOGGED_MODEL_STATUSES, number};
