//! The engine on real directories, alone and in turns with DVC.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod interop;
mod repository;
mod sandbox;
