//! Experiments and runs of the native API, over what a client of the MLflow API logged.

use crate::mlflow::state;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::{Actor, SystemClock};
use mainspring_governance::users;
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::mlflow;
use mainspring_http_api::native::tracking_router;
use mainspring_metadata_store::Store;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

const COMPARE: &str = "/api/v1/tracking/compare";

struct Lab {
    _dir: TempDir,
    store: Store,
    routes: Router,
}

impl Lab {
    fn new() -> Self {
        Self::with(AccessPolicy::default())
    }

    fn with(policy: AccessPolicy) -> Self {
        let dir = TempDir::new().unwrap();
        let state = state(dir.path());
        let store = state.store.clone();
        let routes = tracking_router(store.clone()).merge(mlflow::router(state));
        let gate = Gate::new(store.clone(), Arc::new(SystemClock), policy);
        Self { _dir: dir, store, routes: guarded(routes, gate) }
    }

    async fn send(&self, method: &str, path: &str, body: String) -> (StatusCode, Value) {
        self.send_as("", method, path, body).await
    }

    async fn send_as(&self, secret: &str, method: &str, path: &str, body: String) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !secret.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
        }
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body));
        let response = self.routes.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send("POST", path, body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn run(&self, name: &str, auc: Value) -> String {
        let new = json!({ "experiment_id": "0", "run_name": name, "start_time": 5 });
        let made = self.post("/api/2.0/mlflow/runs/create", new).await;
        let id = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        let metrics: Vec<Value> = (0..4)
            .map(|step| json!({ "key": "loss", "value": 4 - step, "timestamp": 10 + step, "step": step }))
            .chain([json!({ "key": "auc", "value": auc, "timestamp": 1, "step": 0 })])
            .collect();
        let batch = json!({
            "run_id": id, "metrics": metrics, "params": [{ "key": "lr", "value": "0.1" }],
            "tags": [{ "key": name, "value": "yes" }],
        });
        self.post("/api/2.0/mlflow/runs/log-batch", batch).await;
        id
    }
}

#[tokio::test]
async fn runs_are_answered_as_columns() {
    let lab = Lab::new();
    let (a, b) = (lab.run("a", json!(0.5)).await, lab.run("b", json!("NaN")).await);
    let wanted = json!({
        "run_ids": [a, b], "columns": { "tags": ["b"] },
        "history": { "metrics": ["loss"], "axis": "step", "buckets": 2 },
    });
    let answer = lab.post(COMPARE, wanted).await;
    let runs = json!({
        "run_id": [a, b], "run_name": ["a", "b"],
        "experiment_id": { "values": ["0"], "codes": [0, 0] },
        "status": { "values": ["RUNNING"], "codes": [0, 0] },
        "user_id": { "values": [""], "codes": [0, 0] },
        "created_by": { "values": ["user:anonymous"], "codes": [0, 0] },
        "lifecycle_stage": { "values": ["active"], "codes": [0, 0] },
        "start_time": [5, 5], "end_time": [null, null],
    });
    assert_eq!(answer["runs"], runs);
    assert_eq!(answer["params"], json!([{ "key": "lr", "values": ["0.1"], "codes": [0, 0] }]));
    assert_eq!(answer["tags"], json!([{ "key": "b", "rows": [1], "values": ["yes"], "codes": [0] }]));
    let metrics = json!([
        { "key": "auc", "values": [0.5, null], "max_step": 0 },
        { "key": "loss", "values": [1.0, 1.0], "max_step": 3 },
    ]);
    assert_eq!(answer["metrics"], metrics);
    let history = json!({
        "run": 1, "key": "loss", "points": 4, "nan_points": 0, "exact": false,
        "x": [1, 3], "last": [3.0, 1.0], "min": [3.0, 1.0], "max": [4.0, 2.0],
    });
    assert_eq!(answer["histories"][1], history);
    let exact = json!({
        "run_ids": [a], "columns": { "params": false, "metrics": false, "tags": false },
        "history": { "metrics": ["loss"], "axis": "time", "buckets": 4 },
    });
    let answer = lab.post(COMPARE, exact).await;
    let history = json!({
        "run": 0, "key": "loss", "points": 4, "nan_points": 0, "exact": true,
        "x": [10, 11, 12, 13], "last": [4.0, 3.0, 2.0, 1.0],
    });
    assert_eq!(answer["histories"], json!([history]));
    assert_eq!(
        (&answer["params"], &answer["metrics"], &answer["next"]),
        (&json!([]), &json!([]), &json!(null))
    );
}

