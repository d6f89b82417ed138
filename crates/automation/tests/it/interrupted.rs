//! Rollouts after restarts, without their stable version, and of servers that knew less.

use crate::project::{MODEL, Project, let_it_look, until};
use mainspring_domain::delivery::{Deployment, Rollout};
use mainspring_domain::{Actor, Clock as _};
use mainspring_rollouts::{Event, Phase};
use serde_json::{Value, json};
use std::time::Duration;

const CANARY: &str = "canary: {steps: [{setWeight: 20}, {pause: {}}, {setWeight: 60}, {pause: {}}]}\n";

/// A project with this manifest, version 1 in charge, and version 2 in the first pause.
async fn on_trial(manifest: &str, behaviour: Value) -> Project {
    let mut project = Project::new();
    project.file("rollout.yaml", manifest);
    project.start().await;
    project.register(1, json!({ "answer": 1 })).await;
    project.promote(1).await;
    project.until_all_from(1).await;
    project.register(2, behaviour).await;
    project.promote(2).await;
    project.until_step(1).await;
    project
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_promotion_during_a_restart_waits_for_the_version() {
    let mut project = on_trial(CANARY, json!({ "answer": 2, "load_seconds": 1.0 })).await;
    project.restart().await;
    assert_eq!(project.say(Event::PromoteFull).await, Some(Phase::Progressing), "nothing is loaded yet");
    assert_eq!(project.deployment().await.unwrap().stable, Some(1));
    project.until_all_from(2).await;
    assert_eq!(project.split(1, 2).await, (0, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_during_a_restart_is_not_lost() {
    let mut project = on_trial(CANARY, json!({ "answer": 2, "load_seconds": 1.0 })).await;
    project.restart().await;
    project.say(Event::Promote).await.unwrap();
    project.until_step(3).await;
    until("the weight", async || project.running().gateway.views()[0].weight == 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_takes_what_the_store_has_in_charge() {
    let project = on_trial(CANARY, json!({ "answer": 2 })).await;
    project.say(Event::Abort("no".into())).await.unwrap();
    // As if a server had been ended between the store and the gateway.
    let deployment = Deployment { stable: Some(2), ..project.deployment().await.unwrap() };
    project.write(Actor::user("ada"), move |tx| tx.put_deployment(&deployment)).await;
    project.until_all_from(2).await;
    assert_eq!(project.split(1, 2).await, (0, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_stable_version_time_passes_and_a_full_promotion_goes_on() {
    let mut project = Project::with_champion().await;
    project.crash();
    project.behave(1, &json!({ "load": "fail" }));
    project.start().await;
    project.register(2, json!({ "answer": 2 })).await;
    project.promote(2).await;
    until("the rollout", async || project.rollouts().await.len() == 2).await;
    project.clock.advance(Duration::from_secs(601));
    until("the deadline", async || project.newest_state().await.unwrap().1["timed_out"] == true).await;
    project.say(Event::PromoteFull).await.unwrap();
    project.until_all_from(2).await;
    assert_eq!(project.split(1, 2).await, (0, 100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_unloaded_stays_so_and_a_full_promotion_does_without() {
    let project = Project::with_champion().await;
    project.running().repository.unload(MODEL, Actor::user("ada")).await.unwrap();
    let_it_look().await;
    assert!(project.running().gateway.stable(MODEL).is_none(), "it stays unloaded");
    project.register(2, json!({ "answer": 2 })).await;
    project.promote(2).await;
    until("the rollout", async || project.rollouts().await.len() == 2).await;
    project.say(Event::PromoteFull).await.unwrap();
    project.until_all_from(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_kept_until_another_comes_is_taken_by_a_retry() {
    let manifest = "canary: {abortScaleDownDelaySeconds: 0, steps: [{setWeight: 20}, {pause: {}}]}\n";
    let project = on_trial(manifest, json!({ "answer": 2 })).await;
    project.say(Event::Abort("no".into())).await.unwrap();
    project.behave(2, &json!({ "load": "fail" }));
    project.clock.advance(Duration::from_secs(600));
    let_it_look().await;
    project.say(Event::Retry).await.unwrap();
    project.until_step(1).await;
    assert_eq!(project.say(Event::Retry).await, None, "it is under way");
}

/// A rollout as servers stored it that knew less.
fn old(id: &str, version: u32, phase: &str, spec_text: &str) -> Rollout {
    let ended = phase == "Healthy" || phase == "Degraded";
    let time = mainspring_domain::Timestamp::from_millis(1);
    Rollout {
        id: id.into(),
        model: MODEL.into(),
        version,
        previous: (version > 1).then(|| version - 1),
        requested_by: "user:ada".into(),
        reason: "test".into(),
        ended: ended.then_some(time),
        created: time,
        spec_text: spec_text.into(),
        state: json!({
            "phase": phase, "message": "", "ready": true, "step": 1, "weight": 20, "pause": null,
            "controller_pause": false, "analysis": null, "aborted": (phase == "Degraded").then_some(1),
            "history": [{ "time": 1, "step": 0, "what": "rollout created" }],
        }),
    }
}

/// A project that a server left that knew less: version 2 in charge after 1, and version 3 on trial by
/// this manifest.
async fn inherited(manifest: &str) -> Project {
    let mut project = Project::new();
    project.file("rollout.yaml", "canary: {}\n");
    for version in 1..=4 {
        project.register(version, json!({ "answer": version })).await;
    }
    let mut broken = old("r0", 9, "Healthy", CANARY);
    broken.state = json!({ "phase": "Gone" });
    let rollouts = [
        broken,
        old("r1", 1, "Healthy", CANARY),
        old("rx", 9, "Degraded", CANARY),
        old("r2", 2, "Healthy", CANARY),
        old("r3", 3, "Progressing", manifest),
    ];
    let deployment = Deployment {
        model: MODEL.into(),
        stable: Some(2),
        stable_rollout: Some("r2".into()),
        active_rollout: Some("r3".into()),
        updated: project.clock.now(),
    };
    project
        .write(Actor::user("ada"), move |tx| {
            for rollout in &rollouts {
                tx.put_rollout(rollout)?;
            }
            tx.put_deployment(&deployment)
        })
        .await;
    project.start().await;
    project.until_all_from(2).await;
    project
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollouts_of_a_server_that_knew_less_go_on() {
    let project = inherited(CANARY).await;
    until("the pause", async || project.newest_state().await.unwrap().1["phase"] == "Paused").await;
    assert_eq!(project.undo(Some(1)).await.unwrap().0, 1, "what cannot be read is no release");
    project.until_all_from(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_cannot_be_read_can_be_ended() {
    let refused = "canary: {steps: [{setWeight: 500}]}\n";
    let project = inherited(refused).await;
    assert_eq!(project.say(Event::Abort("unreadable".into())).await, Some(Phase::Degraded));
    let ended = project.rollouts().await.pop().unwrap();
    assert!(ended.ended.is_some() && ended.state["completion"] == "Aborted", "{ended:?}");
    assert_eq!(project.deployment().await.unwrap().active_rollout, None);
    assert_eq!(project.say(Event::Retry).await, None, "its manifest cannot be read");

    let project = inherited(refused).await;
    project.promote(4).await;
    project.until_all_from(4).await;
    let superseded = project.rollouts().await.into_iter().find(|rollout| rollout.id == "r3").unwrap();
    assert_eq!(superseded.state["completion"], "Superseded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_cannot_be_counted_is_refused() {
    let project = Project::with_champion().await;
    assert!(project.undo(Some(2)).await.unwrap_err().contains("no revision 2"));
    project
        .write(Actor::user("ada"), |tx| {
            (0..200).try_for_each(|number| tx.put_rollout(&old(&format!("x{number}"), 9, "Degraded", CANARY)))
        })
        .await;
    assert!(project.undo(Some(1)).await.unwrap_err().contains("more than 200 rollouts"));
}
