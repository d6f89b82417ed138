//! Registered models, versions, stages and aliases.
//!
//! Functions over one transaction of the store. Whoever moves a version into production passes a
//! [`StageCheck`]: there is no way around it, whichever face the request came through.

pub mod aliases;
mod check;
mod error;
pub mod models;
pub mod search;
mod source;
mod validation;
pub mod versions;
pub mod webhooks;

pub use aliases::{CHAMPION, delete_alias, set_alias};
pub use check::{Refusal, StageCheck};
pub use error::RegistryError;
pub use versions::transition_stage;

/// A result of this capability.
pub type Result<T> = std::result::Result<T, RegistryError>;
