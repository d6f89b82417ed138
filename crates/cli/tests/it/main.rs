//! The binary as a user meets it: commands, messages, exit codes, and a real server.

mod commands;
mod pipelines;
mod server;
mod support;
