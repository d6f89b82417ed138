//! Policy and lineage.
//!
//! [`policy`] decides whether a version may take a stage, from gate reports that are in the store;
//! every face asks it, so no protocol is a way around. [`lineage`] follows what the store knows
//! back from a prediction or a model version to the data. [`users`] and [`access`] know who may do
//! what.

pub mod access;
pub mod lineage;
pub mod policy;
pub mod users;
