//! The binary as a user meets it: commands, messages, exit codes, and a real server.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod ab;
mod commands;
mod migration;
mod pipelines;
mod postgres;
mod rollouts;
mod server;
mod support;
mod test_model;
mod wandb;
