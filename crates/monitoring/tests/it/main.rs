//! Monitors over a real store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts;
mod measuring;
mod production;
mod windows;
