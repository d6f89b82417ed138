//! From moments to effects with standard errors.
//!
//! Each kind of metric becomes a [`Sample`] for each arm: how many units, the estimate, and the variance
//! that one unit contributes. Two samples make an [`Effect`], which fixed, sequential and Bayesian
//! methods all take. Whatever an estimate adjusts for, the rest is the same.
//!
//! The unit is what was randomised. If a user sends many requests, the moments are of users: sums of
//! the request's values and counts of requests, as a [`ratio`](ratio::ratio). This is the
//! cluster-robust estimate of the mean by request.

pub mod covariate;
pub mod heterogeneity;
pub mod quantile;
pub mod ratio;
mod sample;
pub mod strata;

pub use sample::{Alternative, Effect, Sample, TestResult, log_ratio, relative, student, welch};
