//! The SQL store, from the newest schema back to the first. What a schema does not have is absent.

mod models;
mod registry;
mod runs;
mod source;
mod tables;
mod traces;

pub(super) use source::read;
