//! Deployments, rollouts, windows of monitors and alerts.

use crate::{at, change, on_both, read};
use mainspring_domain::delivery::{Deployment, Rollout};
use mainspring_domain::monitoring::{Alert, MonitorWindow};
use mainspring_test_support::TempStore;
use serde_json::{Map, json};

on_both! {
    deployments_and_rollouts_are_replaced_by_their_key
    windows_and_alerts_have_numbers_of_their_own
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
