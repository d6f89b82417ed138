//! The HTTP faces, asked as clients ask.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod artifacts;
mod bad_input;
mod graphql;
mod inference;
mod mlflow;
mod mlflow_client;
mod traces;
mod tracking;
mod wandb;
mod wandb_client;
mod workspaces;
