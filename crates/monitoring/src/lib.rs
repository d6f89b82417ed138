//! What is watched in production: drift of features and scores against the training profile, and
//! realised performance once labels arrive.
//!
//! A monitor takes the labelled predictions of a model in the order in which their labels came, a
//! fixed number at a time, and judges each batch against its limits. The bookmark of the labels read,
//! the window and the alert are one transaction.

mod evaluate;
mod window;

pub use evaluate::{Limits, MonitorError, evaluate_next};
pub use window::{Measured, measure};
