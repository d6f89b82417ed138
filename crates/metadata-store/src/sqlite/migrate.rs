//! Schema migrations: numbered `.sql` files, applied once each.

use crate::{Result, StoreError};
use rusqlite::Connection;

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/sqlite/0001_core.sql")),
    (2, include_str!("../../migrations/sqlite/0002_tracking.sql")),
    (3, include_str!("../../migrations/sqlite/0003_pipelines.sql")),
    (4, include_str!("../../migrations/sqlite/0004_data_and_gates.sql")),
    (5, include_str!("../../migrations/sqlite/0005_delivery_and_monitoring.sql")),
    (7, include_str!("../../migrations/sqlite/0007_access.sql")),
];

/// Brings a database to the newest schema.
pub(super) fn migrate(conn: &mut Connection) -> Result<()> {
    let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > found) {
        let tx = conn.transaction()?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}
