//! Stores of other tools, brought into this one and written back.
//!
//! A *source* reads a foreign store, in its own formats, and hands over what it finds in the words of
//! `domain`. The *importer* writes that, a bounded number of entities and points per transaction, each
//! with its audit record. What is there already is never changed, so that an import that was
//! interrupted is continued by starting it again.

mod artifacts;
mod error;
mod export;
mod import;
mod mlflow;
mod moved;
mod report;
mod target;

pub use artifacts::{Copying, Files};
pub use error::MigrationError;
pub use export::{ExportReport, export_mlflow};
pub use import::Options;
pub use mlflow::{Location, import_mlflow};
pub use report::{Counts, LeftOut, Mapped, Report};
pub use target::{Opened, Target};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, MigrationError>;
