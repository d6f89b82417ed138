//! What the store promises, whatever is stored.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ab;
mod audit;
mod comparison;
mod crash;
mod data;
mod delivery;
mod engines;
mod foreign;
mod governance;
mod pipelines;
mod postgres;
mod predictions;
mod proxy;
mod registry;
mod search;
mod tracking;
mod transactions;
mod wandb;
mod workspaces;

use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Experiment, KeyValue, Lifecycle, RunInfo, RunStatus};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, SystemClock, Timestamp};
use mainspring_metadata_store::{Backend, ReadTx, Result, Store, WriteTx};
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
        workspace: WorkspaceName::default(),
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

/// Makes a change that needs no record.
async fn change<T: Send + 'static>(
    store: &Store,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<T> + Send + 'static,
) -> T {
    let change = |tx: &mut dyn WriteTx| {
        tx.bookkeeping();
        change(tx)
    };
    store.write(actor(), change).await.unwrap()
}

async fn read<T: Send + 'static>(
    store: &Store,
    query: impl FnOnce(&dyn ReadTx) -> Result<T> + Send + 'static,
) -> T {
    store.read(query).await.unwrap()
}

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: value.into() }
}

/// A run in experiment 0.
fn run_info(id: &str) -> RunInfo {
    RunInfo {
        id: id.into(),
        experiment: 0,
        name: format!("name of {id}"),
        user: "ada".into(),
        status: RunStatus::Running,
        start: at(1000),
        end: None,
        lifecycle: Lifecycle::Active,
        artifact_uri: format!("mlflow-artifacts:/0/{id}/artifacts"),
        created_by: actor(),
    }
}
