//! What the store promises, whatever is stored.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod crash;
mod predictions;
mod search;
mod transactions;

use mainspring_domain::events::Record;
use mainspring_domain::tracking::{Experiment, Lifecycle};
use mainspring_domain::{Actor, SystemClock, Timestamp};
use mainspring_metadata_store::{Result, Store, WriteTx};
use std::path::Path;
use std::sync::Arc;

fn open(dir: &Path) -> Store {
    Store::open(dir, Arc::new(SystemClock)).unwrap()
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
