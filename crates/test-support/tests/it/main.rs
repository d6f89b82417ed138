//! What holds for the workspace as a whole.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixtures;
mod house;
mod sources;
