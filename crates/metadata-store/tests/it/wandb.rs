//! What clients of W&B keep.

use crate::{actor, at, change, on_both, pair, read, run_info};
use mainspring_domain::tracking::Metric;
use mainspring_domain::wandb::{
    ArtifactDetails, ArtifactEntry, ArtifactState, ArtifactVersion, Collection, LineStream, RunDetails,
    WandbRun,
};
use mainspring_metadata_store::traits::Line;
use mainspring_test_support::TempStore;

on_both! {
    runs_are_found_by_the_clients_id
    lines_count_once_unless_they_are_replaced
    parameters_and_latest_values_can_be_replaced
    versions_are_found_by_digest_alias_and_client
    the_first_secret_stays
}

fn known(run: &str, name: &str) -> WandbRun {
    let details = RunDetails { notes: Some("n".into()), tags: vec!["a".into()], ..RunDetails::default() };
    WandbRun { run: run.into(), experiment: 0, name: name.into(), details }
}

fn line(number: i64, step: Option<i64>, text: &str) -> Line {
    Line { number, step, text: text.into() }
}

async fn runs_are_found_by_the_clients_id(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        for (id, name) in [("r1", "one"), ("r2", "two")] {
            tx.insert_run(&run_info(id))?;
            tx.put_wandb_run(&known(id, name))?;
        }
        let mut changed = known("r1", "one");
        changed.details.last_step = Some(7);
        tx.put_wandb_run(&changed)
    })
    .await;
    let found = read(&store, |tx| Ok((tx.wandb_run(0, "one")?, tx.wandb_run(1, "one")?))).await;
    assert_eq!(found.0.unwrap().details.last_step, Some(7));
    assert_eq!(found.1, None);
    let many = read(&store, |tx| tx.wandb_runs_of(&["r2".into(), "nothing".into()])).await;
    assert_eq!(many, [known("r2", "two")]);
    // The id that a client chose belongs to one run of the experiment.
    let taken = store
        .write(actor(), |tx| {
            tx.insert_run(&run_info("r3"))?;
            tx.bookkeeping();
            tx.put_wandb_run(&known("r3", "one"))
        })
        .await;
    assert!(taken.is_err());
}

async fn lines_count_once_unless_they_are_replaced(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        tx.insert_run(&run_info("r"))?;
        tx.put_wandb_run(&known("r", "r"))?;
        let lines = [line(0, Some(0), "a"), line(1, Some(5), "b"), line(2, None, "c")];
        tx.put_wandb_lines("r", LineStream::History, &lines, false)?;
        tx.put_wandb_lines("r", LineStream::History, &[line(1, Some(6), "other")], false)?;
        tx.put_wandb_lines("r", LineStream::Console, &lines, true)?;
        tx.put_wandb_lines("r", LineStream::Console, &[line(1, None, "other")], true)
    })
    .await;
    let (count, history, steps, console) = read(&store, |tx| {
        Ok((
            tx.wandb_line_count("r", LineStream::History)?,
            tx.wandb_lines("r", LineStream::History, 1, 10)?,
            tx.wandb_lines_of_steps("r", LineStream::History, (0, 5), 10)?,
            tx.wandb_lines("r", LineStream::Console, 0, 2)?,
        ))
    })
    .await;
    assert_eq!(count, 3);
    assert_eq!(history, [line(1, Some(5), "b"), line(2, None, "c")]);
    assert_eq!(steps, [line(0, Some(0), "a")]);
    assert_eq!(console.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["a", "other"]);
    assert_eq!(read(&store, |tx| tx.wandb_line_count("r", LineStream::Events)).await, 0);
}

async fn parameters_and_latest_values_can_be_replaced(world: TempStore) {
    let store = world.store();
    let point = |value: f64, step: i64| Metric { key: "m".into(), value, timestamp: at(1), step };
    change(&store, move |tx| {
        tx.insert_run(&run_info("r"))?;
        tx.replace_params("r", &[pair("a", "1"), pair("b", "2")])?;
        tx.replace_params("r", &[pair("a", "3")])?;
        tx.insert_metric_points("r", &[point(1.0, 5)])?;
        tx.set_latest_metrics("r", &[point(1.0, 5)])?;
        tx.set_latest_metrics("r", &[point(9.0, 2)])
    })
    .await;
    let run = read(&store, |tx| tx.run("r")).await.unwrap();
    assert_eq!(run.params, [pair("a", "3")]);
    assert_eq!(run.metrics, [point(9.0, 2)]);
}

