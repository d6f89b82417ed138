//! A PostgreSQL server for tests.

use mainspring_metadata_store::{Backend, PostgresAddress};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names the database of a server that tests may fill with schemas.
const SERVER: &str = "MAINSPRING_TEST_POSTGRES";

/// A schema of its own for one test; the store that is opened there makes it.
#[derive(Clone, Debug)]
pub struct PostgresSchema {
    /// The URI of the database, which names the schema and gives every session its name.
    pub uri: String,
    /// The schema's name.
    pub name: String,
}

impl PostgresSchema {
    /// A new schema, when there is a server. Without one, says that a test was skipped.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a test says so when it is skipped")]
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var(SERVER) else {
            println!("skipped: set {SERVER} to postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
            return None;
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{started}_{}_{number}", std::process::id());
        let separator = if server.contains('?') { '&' } else { '?' };
        let uri = format!("{server}{separator}options=-csearch_path%3D{name}&application_name={name}");
        Some(Self { uri, name })
    }

    /// Where a store finds it.
    ///
    /// # Panics
    /// When the variable does not hold an address: a test that has no store has failed.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn backend(&self) -> Backend {
        Backend::Postgres(PostgresAddress::parse(&self.uri).expect("an address of a PostgreSQL database"))
    }
}
