//! Conditions, MLflow search filters, cron, durations and YAML with positions: text in, syntax tree
//! or value out. Nothing here does I/O.
#![warn(missing_docs)]

pub mod condition;
pub mod cron;
pub mod duration;
pub mod search;
pub mod yaml;
