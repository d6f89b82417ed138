//! The gate before every route: who asks, from where, and whether they may.
//!
//! [`permissions`] says for each route which role it needs and on what. A route that is not listed
//! there answers nobody, so none can be added without a permission.

mod gate;
mod ids;
mod permissions;
mod refusal;
mod target;

pub(crate) use gate::WORKSPACE_HEADER;
pub use gate::{AccessPolicy, Gate, guarded};
pub(crate) use refusal::NO_WORKSPACES;
