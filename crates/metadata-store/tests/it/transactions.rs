//! One change is one transaction; many waiting changes share one commit.

use crate::{actor, add, add_recorded, on_both};
use mainspring_metadata_store::{Result, Store, StoreError};
use mainspring_test_support::TempStore;
use std::sync::mpsc::channel;

on_both! {
    changes_that_wait_together_share_one_commit
    a_change_without_a_record_is_not_written
    a_failed_change_takes_nothing_with_it_and_nothing_of_it_stays
    a_change_that_fails_first_is_undone_before_those_that_share_its_commit
    one_data_directory_has_one_server
}

async fn changes_that_wait_together_share_one_commit(world: TempStore) {
    let store = world.store();
    let mut changes = store.changes();
    let (go, wait) = channel::<()>();
    let first = store.clone();
    let first = tokio::spawn(async move {
        let change = move |tx: &mut dyn mainspring_metadata_store::WriteTx| {
            wait.recv().unwrap();
            add_recorded(tx, "first")
        };
        first.write(actor(), change).await
    });
    let mut others = Vec::new();
    for number in 0..100 {
        let store = store.clone();
        others.push(tokio::spawn(async move {
            store.write(actor(), move |tx| add_recorded(tx, &format!("e{number}"))).await
        }));
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    changes.changed().await.unwrap();
    assert_eq!(*changes.borrow_and_update(), 101, "all of them were committed by the first commit");
}

async fn a_change_without_a_record_is_not_written(world: TempStore) {
    let store = world.store();
    let outcome: Result<i64> = store.write(actor(), |tx| add(tx, "silent")).await;
    assert!(matches!(outcome, Err(StoreError::Unrecorded)), "{outcome:?}");
    assert!(!name_exists(&store, "silent").await);
}

async fn a_failed_change_takes_nothing_with_it_and_nothing_of_it_stays(world: TempStore) {
    let store = world.store();
    let (good, bad, panicking, after) = tokio::join!(
        store.write(actor(), |tx| add_recorded(tx, "good")),
        store.write(actor(), |tx| {
            add_recorded(tx, "bad")?;
            Err::<i64, _>(StoreError::Closed)
        }),
        store.write(actor(), |tx| -> Result<i64> {
            add_recorded(tx, "panicking")?;
            panic!("a bug in a change")
        }),
        store.write(actor(), |tx| add_recorded(tx, "after")),
    );
    assert!(good.is_ok() && bad.is_err() && panicking.is_err() && after.is_ok());
    for (name, there) in [("good", true), ("bad", false), ("panicking", false), ("after", true)] {
        assert_eq!(name_exists(&store, name).await, there, "{name}");
    }
    let events = store.read(|tx| tx.outbox_after(0, 10)).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
}

async fn a_change_that_fails_first_is_undone_before_those_that_share_its_commit(world: TempStore) {
    let store = world.store();
    let (go, wait) = channel::<()>();
    let first = store.clone();
    let first = tokio::spawn(async move {
        let change = move |tx: &mut dyn mainspring_metadata_store::WriteTx| {
            wait.recv().unwrap();
            add_recorded(tx, "first")?;
            Err::<i64, _>(StoreError::Closed)
        };
        first.write(actor(), change).await
    });
    let mut others = Vec::new();
    for name in ["second", "third"] {
        let store = store.clone();
        others.push(tokio::spawn(async move { store.write(actor(), |tx| add_recorded(tx, name)).await }));
    }
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    go.send(()).unwrap();
    assert!(first.await.unwrap().is_err());
    for other in others {
        other.await.unwrap().unwrap();
    }
    for (name, there) in [("first", false), ("second", true), ("third", true)] {
        assert_eq!(name_exists(&store, name).await, there, "{name}");
    }
    let events = store.read(|tx| tx.outbox_after(0, 10)).await.unwrap();
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2]);
}

async fn one_data_directory_has_one_server(world: TempStore) {
    let clock = std::sync::Arc::new(mainspring_domain::SystemClock);
    let second = Store::open_on(world.backend().clone(), world.path(), clock);
    assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
}

async fn name_exists(store: &Store, name: &'static str) -> bool {
    store.read(move |tx| tx.experiment_by_name(name)).await.unwrap().is_some()
}
