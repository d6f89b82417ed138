//! The Open Inference Protocol over REST.

use super::World;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use mainspring_metadata_store::StoreError;
use serde_json::{Value, json};
use std::io::Write as _;

fn tensors(more: &Value) -> Value {
    let mut request = json!({ "inputs": [
        { "name": "hour", "shape": [2, 1], "datatype": "INT64", "data": [9, 17] },
        { "name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": ["UA", "AA"] } ] });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

#[tokio::test]
async fn a_server_tells_of_itself_and_its_models() {
    let world = World::columns().await;
    let server = world.get("/v2").await.json();
    assert!(server["extensions"].as_array().unwrap().contains(&json!("binary_tensor_data")));
    for path in ["/v2/health/live", "/v2/health/ready", "/v2/models/m/ready", "/v2/models/m/versions/3/ready"]
    {
        assert_eq!(world.get(path).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/v2/models/m", "/v2/models/m/versions/3"] {
        let metadata = world.get(path).await.json();
        assert_eq!(metadata["versions"], json!(["3"]));
        assert_eq!(metadata["inputs"][1], json!({ "name": "hour", "datatype": "INT64", "shape": [-1, 1] }));
        let config = world.get(&format!("{path}/config")).await.json();
        assert_eq!(config["input"][0], json!({ "name": "carrier", "data_type": "TYPE_STRING", "dims": [1] }));
    }
    for (path, status, message) in [
        ("/v2/models/nope", 404, "model `nope` is not deployed"),
        ("/v2/models/nope/config", 404, "model `nope` is not deployed"),
        ("/v2/models/m/versions/4", 404, "version 4 of model `m` is not loaded"),
        ("/v2/models/m/versions/x/ready", 404, "has no version `x`"),
    ] {
        world.get(path).await.refused(status, message);
    }
}

#[tokio::test]
async fn columns_go_in_and_predictions_come_out() {
    let world = World::columns().await;
    let sent = tensors(&json!({ "id": "my id/1", "parameters": { "echo": true } }));
    let reply = world.post("/v2/models/m/versions/3/infer", sent.to_string()).await;
    let answer = reply.json();
    assert_eq!((&answer["id"], &answer["model_version"]), (&json!("my id/1"), &json!("3")), "{answer}");
    let outputs = json!([
        { "name": "carrier", "datatype": "BYTES", "shape": [2], "data": ["UA", "AA"] },
        { "name": "hour", "datatype": "INT64", "shape": [2], "data": [9, 17] } ]);
    assert_eq!(answer["outputs"], outputs);
    assert_eq!(reply.headers["x-mainspring-model-version"], "3");
    let chosen = tensors(&json!({ "parameters": { "echo": true }, "outputs": [{ "name": "hour" }] }));
    let answer = world.post("/v2/models/m/infer", chosen.to_string()).await.json();
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
    assert!(!answer["id"].as_str().unwrap().is_empty(), "an id is made where none is given");
    // What was answered is in the log, under its id.
    let logged = world.store.read(|tx| tx.prediction("my id/1")).await.map_err(|e: StoreError| e.to_string());
    assert_eq!(logged.unwrap().unwrap().features["hour"], json!(9));
}

#[tokio::test]
async fn tensors_go_both_ways_as_bytes() {
    let world = World::columns().await;
    let head = json!({
        "inputs": [
            { "name": "hour", "shape": [1], "datatype": "INT64", "parameters": { "binary_data_size": 8 } },
            { "name": "carrier", "shape": [1], "datatype": "BYTES", "parameters": { "binary_data_size": 6 } } ],
        "parameters": { "binary_data_output": true, "echo": true } });
    let head = head.to_string();
    let body = [head.as_bytes(), &7_i64.to_le_bytes(), &2_u32.to_le_bytes(), b"UA"].concat();
    let send = |length: String, body: Vec<u8>| {
        let request = Request::post("/v2/models/m/infer").header("Inference-Header-Content-Length", length);
        // Decided by the header above alone.
        world.send(request.header("content-type", "application/json").body(Body::from(body)).unwrap())
    };
    let reply = send(head.len().to_string(), body.clone()).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply.body));
    let length: usize = reply.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let shown: Value = serde_json::from_slice(&reply.body[..length]).unwrap();
    assert_eq!(shown["outputs"][0]["parameters"], json!({ "binary_data_size": 6 }), "{shown}");
    assert_eq!(reply.body[length..], [&2_u32.to_le_bytes()[..], b"UA", &7_i64.to_le_bytes()].concat());
    send("9999".into(), body.clone()).await.refused(400, "within the body");
    send("x".into(), body.clone()).await.refused(400, "within the body");
    send(head.len().to_string(), body[..body.len() - 1].to_vec()).await.refused(400, "5 bytes left of the 6");
}

#[tokio::test]
async fn bodies_may_be_compressed_but_not_bombs() {
    let world = World::columns().await;
    let plain = tensors(&json!({})).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(plain.as_bytes()).unwrap();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(plain.as_bytes()).unwrap();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let send = |encoding: &'static str, body: Vec<u8>| {
        let request = Request::post("/v2/models/m/infer").header("content-encoding", encoding);
        world.send(request.body(Body::from(body)).unwrap())
    };
    assert_eq!(send("gzip", gzip.finish().unwrap()).await.status, StatusCode::OK);
    assert_eq!(send("deflate", zlib.finish().unwrap()).await.status, StatusCode::OK);
    send("gzip", bomb.finish().unwrap()).await.refused(413, "when it is decompressed");
    send("gzip", b"no gzip".to_vec()).await.refused(400, "cannot be decompressed");
    send("br", b"x".to_vec()).await.refused(415, "send it plain, gzip or deflate");
    world.post("/v2/models/m/infer", vec![b' '; 33 << 20]).await.refused(413, "bytes");
}

