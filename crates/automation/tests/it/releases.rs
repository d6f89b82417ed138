//! Versions on their way into production, with real workers.

use crate::project::{MODEL, Project, let_it_look, until};
use mainspring_domain::Actor;
use mainspring_domain::delivery::Deployment;
use mainspring_domain::registry::Stage;
use mainspring_rollouts::{Event, Phase};
use serde_json::json;
use std::time::Duration;

/// A project in which version 2 waits in the pause at 20 %; the rollout's id.
async fn on_trial() -> (Project, String) {
    let project = Project::with_champion().await;
    project.register(2, json!({ "answer": 2 })).await;
    project.promote(2).await;
    let id = project.until_step(1).await;
    until("the weight", async || project.running().gateway.views()[0].weight == 20).await;
    (project, id)
}

async fn say(project: &Project, id: &str, event: Event) -> Phase {
    project.running().delivery.command(id, Actor::user("ada"), event).await.unwrap().unwrap()
}

async fn champion(project: &Project) -> Option<u32> {
    project.read(|tx| tx.alias(MODEL, "champion")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_version_goes_straight_into_charge() {
    let project = Project::with_champion().await;
    assert_eq!(project.ask("1").await, Some(1));
    assert_eq!((project.stage(1).await, champion(&project).await), (Stage::Production, Some(1)));
    assert_eq!(project.rollouts().await[0].state["phase"], "Healthy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_goes_through_its_steps() {
    let (mut project, id) = on_trial().await;
    let (stable, canary) = project.split(1, 2).await;
    assert!(stable + canary == 100 && (8..35).contains(&canary), "20 % of the traffic: {canary}");
    assert_eq!(say(&project, &id, Event::Promote).await, Phase::Progressing);
    assert_eq!(project.until_step(3).await, id);
    // Every ten seconds a measurement of each metric; two are asked for.
    project.traffic(&id, 2, 50, 0).await;
    until("the next measurement", async || {
        let state = project.newest_state().await.unwrap().1;
        state["step"] != 3 || {
            let metrics = state["analysis"]["metrics"].as_array().unwrap().clone();
            // Errors from before the traffic came are tried again after ten seconds.
            project.clock.advance(Duration::from_millis(700));
            metrics.iter().all(|metric| !metric["assessment"].is_null())
        }
    })
    .await;
    project.until_all_from(2).await;
    assert_eq!(project.split(1, 2).await, (0, 100));
    assert_eq!((project.stage(1).await, project.stage(2).await), (Stage::Archived, Stage::Production));
    assert_eq!(champion(&project).await, Some(2));
    let what: Vec<String> = project
        .events("rollout.progressed")
        .await
        .iter()
        .map(|event| event.details["what"].to_string())
        .collect();
    assert!(what.iter().any(|what| what.contains("analysis successful")), "{what:?}");
    assert_eq!(project.rollouts().await.len(), 2, "the rollout's own change of stage starts no other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_metric_is_measured_once_at_a_time() {
    let (mut project, id) = on_trial().await;
    project.traffic(&id, 2, 50, 0).await;
    say(&project, &id, Event::Promote).await;
    let counts = async || -> Vec<usize> {
        let state = project.newest_state().await.unwrap().1;
        let metrics = state["analysis"]["metrics"].as_array().cloned().unwrap_or_default();
        metrics.iter().map(|metric| metric["measurements"].as_array().unwrap().len()).collect()
    };
    until("a measurement", async || counts().await == [1, 1]).await;
    let_it_look().await;
    assert_eq!(counts().await, [1, 1], "time stands still, and so does the analysis");
    assert_eq!(project.newest_state().await.unwrap().1["step"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_fails_live_is_rolled_back() {
    let (mut project, id) = on_trial().await;
    project.traffic(&id, 2, 40, 10).await;
    say(&project, &id, Event::Promote).await;
    until("the roll-back", async || project.rollouts().await.last().unwrap().ended.is_some()).await;
    until("the end of the trial", async || project.running().gateway.canary(MODEL).is_none()).await;
    assert_eq!(project.split(1, 2).await, (100, 0));
    assert_eq!((project.stage(1).await, project.stage(2).await), (Stage::Production, Stage::Archived));
    let aborted = project.events("rollout.aborted").await;
    let reason = aborted[0].reason.as_ref().unwrap();
    assert!(reason.contains("metric `error-rate`: 0.2000 does not meet"), "{reason}");
    assert_eq!((champion(&project).await, aborted.len()), (Some(1), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_at_the_same_step_and_weight() {
    let (mut project, id) = on_trial().await;
    let before = project.newest_state().await.unwrap().1;
    project.restart().await;
    until("both versions", async || {
        project.running().gateway.stable(MODEL).is_some() && project.running().gateway.canary(MODEL).is_some()
    })
    .await;
    let_it_look().await;
    assert_eq!(project.newest_state().await.unwrap(), (id.clone(), before), "nothing was done twice");
    let (_, canary) = project.split(1, 2).await;
    assert!((8..35).contains(&canary), "{canary}");
    assert_eq!(say(&project, &id, Event::PromoteFull).await, Phase::Healthy);
    project.until_all_from(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_brings_back_what_is_still_wanted_when_it_is_loaded() {
    let mut project = Project::with_champion().await;
    project.behave(1, &json!({ "answer": 1, "load_seconds": 1.5 }));
    project.restart().await;
    assert_eq!(project.ask("1").await, None, "it is loading");
    let record = project.deployment().await.unwrap();
    let other = Deployment { stable: Some(2), ..record.clone() };
    project.write(Actor::user("ada"), move |tx| tx.put_deployment(&other)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(project.running().gateway.stable(MODEL).is_none(), "another version was put in charge meanwhile");
    project.write(Actor::user("ada"), move |tx| tx.put_deployment(&record)).await;
    project.restart().await;
    project.running().repository.unload(MODEL, Actor::user("ada")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(project.running().gateway.stable(MODEL).is_none(), "it was unloaded meanwhile");
    project.running().repository.load(MODEL, Actor::user("ada")).await.unwrap();
    assert_eq!(project.ask("2").await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_begins_while_nothing_is_loaded_waits_for_the_load() {
    let project = Project::with_champion().await;
    let repository = &project.running().repository;
    repository.unload(MODEL, Actor::user("ada")).await.unwrap();
    project.register(2, json!({ "answer": 2 })).await;
    project.promote(2).await;
    let_it_look().await;
    assert_eq!(project.newest_state().await.unwrap().1["step"], 0, "there is nothing to go back to");
    let refused = repository.unload(MODEL, Actor::user("ada")).await.unwrap_err();
    assert!(refused.to_string().contains("a rollout of `flights` is under way"), "{refused}");
    repository.load(MODEL, Actor::user("ada")).await.unwrap();
    project.until_step(1).await;
    repository.load(MODEL, Actor::user("ada")).await.unwrap();
    let (stable, canary) = project.split(1, 2).await;
    assert!(stable + canary == 100 && (8..35).contains(&canary), "the trial goes on beside it: {canary}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_gives_a_rollout_up() {
    let (project, id) = on_trial().await;
    assert_eq!(say(&project, &id, Event::Abort("I do not like it".into())).await, Phase::Degraded);
    assert_eq!(project.split(1, 2).await, (100, 0));
    let aborted = project.events("rollout.aborted").await;
    assert_eq!(
        (aborted[0].actor.as_str(), aborted[0].reason.as_deref()),
        ("user:ada", Some("I do not like it"))
    );
    assert_eq!(project.deployment().await.unwrap().active_rollout, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_for_the_version_in_charge_ends_the_trial_of_another() {
    let (project, id) = on_trial().await;
    project.promote(1).await;
    until("the end of the rollout", async || project.rollouts().await.last().unwrap().ended.is_some()).await;
    until("the end of the trial", async || project.running().gateway.canary(MODEL).is_none()).await;
    assert_eq!(project.split(1, 2).await, (100, 0), "a rollout that was given up gets no traffic");
    let found = project.rollouts().await;
    assert_eq!((found.len(), found[1].id.as_str()), (2, id.as_str()));
    assert_eq!(project.deployment().await.unwrap().stable, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_version_takes_the_place_of_the_second() {
    let (project, second) = on_trial().await;
    project.register(3, json!({ "answer": 3, "load_seconds": 1.0 })).await;
    project.promote(3).await;
    until("the end of the second's trial", async || {
        project.running().gateway.canary(MODEL).is_none_or(|canary| canary.version == 3)
    })
    .await;
    let rollouts = project.rollouts().await;
    assert_eq!((rollouts[1].id.as_str(), &rollouts[1].state["phase"]), (second.as_str(), &json!("Degraded")));
    assert!(rollouts[1].state["message"].as_str().unwrap().contains("superseded by version 3"));
    project.until_step(1).await;
    until("the third's weight", async || project.running().gateway.views()[0].weight == 20).await;
    let (stable, third) = project.split(1, 3).await;
    assert!(stable + third == 100 && third > 5, "{stable} {third}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_cannot_be_loaded_is_given_up() {
    let project = Project::with_champion().await;
    project.register(2, json!({ "load": "fail" })).await;
    project.promote(2).await;
    until("the end of the rollout", async || project.events("rollout.aborted").await.len() == 1).await;
    let reason = project.events("rollout.aborted").await[0].reason.clone().unwrap();
    assert!(reason.contains("No module named 'lightgbm'"), "{reason}");
    assert_eq!((project.stage(2).await, project.ask("1").await), (Stage::Archived, Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_whose_environment_cannot_be_made_is_given_up() {
    let mut project = Project::new();
    let rules = "[model.flights.serving]\nenvironment = \"model\"\n[monitor.flights]";
    project.configure("[monitor.flights]", rules);
    project.start().await;
    project.register(1, json!({ "answer": 1 })).await;
    project.model_file(1, "requirements.txt", "");
    project.promote(1).await;
    project.until_all_from(1).await;
    project.register(2, json!({ "answer": 2 })).await;
    project.model_file(2, "requirements.txt", "--index-url https://example.org/simple\nnumpy\n");
    project.promote(2).await;
    until("the end of the rollout", async || project.events("rollout.aborted").await.len() == 1).await;
    let reason = project.events("rollout.aborted").await[0].reason.clone().unwrap();
    assert!(reason.contains("the model's environment cannot be made: requirements.txt, line 1"), "{reason}");
    assert_eq!((project.stage(2).await, project.ask("1").await), (Stage::Archived, Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_before_the_version_is_loaded_is_kept() {
    let project = Project::with_champion().await;
    project.register(2, json!({ "answer": 2, "load_seconds": 1.0 })).await;
    project.promote(2).await;
    until("the rollout", async || project.rollouts().await.len() == 2).await;
    let id = project.rollouts().await[1].id.clone();
    assert_eq!(say(&project, &id, Event::PromoteFull).await, Phase::Progressing);
    assert_eq!(project.ask("1").await, Some(1), "nothing is put in charge that does not answer");
    project.until_all_from(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_phase_of_a_rollout_that_does_not_exist() {
    let project = Project::started().await;
    let asked = project.running().delivery.command("nobody", Actor::user("ada"), Event::Promote).await;
    assert_eq!(asked.unwrap(), None);
}
