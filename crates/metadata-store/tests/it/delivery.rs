//! Deployments, rollouts, windows of monitors and alerts.

use crate::{at, change, on_both, read};
use mainspring_domain::ab::AbStatus;
use mainspring_domain::delivery::{Arm, Deployment, Rollout, Shadow};
use mainspring_domain::monitoring::{Alert, MonitorWindow, Prediction};
use mainspring_test_support::TempStore;
use serde_json::{Map, json};

on_both! {
    deployments_and_rollouts_are_replaced_by_their_key
    windows_and_alerts_have_numbers_of_their_own
    compared_copies_are_kept_by_rollout
    scores_and_labels_of_an_arm_are_found
}

async fn deployments_and_rollouts_are_replaced_by_their_key(world: TempStore) {
    let store = world.store();
    let deployment = |model: &str, stable| Deployment {
        model: model.into(),
        stable,
        stable_rollout: None,
        active_rollout: None,
        updated: at(1),
    };
    let rollout = |id: &str, model: &str, ended| Rollout {
        id: id.into(),
        model: model.into(),
        version: 2,
        previous: Some(1),
        requested_by: "user:ada".into(),
        reason: "because".into(),
        ended,
        created: at(1),
        spec_text: "kind: Rollout".into(),
        state: json!({ "step": 0 }),
    };
    change(&store, move |tx| {
        tx.put_deployment(&deployment("b", None))?;
        tx.put_deployment(&deployment("a", Some(1)))?;
        tx.put_deployment(&deployment("b", Some(2)))?;
        for id in ["1", "2", "3"] {
            tx.put_rollout(&rollout(id, if id == "2" { "b" } else { "a" }, None))?;
        }
        tx.put_rollout(&rollout("1", "a", Some(at(9))))
    })
    .await;
    assert_eq!(
        read(&store, |tx| tx.deployments()).await,
        [deployment("a", Some(1)), deployment("b", Some(2))]
    );
    assert_eq!(read(&store, |tx| tx.deployment("c")).await, None);
    let ids = |all: Vec<Rollout>| all.into_iter().map(|rollout| rollout.id).collect::<String>();
    assert_eq!(ids(read(&store, |tx| tx.rollouts(None, 2)).await), "32");
    assert_eq!(ids(read(&store, |tx| tx.rollouts(Some("a"), 9)).await), "31");
    assert_eq!(ids(read(&store, |tx| tx.open_rollouts()).await), "23");
    assert_eq!(read(&store, |tx| tx.rollout("1")).await, Some(rollout("1", "a", Some(at(9)))));
    change(&store, move |tx| {
        tx.put_rollout(&Rollout { version: 7, ..rollout("4", "a", None) })?;
        tx.put_rollout(&Rollout { version: 2, ..rollout("5", "a", None) })
    })
    .await;
    assert_eq!(
        read(&store, |tx| tx.tried_versions("a")).await,
        [2, 7],
        "in the order of their first rollouts"
    );
}

async fn compared_copies_are_kept_by_rollout(world: TempStore) {
    let store = world.store();
    let shadow = |rollout: &str, time: i64, agrees: Option<bool>| Shadow {
        time: at(time),
        rollout: rollout.into(),
        model: "m".into(),
        version: 2,
        live_version: 1,
        request_id: format!("{rollout}-{time}"),
        features: Map::from_iter([("origin".to_owned(), json!("JFK"))]),
        live_score: Some(0.25),
        score: agrees.map(|_| 0.5),
        agrees,
        error: agrees.is_none().then(|| "it failed".into()),
        live_latency_us: 100,
        latency_us: 200,
    };
    let all = [
        shadow("a", 1, Some(true)),
        shadow("b", 1, Some(false)),
        shadow("a", 2, None),
        shadow("a", 3, Some(false)),
    ];
    let written = all.clone();
    change(&store, move |tx| tx.add_shadows(&written)).await;
    let found = |since: i64, limit: u32| read(&store, move |tx| tx.shadows("a", at(since), limit));
    assert_eq!(found(0, 9).await, [all[3].clone(), all[2].clone(), all[0].clone()], "newest first");
    assert_eq!(found(2, 9).await.len(), 2);
    assert_eq!(found(0, 1).await, [all[3].clone()]);
    assert!(read(&store, |tx| tx.shadows("c", at(0), 9)).await.is_empty());
}

