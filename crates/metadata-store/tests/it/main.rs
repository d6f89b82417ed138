//! What the store promises, whatever is stored.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod comparison;
mod crash;
mod predictions;
mod search;
mod transactions;

use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Experiment, Lifecycle};
use mainspring_domain::{Actor, SystemClock, Timestamp};
use mainspring_metadata_store::{Backend, Result, Store, WriteTx};
use mainspring_test_support::{PostgresSchema, TempStore};
use std::path::Path;
use std::sync::Arc;

/// A SQLite store in a folder.
fn open(dir: &Path) -> Store {
    Store::open(dir, Arc::new(SystemClock)).unwrap()
}

/// Runs tests, functions over a fresh store, once on each engine.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::on_sqlite()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(world) = crate::on_postgres() {
                    super::$test(world).await;
                }
            })*
        }
    };
}
use on_both;

fn on_sqlite() -> TempStore {
    TempStore::on(Backend::Sqlite, Arc::new(SystemClock))
}

fn on_postgres() -> Option<TempStore> {
    Some(TempStore::on(PostgresSchema::new()?.backend(), Arc::new(SystemClock)))
}

fn actor() -> Actor {
    Actor::user("test")
}

/// Adds an experiment without a record of it.
fn add(tx: &mut dyn WriteTx, name: &str) -> Result<i64> {
    let id = tx.next_experiment_id()?;
    tx.insert_experiment(&Experiment {
        id,
        name: name.to_owned(),
        artifact_location: format!("mlflow-artifacts:/{id}"),
        lifecycle: Lifecycle::Active,
        created: Timestamp::from_millis(id),
        updated: Timestamp::from_millis(id),
        tags: Vec::new(),
    })?;
    Ok(id)
}

/// Adds an experiment as it should be.
fn add_recorded(tx: &mut dyn WriteTx, name: &str) -> Result<i64> {
    let id = add(tx, name)?;
    tx.record(Record::new("experiment.created", format!("experiment:{id}")))?;
    Ok(id)
}
