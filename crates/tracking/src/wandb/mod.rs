//! Runs and artifacts of W&B clients.
//!
//! A W&B run is a run like any other: its configuration becomes parameters, its history metrics,
//! its summary the latest values. What was sent is kept beside it as it came, since its client asks
//! for it again. Artifacts are versions of collections, told apart by the digest of their files.

pub mod artifacts;
pub mod projects;
pub mod runs;
pub mod streams;
mod values;

pub use values::parse_lenient;
