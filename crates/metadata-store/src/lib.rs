//! Durable state.
//!
//! A change runs as a closure within one transaction of the single writer: it sees the newest
//! state, and its records (audit line and outbox event) are committed with it. A transaction that
//! changes something and records nothing is rolled back, so no face can write past the audit trail.
//! Many waiting changes share one commit; each is answered only after it.
//!
//! The rows are in SQLite, or in PostgreSQL, where several servers may share them: their writers
//! take turns.
//!
//! The traits of [`traits`] are what capabilities see; [`Store`] gives them transactions.

mod driver;
mod error;
mod foreign;
mod migrate;
mod onlooker;
mod readers;
mod sql;
mod store;
mod tokens;
pub mod traits;
mod writer;

pub use driver::{AddressError, ColumnKind, PostgresAddress, Select, SelectError, WantedColumn};
pub use error::StoreError;
pub use foreign::{Cell, ForeignDatabase};
pub use onlooker::Onlooker;
pub use sql::audit::{AuditVerdict, verify_audit};
pub use store::{Backend, Store};
pub use tokens::{new_token, token_sha256};
pub use traits::{AbUnits, ReadTx, WriteTx};

/// A result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;
