//! Real worker processes with a model that does what a test asks of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod environments;
mod gateway;
mod in_process;
mod loading;
mod model;
mod requests;
mod signatures;
