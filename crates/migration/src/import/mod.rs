//! Writing what sources hand over.

mod importer;
mod registry;

pub use importer::Options;
pub(crate) use importer::{Importer, SourceRun};
