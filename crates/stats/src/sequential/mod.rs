//! Inference that holds while people watch: at every look, and at whatever time one stops.
//!
//! | question | method |
//! |---|---|
//! | a mean, ratio or quantile of two arms | [`asymptotic::Sequence`], the default |
//! | the same with a prior on the effect | [`mixture::sprt`] |
//! | looks at planned times, best power | [`spending`] |
//! | two models on the same requests, right or wrong | [`sign::SignTest`], valid at every size |
//! | a bounded score, few values | [`bounded::Betting`], valid at every size |
//! | units split as planned | [`srm`], valid at every size |
//!
//! The asymptotic methods hold from a first look on that is not too early: [`crate::decide`] waits for
//! a minimum. Relative effects are tested as a difference or on the log scale
//! ([`log_ratio`](crate::estimate::log_ratio)); on the relative scale by the delta method the guarantee
//! breaks at low base rates.

pub mod asymptotic;
pub mod bounded;
pub mod mixture;
pub mod sign;
pub mod spending;
pub mod srm;
