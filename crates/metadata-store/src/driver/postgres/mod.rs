//! PostgreSQL, through tokio-postgres. Every connection has a small runtime of its own, which works
//! only while the connection's thread waits for an answer: the store's closures are synchronous.

mod address;
mod changes;
mod connection;
mod error;
mod leadership;
mod named;
mod select;
mod session;
mod sql;
mod tls;
mod types;

pub use address::{AddressError, PostgresAddress};
pub(super) use connection::PostgresConnection;
pub(super) use session::Role;
pub(super) use types::value;
