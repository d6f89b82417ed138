//! Reactions: each event is answered once, whatever happens in between.

use crate::project::{MODEL, Project, let_it_look, until};
use mainspring_domain::Actor;
use mainspring_domain::events::Record;
use mainspring_domain::registry::Stage;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_is_answered_once_through_crashes() {
    let mut project = Project::new();
    project.register(1, json!({ "answer": 1 })).await;
    project.promote(1).await;
    // The server comes up and goes down at moments before, within and after the answer.
    for pause in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144] {
        project.start().await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        project.crash();
    }
    project.start().await;
    project.until_all_from(1).await;
    let_it_look().await;
    assert_eq!(project.rollouts().await.len(), 1);
    assert_eq!(project.events("rollout.created").await.len(), 1);
    assert_eq!(project.events("rollout.completed").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_answered_once_through_crashes() {
    let mut project = Project::with_champion().await;
    project.crash();
    project.month(false).await;
    for pause in [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144] {
        project.start().await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        project.crash();
    }
    project.start().await;
    until("the retraining", async || !project.runs().await.is_empty()).await;
    let_it_look().await;
    assert_eq!(project.runs().await.len(), 1);
    assert_eq!(project.events("alert.raised").await.len(), 1);
    assert_eq!(project.events("retraining.triggered").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_forbids_is_refused_once_with_its_reason() {
    let mut project = Project::new();
    project.configure("rollout = \"rollout.yaml\"", "rollout = \"rollout.yaml\"\nrequire = [\"battery\"]");
    project.register(1, json!({ "answer": 1 })).await;
    project.promote(1).await;
    project.start().await;
    until("the refusal", async || !project.events("rollout.refused").await.is_empty()).await;
    project.restart().await;
    let_it_look().await;
    let refused = project.events("rollout.refused").await;
    assert_eq!(refused.len(), 1);
    assert!(refused[0].reason.as_ref().unwrap().contains("names no run"), "{refused:?}");
    assert!(project.rollouts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_went_bad_refuses_the_rollout_and_stops_nothing_else() {
    let project = Project::started().await;
    project.register(1, json!({ "answer": 1 })).await;
    project.file("rollout.yaml", "kind: Rollout\nspec: {}\n");
    project.promote(1).await;
    until("the refusal", async || !project.events("rollout.refused").await.is_empty()).await;
    let reason = project.events("rollout.refused").await[0].reason.clone().unwrap();
    assert!(reason.starts_with("rollout.yaml:2:"), "{reason}");
    let good = "kind: Rollout\nspec: {strategy: {canary: {steps: [{setWeight: 100}]}}}\n";
    project.file("rollout.yaml", good);
    // Asked for again, it goes: the loop did not get stuck on the refusal.
    project
        .write(Actor::user("ada"), |tx| {
            let mut version = tx.model_version(MODEL, 1)?.unwrap();
            version.stage = Stage::None;
            tx.update_model_version(&version)
        })
        .await;
    project.promote(1).await;
    project.until_all_from(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_make_no_sense_stop_nothing() {
    let project = Project::started().await;
    project
        .write(Actor::user("ada"), |tx| {
            for subject in ["model:", "model:flights", "model:flights/x", "model:nobody/1", "nonsense"] {
                for action in ["model_version.stage_changed", "alert.raised", "alert.continues"] {
                    tx.record(Record::new(action, subject).with(json!({ "to": "Production" })))?;
                }
            }
            tx.record(
                Record::new("model_version.stage_changed", "model:flights/77")
                    .with(json!({ "to": "Production" })),
            )
        })
        .await;
    until("the refusal", async || project.events("rollout.refused").await.len() == 1).await;
    project.register(1, json!({ "answer": 1 })).await;
    project.promote(1).await;
    project.until_all_from(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answered_events_leave_the_outbox_and_stay_in_the_trail() {
    let project = Project::with_champion().await;
    until("an empty outbox", async || project.read(|tx| tx.outbox_after(0, 1000)).await.is_empty()).await;
    assert!(!project.events("rollout.completed").await.is_empty());
}
