//! Tables and profiles as other crates use them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod profiles;
mod reading;
