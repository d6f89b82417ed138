//! Batteries from YAML to reports, with made-up models.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batteries;
mod models;
mod running;
