//! Statistics against recorded values of the tools that teams use today, and properties.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was skipped, and how much was compared, is said")]

mod assignment;
mod conformance;
mod decide;
mod fixed;
mod gbstats;
mod models;
mod moments;
mod reference;
mod sequential;
mod special;
mod totals;
