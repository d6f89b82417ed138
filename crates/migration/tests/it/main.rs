//! Foreign stores, whole and damaged, brought into a real one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod artifacts;
mod database;
mod export;
mod files;
mod resume;
mod support;
