//! The MLflow API over its router.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mainspring_artifact_store::{ArtifactStore, Artifacts};
use mainspring_automation::webhooks::{Sealer, Sender, WebhookSettings};
use mainspring_domain::SystemClock;
use mainspring_domain::registry::Stage;
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::mlflow::{MlflowState, Transfers, router};
use mainspring_registry::Refusal;
use mainspring_test_support::new_store;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// What the routes work on, with a fresh store; what is tagged `bad` does not get into production.
pub(crate) fn state(dir: &Path) -> MlflowState {
    let store = new_store(dir, Arc::new(SystemClock));
    let artifacts = Artifacts::only(ArtifactStore::local(&dir.join("artifacts")).unwrap());
    let stage_check = Arc::new(|_: &dyn mainspring_metadata_store::ReadTx, version: &_, stage| {
        let mainspring_domain::registry::ModelVersion { tags, .. } = version;
        if stage == Stage::Production && tags.iter().any(|tag| tag.key == "bad") {
            return Err(Refusal {
                message: "It failed its tests.".into(),
                hint: Some("Train again.".into()),
            });
        }
        Ok(())
    });
    let sealer = Sealer::new(dir, None).unwrap();
    let webhooks = Sender::new(WebhookSettings::default(), sealer, Arc::new(SystemClock));
    let (locations, transfers) = (Arc::default(), Transfers::default());
    MlflowState { store, artifacts, locations, transfers, stage_check, webhooks }
}

/// The routes on a fresh store, for everybody.
pub(crate) fn routes(dir: &Path) -> Router {
    let state = state(dir);
    let gate = Gate::new(state.store.clone(), Arc::new(SystemClock), AccessPolicy::default());
    guarded(router(state), gate)
}

