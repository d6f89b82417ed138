//! Schema migrations: numbered `.sql` files, applied once each.

use crate::driver::Connection;
use crate::{Result, StoreError};

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/sqlite/0001_core.sql")),
    (2, include_str!("../migrations/sqlite/0002_tracking.sql")),
    (3, include_str!("../migrations/sqlite/0003_pipelines.sql")),
    (4, include_str!("../migrations/sqlite/0004_data_and_gates.sql")),
    (5, include_str!("../migrations/sqlite/0005_delivery_and_monitoring.sql")),
    (7, include_str!("../migrations/sqlite/0007_access.sql")),
    (12, include_str!("../migrations/sqlite/0012_indexes.sql")),
];

/// Brings a database to the newest schema.
pub(crate) fn migrate(conn: &Connection) -> Result<()> {
    let found = conn.schema_version()?;
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > found) {
        conn.begin_write()?;
        conn.migrate(*number, sql)?;
        conn.commit().map_err(StoreError::from)?;
    }
    Ok(())
}
