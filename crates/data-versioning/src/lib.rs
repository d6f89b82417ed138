//! The DVC-compatible engine: cache, `.dvc` files, remotes, status.
//!
//! A [`Repo`] shares its files with DVC 3.67 byte for byte: either tool may work in it, one after the
//! other, and both take the same lock. What this engine does not do is refused by name, never done
//! halfway.
#![warn(missing_docs)]

mod add;
mod config;
mod dvc_file;
mod error;
mod fsio;
mod git;
mod gitignore;
mod lock;
mod objects;
mod paths;
mod repo;
mod status;
mod transfer;
mod tree;
mod yaml_scalar;

pub use add::TrackedFile;
pub use error::VersioningError;
pub use git::head_of;
pub use repo::{Repo, TrackedAt};
pub use status::{Change, State};
pub use transfer::Pulled;

/// MD5 of a file's content in hexadecimal, as a `.dvc` file records it.
///
/// # Errors
/// If the file cannot be read.
pub fn md5_of(path: &std::path::Path) -> Result<String, VersioningError> {
    Ok(fsio::hash_file(path)?.0)
}
