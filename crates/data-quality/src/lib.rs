//! Data contracts and the data gate.
//!
//! A [`Contract`] is an Open Data Contract Standard file (v3.1). [`check`] holds data files against it
//! and gives a [`GateReport`] that names every rule, what was measured and the rows that broke it. A
//! rule that cannot be decided fails.
#![warn(missing_docs)]

mod cells;
mod contract;
mod expectation;
mod gate;
mod junit;
mod parse;
mod render;
mod report;
mod sql;

pub use contract::{Contract, ContractError, LogicalType, Severity};
pub use gate::{GateError, check};
pub use junit::to_junit;
pub use render::render_text;
pub use report::{CheckReport, ContractReference, FileReport, GateReport, SampleRow, Verdict};
