//! Schema migrations: numbered `.sql` files, applied once each.

use crate::driver::{Connection, Dialect};
use crate::{Result, StoreError};
use std::cmp::Ordering;

/// A migration in the words of each engine.
struct Migration {
    number: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal)*) => {
        &[$(Migration {
            number: $number,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

const MIGRATIONS: &[Migration] = migrations! {
    1 "0001_core"
    2 "0002_tracking"
    3 "0003_pipelines"
    4 "0004_data_and_gates"
    5 "0005_delivery_and_monitoring"
    6 "0006_traces"
    7 "0007_access"
    8 "0008_webhooks_and_datasets"
    9 "0009_wandb"
    10 "0010_indexes"
    11 "0011_shadows"
    12 "0012_ab_tests"
    13 "0013_metrics_by_value"
    20 "0020_ab_interleaved"
};

/// Refuses a database whose schema is not the newest that is known.
pub(crate) fn check_current(conn: &Connection) -> Result<()> {
    let found = conn.schema_version()?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    match found.cmp(&known) {
        Ordering::Less => Err(StoreError::TooOld { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::TooNew { found, known }),
    }
}

/// Brings a database to the newest schema. Servers that start together take turns.
pub(crate) fn migrate(conn: &Connection) -> Result<()> {
    conn.begin_write()?;
    let found = conn.schema_version()?;
    let known = MIGRATIONS.last().map_or(0, |migration| migration.number);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for migration in MIGRATIONS.iter().filter(|migration| migration.number > found) {
        let sql = match conn.dialect() {
            Dialect::Sqlite => migration.sqlite,
            Dialect::Postgres => migration.postgres,
        };
        conn.migrate(migration.number, sql)?;
    }
    Ok(conn.commit(None)?)
}
