//! The HTTP faces of Mainspring. Wire types and their conversions live here and nowhere else.

pub mod identity;
pub mod mlflow;
