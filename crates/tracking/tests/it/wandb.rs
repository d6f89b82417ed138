//! Runs and artifacts of W&B clients.

use crate::Lab;
use mainspring_domain::tracking::RunStatus;
use mainspring_domain::wandb::{ArtifactEntry, ArtifactState};
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::search::{self, Query};
use mainspring_tracking::wandb::artifacts::{self, NewArtifact};
use mainspring_tracking::wandb::runs::{self, Upsert};
use mainspring_tracking::wandb::streams::{self, Chunk, Lines};
use mainspring_tracking::{logging, runs as all_runs};
use serde_json::{Map, Value, json};

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("{value} is no object") };
    object
}

#[expect(clippy::unnecessary_wraps, reason = "fields that may be left out take it as it is")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

impl Lab {
    async fn upsert(&self, name: &str, said: Upsert) -> (String, bool) {
        let name = name.to_owned();
        self.write(move |tx| runs::upsert(tx, 0, Some(&name), "ada", said)).await.unwrap()
    }

    async fn send(&self, run: &str, chunk: Chunk) {
        let run = run.to_owned();
        self.write(move |tx| streams::append(tx, &run, chunk)).await.unwrap();
    }
}

fn history(offset: i64, lines: &[&str]) -> Chunk {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    Chunk { history: Lines { offset, lines }, ..Chunk::default() }
}

#[tokio::test]
async fn what_is_not_said_stays() {
    let lab = Lab::new();
    let first = Upsert {
        display_name: text("first"),
        notes: text("a note"),
        config: Some(object(json!({ "lr": { "value": 0.1 }, "net": { "value": { "depth": 3 } },
                                    "_wandb": { "value": { "t": {} } } }))),
        group: text("g"),
        tags: Some(vec!["a".into(), "b".into()]),
        host: text("h"),
        ..Upsert::default()
    };
    let (id, inserted) = lab.upsert("r", first).await;
    assert!(inserted);
    let config = Some(object(json!({ "lr": { "value": 0.2 }, "flag": { "value": true } })));
    let (again, inserted) = lab.upsert("r", Upsert { config, ..Upsert::default() }).await;
    assert_eq!((again.as_str(), inserted), (id.as_str(), false));
    let run = lab.read(move |tx| all_runs::get(tx, &id)).await;
    let params: Vec<_> = run.params.iter().map(|param| (param.key.as_str(), param.value.as_str())).collect();
    assert_eq!(params, [("flag", "true"), ("lr", "0.2")]);
    let tag = |key: &str| run.tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.clone());
    assert_eq!(tag("mlflow.note.content").as_deref(), Some("a note"));
    assert_eq!(tag("wandb.tags").as_deref(), Some("a,b"));
    assert_eq!((run.info.name.as_str(), run.info.status), ("first", RunStatus::Running));
}

#[tokio::test]
async fn ids_that_could_be_something_else_are_refused() {
    let lab = Lab::new();
    for name in ["", "a/b", "..", "a:b", " a", "a\n", &"x".repeat(129)] {
        let name = name.to_owned();
        let refused = lab.write(move |tx| runs::upsert(tx, 0, Some(&name), "ada", Upsert::default())).await;
        assert!(refused.is_err());
    }
    let state = Upsert { state: text("dancing"), ..Upsert::default() };
    assert!(lab.write(|tx| runs::upsert(tx, 0, Some("r"), "ada", state)).await.is_err());
    let nothing =
        lab.read(|tx| search::runs(tx, &[0], View::All, &Query { limit: 9, ..Query::default() })).await;
    assert!(nothing.items.is_empty());
}

#[tokio::test]
async fn lines_that_are_sent_again_count_once() {
    let lab = Lab::new();
    let (id, _) = lab.upsert("r", Upsert::default()).await;
    let lines = [
        r#"{"_step": 0, "loss": 2, "a": {"b": NaN}, "_timestamp": 1.5e+09}"#,
        r#"{"_step": 4, "loss": Infinity, "image": {"_type": "image-file"}, "_timestamp": 1500000001.25}"#,
    ];
    lab.send(&id, history(0, &lines)).await;
    lab.send(&id, history(0, &lines)).await;
    lab.send(&id, history(1, &[lines[1], "not json"])).await;
    let run = id.clone();
    let (points, nan, known) = lab
        .read(move |tx| {
            let info = all_runs::info(tx, &run)?;
            Ok((
                logging::metric_history(tx, &run, "loss", 10, 0)?.0,
                logging::metric_history(tx, &run, "a.b", 10, 0)?.0,
                runs::details(tx, &info)?,
            ))
        })
        .await;
    let steps: Vec<_> = points.iter().map(|point| (point.step, point.timestamp.as_millis())).collect();
    assert_eq!(steps, [(0, 1_500_000_000_000), (4, 1_500_000_001_250)]);
    assert!(points[1].value > 1e308 && nan[0].value.is_nan());
    assert_eq!(known.details.last_step, Some(4));
    assert_eq!(known.details.history_keys["loss"]["number"], 2);
    let negative = Chunk { history: Lines { offset: -1, lines: vec!["{}".into()] }, ..Chunk::default() };
    assert!(lab.write(move |tx| streams::append(tx, &id, negative)).await.is_err());
}

