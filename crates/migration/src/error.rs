//! What can go wrong with a whole migration. What is wrong with a part of a source goes into the
//! report instead.

use mainspring_artifact_store::ArtifactError;
use mainspring_metadata_store::StoreError;
use thiserror::Error;

/// An error that ends a migration. What was brought before stays; starting it again continues.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// The command line names nothing that can be read.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The foreign store cannot be read.
    #[error("`{place}` cannot be read: {reason}")]
    Source {
        /// Where.
        place: String,
        /// Why.
        reason: String,
    },
    /// The foreign server refused a call.
    #[error("`{place}` answers {status}: {message}")]
    Refused {
        /// The call.
        place: String,
        /// The status of the answer.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Our store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our artifact store refused.
    #[error("artifacts cannot be stored: {0}")]
    Artifacts(#[from] ArtifactError),
}

impl MigrationError {
    pub(crate) fn source(place: impl Into<String>, reason: &dyn std::fmt::Display) -> Self {
        Self::Source { place: place.into(), reason: reason.to_string() }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. } => Some(hint),
            Self::Store(StoreError::Locked { .. }) => {
                Some("stop the server first: an import opens the store by itself")
            }
            _ => None,
        }
    }
}
