//! The log of predictions: tries of one request, labels, what an arm did.

use crate::{actor, on_both};
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::Arm;
use mainspring_domain::monitoring::Prediction;
use mainspring_metadata_store::{Store, StoreError};
use mainspring_test_support::TempStore;
use serde_json::Map;

on_both! {
    a_later_try_replaces_a_failure_and_the_failure_stays_counted
    labels_find_their_request_once
}

fn prediction(id: &str, outcome: Result<f64, &str>) -> Prediction {
    Prediction {
        id: id.to_owned(),
        time: Timestamp::from_millis(1000),
        event_time: None,
        model: "m".to_owned(),
        version: 2,
        arm: Arm::Canary,
        rollout: None,
        canary_weight: 10,
        features: Map::new(),
        score: outcome.ok(),
        error: outcome.err().map(str::to_owned),
        latency_us: 500,
        label: None,
        label_time: None,
    }
}

async fn add(store: &Store, prediction: Prediction) {
    store
        .write(actor(), move |tx| {
            tx.bookkeeping();
            tx.add_predictions(&[prediction])
        })
        .await
        .unwrap();
}

async fn a_later_try_replaces_a_failure_and_the_failure_stays_counted(world: TempStore) {
    let store = world.store();
    add(&store, prediction("a", Err("boom"))).await;
    add(&store, prediction("a", Err("boom again"))).await;
    add(&store, prediction("a", Ok(0.25))).await;
    add(&store, prediction("a", Ok(0.75))).await;
    let (found, arm, traffic) = store
        .read(|tx| {
            let since = Timestamp::from_millis(0);
            let arm = tx.arm_statistics("m", Arm::Canary, 2, since)?;
            Ok::<_, StoreError>((tx.prediction("a")?, arm, tx.traffic_since("m", since)?))
        })
        .await
        .unwrap();
    assert_eq!(found.unwrap().score, Some(0.25), "an answer that was given is not taken back");
    assert_eq!((arm.requests, arm.errors, arm.scores), (3, 2, vec![0.25]));
    assert_eq!(traffic, (3, 2));
}

async fn labels_find_their_request_once(world: TempStore) {
    let store = world.store();
    add(&store, prediction("a", Ok(0.25))).await;
    for (id, label, known) in [("a", 1.0, true), ("a", 0.0, true), ("b", 1.0, false)] {
        let found = store
            .write(actor(), move |tx| {
                tx.bookkeeping();
                tx.add_label(id, label)
            })
            .await;
        assert_eq!(found.unwrap(), known, "{id}");
    }
    let (labelled, orphans) = store
        .read(|tx| Ok::<_, StoreError>((tx.labelled_after("m", 0, 10)?, tx.orphan_count()?)))
        .await
        .unwrap();
    assert_eq!(labelled.len(), 1);
    assert_eq!(labelled[0].1.label, Some(1.0), "the first label counts");
    assert_eq!(orphans, 1);
}
