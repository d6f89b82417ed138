//! Writing what is here into a store of MLflow's.

mod registry;
mod tables;
mod traces;
mod tracking;
mod write;

pub use write::{ExportReport, export_mlflow};
