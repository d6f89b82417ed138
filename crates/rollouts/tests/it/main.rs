//! The canary as a state machine, against the table of the controller it follows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ab;
mod ab_adjusted;
mod ab_interleaved;
mod ab_ledger;
mod conformance;
mod driver;
mod exports;
mod measuring;
mod properties;
mod specs;
mod table;
