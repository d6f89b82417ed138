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
    14 "0014_workspaces"
    15 "0015_ab_interleaved"
    16 "0016_ab_credits"
    17 "0017_ab_changes"
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
    conn.check_references(false)?;
    apply(conn)?;
    conn.check_references(true)
}

fn apply(conn: &Connection) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, migrate};
    use crate::driver::Connection;

    #[test]
    fn a_table_that_is_made_anew_loses_neither_what_refers_to_it_nor_the_ids_that_were_given() {
        let folder = tempfile::tempdir().unwrap();
        let conn = Connection::sqlite_writer(&folder.path().join("db")).unwrap();
        conn.begin_write().unwrap();
        for migration in MIGRATIONS.iter().filter(|migration| migration.number < 14) {
            conn.migrate(migration.number, migration.sqlite).unwrap();
        }
        for sql in [
            "INSERT INTO experiments VALUES (7, 'kept', 'x', 'active', 1, 1)",
            "INSERT INTO experiments VALUES (9, 'purged', 'x', 'active', 1, 1)",
            "DELETE FROM experiments WHERE id = 9",
            "INSERT INTO experiment_tags VALUES (7, 'k', 'v')",
            "INSERT INTO runs VALUES (1, 'r', 7, 'n', 'u', 'RUNNING', 1, NULL, 'active', 'x', 'c', NULL, 0)",
            "INSERT INTO run_params VALUES (1, 'p', '1')",
        ] {
            conn.execute(sql, &[]).unwrap();
        }
        conn.commit(None).unwrap();
        migrate(&conn).unwrap();
        let count = |sql: &str| conn.row(sql, &[], |row| row.get::<i64>(0)).unwrap().unwrap();
        assert_eq!(count("SELECT COUNT(*) FROM runs r JOIN experiments e ON e.id = r.experiment"), 1);
        assert_eq!(count("SELECT COUNT(*) FROM experiment_tags"), 1);
        assert_eq!(count("SELECT COUNT(*) FROM run_params"), 1);
        assert_eq!(count("SELECT COUNT(*) FROM experiments WHERE workspace = 'default'"), 2);
        assert_eq!(count("SELECT seq FROM sqlite_sequence WHERE name = 'experiments'"), 9);
        assert_eq!(count("SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
        // References are held again.
        assert!(conn.execute("INSERT INTO experiment_tags VALUES (8, 'k', 'v')", &[]).is_err());
    }
}
