//! The protocols of MLflow's scoring server, of KServe's first version and of Seldon's; feedback.

use super::{Reply, World};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use mainspring_metadata_store::StoreError;
use serde_json::{Value, json};

async fn typed(world: &World, path: &str, kind: &str, body: impl Into<Body>) -> Reply {
    world.send(Request::post(path).header("content-type", kind).body(body.into()).unwrap()).await
}

fn echoed() -> Value {
    json!([{ "carrier": "UA", "hour": 9 }, { "carrier": "AA", "hour": 17 }])
}

/// Parameters that make the worker answer with what it was asked.
const ECHO: &str = r#""params": { "echo": true }"#;

#[tokio::test]
async fn mlflow_takes_json_in_every_form() {
    let world = World::columns().await;
    for form in [
        r#""dataframe_split": { "columns": ["hour", "carrier"], "index": [0, 1], "data": [[9, "UA"], [17, "AA"]] }"#,
        r#""dataframe_records": [{ "carrier": "UA", "hour": 9 }, { "hour": 17, "carrier": "AA" }]"#,
        r#""instances": [{ "carrier": "UA", "hour": 9 }, { "hour": 17, "carrier": "AA" }]"#,
        r#""inputs": { "carrier": ["UA", "AA"], "hour": [9, 17] }"#,
        r#""inputs": [["UA", 9], ["AA", 17]]"#,
    ] {
        let reply = typed(&world, "/invocations", "application/json", format!("{{ {form}, {ECHO} }}")).await;
        assert_eq!(reply.json(), json!({ "predictions": echoed() }), "{form}");
    }
    let missing = format!(r#"{{ "inputs": {{ "carrier": ["NaN"], "hour": [NaN] }}, {ECHO} }}"#);
    let reply = typed(&world, "/invocations", "application/json; charset=utf-8", missing).await;
    assert_eq!(reply.json()["predictions"], json!([{ "carrier": "NaN", "hour": null }]));
}

#[tokio::test]
async fn mlflow_takes_csv_and_explains_what_it_does_not_take() {
    let world = World::columns().await;
    let csv = typed(&world, "/invocations", "text/csv", "hour,carrier\n9,01\n").await;
    assert_eq!(csv.json(), json!({ "predictions": [0.25] }), "01 is a text, since the model says so");
    for (kind, body, status, message) in [
        ("text/csv", "hour,carrier\n9\n", 400, "the CSV cannot be read"),
        ("text/csv", "hour\n9\n", 400, "missing columns: carrier"),
        ("application/json", "{", 400, "the request is not JSON"),
        ("application/json", "{}", 400, "0 input forms are given"),
        ("application/json", r#"{"inputs": [1], "params": 3}"#, 400, "`params` must be an object"),
        ("text/plain", "x", 415, "send application/json, text/csv"),
    ] {
        let reply = typed(&world, "/invocations", kind, body).await;
        let answer = reply.json();
        assert!(answer["message"].as_str().unwrap().contains(message), "{answer}");
        assert_eq!((reply.status.as_u16(), &answer["error_code"]), (status, &json!("BAD_REQUEST")));
    }
}

#[tokio::test]
async fn kserve_predicts_instances() {
    let world = World::columns().await;
    assert_eq!(world.get("/v1/models").await.json(), json!({ "models": ["m"] }));
    assert_eq!(world.get("/v1/models/m").await.json(), json!({ "name": "m", "ready": true }));
    world.get("/v1/models/nope").await.refused(404, "nope does not exist");
    let body = json!({ "instances": [["UA", 9], ["AA", 17]], "parameters": { "echo": true } });
    let reply = world.post("/v1/models/m:predict", body.to_string()).await;
    assert_eq!(reply.json(), json!({ "predictions": echoed() }));
    assert!(reply.headers.contains_key("x-request-id"));
    for (path, body, status, message) in [
        ("/v1/models/nope:predict", body.clone(), 404, "nope does not exist"),
        ("/v1/models/m:explain", body, 404, "there is no call `m:explain`"),
        ("/v1/models/m:predict", json!({}), 400, "no `instances`"),
        (
            "/v1/models/m:predict",
            json!({ "instances": [["UA"]] }),
            400,
            "row 0 has 1 values, the model takes 2",
        ),
    ] {
        world.post(path, body.to_string()).await.refused(status, message);
    }
}

#[tokio::test]
async fn seldon_predicts_and_takes_feedback() {
    let world = World::with(json!({ "answer": [0.25, 0.75] })).await;
    let names = json!({ "names": ["a", "b"], "ndarray": [[1, 2], [3, 4]] });
    let lists = world
        .post("/api/v1.0/predictions", json!({ "data": names, "meta": { "puid": "p1" } }).to_string())
        .await;
    let answer = lists.json();
    assert_eq!(answer["data"], json!({ "names": ["t:0", "t:1"], "ndarray": [[0.25, 0.75], [0.25, 0.75]] }));
    assert_eq!(answer["meta"], json!({ "puid": "p1", "requestPath": { "m": "3" } }));
    let tensor = json!({ "data": { "tensor": { "shape": [1, 2], "values": [1, 2] } } });
    let answer = world.post("/seldon/prod/m/api/v1.0/predictions", tensor.to_string()).await.json();
    assert_eq!(answer["data"]["tensor"], json!({ "shape": [1, 2], "values": [0.25, 0.75] }));
    let feedback =
        json!({ "response": { "meta": { "puid": "p1" } }, "truth": { "data": { "ndarray": [1, 0] } } });
    assert_eq!(world.post("/api/v1.0/feedback", feedback.to_string()).await.status, StatusCode::OK);
    let labels = world
        .store
        .read(|tx| Ok::<_, StoreError>(["p1", "p1.1"].map(|id| tx.prediction(id).unwrap().unwrap().label)));
    assert_eq!(labels.await.unwrap(), [Some(1.0), Some(0.0)]);
    for (path, body, status, message) in [
        ("predictions", json!({}), 400, "`data` or `jsonData`"),
        ("predictions", json!({ "data": {} }), 400, "`ndarray`, a list of rows"),
        (
            "predictions",
            json!({ "data": { "tensor": { "shape": [2, 2], "values": [1] } } }),
            400,
            "has 1 values",
        ),
        ("feedback", json!({ "reward": 1 }), 400, "response.meta.puid"),
        (
            "feedback",
            json!({ "response": { "meta": { "puid": "x" } }, "reward": 1 }),
            404,
            "no prediction has the id x",
        ),
    ] {
        let reply = world.post(&format!("/api/v1.0/{path}"), body.to_string()).await;
        let answer = reply.json();
        assert!(answer["status"]["info"].as_str().unwrap().contains(message), "{answer}");
        assert_eq!((reply.status.as_u16(), &answer["status"]["status"]), (status, &json!("FAILURE")));
    }
}

#[tokio::test]
async fn feedback_finds_its_request_and_names_what_it_does_not_find() {
    let world = World::with(json!({})).await;
    let sent =
        json!({ "id": "r1", "inputs": [{ "name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2] }] });
    assert_eq!(world.post("/v2/models/m/infer", sent.to_string()).await.status, StatusCode::OK);
    let labels = json!({ "labels": [
        { "request_id": "r1", "label": true }, { "request_id": "r1.1", "reward": 0.5 },
        { "request_id": "nope", "label": 1 } ] });
    let answer = world.post("/v2/models/m/feedback", labels.to_string()).await.json();
    assert_eq!(answer, json!({ "matched": 2, "unknown": 1, "unknown_ids": ["nope"] }));
    let foreign = json!({ "request_id": "r1", "label": 0 });
    let answer = world.post("/v2/models/other/feedback", foreign.to_string()).await.json();
    assert_eq!(answer["matched"], json!(0), "a label speaks for the model in its path only");
    for (body, message) in [
        (json!({}), "give 1 to 10000 labels"),
        (json!({ "request_id": "r1" }), "belong together"),
        (json!({ "request_id": "r1", "label": "late" }), "a label must be a finite number"),
        (json!({ "request_id": "", "label": 1 }), "a request id has 1 to 128 bytes"),
        (json!([1]), "the feedback cannot be read"),
    ] {
        world.post("/v2/models/m/feedback", body.to_string()).await.refused(400, message);
    }
}
