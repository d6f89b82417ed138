//! The planner with time as a number, the scheduler with tasks in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod graphs;
mod importing;
mod planning;
mod properties;
mod runner;
mod scheduling;
