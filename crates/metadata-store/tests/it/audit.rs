//! The audit trail's chain shows every change made behind its back.

use crate::{actor, add_recorded, open};
use mainspring_metadata_store::{Backend, verify_audit};
use rusqlite::Connection;
use tempfile::TempDir;

async fn trail_of(entries: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    for number in 0..entries {
        store.write(actor(), move |tx| add_recorded(tx, &format!("e{number}"))).await.unwrap();
    }
    dir
}

fn tamper(dir: &TempDir, sql: &str) {
    Connection::open(dir.path().join("mainspring.db")).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn an_untouched_trail_is_good() {
    let dir = trail_of(5).await;
    let verdict = verify_audit(&Backend::Sqlite, dir.path()).unwrap();
    assert_eq!((verdict.entries, verdict.first_bad), (5, None));
    assert_eq!(verdict.head.len(), 64);
}

#[tokio::test]
async fn every_kind_of_tampering_is_found_at_its_place() {
    for (sql, place) in [
        ("UPDATE audit SET actor = 'user:mallory' WHERE seq = 3", 3),
        ("UPDATE audit SET details = '{}' WHERE seq = 2", 2),
        ("UPDATE audit SET reason = 'because' WHERE seq = 5", 5),
        ("UPDATE audit SET hash = prev_hash WHERE seq = 4", 4),
        ("PRAGMA foreign_keys = OFF; DELETE FROM audit WHERE seq = 3", 4),
    ] {
        let dir = trail_of(5).await;
        tamper(&dir, sql);
        let verdict = verify_audit(&Backend::Sqlite, dir.path()).unwrap();
        assert_eq!(verdict.first_bad.map(|(seq, _)| seq), Some(place), "{sql}");
    }
}

#[tokio::test]
async fn a_cut_tail_shows_against_a_noted_head() {
    let dir = trail_of(5).await;
    let noted = verify_audit(&Backend::Sqlite, dir.path()).unwrap();
    tamper(&dir, "PRAGMA foreign_keys = OFF; DELETE FROM audit WHERE seq = 5");
    let cut = verify_audit(&Backend::Sqlite, dir.path()).unwrap();
    assert_eq!((cut.entries, cut.first_bad), (4, None));
    assert_ne!(cut.head, noted.head);
}
