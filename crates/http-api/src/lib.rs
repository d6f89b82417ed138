//! The HTTP faces of Mainspring. Wire types and their conversions live here and nowhere else.

pub mod access;
mod graphql;
pub mod inference;
pub mod mlflow;
pub mod native;
mod server;
mod streaming;
mod ui;
pub mod wandb;

pub use server::application;
