//! Artifacts: bytes by checked path, on local disk or an S3-compatible store, streaming and checked.
//!
//! A path from outside becomes an [`ArtifactPath`] here and nowhere else. On local disk, below the
//! root every component is opened on its own, relative to its parent and without following symbolic
//! links, so that no name can lead out, whatever somebody puts into the folder meanwhile.

mod artifact;
mod error;
mod fingerprint;
mod local;
mod path;
mod places;
mod s3;
mod signing;
mod store;
mod upload;

pub use artifact::{Artifact, Pieces};
pub use error::ArtifactError;
pub use path::ArtifactPath;
pub use places::{ArtifactSettings, Artifacts, Located};
pub use s3::S3Settings;
pub use signing::{Grant, Signer};
pub use store::{ArtifactStore, Entry, MOST_PARTS, Multipart};
pub use upload::{Stored, Upload};

/// A result of the artifact store.
pub type Result<T> = std::result::Result<T, ArtifactError>;
