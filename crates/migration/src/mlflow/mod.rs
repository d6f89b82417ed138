//! MLflow's stores.

mod file;
mod lines;
mod location;
mod rest;
mod run;
mod sql;
mod values;

pub use location::Location;
pub(crate) use rest::Api;
pub use run::import_mlflow;
