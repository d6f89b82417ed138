//! The command line of `mlflow`, which the binary takes when it is called by that name.

mod artifacts;
mod command_line;
mod experiments;
mod gc;
mod output;
mod runs;
mod server;
mod tracking;

pub(crate) use command_line::Mlflow;
