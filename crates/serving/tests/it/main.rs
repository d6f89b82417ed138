//! Real worker processes with a model that does what a test asks of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod gateway;
mod loading;
mod model;
mod onnx;
mod requests;
mod signatures;
