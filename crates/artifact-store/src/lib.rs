//! Bytes by checked path on local disk, streaming and hashed.
//!
//! A path from outside becomes an [`ArtifactPath`] here and nowhere else. Below the root every
//! component is opened on its own, relative to its parent and without following symbolic links, so
//! that no name can lead out, whatever somebody puts into the folder meanwhile.

mod error;
mod local;
mod path;
mod upload;

pub use error::ArtifactError;
pub use local::{ArtifactStore, Entry, Opened};
pub use path::ArtifactPath;
pub use upload::{Stored, Upload};

/// A result of the artifact store.
pub type Result<T> = std::result::Result<T, ArtifactError>;
