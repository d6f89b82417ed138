//! What may go to production.

use crate::world::{TRAINING_RUN, World, report, version};
use mainspring_domain::Actor;
use mainspring_domain::gates::Verdict;
use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_governance::policy::{Blocked, StagePolicy};
use mainspring_metadata_store::StoreError;
use std::collections::BTreeMap;

fn policy(gates: &[&str]) -> StagePolicy {
    let gates = gates.iter().map(ToString::to_string).collect();
    StagePolicy::new(BTreeMap::from([("flights".to_owned(), gates)]))
}

async fn judge(world: &World, policy: StagePolicy, version: ModelVersion, to: Stage) -> Result<(), Blocked> {
    let judged: Result<_, StoreError> = world.store().read(move |tx| policy.check(tx, &version, to)).await;
    judged.unwrap()
}

async fn with_reports(reports: &[(&'static str, Verdict, &'static str)]) -> World {
    let world = World::new();
    for (gate, verdict, summary) in reports.iter().copied() {
        let report = report(gate, &format!("run:{TRAINING_RUN}"), verdict, summary);
        world.write(Actor::user("test"), move |tx| tx.add_gate_report(&report)).await;
    }
    world
}

async fn promoted(reports: &[(&'static str, Verdict, &'static str)]) -> Result<(), Blocked> {
    judge(
        &with_reports(reports).await,
        policy(&["battery"]),
        version(1, Some(TRAINING_RUN)),
        Stage::Production,
    )
    .await
}

#[tokio::test]
async fn a_missing_report_blocks_and_says_how_to_get_one() {
    let blocked = promoted(&[]).await.unwrap_err();
    assert_eq!(blocked.message, "model version flights/1 was not judged by the gate `battery`");
    assert!(
        blocked.hint.contains(&format!("mainspring test-model --model runs:/{TRAINING_RUN}/model")),
        "{blocked:?}"
    );
}

#[tokio::test]
async fn a_failed_report_blocks_with_its_reason() {
    let blocked = promoted(&[("battery", Verdict::Fail, "AUC 0.51 < 0.7")]).await.unwrap_err();
    assert_eq!(blocked.message, "model version flights/1 did not pass the gate `battery`: AUC 0.51 < 0.7");
}

#[tokio::test]
async fn a_pass_and_a_warning_let_through() {
    assert_eq!(promoted(&[("battery", Verdict::Pass, "good")]).await, Ok(()));
    assert_eq!(promoted(&[("battery", Verdict::Warn, "nearly")]).await, Ok(()));
}

#[tokio::test]
async fn the_newest_report_counts() {
    let (pass, fail) = (("battery", Verdict::Pass, "good"), ("battery", Verdict::Fail, "bad"));
    assert!(promoted(&[pass, fail]).await.is_err());
    assert_eq!(promoted(&[fail, pass]).await, Ok(()));
}

#[tokio::test]
async fn another_gate_or_another_run_does_not_count() {
    assert!(promoted(&[("data", Verdict::Pass, "good")]).await.is_err());
    let world = World::new();
    let other = report("battery", "run:ffffffffffffffffffffffffffffffff", Verdict::Pass, "good");
    world.write(Actor::user("test"), move |tx| tx.add_gate_report(&other)).await;
    assert!(
        judge(&world, policy(&["battery"]), version(1, Some(TRAINING_RUN)), Stage::Production).await.is_err()
    );
}

#[tokio::test]
async fn every_required_gate_must_have_passed() {
    let world =
        with_reports(&[("battery", Verdict::Pass, "good"), ("fairness", Verdict::Fail, "not fair")]).await;
    let blocked =
        judge(&world, policy(&["battery", "fairness"]), version(1, Some(TRAINING_RUN)), Stage::Production);
    assert!(blocked.await.unwrap_err().message.contains("`fairness`"));
}

#[tokio::test]
async fn a_version_without_a_run_cannot_have_been_judged() {
    let blocked =
        judge(&World::new(), policy(&["battery"]), version(1, None), Stage::Production).await.unwrap_err();
    assert!(blocked.message.contains("names no run"), "{blocked:?}");
}

#[tokio::test]
async fn where_nothing_is_required_nothing_blocks() {
    let world = World::new();
    for (policy, version) in
        [(policy(&[]), version(1, None)), (StagePolicy::default(), version(1, Some(TRAINING_RUN)))]
    {
        assert_eq!(judge(&world, policy, version, Stage::Production).await, Ok(()));
    }
}

#[tokio::test]
async fn other_stages_are_free() {
    let world = World::new();
    for stage in [Stage::None, Stage::Staging, Stage::Archived] {
        assert_eq!(judge(&world, policy(&["battery"]), version(1, None), stage).await, Ok(()));
    }
}
