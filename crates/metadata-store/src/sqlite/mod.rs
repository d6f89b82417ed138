//! The embedded store: SQLite in WAL mode with one writer thread and a pool of readers.

mod access;
mod audit;
mod data;
mod delivery;
mod governance;
mod migrate;
mod monitoring;
mod pipelines;
mod readers;
mod registry;
mod store;
mod tracking;
mod tracking_history;
mod tracking_models;
mod tracking_runs;
mod tracking_search;
mod tx;
mod writer;

pub use audit::{AuditVerdict, verify_audit};
pub use store::Store;
