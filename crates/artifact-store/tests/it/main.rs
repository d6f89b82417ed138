//! The artifact store on a real disk and on a real S3 server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backend;
mod crash;
mod local;
mod places;
mod suite;