#[tokio::test]
async fn mistakes_are_400_with_a_reason_and_cost_no_worker() {
    let world = World::columns().await;
    let one = |tensor: Value| json!({ "inputs": [tensor] });
    for (request, message) in [
        (json!([]), "the request cannot be read"),
        (json!({ "inputs": [] }), "`inputs` is empty"),
        (
            one(json!({ "name": "hour", "shape": [1], "datatype": "INT64", "data": ["9"] })),
            "does not fit INT64",
        ),
        (
            one(json!({ "name": "hour", "shape": [1], "datatype": "INT64", "data": [9] })),
            "missing columns: carrier",
        ),
        (
            one(json!({ "name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3] })),
            "row 0 has 3 values, the model takes 2",
        ),
        (
            one(json!({ "name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2] })),
            "column `carrier`, row 0: expected string",
        ),
        (tensors(&json!({ "outputs": [{ "name": "nope" }] })), "the model has no output `nope`"),
        (tensors(&json!({ "id": "a\u{7}" })), "a request id has 1 to 128 bytes"),
        (
            tensors(&json!({ "parameters": { "refuse": "month 13" } })),
            "the model refuses the input: month 13",
        ),
    ] {
        world.post("/v2/models/m/infer", request.to_string()).await.refused(400, message);
    }
    world.post("/v2/models/m/infer", "{").await.refused(400, "the request cannot be read");
    let raised = tensors(&json!({ "parameters": { "raise": "overflow" } }));
    world
        .post("/v2/models/m/infer", raised.to_string())
        .await
        .refused(500, "the model failed: ValueError: overflow");
    let good = world.post("/v2/models/m/infer", tensors(&json!({})).to_string()).await;
    assert_eq!((good.status, world.gateway.stable("m").unwrap().server.restarts()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn the_repository_lists_unloads_and_loads() {
    let world = World::columns().await;
    let index = world.post("/v2/repository/index", Body::empty()).await.json();
    assert_eq!(index, json!([{ "name": "m", "version": "3", "state": "READY", "reason": "" }]));
    assert_eq!(world.post("/v2/repository/models/m/unload", "{}").await.status, StatusCode::OK);
    world
        .post("/v2/models/m/infer", tensors(&json!({})).to_string())
        .await
        .refused(404, "no version of model `m`");
    let index = world.post("/v2/repository/index", "{}").await.json();
    assert_eq!(index[0]["state"], json!("UNAVAILABLE"));
    assert_eq!(
        world.post("/v2/repository/index", json!({ "ready": true }).to_string()).await.json(),
        json!([])
    );
    assert_eq!(world.post("/v2/repository/models/m/load", Body::empty()).await.status, StatusCode::OK);
    assert_eq!(
        world.post("/v2/models/m/infer", tensors(&json!({})).to_string()).await.status,
        StatusCode::OK
    );
    world
        .post("/v2/repository/models/nope/load", "")
        .await
        .refused(404, "no version of model `nope` is deployed");
    let files = json!({ "parameters": { "file:1/model.onnx": "AAAA" } });
    world
        .post("/v2/repository/models/m/load", files.to_string())
        .await
        .refused(400, "come from the registry");
    world.post("/v2/repository/index", "[]").await.refused(400, "an object or empty");
    let events =
        world.store.read(|tx| tx.audit_entries("model:m", 10)).await.map_err(|e: StoreError| e.to_string());
    assert_eq!(events.unwrap().len(), 3, "loaded at first, unloaded, loaded");
}

#[tokio::test]
async fn what_cannot_be_changed_says_so() {
    let world = World::columns().await;
    for path in ["/v2/trace/setting", "/v2/models/m/trace/setting", "/v2/logging"] {
        let now = world.get(path).await.json();
        assert_eq!(world.post(path, now.to_string()).await.json(), now, "an update that changes nothing");
    }
    world
        .post("/v2/trace/setting", json!({ "trace_rate": "5" }).to_string())
        .await
        .refused(400, "`trace_rate` cannot be changed");
    world
        .post("/v2/logging", json!({ "nope": 1 }).to_string())
        .await
        .refused(400, "there is no setting `nope`");
    for kind in ["system", "cuda"] {
        let at = |call: &str| format!("/v2/{kind}sharedmemory/{call}");
        assert_eq!(world.get(&at("status")).await.json(), json!([]));
        world.post(&at("region/r/register"), "{}").await.refused(400, "shared memory is not offered");
        assert_eq!(world.post(&at("region/r/unregister"), "").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn statistics_count_answers_and_failures() {
    let world = World::columns().await;
    world.post("/v2/models/m/infer", tensors(&json!({})).to_string()).await;
    world.post("/v2/models/m/infer", tensors(&json!({ "parameters": { "raise": "x" } })).to_string()).await;
    for path in ["/v2/models/m/stats", "/v2/models/m/versions/3/stats", "/v2/models/stats"] {
        let stats = &world.get(path).await.json()["model_stats"][0];
        assert_eq!((&stats["inference_count"], &stats["execution_count"]), (&json!(2), &json!(1)), "{stats}");
        assert_eq!(stats["inference_stats"]["fail"]["count"], json!(1));
    }
}
