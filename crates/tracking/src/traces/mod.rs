//! Traces: what happened within single requests, and what was said about it.
//!
//! A trace comes in two halves, in any order: [`info`] takes what is known of the whole, [`spans`]
//! the steps. Both are a log of their own. What people do to traces afterwards (tags, assessments,
//! links, deletion) is recorded as every other change.

pub mod assessments;
mod conventions;
pub mod correlation;
pub mod info;
mod keys;
pub mod metrics;
mod preview;
pub mod search;
pub mod spans;
mod usage;
