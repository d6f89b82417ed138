//! CSV files as Arrow batches and one-pass mergeable profiles.
//!
//! [`Table`] holds a file's rows in typed columns and knows the line of each row, so that a gate can
//! point at what it refuses. [`Profile`] summarises a table once; gates, drift monitors and reports
//! share it, and [`BinnedCounts`] sorts later values into its bins.
#![warn(missing_docs)]

mod bins;
mod column;
mod infer;
mod lines;
mod profile;
mod read;
mod sketch;
mod table;

pub use bins::BinnedCounts;
pub use column::Column;
pub use infer::Kind;
pub use profile::{CategoricalProfile, ColumnProfile, NumericProfile, Profile};
pub use read::{ReadOptions, TableError, Widening};
pub use sketch::{DistinctSketch, QuantileSketch};
pub use table::Table;