#[tokio::test]
async fn a_summary_gives_the_latest_values_and_an_exit_the_end() {
    let lab = Lab::new();
    let (id, _) = lab.upsert("r", Upsert::default()).await;
    lab.send(&id, history(0, &[r#"{"_step": 3, "acc": 0.4}"#])).await;
    let summary = r#"{"acc": 0.9, "best": {"f1": 0.7}, "verdict": "good", "_step": 3}"#;
    let events = Lines { offset: 0, lines: vec![r#"{"system.cpu": 5, "_timestamp": 9}"#.into()] };
    let console = Lines { offset: 0, lines: vec!["2026-01-01T00:00:00 hi\0".into()] };
    let chunk = Chunk { summary: text(summary), events, console, exit_code: Some(1), ..Chunk::default() };
    lab.send(&id, chunk.clone()).await;
    lab.send(&id, chunk).await;
    let run = id.clone();
    let run = lab.read(move |tx| all_runs::get(tx, &run)).await;
    let metrics: Vec<_> = run.metrics.iter().map(|metric| (metric.key.as_str(), metric.value)).collect();
    assert_eq!(metrics, [("acc", 0.9), ("best.f1", 0.7), ("system/cpu", 5.0)]);
    assert!(run.tags.iter().any(|tag| tag.key == "wandb.summary.verdict" && tag.value == "good"));
    assert_eq!((run.info.status, run.info.end.is_some()), (RunStatus::Failed, true));
    let points = lab.read(move |tx| logging::metric_history(tx, &id, "best.f1", 10, 0)).await.0;
    assert_eq!(points.len(), 1, "the same summary again is no new point");
    // A client that begins to work on it again opens it.
    let (id, _) = lab.upsert("r", Upsert { host: text("h"), ..Upsert::default() }).await;
    let info = lab.read(move |tx| all_runs::info(tx, &id)).await;
    assert_eq!((info.status, info.end), (RunStatus::Running, None));
}

fn new_artifact(digest: &str, client: &str, aliases: &[&str]) -> NewArtifact {
    NewArtifact {
        kind: "model".into(),
        collection: "net".into(),
        digest: digest.into(),
        client_id: text(client),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..NewArtifact::default()
    }
}

#[tokio::test]
async fn versions_count_up_and_equal_content_is_one() {
    let lab = Lab::new();
    let log = async |digest: &'static str, client: &'static str, aliases: &'static [&'static str]| {
        let entry = ArtifactEntry { path: "w".into(), digest: digest.into(), size: 4, reference: None };
        lab.write(move |tx| {
            let (artifact, _) = artifacts::create(tx, new_artifact(digest, client, aliases))?;
            artifacts::commit(tx, &artifact.id, &[entry])
        })
        .await
        .unwrap()
    };
    let first = log("a", "1", &["best"]).await;
    let same = log("a", "2", &["also"]).await;
    let second = log("b", "3", &["best"]).await;
    assert_eq!((first.version, &same.id, second.version), (Some(0), &first.id, Some(1)));
    assert_eq!((second.details.size, second.details.files), (4, 1));
    let (aliases, newer) = {
        let (first, second) = (first.id.clone(), second.id.clone());
        lab.read(move |tx| Ok((tx.wandb_aliases(&first)?, tx.wandb_aliases(&second)?))).await
    };
    assert_eq!((aliases.join(" "), newer.join(" ")), ("also".into(), "best latest".into()));
    // A version with aliases is deleted only with them; its number is not given again.
    let id = second.id.clone();
    assert!(lab.write(move |tx| artifacts::delete(tx, &id, false)).await.is_err());
    let id = second.id.clone();
    let deleted = lab.write(move |tx| artifacts::delete(tx, &id, true)).await.unwrap();
    assert_eq!(deleted.state, ArtifactState::Deleted);
    let latest = lab.read(|tx| artifacts::find(tx, 0, "net:latest")).await.unwrap().1;
    assert_eq!(latest.id, first.id);
    assert_eq!(log("c", "4", &[]).await.version, Some(2));
}

#[tokio::test]
async fn odd_names_of_artifacts_are_refused() {
    let lab = Lab::new();
    let make = |change: fn(&mut NewArtifact)| {
        let mut new = new_artifact("d", "1", &[]);
        change(&mut new);
        lab.write(move |tx| artifacts::create(tx, new))
    };
    assert!(make(|new| new.collection = "../x".into()).await.is_err());
    assert!(make(|new| new.kind = String::new()).await.is_err());
    assert!(make(|new| new.aliases = vec!["v3".into()]).await.is_err());
    assert!(make(|new| new.aliases = vec!["a:b".into()]).await.is_err());
    assert!(make(|new| new.digest = String::new()).await.is_err());
    assert!(make(|_| ()).await.is_ok());
    assert!(make(|new| new.kind = "dataset".into()).await.is_err(), "a collection has one type");
}
