//! Tests with a sample size that was fixed before: valid for one look at the end.
//!
//! Whoever looks more often uses [`crate::sequential`]. Means, ratios and quantiles are tested by
//! [`Effect::test`](crate::estimate::Effect::test); this module has what needs counts, ranks or pairs,
//! and the planning.

pub mod contingency;
pub mod multiple;
pub mod paired;
pub mod power;
pub mod proportions;
pub mod ranks;
