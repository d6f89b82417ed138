//! The fixtures keep their own promises.

use mainspring_domain::events::Record;
use mainspring_domain::{Actor, Clock as _, Timestamp};
use mainspring_metadata_store::StoreError;
use mainspring_test_support::{FakeClock, TempStore};
use std::time::Duration;

#[test]
fn a_fake_clock_moves_only_when_it_is_moved() {
    let clock = FakeClock::new();
    let begin = clock.now();
    assert_eq!(begin, Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
    assert_eq!(clock.now(), begin);
    assert_eq!(clock.advance(Duration::from_secs(5)), begin + Duration::from_secs(5));
    assert_eq!(clock.now().since(begin), Duration::from_secs(5));
    clock.set(begin);
    assert_eq!(clock.now(), begin);
}

#[test]
fn a_reopened_store_has_what_was_written() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut temp = TempStore::new(FakeClock::new());
    let store = temp.store();
    let seq = runtime
        .block_on(store.write(Actor::user("test"), |tx| tx.record(Record::new("test.done", "test:1"))));
    assert_eq!(seq.unwrap(), 1);
    drop(store);
    let store = temp.reopen();
    let entries = runtime.block_on(store.read(|tx| tx.audit_entries("test:", 10)));
    assert_eq!(entries.map_err(|error: StoreError| error.to_string()).unwrap().len(), 1);
}