/// On one engine: it takes 200,000 rows.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_running_tests_are_never_too_old() {
    let world = crate::on_sqlite();
    let store = world.store();
    let shadow = |rollout: &str| Shadow {
        time: at(1),
        rollout: rollout.into(),
        model: "m".into(),
        version: 2,
        live_version: 1,
        request_id: "r".into(),
        features: Map::new(),
        live_score: None,
        score: None,
        agrees: None,
        error: None,
        live_latency_us: 100,
        latency_us: 200,
    };
    let old = ["ab/running/1", "ab/ended/1", "a rollout"].map(shadow);
    let new = vec![shadow("new"); 1_000];
    change(&store, move |tx| {
        for (id, status) in [("running", AbStatus::Running), ("ended", AbStatus::Ended)] {
            tx.put_ab_test(&crate::ab::test(id, status))?;
        }
        tx.add_shadows(&old)
    })
    .await;
    for _ in 0..201 {
        let some = new.clone();
        change(&store, move |tx| tx.add_shadows(&some)).await;
    }
    for (rollout, kept) in [("ab/running/1", 1), ("ab/ended/1", 0), ("a rollout", 0)] {
        let found = read(&store, move |tx| tx.shadows(rollout, at(0), 9)).await;
        assert_eq!(found.len(), kept, "{rollout}");
    }
}

async fn scores_and_labels_of_an_arm_are_found(world: TempStore) {
    let store = world.store();
    let prediction = |id: &str, arm, version, score| Prediction {
        id: id.into(),
        time: at(5),
        event_time: None,
        model: "m".into(),
        version,
        arm,
        rollout: None,
        canary_weight: 0,
        features: Map::new(),
        score,
        error: None,
        latency_us: 1,
        label: None,
        label_time: None,
    };
    change(&store, move |tx| {
        tx.add_predictions(&[
            prediction("1", Arm::Canary, 2, Some(0.75)),
            prediction("2", Arm::Canary, 2, Some(0.25)),
            prediction("3", Arm::Canary, 2, None),
            prediction("4", Arm::Stable, 1, Some(0.5)),
        ])?;
        for id in ["1", "3", "4"] {
            tx.add_label(id, 1.0)?;
        }
        Ok(())
    })
    .await;
    let found = |arm, version, since| read(&store, move |tx| tx.arm_labels("m", arm, version, at(since)));
    assert_eq!(found(Arm::Canary, 2, 0).await, [(0.75, 1.0)], "labels and scores must both be known");
    assert_eq!(found(Arm::Stable, 1, 0).await, [(0.5, 1.0)]);
    assert!(found(Arm::Stable, 2, 0).await.is_empty() && found(Arm::Canary, 2, 6).await.is_empty());
}

async fn windows_and_alerts_have_numbers_of_their_own(world: TempStore) {
    let store = world.store();
    let window = |model: &str, rows| MonitorWindow {
        id: 0,
        model: model.into(),
        version: 1,
        time: at(1),
        event_start: None,
        event_end: Some(at(2)),
        rows,
        values: Map::from_iter([("auc".to_owned(), json!(0.5))]),
        drift: Map::new(),
        breaches: vec!["auc".into()],
    };
    let alert = |model: &str| Alert {
        id: 0,
        model: model.into(),
        version: 1,
        time: at(1),
        breaches: vec![],
        window: 1,
        resolved: None,
        run_id: None,
    };
    let (first, second, raised) = change(&store, move |tx| {
        let first = tx.add_monitor_window(&window("a", 10))?;
        let second = tx.add_monitor_window(&window("a", 20))?;
        tx.add_monitor_window(&window("b", 30))?;
        let raised = tx.add_alert(&alert("a"))?;
        tx.add_alert(&alert("b"))?;
        Ok((first, second, raised))
    })
    .await;
    let windows = read(&store, |tx| tx.monitor_windows("a", 9)).await;
    let expected =
        [MonitorWindow { id: second, ..window("a", 20) }, MonitorWindow { id: first, ..window("a", 10) }];
    assert_eq!(windows, expected);
    let open = read(&store, |tx| tx.open_alert("a")).await.unwrap();
    assert_eq!(open, Alert { id: raised, ..alert("a") });
    change(&store, move |tx| tx.put_alert(&Alert { resolved: Some(at(5)), ..open })).await;
    assert_eq!(read(&store, |tx| tx.open_alert("a")).await, None);
    assert_eq!(read(&store, |tx| tx.alerts(Some("a"), 9)).await[0].resolved, Some(at(5)));
    assert_eq!(read(&store, |tx| tx.alerts(None, 9)).await.len(), 2);
}