async fn versions_are_found_by_digest_alias_and_client(world: TempStore) {
    let store = world.store();
    let version = |id: &str, collection, number: Option<i64>, digest: &str| ArtifactVersion {
        id: id.into(),
        collection,
        version: number,
        digest: digest.into(),
        state: if number.is_some() { ArtifactState::Committed } else { ArtifactState::Pending },
        run: Some("r".into()),
        client_id: Some(format!("client-{id}")),
        created: at(number.unwrap_or(9)),
        updated: at(1),
        details: ArtifactDetails { size: 3, ..ArtifactDetails::default() },
    };
    let entry =
        |path: &str| ArtifactEntry { path: path.into(), digest: "d".into(), size: 1, reference: None };
    let id = change(&store, move |tx| {
        tx.insert_run(&run_info("r"))?;
        let id = tx.insert_wandb_collection(&Collection {
            id: 0,
            experiment: 0,
            kind: "model".into(),
            name: "net".into(),
            description: None,
            client_id: Some("sequence".into()),
            created: at(1),
            updated: at(1),
            last_version: -1,
        })?;
        for (name, number, digest) in [("a", Some(0), "x"), ("b", Some(1), "y"), ("c", None, "y")] {
            tx.put_wandb_artifact(&version(name, id, number, digest))?;
        }
        tx.set_wandb_alias(id, "best", "a")?;
        tx.set_wandb_alias(id, "best", "b")?;
        tx.set_wandb_alias(id, "old", "a")?;
        tx.insert_wandb_entries("a", &[entry("1"), entry("2"), entry("3")])?;
        assert!(tx.insert_wandb_use("r", "a")?);
        assert!(!tx.insert_wandb_use("r", "a")?);
        assert!(!tx.delete_wandb_alias(id, "old", "b")?);
        Ok(id)
    })
    .await;
    read(&store, move |tx| {
        let ids = |found: Vec<ArtifactVersion>| found.into_iter().map(|one| one.id).collect::<String>();
        assert_eq!(ids(tx.wandb_artifacts(id)?), "ba");
        assert_eq!(ids(tx.wandb_artifacts_with_digest(id, "y")?), "cb");
        assert_eq!(tx.wandb_artifact_aliased(id, "best")?.unwrap().id, "b");
        assert_eq!(tx.wandb_aliases("a")?, ["old"]);
        assert_eq!(tx.wandb_artifact_of_client("client-a")?, Some(version("a", id, Some(0), "x")));
        assert_eq!(tx.wandb_artifact_of_client("sequence")?.unwrap().id, "b");
        assert_eq!(ids(tx.wandb_artifacts_made_by("r")?), "ab");
        assert_eq!(ids(tx.wandb_artifacts_used_by("r")?), "a");
        assert_eq!(tx.wandb_artifact_users("a")?, ["r"]);
        assert_eq!(tx.wandb_entries("a", "1", 1)?, [entry("2")]);
        assert_eq!(tx.wandb_entry("a", "3")?, Some(entry("3")));
        assert_eq!(tx.wandb_collections(0, Some("model"))?.len(), 1);
        assert!(tx.wandb_collections(0, Some("dataset"))?.is_empty());
        assert_eq!(tx.wandb_collections(0, None)?[0].client_id.as_deref(), Some("sequence"));
        Ok(())
    })
    .await;
}

async fn the_first_secret_stays(world: TempStore) {
    let store = world.store();
    assert_eq!(read(&store, |tx| tx.wandb_secret()).await, None);
    change(&store, |tx| {
        tx.insert_wandb_secret("one")?;
        tx.insert_wandb_secret("two")
    })
    .await;
    assert_eq!(read(&store, |tx| tx.wandb_secret()).await.as_deref(), Some("one"));
}
