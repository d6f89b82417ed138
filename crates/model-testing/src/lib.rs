//! The battery of tests a candidate model must pass, and its reports.
//!
//! A [`Battery`] is a YAML file. [`run`] holds a candidate, given as a [`Predictor`], against it on a
//! table of labelled rows, beside the champion where there is one. A check that cannot be decided
//! fails.
#![warn(missing_docs)]

mod battery;
mod checks;
mod evaluation;
mod junit;
mod predictor;
mod render;
mod report;
mod runner;
mod slices;

pub use battery::{Battery, BatteryError};
pub use junit::to_junit;
pub use predictor::{PredictError, Predictor};
pub use render::{render_text, to_markdown};
pub use report::{BatteryReport, CheckReport, MetricSet, SliceReport, Verdict};
pub use runner::run;
