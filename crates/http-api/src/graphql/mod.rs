//! GraphQL: a schema in its own language, resolvers by name, and a library that parses, checks and
//! executes what clients send.
//!
//! A resolver gives a JSON value. Members of a JSON object answer the fields of its type that have
//! no resolver of their own, so a type needs code only where something is fetched.

mod executor;
mod schema;
mod values;

pub(crate) use executor::{Call, Executor, GraphqlError, Resolvers, errors};
