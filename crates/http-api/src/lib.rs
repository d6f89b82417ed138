//! The HTTP faces of Mainspring. Wire types and their conversions live here and nowhere else.

pub mod access;
pub mod inference;
pub mod mlflow;
pub mod native;
mod server;
mod ui;

pub use server::application;
