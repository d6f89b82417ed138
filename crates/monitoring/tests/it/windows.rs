//! Which labels a monitor takes, and when.

use crate::production::{Production, Skill, limits, prediction};
use mainspring_monitoring::Limits;

#[tokio::test]
async fn a_batch_is_judged_when_it_is_full() {
    let mut production = Production::new();
    production.month(1, 199, Skill::Good).await;
    assert_eq!(production.look(&limits()).await, None);
    production.month(1, 1, Skill::Good).await;
    let window = production.look(&limits()).await.unwrap();
    assert_eq!((window.rows, window.version, window.breaches.as_slice()), (200, 1, [].as_slice()));
    assert_eq!(window.time, production.now());
    assert!(window.event_start < window.event_end);
    assert_eq!(production.look(&limits()).await, None, "each label is judged once");
    assert_eq!(production.windows().await, [window]);
}

#[tokio::test]
async fn labels_are_taken_in_the_order_in_which_they_came() {
    let mut production = Production::new();
    production.month(1, 450, Skill::Good).await;
    let mut rows = 0;
    while let Some(window) = production.look(&limits()).await {
        rows += window.rows;
    }
    assert_eq!(rows, 400);
    production.month(1, 150, Skill::Good).await;
    assert_eq!(production.look(&limits()).await.unwrap().rows, 200, "the fifty that were left count");
    assert_eq!(production.look(&limits()).await, None);
}

#[tokio::test]
async fn a_restart_does_not_judge_anything_again() {
    let mut production = Production::new();
    production.month(1, 300, Skill::Good).await;
    production.look(&limits()).await.unwrap();
    production.restart().await;
    assert_eq!(production.look(&limits()).await, None);
    production.month(1, 100, Skill::Good).await;
    assert!(production.look(&limits()).await.is_some());
    assert_eq!(production.windows().await.len(), 2);
}

#[tokio::test]
async fn of_two_versions_the_one_with_more_answers_is_judged() {
    let mut production = Production::new();
    production.month(2, 100, Skill::None).await;
    production.month(1, 200, Skill::Good).await;
    let window = production.look(&Limits { window: 300, ..limits() }).await.unwrap();
    assert_eq!((window.version, window.rows, window.breaches.len()), (1, 200, 0));
}

#[tokio::test]
async fn a_label_that_comes_twice_counts_once() {
    let mut production = Production::new();
    production.serve(vec![prediction("one", 1, Some(0.5), Some(1.0))]).await;
    production.serve(vec![prediction("one", 1, Some(0.9), Some(0.0))]).await;
    let small = Limits { window: 2, ..Limits::default() };
    assert_eq!(production.look(&small).await, None);
    production.serve(vec![prediction("two", 1, Some(0.5), Some(0.0))]).await;
    let window = production.look(&small).await.unwrap();
    assert_eq!(window.values["mean_score"], 0.5);
    assert_eq!(window.values["label_rate"], 0.5);
}

#[tokio::test]
async fn a_window_of_nothing_judges_nothing() {
    let mut production = Production::new();
    production.month(1, 10, Skill::Good).await;
    assert_eq!(production.look(&Limits::default()).await, None);
}

#[tokio::test]
async fn without_limits_there_are_no_breaches() {
    let mut production = Production::new();
    production.month(1, 200, Skill::None).await;
    let window = production.look(&Limits { window: 200, ..Limits::default() }).await.unwrap();
    assert!(window.breaches.is_empty());
    assert!(window.values["auc"].as_f64().unwrap() < 0.6, "the figures are there all the same");
}
