//! What is kept of predictions, limits, and metrics.

use super::World;
use axum::http::StatusCode;
use mainspring_metadata_store::StoreError;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn ask(id: &str, parameters: &Value) -> String {
    let inputs = json!([
        { "name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"] },
        { "name": "hour", "shape": [1], "datatype": "INT64", "data": [9] } ]);
    json!({ "id": id, "inputs": inputs, "parameters": parameters }).to_string()
}

fn behaviour() -> Value {
    json!({ "answer": 0.25, "inputs": [
        { "name": "carrier", "type": "string", "required": true },
        { "name": "hour", "type": "long", "required": true } ] })
}

async fn kept(world: &World, id: &str) -> Option<Value> {
    let id = id.to_owned();
    let found = world.store.read(move |tx| tx.prediction(&id)).await.map_err(|e: StoreError| e.to_string());
    found.unwrap().map(|found| Value::Object(found.features))
}

const RULES: &str = "[model.m]\nrollout = \"rollout.yaml\"\n";

#[tokio::test]
async fn a_buffered_log_is_written_within_a_moment_and_before_its_labels() {
    let rules = format!("{RULES}[model.m.log]\nmode = \"buffered\"\nredact = [\"carr*\"]\n");
    let world = World::configured(behaviour(), &rules).await;
    for number in 0..20 {
        let reply = world.post("/v2/models/m/infer", ask(&format!("r{number}"), &json!({}))).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
    let labels: Vec<Value> =
        (0..20).map(|number| json!({ "request_id": format!("r{number}"), "label": 1 })).collect();
    let answer = world.post("/v2/models/m/feedback", json!({ "labels": labels }).to_string()).await.json();
    assert_eq!(answer["matched"], json!(20), "no label is lost to a log that is behind");
    assert_eq!(kept(&world, "r0").await.unwrap(), json!({ "hour": 9 }), "what is redacted is not kept");
    world.post("/v2/models/m/infer", ask("later", &json!({}))).await;
    let since = Instant::now();
    while kept(&world, "later").await.is_none() {
        assert!(since.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_sampled_log_keeps_its_share() {
    let rules = format!("{RULES}[model.m.log]\nsample = 0.5\n");
    let world = World::configured(behaviour(), &rules).await;
    let mut found = 0;
    for number in 0..60 {
        world.post("/v2/models/m/infer", ask(&number.to_string(), &json!({}))).await;
        found += usize::from(kept(&world, &number.to_string()).await.is_some());
    }
    // The ids decide, so this is the same each time.
    assert!((20..=40).contains(&found), "{found}");
}

#[tokio::test]
async fn too_many_requests_are_turned_away_with_429_and_late_ones_end_with_504() {
    let rules = format!("{RULES}[model.m.serving]\nqueue = 2\nconcurrency = 1\ntimeout = \"4s\"\n");
    let world = World::configured(behaviour(), &rules).await;
    let slow = |id: &'static str| world.post("/v2/models/m/infer", ask(id, &json!({ "sleep": 0.4 })));
    let (first, second, third) = tokio::join!(slow("a"), slow("b"), slow("c"));
    let mut statuses = [first.status, second.status, third.status].map(|status| status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429]);
    world
        .post("/v2/models/m/infer", ask("d", &json!({ "sleep": 20 })))
        .await
        .refused(504, "did not answer within 4 s");
}

#[tokio::test]
async fn metrics_tell_of_every_version() {
    let world = World::with(behaviour()).await;
    world.post("/v2/models/m/infer", ask("a", &json!({}))).await;
    world.post("/v2/models/m/infer", ask("b", &json!({ "raise": "x" }))).await;
    let reply = world.get("/metrics").await;
    assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(reply.body).unwrap();
    for line in [
        "model_infer_request_success_total{model=\"m\",version=\"3\"} 1\n",
        "model_infer_request_failure_total{model=\"m\",version=\"3\"} 1\n",
        "model_infer_request_duration_count{model=\"m\",version=\"3\"} 2\n",
        "request_predict_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 1\n",
        "mainspring_model_ready{model=\"m\",version=\"3\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}
