//! Statistics against recorded values of the tools that teams use today, and properties.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod assignment;
mod conformance;
mod fixed;
mod models;
mod moments;
mod reference;
mod special;
