//! Arms of tests, versions on trial, stages and what is loading, over HTTP.

use super::World;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use mainspring_domain::Actor;
use mainspring_metadata_store::StoreError;
use mainspring_serving::TestRoute;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// One number `hour`, of which the output `late` is asked.
fn late() -> String {
    json!({ "id": "r", "outputs": [{ "name": "late" }],
        "inputs": [{ "name": "hour", "shape": [1, 1], "datatype": "INT64", "data": [9] }] })
    .to_string()
}

/// A model that gives whole numbers under the name `late`.
fn another() -> Value {
    json!({ "answer": 1, "outputs": [{ "name": "late", "type": "long", "required": true }] })
}

fn is_late(answer: &Value) {
    let outputs = json!([{ "name": "late", "datatype": "INT64", "shape": [1], "data": [1] }]);
    assert_eq!((&answer["model_version"], &answer["outputs"]), (&json!("4"), &outputs), "{answer}");
}

async fn states(world: &World) -> Vec<(String, String, String)> {
    let index = world.post("/v2/repository/index", "").await.json();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let entry = |entry| (text(entry, "name"), text(entry, "version"), text(entry, "state"));
    index.as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn an_arm_of_a_test_answers_in_its_own_words() {
    let world = World::with(json!({ "answer": 0.5 })).await;
    let arms = vec![world.gateway.stable("m").unwrap(), world.version(4, &another()).await];
    let split = Arc::new(|_: &str, _: &serde_json::Map<String, Value>| Some(1));
    let test = TestRoute { test: "t".into(), phase: 1, arms, shadow: false, split };
    world.gateway.set_test("m", Some(test));
    is_late(&world.post("/v2/models/m/infer", late()).await.json());
    is_late(&world.post("/v2/models/m/versions/4/infer", late()).await.json());
    world.post("/v2/models/m/versions/3/infer", late()).await.refused(400, "the model has no output `late`");
    assert_eq!(world.get("/v2/models/m/versions/4").await.json()["outputs"][0]["name"], json!("late"));
    let listed = states(&world).await.into_iter().map(|(_, version, _)| version);
    assert_eq!(listed.collect::<Vec<_>>(), ["3", "4"]);
    let stats = world.get("/v2/models/m/stats").await.json();
    assert_eq!(stats["model_stats"][1]["inference_count"], json!(2), "{stats}");
    let metrics = String::from_utf8(world.get("/metrics").await.body).unwrap();
    assert!(
        metrics.contains("model_infer_request_success_total{model=\"m\",version=\"4\"} 2\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_preview_is_asked_over_every_protocol() {
    let world = World::with(json!({ "answer": 0.5 })).await;
    world.get("/v2/models/m@preview").await.refused(404, "model `m@preview` is not deployed");
    world.gateway.set_canary("m", world.version(4, &another()).await);
    is_late(&world.post("/v2/models/m@preview/infer", late()).await.json());
    let feedback = json!({ "request_id": "r", "label": 1 });
    let answer = world.post("/v2/models/m@preview/feedback", feedback.to_string()).await.json();
    assert_eq!(answer["matched"], json!(1), "what the preview answers is kept under the model");
    assert_eq!(world.get("/v2/models/m@preview").await.json()["versions"], json!(["4"]));
    assert_eq!(world.get("/v2/models/m@preview/ready").await.status, StatusCode::OK);
    assert_eq!(world.get("/v1/models/m@preview").await.json()["ready"], json!(true));
    let instances = json!({ "instances": [[9]] }).to_string();
    let answer = world.post("/v1/models/m@preview:predict", instances).await;
    assert_eq!(answer.json(), json!({ "predictions": [1] }));
    assert_eq!(answer.headers["x-mainspring-model-version"], "4");
}

#[tokio::test]
async fn a_stage_is_loaded_asked_listed_and_unloaded() {
    let world = World::configured(json!({}), "[model.m]\nrollout = \"rollout.yaml\"\nworkers = 2\n").await;
    world.put_in_charge("m@staging", 3).await;
    let unloaded = ("m@staging".to_owned(), "3".to_owned(), "UNAVAILABLE".to_owned());
    assert!(states(&world).await.contains(&unloaded));
    let loaded = world.post("/v2/repository/models/m@staging/load", "").await;
    assert_eq!(loaded.status, StatusCode::OK, "{}", String::from_utf8_lossy(&loaded.body));
    let instances = json!({ "instances": [[9]] }).to_string();
    assert_eq!(world.post("/v1/models/m@staging:predict", instances).await.status, StatusCode::OK);
    let ready = ("m@staging".to_owned(), "3".to_owned(), "READY".to_owned());
    assert!(states(&world).await.contains(&ready));
    assert_eq!(world.post("/v2/repository/models/m@staging/unload", "").await.status, StatusCode::OK);
    assert!(states(&world).await.contains(&unloaded));
    assert!(world.gateway.stable("m").is_some(), "production stays");
}

#[tokio::test]
async fn what_is_loading_asks_to_come_again() {
    let world = World::with(json!({})).await;
    assert_eq!(world.get("/v2/health/ready").await.status, StatusCode::OK);
    // A first version on trial is not deployed yet.
    world.gateway.set_canary("first", world.version(4, &another()).await);
    assert_eq!(world.get("/v2/health/ready").await.status, StatusCode::OK);
    world.gateway.set_loading("n");
    assert_ne!(world.get("/v2/health/ready").await.status, StatusCode::OK);
    for path in ["/v2/models/n", "/v2/models/n/config", "/v2/models/n/versions/1", "/v1/models/n"] {
        world.get(path).await.refused(503, "try again");
    }
    world.post("/v2/models/n/infer", late()).await.refused(503, "try again");
    world.post("/v1/models/n:predict", r#"{"instances": [[1]]}"#).await.refused(503, "try again");
    let parquet = Request::post("/invocations")
        .header("content-type", "application/vnd.apache.parquet")
        .header("x-mainspring-model", "n");
    let reply = world.send(parquet.body(Body::from("PAR1")).unwrap()).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.json());
}

#[tokio::test]
async fn a_version_that_was_replaced_while_it_loaded_does_not_come_back() {
    let world = World::with(json!({})).await;
    world.behave("m", &json!({ "load_seconds": 1.5 }));
    let load = async || world.post("/v2/repository/models/m/load", "").await;
    let replace = async |version| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.put_in_charge("m", version).await;
    };
    let ((), overtaken) = tokio::join!(replace(4), load());
    overtaken.refused(409, "another version of model `m` was put in charge");
    let audit =
        world.store.read(|tx| tx.audit_entries("model:m", 10)).await.map_err(|e: StoreError| e.to_string());
    assert_eq!(audit.unwrap().len(), 1, "only the first load is on record");
    // The gateway may be ahead of what is on record.
    world.put_in_charge("m", 3).await;
    let four = world.version(4, &another()).await;
    let replace = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.gateway.set_stable("m", four);
    };
    let ((), overtaken) = tokio::join!(replace, world.repository.load("m", Actor::user("ada")));
    assert!(overtaken.is_err() && world.gateway.stable("m").unwrap().version == 4);
}

#[tokio::test]
async fn a_request_has_one_limit_in_every_form() {
    let world = World::with(json!({})).await;
    let many = vec![json!([1]); 100_001];
    for (path, body) in [
        ("/v1/models/m:predict", json!({ "instances": many })),
        ("/invocations", json!({ "inputs": many })),
        ("/invocations", json!({ "dataframe_split": { "columns": ["x"], "data": many } })),
        ("/api/v1.0/predictions", json!({ "data": { "ndarray": many } })),
        (
            "/v2/models/m/infer",
            json!({ "inputs": [
                { "name": "x", "shape": [100_001], "datatype": "BOOL", "data": vec![true; 100_001] } ] }),
        ),
    ] {
        let reply = world.post(path, body.to_string()).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(
            reply.status == StatusCode::PAYLOAD_TOO_LARGE && text.contains("100001 rows"),
            "{path}: {text}"
        );
    }
    assert_eq!(world.gateway.stable("m").unwrap().server.counts().failure, 0);
}

#[tokio::test]
async fn what_is_turned_away_is_counted_and_kept_of_versions_on_trial_alone() {
    let config = "[model.m]\nrollout = \"r.yaml\"\n[model.m.serving]\nqueue = 1\n";
    let world = World::configured(json!({}), config).await;
    world.gateway.set_canary("m", world.narrow_version(4, &json!({}), 1).await);
    let ask = |route: &str, id: &'static str, wait: f64| {
        let body = json!({ "id": id, "parameters": { "sleep": wait },
            "inputs": [{ "name": "x", "shape": [1], "datatype": "FP32", "data": [1] }] });
        let path = format!("/v2/models/{route}/infer");
        let world = &world;
        async move { world.post(&path, body.to_string()).await }
    };
    let (first, second) = tokio::join!(ask("m", "a", 0.5), ask("m", "b", 0.0));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 429));
    let (first, second) = tokio::join!(ask("m@preview", "c", 0.5), ask("m@preview", "d", 0.0));
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 429));
    let kept = world
        .store
        .read(|tx| Ok::<_, StoreError>(["a", "b", "c", "d"].map(|id| tx.prediction(id).unwrap().is_some())));
    assert_eq!(kept.await.unwrap(), [true, false, true, true]);
    let metrics = String::from_utf8(world.get("/metrics").await.body).unwrap();
    for version in [3, 4] {
        let line = format!("mainspring_model_infer_refused_total{{model=\"m\",version=\"{version}\"}} 1\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
}
