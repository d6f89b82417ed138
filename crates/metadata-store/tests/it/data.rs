//! Arrivals, data versions and gate reports.

use crate::{actor, at, change, on_both, read};
use mainspring_domain::data::{Arrival, DataVersion};
use mainspring_domain::gates::{GateReport, Verdict};
use mainspring_test_support::TempStore;
use serde_json::json;

on_both! {
    arrivals_are_known_and_taken_up
    the_newest_version_of_each_path_counts
    reports_are_found_by_gate_and_subject
}

async fn arrivals_are_known_and_taken_up(world: TempStore) {
    let store = world.store();
    let arrival = |path: &str| Arrival {
        id: 0,
        path: path.into(),
        size: 1 << 40,
        modified_ns: 1_700_000_000_000_000_001,
        time: at(1),
        claimed_by: None,
    };
    let first = change(&store, move |tx| {
        let first = tx.add_arrival(&arrival("a.csv"))?;
        tx.add_arrival(&arrival("b.csv"))?;
        tx.claim_arrival(first, "run")?;
        Ok(first)
    })
    .await;
    let known = read(&store, |tx| {
        let size = 1 << 40;
        let known = tx.arrival_known("a.csv", size, 1_700_000_000_000_000_001)?;
        Ok((known, tx.arrival_known("a.csv", size, 1_700_000_000_000_000_002)?))
    })
    .await;
    assert_eq!(known, (true, false));
    let open = read(&store, |tx| tx.open_arrivals()).await;
    assert_eq!(open.iter().map(|arrival| arrival.path.as_str()).collect::<Vec<_>>(), ["b.csv"]);
    let recent = read(&store, |tx| tx.recent_arrivals(2)).await;
    assert_eq!(recent[1], Arrival { id: first, claimed_by: Some("run".into()), ..arrival("a.csv") });
}

async fn the_newest_version_of_each_path_counts(world: TempStore) {
    let store = world.store();
    let version = |path: &str, md5: &str| DataVersion {
        id: 0,
        path: path.into(),
        md5: md5.into(),
        size: 7,
        commit: None,
        time: at(1),
        actor: actor(),
    };
    assert_eq!(read(&store, |tx| tx.newest_data_version()).await, 0);
    let ids = change(&store, move |tx| {
        Ok([
            tx.add_data_version(&version("b", "1"))?,
            tx.add_data_version(&version("a", "2"))?,
            tx.add_data_version(&version("b", "3"))?,
        ])
    })
    .await;
    let md5s = |all: Vec<DataVersion>| all.into_iter().map(|version| version.md5).collect::<String>();
    assert_eq!(md5s(read(&store, move |tx| tx.data_versions(ids[2])).await), "23");
    assert_eq!(md5s(read(&store, move |tx| tx.data_versions(ids[1])).await), "21");
    assert_eq!(read(&store, |tx| tx.newest_data_version()).await, ids[2]);
}

async fn reports_are_found_by_gate_and_subject(world: TempStore) {
    let store = world.store();
    let report = |id: &str, gate: &str, verdict| GateReport {
        id: id.into(),
        gate: gate.into(),
        subject: "data:a".into(),
        verdict,
        time: at(1),
        actor: actor(),
        summary: "1 rule broken".into(),
        report: json!({ "rows": 3, "text": "ü\u{0}" }),
    };
    change(&store, move |tx| {
        tx.add_gate_report(&report("1", "data", Verdict::Fail))?;
        tx.add_gate_report(&report("2", "data", Verdict::Warn))?;
        tx.add_gate_report(&report("3", "battery", Verdict::Pass))
    })
    .await;
    let newest = read(&store, |tx| tx.gate_report("data", "data:a")).await;
    assert_eq!(newest, Some(report("2", "data", Verdict::Warn)), "even a NUL within a document comes back");
    assert_eq!(read(&store, |tx| tx.gate_report("data", "data:b")).await, None);
    let ids = |all: Vec<GateReport>| all.into_iter().map(|report| report.id).collect::<String>();
    assert_eq!(ids(read(&store, |tx| tx.gate_reports(None, 2)).await), "32");
    assert_eq!(ids(read(&store, |tx| tx.gate_reports(Some("data"), 9)).await), "21");
}
