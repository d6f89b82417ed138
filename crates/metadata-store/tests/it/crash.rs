//! A write that was acknowledged survives the sudden death of the process.

use crate::{actor, add_recorded, open};
use mainspring_metadata_store::{Backend, verify_audit};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const DIR: &str = "MAINSPRING_CRASH_TEST_DIR";

/// Not a test of its own: the process that is killed, when the variable is set.
#[tokio::test]
async fn writer_process() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let store = open(Path::new(&dir));
    for number in 0..100_000 {
        store.write(actor(), move |tx| add_recorded(tx, &format!("e{number}"))).await.unwrap();
        println!("\nacknowledged {number}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let dir = TempDir::new().unwrap();
    for round in 1..=3 {
        let run = dir.path().join(round.to_string());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::writer_process", "--exact", "--nocapture", "--test-threads=1"])
            .env(DIR, &run)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let acknowledged: Vec<String> = lines
            .filter_map(|line| line.strip_prefix("acknowledged ").map(|number| format!("e{number}")))
            .take(40 * round)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(acknowledged.len(), 40 * round);
        let store = open(&run);
        for name in acknowledged {
            let asked = name.clone();
            let found = store.read(move |tx| tx.experiment_by_name(&asked)).await.unwrap();
            assert!(found.is_some(), "{name} was acknowledged and is gone");
        }
        let verdict = verify_audit(&Backend::Sqlite, &run).unwrap();
        assert_eq!(verdict.first_bad, None);
        store.write(actor(), |tx| add_recorded(tx, "life goes on")).await.unwrap();
    }
}
