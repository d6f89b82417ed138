//! Writing what sources hand over.

mod importer;
mod registry;
mod traces;

pub use importer::Options;
pub(crate) use importer::{Importer, SourceRun};
pub(crate) use traces::{SourceTrace, set};
