//! Limits that are broken, and what follows.

use crate::production::{MODEL, Production, Skill, limits, prediction};
use mainspring_domain::Actor;
use mainspring_metadata_store::StoreError;
use mainspring_monitoring::{Limits, evaluate_next};

#[tokio::test]
async fn a_breach_names_figure_and_limit() {
    let mut production = Production::new();
    production.month(1, 200, Skill::None).await;
    let strict = Limits { max_calibration_gap: Some(0.0), max_psi: Some(0.0), ..limits() };
    let window = production.look(&strict).await.unwrap();
    let [auc, gap, psi] = window.breaches.as_slice() else { panic!("{:?}", window.breaches) };
    assert_eq!(auc, "AUC 0.500 is below 0.68");
    assert!(gap.starts_with("calibration gap 0.") && gap.ends_with(" is above 0"), "{gap}");
    assert!(psi.starts_with("PSI of the scores 0.") && psi.ends_with(" is above 0"), "{psi}");
}

#[tokio::test]
async fn a_figure_that_cannot_be_computed_breaks_its_limit() {
    let mut production = Production::new();
    // One class only, and a version whose training profile is not there.
    let late = (0..200).map(|n| prediction(&format!("l{n}"), 9, Some(0.95), Some(1.0)));
    production.serve(late.collect()).await;
    let window = production.look(&limits()).await.unwrap();
    assert_eq!(window.breaches, ["AUC cannot be computed", "PSI of the scores cannot be computed"]);
    assert_eq!(production.alerts().await.len(), 1);
}

#[tokio::test]
async fn failed_requests_alone_are_no_good_month() {
    let mut production = Production::new();
    let failed = (0..200).map(|n| prediction(&format!("f{n}"), 1, None, Some(1.0)));
    production.serve(failed.collect()).await;
    let window = production.look(&limits()).await.unwrap();
    assert_eq!((window.rows, window.breaches.len()), (0, 3), "{:?}", window.breaches);
}

#[tokio::test]
async fn an_alert_is_raised_goes_on_and_is_resolved() {
    let mut production = Production::new();
    for skill in [Skill::Good, Skill::None, Skill::None, Skill::Good, Skill::Good, Skill::None] {
        production.month(1, 200, skill).await;
        production.look(&limits()).await.unwrap();
    }
    let alert_actions: Vec<String> =
        production.actions().await.into_iter().filter(|action| action.starts_with("alert.")).collect();
    assert_eq!(alert_actions, ["alert.raised", "alert.continues", "alert.resolved", "alert.raised"]);
    let alerts = production.alerts().await;
    let [open, resolved] = alerts.as_slice() else { panic!("{alerts:?}") };
    let windows = production.windows().await;
    assert_eq!(
        (resolved.window, open.window),
        (windows[4].id, windows[0].id),
        "each names the window that raised it"
    );
    assert_eq!(resolved.resolved, Some(windows[2].time));
    assert_eq!(open.resolved, None);
    assert_eq!(open.breaches, windows[0].breaches);
}

#[tokio::test]
async fn every_window_is_recorded_with_its_alert_in_one_transaction() {
    let mut production = Production::new();
    production.month(1, 200, Skill::None).await;
    production.look(&limits()).await.unwrap();
    assert_eq!(production.actions().await, ["monitor.evaluated", "alert.raised"]);
    production.month(1, 200, Skill::None).await;
    // A change that fails after the evaluation takes window, alert and bookmark back with it.
    let refused = production
        .store()
        .write(Actor::system("monitor"), |tx| {
            evaluate_next(tx, MODEL, &limits(), &|_| None).map_err(|_| StoreError::Closed)?.unwrap();
            Err::<(), _>(StoreError::Closed)
        })
        .await;
    assert!(refused.is_err());
    assert_eq!((production.windows().await.len(), production.actions().await.len()), (1, 2));
    assert!(production.look(&limits()).await.is_some(), "the labels are still there to be judged");
}

#[tokio::test]
async fn models_have_alerts_of_their_own() {
    let mut production = Production::new();
    production.month(1, 200, Skill::None).await;
    production.look(&limits()).await.unwrap();
    let other: Result<_, StoreError> = production.store().read(|tx| tx.open_alert("hotels")).await;
    assert_eq!(other.unwrap(), None);
    let own: Result<_, StoreError> = production.store().read(|tx| tx.open_alert(MODEL)).await;
    assert!(own.unwrap().is_some());
}
