//! Policy and lineage over a store that is filled by hand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lineage;
mod policy;
mod world;