#[tokio::test]
async fn a_page_of_a_search_is_answered_in_its_order() {
    let lab = Lab::new();
    let (a, b) = (lab.run("a", json!(0.5)).await, lab.run("b", json!(0.7)).await);
    let wanted = json!({
        "experiment_ids": ["0"], "filter": "metrics.auc > 0.1", "order_by": ["metrics.auc DESC"], "limit": 1,
    });
    let answer = lab.post(COMPARE, wanted).await;
    assert_eq!((&answer["runs"]["run_id"], &answer["next"]), (&json!([b]), &json!(1)));
    let deleted = json!({ "experiment_ids": ["0"], "view": "deleted" });
    assert_eq!(lab.post(COMPARE, deleted.clone()).await["runs"]["run_id"], json!([]));
    lab.post("/api/2.0/mlflow/runs/delete", json!({ "run_id": a })).await;
    assert_eq!(lab.post(COMPARE, deleted).await["runs"]["run_id"], json!([a]));
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_hint() {
    let lab = Lab::new();
    for (body, status, error) in [
        (json!({ "experiment_ids": ["0"], "filter": "auc > 0.5" }), 400, "Invalid attribute key 'auc'"),
        (json!({ "experiment_ids": ["x"] }), 400, "Invalid experiment ID 'x'"),
        (json!({ "run_ids": ["x"] }), 404, "Run with id=x not found"),
        (json!({ "run_ids": [], "experiment_ids": [] }), 400, "`run_ids` or `experiment_ids`"),
        (json!({}), 400, "`run_ids` or `experiment_ids`"),
        (json!({ "run_ids": [], "colour": 1 }), 400, "unknown field `colour`"),
        (json!({ "experiment_ids": ["0"], "limit": 10_001 }), 400, "at most 10000 runs a page"),
    ] {
        let (answered, answer) = lab.send("POST", COMPARE, body.to_string()).await;
        assert_eq!(answered.as_u16(), status, "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(error), "{answer}");
    }
    let wrong = json!({ "experiment_ids": ["0"], "filter": "auc > 0.5" });
    let (_, answer) = lab.send("POST", COMPARE, wrong.to_string()).await;
    assert!(answer["hint"].as_str().unwrap().contains("metrics.auc > 0.8"), "{answer}");
    assert_eq!(lab.send("POST", COMPARE, "{".into()).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn experiments_are_listed_with_their_runs() {
    let lab = Lab::new();
    lab.run("a", json!(0.5)).await;
    let (_, answer) = lab.send("GET", "/api/v1/tracking/experiments", String::new()).await;
    let one = &answer["experiments"][0];
    assert_eq!((&one["experiment_id"], &one["runs"], &one["running"]), (&json!("0"), &json!(1), &json!(1)));
    assert_eq!((&one["last_start"], &one["lifecycle_stage"]), (&json!(5), &json!("active")));
    let (_, answer) = lab.send("GET", "/api/v1/tracking/experiments?view=deleted", String::new()).await;
    assert_eq!(answer, json!({ "experiments": [] }));
}

#[tokio::test]
async fn each_sees_the_experiments_that_are_theirs() {
    let lab = Lab::with(AccessPolicy { login: true, ..AccessPolicy::default() });
    let made = lab.store.write(Actor::system("test"), |tx| {
        users::add(tx, "ada", Some(Role::Admin))?;
        users::add(tx, "bob", None)?;
        Ok::<_, users::AccessError>((
            users::make_token(tx, "ada", "test", None)?.1,
            users::make_token(tx, "bob", "test", None)?.1,
        ))
    });
    let (ada, bob) = made.await.unwrap();
    let path = "/api/2.0/mlflow/experiments/create";
    lab.send_as(&ada, "POST", path, json!({ "name": "ours" }).to_string()).await;
    let granted = lab.store.write(Actor::system("test"), |tx| {
        users::grant(tx, "bob", &Scope::Experiment(1), Some(Role::Reader))
    });
    granted.await.unwrap();
    let mut runs = Vec::new();
    for experiment in ["0", "1"] {
        let body = json!({ "experiment_id": experiment }).to_string();
        let (_, made) = lab.send_as(&ada, "POST", "/api/2.0/mlflow/runs/create", body).await;
        runs.push(made["run"]["info"]["run_id"].as_str().unwrap().to_owned());
    }
    for (secret, body, status) in [
        (&bob, json!({ "experiment_ids": ["1"], "columns": { "metrics": ["auc"] } }), 200),
        (&bob, json!({ "experiment_ids": ["0", "1"] }), 403),
        (&bob, json!({ "run_ids": [runs[1]] }), 200),
        (&bob, json!({ "run_ids": [runs[1], runs[0]] }), 403),
        (&bob, json!({ "run_ids": ["unknown"] }), 403),
        (&bob, json!({}), 403),
        (&ada, json!({ "run_ids": runs }), 200),
    ] {
        let (found, answer) = lab.send_as(secret, "POST", COMPARE, body.to_string()).await;
        assert_eq!(found.as_u16(), status, "{body}: {answer}");
    }
    let list = "/api/v1/tracking/experiments";
    let (_, seen) = lab.send_as(&bob, "GET", list, String::new()).await;
    assert_eq!(seen["experiments"].as_array().unwrap().len(), 1);
    assert_eq!(seen["experiments"][0]["name"], "ours");
    assert_eq!(lab.send("GET", list, String::new()).await.0, StatusCode::UNAUTHORIZED);
}
