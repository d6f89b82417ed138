//! From an alert to a retraining.

use crate::project::{MODEL, Project, let_it_look, until};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_degrades_is_retrained_and_not_too_often() {
    let mut project = Project::with_champion().await;
    project.month(true).await;
    until("the first window", async || project.read(|tx| tx.monitor_windows(MODEL, 9)).await.len() == 1)
        .await;
    assert!(project.runs().await.is_empty(), "a good month is no reason");

    project.month(false).await;
    until("the retraining", async || project.runs().await.len() == 1).await;
    let run = project.runs().await.remove(0);
    assert_eq!((run.run_type.as_str(), &run.conf["train"]), ("alert_triggered", &true.into()));
    assert!(run.reason.starts_with("alert on `flights`: AUC "), "{}", run.reason);
    let alert = project.read(|tx| tx.open_alert(MODEL)).await.unwrap();
    assert_eq!(alert.run_id, Some(run.run_id), "the alert knows its run");

    until("its end", async || project.runs().await[0].state.is_final()).await;
    project.month(false).await;
    until("the alert to go on", async || project.events("alert.continues").await.len() == 1).await;
    let_it_look().await;
    assert_eq!(project.runs().await.len(), 1, "it was just tried");

    project.clock.advance(Duration::from_secs(3600));
    project.month(false).await;
    until("the second retraining", async || project.runs().await.len() == 2).await;

    project.month(true).await;
    until("the alert's end", async || project.read(|tx| tx.open_alert(MODEL)).await.is_none()).await;
    assert_eq!(project.events("alert.raised").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_graph_to_retrain_there_is_an_alert_and_no_run() {
    let mut project = Project::new();
    project.configure("retrain = \"train\"", "retrain = \"nobody\"");
    project.start().await;
    project.month(false).await;
    until("the alert", async || !project.events("alert.raised").await.is_empty()).await;
    let_it_look().await;
    assert!(project.runs().await.is_empty());
}