pub(crate) struct Lab {
    _dir: TempDir,
    routes: Router,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, message: &str) {
        let body = self.json();
        assert_eq!((self.status.as_u16(), &body["error_code"]), (status, &json!(code)), "{body}");
        let text = body["message"].as_str().unwrap();
        assert!(text.contains(message), "{text}");
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let routes = routes(dir.path());
        Self { _dir: dir, routes }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        kind: Option<&str>,
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.request(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Reply {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let path = format!("/api/2.0/mlflow/{path}");
        self.send(method, &path, Some("application/json"), body.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let reply = self.call("POST", path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply.body));
        reply.json()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None, Body::empty()).await
    }

    async fn run(&self) -> String {
        let made = self.post("runs/create", json!({ "experiment_id": "0", "start_time": 1 })).await;
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn every_prefix_and_form_reaches_the_same_routes() {
    let lab = Lab::new();
    for prefix in ["api/2.0", "api/3.0", "ajax-api/2.0", "ajax-api/3.0"] {
        let reply = lab.get(&format!("/{prefix}/mlflow/experiments/get?experiment_id=0")).await;
        assert_eq!(reply.json()["experiment"]["name"], "Default", "{prefix}");
        assert_eq!(reply.headers[header::X_FRAME_OPTIONS], "SAMEORIGIN");
        let reply = lab.get(&format!("/{prefix}/mlflow-artifacts/artifacts?path=x")).await;
        assert_eq!(reply.json(), json!({}), "{prefix}");
    }
    assert_eq!(lab.get("/health").await.body, b"OK");
    assert_eq!(lab.get("/version").await.body, b"3.18.0");
    let info = lab.get("/api/3.0/mlflow/server-info").await.json();
    assert_eq!(info["multipart_uploads_enabled"], false);
}

#[tokio::test]
async fn a_run_is_shown_as_clients_read_it() {
    let lab = Lab::new();
    let run = lab.run().await;
    for (value, timestamp) in
        [(json!("NaN"), json!(1)), (json!("Infinity"), json!("2")), (json!(2), json!(3.0))]
    {
        let key = format!("m{timestamp}").replace('"', "");
        let key = key.replace('.', "_");
        let metric = json!({ "run_id": run, "key": key, "value": value, "timestamp": timestamp, "new": {} });
        assert_eq!(lab.post("runs/log-metric", metric).await, json!({}));
    }
    lab.post("runs/update", json!({ "run_id": run, "status": "FINISHED", "end_time": 9 })).await;
    let shown = lab.get(&format!("/api/2.0/mlflow/runs/get?run_uuid={run}")).await.json();
    let info = &shown["run"]["info"];
    assert_eq!((&info["run_uuid"], &info["run_id"]), (&json!(run), &json!(run)));
    assert_eq!((&info["end_time"], &info["status"]), (&json!(9), &json!("FINISHED")));
    let metrics = json!([
        { "key": "m1", "value": "NaN", "timestamp": 1, "step": 0 },
        { "key": "m2", "value": f64::MAX, "timestamp": 2, "step": 0 },
        { "key": "m3_0", "value": 2.0, "timestamp": 3, "step": 0 },
    ]);
    assert_eq!(shown["run"]["data"]["metrics"], metrics);
    assert!(shown["run"]["data"].get("params").is_none(), "an empty list is left out");
    assert_eq!(lab.post("runs/search", json!({ "experiment_ids": ["7"] })).await, json!({}));
}

#[tokio::test]
async fn mistakes_are_answered_in_the_words_that_clients_know() {
    let lab = Lab::new();
    let run = lab.run().await;
    let cases = [
        (
            "runs/log-metric",
            json!({ "run_id": run, "key": "k", "timestamp": 1 }),
            "Missing value for required parameter 'value'",
        ),
        (
            "runs/log-metric",
            json!({ "run_id": run, "key": "k", "value": "x", "timestamp": 1 }),
            "Invalid value \"x\" for parameter 'value' supplied:  Hint: Value was of type 'str'.",
        ),
        ("runs/log-metric", json!({ "key": "k" }), "Missing value for required parameter 'run_id'"),
        ("runs/log-metric", json!({ "run_id": 5 }), "Invalid value 5 for parameter 'run_id' supplied"),
        (
            "runs/log-metric",
            json!({ "run_id": run, "key": "k", "value": 1, "timestamp": 1.5 }),
            "Invalid value 1.5 for parameter 'timestamp'",
        ),
        (
            "runs/log-parameter",
            json!({ "run_id": run, "key": "a//b", "value": "1" }),
            "This name would resolve to 'a/b'",
        ),
        (
            "runs/log-batch",
            json!({ "run_id": run, "metrics": [{ "key": "k", "timestamp": 1 }] }),
            "Missing value for required parameter 'metrics[0].value'",
        ),
        ("runs/log-batch", json!({ "run_id": run, "params": {} }), "Invalid value {} for parameter 'params'"),
        (
            "runs/search",
            json!({ "experiment_ids": ["0"], "max_results": 60000 }),
            "Invalid value 60000 for parameter 'max_results' supplied:  Hint: Value was of type 'int'.",
        ),
        (
            "runs/search",
            json!({ "experiment_ids": ["0"], "filter": "foo.x = 1" }),
            "Invalid entity type 'foo'",
        ),
        ("runs/search", json!({ "experiment_ids": ["0"], "page_token": "%" }), "Invalid page token"),
        ("runs/search", json!({ "experiment_ids": ["x"] }), "Experiment ID must be a valid integer"),
        (
            "runs/create",
            json!({ "experiment_id": "0", "tags": [1] }),
            "Invalid value [1] for parameter 'tags'",
        ),
        (
            "runs/update",
            json!({ "run_id": run, "status": "DONE" }),
            "Invalid value \"DONE\" for parameter 'status'",
        ),
        ("experiments/create", json!({}), "Missing value for required parameter 'name'"),
        (
            "model-versions/transition-stage",
            json!({ "name": "m", "version": "x" }),
            "must be an integer, got 'x'",
        ),
    ];
    for (path, body, message) in cases {
        lab.call("POST", path, body).await.refused(400, "INVALID_PARAMETER_VALUE", message);
    }
    let missing = lab.get("/api/2.0/mlflow/runs/get?run_id=bad").await;
    missing.refused(404, "RESOURCE_DOES_NOT_EXIST", "Run with id=bad not found");
    let by_name = lab.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=x").await;
    by_name.refused(404, "RESOURCE_DOES_NOT_EXIST", "Could not find experiment with name 'x'");
    let taken = lab.call("POST", "experiments/create", json!({ "name": "Default" })).await;
    taken.refused(400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=Default) already exists.");
}

#[tokio::test]
async fn what_is_no_request_is_refused_before_it_does_anything() {
    let lab = Lab::new();
    let path = "/api/2.0/mlflow/experiments/create";
    let json = Some("application/json");
    lab.send("POST", path, json, "{").await.refused(400, "BAD_REQUEST", "not valid JSON");
    lab.send("POST", path, json, "[]").await.refused(400, "BAD_REQUEST", "must be a JSON object");
    let foreign = lab.send("POST", path, Some("text/plain"), "{\"name\": \"x\"}").await;
    foreign.refused(400, "INVALID_PARAMETER_VALUE", "Content-Type must be one of");
    let twice = lab.send("POST", path, json, json!("{\"name\": \"twice\"}").to_string()).await;
    assert_eq!(twice.status, StatusCode::OK);
    let run = lab.run().await;
    let long = json!({ "run_id": run, "tags": [{ "key": "k", "value": "x".repeat(1_000_000) }] });
    lab.call("POST", "runs/log-batch", long).await.refused(400, "INVALID_PARAMETER_VALUE", "too large");
    lab.call("PUT", "runs/create", json!({})).await.refused(405, "BAD_REQUEST", "does not take PUT");
    let path = "/api/2.0/mlflow/runs/nothing";
    lab.get(path).await.refused(404, "ENDPOINT_NOT_FOUND", path);
    for (method, path) in [("POST", "/api/3.0/mlflow/issues"), ("POST", "/api/3.0/mlflow/scorers/register")] {
        let reply = lab.send(method, path, json, "{}").await;
        reply.refused(501, "NOT_IMPLEMENTED", "not available in this server yet");
    }
}

#[tokio::test]
async fn artifacts_go_in_and_come_out_as_downloads() {
    let lab = Lab::new();
    let run = lab.run().await;
    let base = "/api/2.0/mlflow-artifacts/artifacts";
    let put = lab.send("PUT", &format!("{base}/0/{run}/artifacts/a%20b/MLmodel"), None, "flavors:").await;
    assert_eq!((put.status, put.body.len()), (StatusCode::OK, 0));
    let got = lab.get(&format!("{base}/0/{run}/artifacts/a%20b/MLmodel")).await;
    assert_eq!(got.body, b"flavors:");
    assert_eq!(got.headers[header::CONTENT_TYPE], "text/plain");
    assert_eq!(got.headers[header::CONTENT_LENGTH], "8");
    assert_eq!(got.headers[header::CONTENT_DISPOSITION], "attachment; filename=MLmodel");
    assert_eq!(got.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let listed = lab.get(&format!("{base}?path=0/{run}/artifacts")).await.json();
    assert_eq!(listed, json!({ "files": [{ "path": "a b", "is_dir": true }] }));
    let listed = lab.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path=a%20b")).await.json();
    assert_eq!(listed["files"], json!([{ "path": "a b/MLmodel", "is_dir": false, "file_size": 8 }]));
    let shown = lab.get(&format!("/get-artifact?run_uuid={run}&path=a%20b/MLmodel")).await;
    assert_eq!(shown.body, b"flavors:");
    let none = lab.get(&format!("{base}/1/x")).await;
    none.refused(404, "RESOURCE_DOES_NOT_EXIST", "No such artifact: '1/x'");
    for path in
        ["..%2f..%2fetc", "%2fetc%2fpasswd", "a/%252e%252e/b", "a%00", "a%5c..%5cb", "%2e%2e/x", "a%23b"]
    {
        for method in ["GET", "PUT", "DELETE"] {
            let reply = lab.send(method, &format!("{base}/{path}"), None, "x").await;
            reply.refused(400, "INVALID_PARAMETER_VALUE", "Invalid path");
        }
        let reply = lab.get(&format!("{base}?path={path}")).await;
        reply.refused(400, "INVALID_PARAMETER_VALUE", "Invalid path");
        let reply = lab.get(&format!("/get-artifact?run_id={run}&path={path}")).await;
        reply.refused(400, "INVALID_PARAMETER_VALUE", "Invalid path");
    }
    let deleted = lab.send("DELETE", &format!("{base}/0/{run}"), None, "").await;
    assert_eq!(deleted.json(), json!({}));
    assert_eq!(
        lab.get(&format!("{base}/0/{run}/artifacts/a%20b/MLmodel")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_version_gets_into_production_only_through_the_gate() {
    let lab = Lab::new();
    lab.post("registered-models/create", json!({ "name": "m" })).await;
    let bad = json!({ "name": "m", "source": "s3://b/x", "tags": [{ "key": "bad", "value": "" }] });
    let made = lab.post("model-versions/create", bad).await;
    assert_eq!(made["model_version"]["version"], "1");
    assert_eq!(made["model_version"]["current_stage"], "None");
    let to = |stage: &str| json!({ "name": "m", "version": "1", "stage": stage, "archive_existing_versions": "True" });
    let refused = lab.call("POST", "model-versions/transition-stage", to("production")).await;
    refused.refused(403, "PERMISSION_DENIED", "It failed its tests. Train again.");
    let alias = json!({ "name": "m", "alias": "champion", "version": "1" });
    lab.call("POST", "registered-models/alias", alias).await.refused(403, "PERMISSION_DENIED", "failed");
    let moved = lab.post("model-versions/transition-stage", to("staging")).await;
    assert_eq!(moved["model_version"]["current_stage"], "Staging");
    let alias = lab.get("/api/2.0/mlflow/registered-models/alias?name=m&alias=champion").await;
    alias.refused(400, "INVALID_PARAMETER_VALUE", "Registered model alias champion not found.");
    let deleted = lab.call("DELETE", "model-versions/delete", json!({ "name": "m", "version": "1" })).await;
    assert_eq!(deleted.json(), json!({}));
    let latest = lab.post("registered-models/get-latest-versions", json!({ "name": "m" })).await;
    assert_eq!(latest, json!({}));
}

#[tokio::test]
async fn histories_come_in_pages_or_at_once() {
    let lab = Lab::new();
    let run = lab.run().await;
    let points: Vec<_> =
        (0..30).map(|step| json!({ "key": "m", "value": step, "timestamp": 1, "step": step })).collect();
    lab.post("runs/log-batch", json!({ "run_id": run, "metrics": points })).await;
    let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m");
    assert_eq!(lab.get(&path).await.json()["metrics"].as_array().unwrap().len(), 30);
    let page = lab.get(&format!("{path}&max_results=20")).await.json();
    let token = page["next_page_token"].as_str().unwrap();
    let rest = lab.get(&format!("{path}&max_results=20&page_token={token}")).await.json();
    assert_eq!(rest["metrics"].as_array().unwrap().len(), 10);
    assert!(rest.get("next_page_token").is_none());
    let bulk =
        format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={run}&metric_key=m&max_results=5");
    let bulk = lab.get(&bulk).await.json();
    assert_eq!(bulk["metrics"].as_array().unwrap().len(), 5);
    assert_eq!(bulk["metrics"][0]["run_id"], json!(run));
}

#[tokio::test]
async fn a_sample_of_a_history_keeps_its_ends_and_its_bounds() {
    let lab = Lab::new();
    let run = lab.run().await;
    let mut points: Vec<_> =
        (0..30).map(|step| json!({ "key": "m", "value": step, "timestamp": 1, "step": step })).collect();
    // Points of one step are points all the same.
    points.extend((0..30).map(|time| json!({ "key": "flat", "value": "NaN", "timestamp": time })));
    lab.post("runs/log-batch", json!({ "run_id": run, "metrics": points })).await;
    let path = format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}");
    for (query, expected) in [
        ("metric_key=m&max_results=5", vec![0, 6, 12, 18, 29]),
        ("metric_key=m&max_results=1", vec![29]),
        ("metric_key=m&max_results=5&start_step=3&end_step=6", vec![3, 4, 5, 6]),
        ("metric_key=m&max_results=5&start_step=40&end_step=60", vec![]),
    ] {
        let sample = lab.get(&format!("{path}&{query}")).await.json();
        let steps: Vec<_> =
            sample["metrics"].as_array().unwrap().iter().map(|m| m["step"].as_i64().unwrap()).collect();
        assert_eq!(steps, expected, "{query}");
    }
    let flat = lab.get(&format!("{path}&metric_key=flat&max_results=4")).await.json();
    let times: Vec<_> = flat["metrics"].as_array().unwrap().iter().map(|m| m["timestamp"].clone()).collect();
    assert_eq!(times, [0, 8, 16, 29]);
    for (query, message) in [
        ("metric_key=m&max_results=0", "max_results must be between 1 and 2500"),
        ("metric_key=m&start_step=2&end_step=1", "end_step must be greater than start_step. "),
        ("metric_key=m&start_step=2", "If either start step or end step are specified"),
        ("max_results=3", "Missing value for required parameter 'metric_key'"),
    ] {
        lab.get(&format!("{path}&{query}")).await.refused(400, "INVALID_PARAMETER_VALUE", message);
    }
}

#[tokio::test]
async fn what_was_read_and_measured_can_be_searched_for() {
    let lab = Lab::new();
    let run = lab.run().await;
    let model = lab.post("logged-models", json!({ "experiment_id": "0", "name": "one" })).await;
    let id = model["model"]["info"]["model_id"].as_str().unwrap().to_owned();
    lab.post("logged-models", json!({ "experiment_id": "0", "name": "other" })).await;
    let dataset = json!({ "name": "flights", "digest": "d1", "source_type": "local", "source": "x" });
    let tags = json!([{ "key": "mlflow.data.context", "value": "training" }]);
    let inputs = json!({ "run_id": run, "datasets": [{ "dataset": dataset, "tags": tags }] });
    lab.post("runs/log-inputs", inputs).await;
    let summaries = lab.post("experiments/search-datasets", json!({ "experiment_ids": ["0"] })).await;
    let expected = json!({ "experiment_id": "0", "name": "flights", "digest": "d1", "context": "training" });
    assert_eq!(summaries["dataset_summaries"], json!([expected]));
    for (dataset, value) in [("d1", 0.9), ("d2", 0.1)] {
        let metric = json!({
            "run_id": run, "key": "auc", "value": value, "timestamp": 1, "model_id": id,
            "dataset_name": "flights", "dataset_digest": dataset, "step": if dataset == "d1" { 1 } else { 2 }
        });
        lab.post("runs/log-metric", metric).await;
    }
    for (datasets, filter, found) in [
        (json!([{ "dataset_name": "flights" }]), "", true),
        (json!([{ "dataset_name": "flights", "dataset_digest": "d1" }]), "metrics.auc > 0.5", true),
        (json!([{ "dataset_name": "flights", "dataset_digest": "d2" }]), "metrics.auc > 0.5", false),
        (json!([{ "dataset_name": "hotels" }]), "", false),
    ] {
        let search = json!({ "experiment_ids": ["0"], "datasets": datasets, "filter": filter });
        let models = lab.post("logged-models/search", search).await;
        let names: Vec<_> = models["models"].as_array().into_iter().flatten().collect();
        assert_eq!(names.len(), usize::from(found), "{datasets} {filter}");
    }
}

#[tokio::test]
async fn an_alias_and_a_stage_move_only_from_what_the_request_expects() {
    let lab = Lab::new();
    lab.post("registered-models/create", json!({ "name": "m" })).await;
    for _ in 0..2 {
        lab.post("model-versions/create", json!({ "name": "m", "source": "s3://b/x" })).await;
    }
    let point = |version: &str, expected: Value| json!({ "name": "m", "alias": "best", "version": version, "expected_version": expected });
    lab.post("registered-models/alias", point("1", json!("none"))).await;
    let taken = lab.call("POST", "registered-models/alias", point("2", json!("none"))).await;
    taken.refused(409, "RESOURCE_CONFLICT", "points to version 1");
    lab.post("registered-models/alias", point("2", json!(1))).await;
    let late = lab.call("DELETE", "registered-models/alias", point("", json!("1"))).await;
    late.refused(409, "RESOURCE_CONFLICT", "points to version 2");
    let odd = lab.call("POST", "registered-models/alias", point("2", json!("x"))).await;
    odd.refused(400, "INVALID_PARAMETER_VALUE", "must be an integer");
    let to =
        |stage: &str| json!({ "name": "m", "version": "1", "stage": "Staging", "expected_stage": stage });
    let wrong = lab.call("POST", "model-versions/transition-stage", to("Production")).await;
    wrong.refused(409, "RESOURCE_CONFLICT", "is in the stage 'None'");
    lab.post("model-versions/transition-stage", to("none")).await;
}

#[tokio::test]
async fn webhooks_never_show_a_secret_and_never_lead_inside() {
    let lab = Lab::new();
    let hook = |url: &str, event: Value| json!({ "name": "hook", "url": url, "secret": "top-secret", "events": [event] });
    let created = json!({ "entity": "MODEL_VERSION", "action": "CREATED" });
    let made = lab.call("POST", "webhooks", hook("https://no-such-name.invalid/x", created.clone())).await;
    assert_eq!(made.status, StatusCode::OK, "a name that is not known yet is taken");
    let id = made.json()["webhook"]["webhook_id"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["webhook"]["events"], json!([created]));
    let path = format!("webhooks/{id}");
    let listed = lab.get("/api/2.0/mlflow/webhooks").await;
    let changed = lab.call("PATCH", &path, json!({ "secret": "another-secret", "status": "DISABLED" })).await;
    assert_eq!(changed.json()["webhook"]["status"], "DISABLED");
    for reply in [made, listed, changed, lab.get(&format!("/api/2.0/mlflow/{path}")).await] {
        assert!(!String::from_utf8_lossy(&reply.body).contains("secret"));
    }
    for (url, message) in [
        ("http://example.com/", "Invalid webhook URL scheme: 'http'"),
        ("https://127.0.0.1/", "non-public"),
        ("https://localhost/", "non-public"),
        ("https://[::ffff:10.0.0.1]/", "non-public"),
        ("https://169.254.169.254/latest/meta-data", "non-public"),
    ] {
        let reply = lab.call("POST", "webhooks", hook(url, created.clone())).await;
        reply.refused(400, "INVALID_PARAMETER_VALUE", message);
        lab.call("PATCH", &path, json!({ "url": url })).await.refused(
            400,
            "INVALID_PARAMETER_VALUE",
            message,
        );
    }
    for (event, message) in [
        (json!({ "entity": "MODEL_VERSION", "action": "SET" }), "Valid actions are: ['created']"),
        (json!({ "entity": "RUN", "action": "CREATED" }), "parameter 'events[0].entity'"),
        (json!({ "entity": "PROMPT" }), "Missing value for required parameter 'events[0].action'"),
    ] {
        let reply = lab.call("POST", "webhooks", hook("https://example.com/", event)).await;
        reply.refused(400, "INVALID_PARAMETER_VALUE", message);
    }
    let tried = lab.call("POST", &format!("{path}/test"), json!({})).await.json();
    assert_eq!(tried["result"]["success"], false);
    assert!(tried["result"]["error_message"].as_str().unwrap().starts_with("Failed to test webhook"));
    assert_eq!(lab.call("DELETE", &path, json!({})).await.json(), json!({}));
    let gone = lab.get(&format!("/api/2.0/mlflow/{path}")).await;
    gone.refused(404, "RESOURCE_DOES_NOT_EXIST", &format!("Webhook with ID {id} not found"));
}

#[tokio::test]
async fn records_for_evaluation_come_in_pages() {
    let lab = Lab::new();
    let body = json!({ "name": "d", "experiment_ids": ["0"], "tags": "{\"a\": \"b\", \"none\": null}" });
    let made = lab.post("datasets/create", body).await;
    assert_eq!(made["dataset"]["tags"], "{\"a\":\"b\"}");
    let id = made["dataset"]["dataset_id"].as_str().unwrap();
    let records: Vec<_> = (0..5).map(|n| json!({ "inputs": { "n": n } })).collect();
    let upsert = json!({ "records": json!(records).to_string() });
    let done = lab.post(&format!("datasets/{id}/records"), upsert).await;
    assert_eq!(done, json!({ "inserted_count": 5, "updated_count": 0 }));
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = format!("/api/3.0/mlflow/datasets/{id}/records?max_results=2&page_token={token}");
        let page = lab.get(&page).await.json();
        let records: Vec<Value> = serde_json::from_str(page["records"].as_str().unwrap()).unwrap();
        seen.extend(records.iter().map(|record| record["inputs"]["n"].as_i64().unwrap()));
        match page["next_page_token"].as_str() {
            Some(next) => token = next.replace('=', "%3D"),
            None => break,
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    let bad = lab.call("POST", &format!("datasets/{id}/records"), json!({ "records": "{" })).await;
    bad.refused(400, "INVALID_PARAMETER_VALUE", "is not valid JSON");
    let found = json!({ "filter_string": "tags.a = 'b' AND name LIKE 'd%'", "order_by": ["name ASC"] });
    assert_eq!(lab.post("datasets/search", found).await["datasets"].as_array().unwrap().len(), 1);
    let none = lab.get("/api/3.0/mlflow/datasets/d-none").await;
    none.refused(404, "RESOURCE_DOES_NOT_EXIST", "Evaluation dataset with id 'd-none' not found");
}
