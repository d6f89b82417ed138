//! The gate before a change of stage.

use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_metadata_store::ReadTx;
use thiserror::Error;

/// Decides whether a version may take a stage. It runs in the transaction of the change, so that
/// what it has seen still holds when the change is written.
pub type StageCheck<'a> =
    dyn Fn(&dyn ReadTx, &ModelVersion, Stage) -> std::result::Result<(), Refusal> + Send + Sync + 'a;

/// Why a version may not take a stage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
