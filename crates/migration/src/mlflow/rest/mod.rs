//! A running server, over its REST API.

mod api;
mod source;
mod traces;
mod wire;

pub(crate) use api::Api;
pub(super) use source::read;
