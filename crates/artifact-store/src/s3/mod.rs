//! The backend on an S3-compatible store. `ARCHITECTURE.md` describes what lies where.

mod bucket;
mod cache;
mod direct;
mod index;
mod place;
mod read;
mod remove;

pub(crate) use bucket::Bucket;
pub use bucket::S3Settings;
