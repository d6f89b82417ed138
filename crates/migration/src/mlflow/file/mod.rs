//! The file store: folders of `meta.yaml` files, and files that are keys with values.

mod models;
mod registry;
mod runs;
mod source;
mod traces;
mod tree;
mod yaml;

pub(super) use source::read;
