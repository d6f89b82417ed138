//! The data gate from contract text and CSV files to reports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contracts;
mod gate;
