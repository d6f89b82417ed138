//! Shared test fixtures: a clock that tests move and a store that goes away with them.

mod clock;
mod postgres;
mod store;

pub use clock::FakeClock;
pub use postgres::PostgresSchema;
pub use store::{TempStore, new_store};
