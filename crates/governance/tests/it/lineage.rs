//! From an answer back to the data.

use crate::world::{
    DAG_RUN, TRAINING_RUN, World, add_model, add_prediction, add_rollout, add_run, stage_changed, trainer,
    version, whole,
};
use mainspring_domain::Actor;
use mainspring_domain::events::Record;
use mainspring_governance::lineage::{Lineage, trace};
use mainspring_metadata_store::StoreError;

async fn why(world: &World, id: &str) -> Option<Lineage> {
    let id = id.to_owned();
    let found: Result<_, StoreError> = world.store().read(move |tx| trace(tx, &id)).await;
    found.unwrap()
}

#[tokio::test]
async fn a_request_leads_to_the_data() {
    let found = why(&whole().await, "req-1").await.unwrap();
    assert_eq!(found.gaps, [""; 0]);
    let prediction = found.prediction.unwrap();
    assert_eq!((prediction.arm.as_str(), prediction.canary_weight), ("canary", 10));
    assert_eq!((prediction.score, prediction.label), (Some(0.7), Some(1.0)));
    assert_eq!(
        (found.model.name.as_str(), found.model.version, found.model.aliases),
        ("flights", 1, vec!["champion".into()])
    );
    let rollout = found.rollout.unwrap();
    assert_eq!(
        (rollout.id.as_str(), rollout.phase, rollout.requested_by.as_str()),
        ("r1", "Healthy".into(), "task:x")
    );
    let run = found.run.unwrap();
    assert_eq!((run.run_id.as_str(), run.created_by), (TRAINING_RUN, trainer().to_string()));
    assert_eq!((&run.metrics["auc"], &run.params["depth"]), (&0.81.into(), &"6".into()));
    let pipeline = found.pipeline.unwrap();
    assert_eq!((pipeline.run_id.as_str(), pipeline.commit.as_deref()), (DAG_RUN, Some("c0ffee")));
    assert_eq!(pipeline.reason, "new data: incoming/flights-2013-03.csv");
    let mut attempts: Vec<String> =
        pipeline.attempts.iter().map(|a| format!("{}#{} {}", a.task, a.try_number, a.state)).collect();
    attempts.sort();
    assert_eq!(attempts, ["promote#1 failed", "train#1 lost", "train#2 success", "validate#1 success"]);
    let data: Vec<(&str, &str)> =
        found.data.iter().map(|data| (data.path.as_str(), data.md5.as_str())).collect();
    assert_eq!(
        data,
        [("data/02.csv", "aa"), ("data/03.csv", "bb")],
        "what came after training began is not in it"
    );
    let gates: Vec<(&str, &str)> =
        found.gates.iter().map(|gate| (gate.gate.as_str(), gate.verdict)).collect();
    assert_eq!(gates, [("battery", "pass"), ("data", "warn")]);
}

#[tokio::test]
async fn a_promotion_names_who_and_why() {
    let promoted = why(&whole().await, "flights/1").await.unwrap().model.promoted.unwrap();
    assert_eq!(
        (promoted.actor, promoted.reason.as_deref()),
        (trainer().to_string(), Some("passed the battery"))
    );
}

#[tokio::test]
async fn a_promotion_is_found_however_much_happened_to_versions_of_like_numbers() {
    let world = whole().await;
    world
        .write(Actor::user("busy"), |tx| {
            for n in 0..600 {
                tx.record(Record::new("model_version.tag_set", format!("model:flights/1{}", n % 10)))?;
            }
            stage_changed(tx, 10, "Production", "another version")
        })
        .await;
    let promoted = why(&world, "flights/1").await.unwrap().model.promoted;
    assert_eq!(promoted.unwrap().reason.as_deref(), Some("passed the battery"));
}

#[tokio::test]
async fn a_version_leads_to_the_same_run_and_its_rollout() {
    let world = whole().await;
    for id in ["flights/1", "models:/flights/1"] {
        let found = why(&world, id).await.unwrap();
        assert!(found.prediction.is_none());
        assert_eq!(found.rollout.unwrap().id, "r1");
        assert_eq!(found.run.unwrap().run_id, TRAINING_RUN);
    }
}

#[tokio::test]
async fn the_newest_rollout_of_a_version_is_shown() {
    let world = whole().await;
    world
        .write(Actor::user("test"), |tx| {
            add_rollout(tx, "r2", 1)?;
            add_rollout(tx, "r3", 2)
        })
        .await;
    assert_eq!(why(&world, "flights/1").await.unwrap().rollout.unwrap().id, "r2");
    assert_eq!(why(&world, "req-1").await.unwrap().rollout.unwrap().id, "r1", "a request keeps its own");
}

#[tokio::test]
async fn what_is_not_known_is_not_made_up() {
    let world = whole().await;
    for id in ["req-2", "flights", "flights/9", "flights/x", "hotels/1", "", "/", "models:/"] {
        assert_eq!(why(&world, id).await, None, "{id}");
    }
}

async fn with_version(run: Option<Actor>) -> Lineage {
    let world = World::new();
    world
        .write(Actor::user("test"), move |tx| {
            add_model(tx)?;
            let run_id = run.is_some().then_some(TRAINING_RUN);
            if let Some(creator) = run {
                add_run(tx, creator)?;
            }
            tx.insert_model_version(&version(1, run_id))?;
            add_prediction(tx, "req-1", 1, None)
        })
        .await;
    why(&world, "req-1").await.unwrap()
}

#[tokio::test]
async fn links_that_are_missing_are_named() {
    let without_run = with_version(None).await;
    assert_eq!(without_run.gaps, ["the version names no run that is known here"]);
    let by_hand = with_version(Some(Actor::user("ada"))).await;
    assert_eq!(by_hand.gaps, ["the run was made by user:ada, not by a pipeline"]);
    assert!(by_hand.run.is_some() && by_hand.pipeline.is_none());
    let forgotten = with_version(Some(trainer())).await;
    assert_eq!(forgotten.gaps, [format!("the pipeline run {DAG_RUN} is not known")]);
    assert!(forgotten.rollout.is_none() && forgotten.model.promoted.is_none());
}
