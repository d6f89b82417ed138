//! The gate before the routes: who gets through, and to what.

use crate::mlflow::state;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::{Actor, SystemClock};
use mainspring_governance::users::{self, AccessError};
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::mlflow::router;
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(crate) struct House {
    _dir: TempDir,
    store: Store,
    routes: Router,
}

impl House {
    /// A server with an admin `ada`.
    pub(crate) async fn new(policy: AccessPolicy) -> (Self, String) {
        let dir = TempDir::new().unwrap();
        let state = state(dir.path());
        let store = state.store.clone();
        let gate = Gate::new(store.clone(), Arc::new(SystemClock), policy);
        let house = Self { _dir: dir, store, routes: guarded(router(state), gate) };
        let ada = house.user("ada", Some(Role::Admin)).await;
        (house, ada)
    }

    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut dyn WriteTx) -> Result<T, AccessError> + Send + 'static,
    ) -> T {
        self.store.write(Actor::system("test"), change).await.unwrap()
    }

    /// Adds a user; gives a token's secret.
    pub(crate) async fn user(&self, name: &'static str, role: Option<Role>) -> String {
        self.change(move |tx| {
            users::add(tx, name, role)?;
            Ok(users::make_token(tx, name, "test", None)?.1)
        })
        .await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn call(&self, secret: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !secret.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn post(&self, secret: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(secret, "POST", &format!("/api/2.0/mlflow/{path}"), body).await
    }
}

pub(crate) fn login() -> AccessPolicy {
    AccessPolicy { login: true, ..AccessPolicy::default() }
}

#[tokio::test]
async fn without_a_login_only_health_is_told() {
    let (house, ada) = House::new(login()).await;
    for (secret, path, status) in [
        ("", "/health", 200),
        ("", "/version", 200),
        ("", "/api/2.0/mlflow/experiments/get?experiment_id=0", 401),
        ("ms-wrong", "/api/2.0/mlflow/experiments/get?experiment_id=0", 401),
        ("", "/api/2.0/mlflow/nothing", 401),
        ("", "/get-artifact?run_id=x&path=y", 401),
        (ada.as_str(), "/api/2.0/mlflow/experiments/get?experiment_id=0", 200),
    ] {
        assert_eq!(house.call(secret, "GET", path, Value::Null).await.0, status, "{path}");
    }
    let (_, refusal) = house.call("", "GET", "/api/2.0/mlflow/experiments/get", Value::Null).await;
    assert_eq!(refusal["error_code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_token_is_taken_in_every_form_and_no_longer_than_it_lasts() {
    let (house, ada) = House::new(login()).await;
    let basic = |user: &str, secret: &str| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
        Request::get("/api/2.0/mlflow/experiments/get?experiment_id=0")
            .header(header::AUTHORIZATION, format!("Basic {text}"))
            .body(Body::empty())
            .unwrap()
    };
    for (user, status) in [("ada", 200), ("api", 200), ("bob", 401)] {
        assert_eq!(house.send(basic(user, &ada)).await.0, status, "{user}");
    }
    let (id, expired) = house
        .change(|tx| {
            let past = mainspring_domain::Timestamp::from_millis(1);
            let (token, secret) = users::make_token(tx, "ada", "old", Some(past))?;
            Ok((token.id, secret))
        })
        .await;
    assert_eq!(house.send(basic("ada", &expired)).await.0, 401);
    let fresh = house.change(|tx| users::make_token(tx, "ada", "new", None)).await;
    assert_eq!(house.send(basic("ada", &fresh.1)).await.0, 200);
    house
        .change(move |tx| {
            users::revoke_token(tx, "ada", &id)?;
            users::revoke_token(tx, "ada", &fresh.0.id)
        })
        .await;
    assert_eq!(house.send(basic("ada", &fresh.1)).await.0, 401);
    let trail: Result<_, StoreError> = house.store.read(|tx| tx.audit_entries("user:ada", 20)).await;
    let trail = serde_json::to_string(&trail.unwrap()).unwrap();
    assert!(trail.contains("user.token_revoked") && !trail.contains(&fresh.1), "secrets stay out of it");
}

#[tokio::test]
async fn roles_count_where_they_are_held() {
    let (house, ada) = House::new(login()).await;
    let (_, made) = house.post(&ada, "experiments/create", json!({ "name": "theirs" })).await;
    assert_eq!(made["experiment_id"], "1");
    house.post(&ada, "experiments/create", json!({ "name": "ours" })).await;
    let (_, run) = house.post(&ada, "runs/create", json!({ "experiment_id": "1" })).await;
    let theirs = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    house.post(&ada, "registered-models/create", json!({ "name": "m" })).await;
    house.post(&ada, "registered-models/create", json!({ "name": "secret" })).await;
    let reader = house.user("rita", Some(Role::Reader)).await;
    let bob = house.user("bob", None).await;
    house
        .change(|tx| {
            users::grant(tx, "bob", &Scope::Experiment(2), Some(Role::Editor))?;
            users::grant(tx, "bob", &Scope::Model("m".into()), Some(Role::Reader))
        })
        .await;
    let (status, run) = house.post(&bob, "runs/create", json!({ "experiment_id": "2" })).await;
    assert_eq!(status, 200, "{run}");
    let ours = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let metric = |run: &str| json!({ "run_id": run, "key": "a", "value": 1, "timestamp": 1 });
    let both = json!({ "run_id": ours, "run_uuid": theirs, "key": "a", "value": 1, "timestamp": 1 });
    let version = |run: &str| json!({ "name": "m", "run_id": run, "source": format!("runs:/{run}/model") });
    for (who, path, body, status) in [
        (&bob, "runs/log-metric", metric(&ours), 200),
        (&bob, "runs/log-metric", metric(&theirs), 403),
        (&bob, "runs/log-metric", metric("unknown"), 403),
        (&bob, "runs/log-metric", both, 403),
        (&bob, "runs/delete", json!({ "run_id": ours }), 403),
        (&bob, "experiments/create", json!({ "name": "new" }), 403),
        (&bob, "runs/search", json!({ "experiment_ids": ["2"] }), 200),
        (&bob, "runs/search", json!({ "experiment_ids": ["2", "1"] }), 403),
        (&bob, "runs/search", json!({}), 403),
        (&bob, "model-versions/create", version(&ours), 403),
        (&reader, "runs/search", json!({ "experiment_ids": ["1", "2"] }), 200),
        (&reader, "runs/log-metric", metric(&ours), 403),
    ] {
        let (found, answer) = house.post(who, path, body.clone()).await;
        assert_eq!(found, status, "{path} {body}: {answer}");
    }
    let get =
        async |who: &str, path: &str| house.call(who, "GET", &format!("/api/2.0/{path}"), Value::Null).await;
    for (who, path, status) in [
        (&bob, "mlflow-artifacts/artifacts?path=2", 200),
        (&bob, "mlflow-artifacts/artifacts?path=1", 403),
        (&bob, "mlflow-artifacts/artifacts?path=.%2F1", 403),
        (&bob, "mlflow-artifacts/artifacts", 403),
        (&bob, "mlflow-artifacts/artifacts/1/x", 403),
        (&bob, "mlflow-artifacts/artifacts/%31/x", 403),
        (&bob, "mlflow-artifacts/artifacts/2/x", 404),
        (&bob, "mlflow-artifacts/presigned/1/x", 403),
        (&bob, "mlflow-artifacts/presigned/2/x", 404),
        (&bob, "mlflow/registered-models/get?name=m", 200),
        (&bob, "mlflow/registered-models/get?name=secret", 403),
        (&reader, "mlflow/registered-models/get?name=secret", 200),
    ] {
        assert_eq!(get(who, path).await.0, status, "{path}");
    }
    // Lists show each what it may see.
    let (_, models) = get(&bob, "mlflow/registered-models/search").await;
    assert_eq!(models["registered_models"].as_array().unwrap().len(), 1);
    let (_, experiments) = house.post(&bob, "experiments/search", json!({ "max_results": 10 })).await;
    assert_eq!(experiments["experiments"].as_array().unwrap().len(), 1);
    // A role on the model alone lets nobody reach into runs through it.
    house.change(|tx| users::grant(tx, "bob", &Scope::Model("m".into()), Some(Role::Editor))).await;
    assert_eq!(house.post(&bob, "model-versions/create", version(&theirs)).await.0, 403);
    assert_eq!(house.post(&bob, "model-versions/create", version(&ours)).await.0, 200);
}

#[tokio::test]
async fn whoever_makes_something_manages_it() {
    let (house, ada) = House::new(login()).await;
    let eve = house.user("eve", Some(Role::Editor)).await;
    let (_, made) = house.post(&eve, "experiments/create", json!({ "name": "mine" })).await;
    let id = made["experiment_id"].clone();
    house.post(&ada, "registered-models/create", json!({ "name": "hers" })).await;
    house.post(&eve, "registered-models/create", json!({ "name": "mine" })).await;
    assert_eq!(house.post(&eve, "experiments/delete", json!({ "experiment_id": id })).await.0, 200);
    assert_eq!(house.post(&eve, "experiments/delete", json!({ "experiment_id": "0" })).await.0, 403);
    let rename = json!({ "name": "mine", "new_name": "ours" });
    let (status, answer) = house.post(&eve, "registered-models/rename", rename).await;
    assert_eq!(status, 403, "the new name is not hers to take: {answer}");
    let delete = async |name: &str| {
        let path = "/api/2.0/mlflow/registered-models/delete";
        house.call(&eve, "DELETE", path, json!({ "name": name })).await.0
    };
    assert_eq!((delete("hers").await, delete("mine").await), (403, 200));
}

#[tokio::test]
async fn foreign_names_and_pages_are_kept_out() {
    let policy = AccessPolicy {
        login: false,
        hosts: vec!["localhost".into(), "127.0.0.1".into()],
        origins: vec!["https://lab.example".into()],
        workspaces: false,
    };
    let (house, _) = House::new(policy).await;
    for (method, host, origin, status) in [
        ("GET", "localhost:5000", None, 200),
        ("GET", "evil.example:5000", None, 403),
        ("GET", "localhost:5000", Some("https://evil.example"), 200),
        ("POST", "localhost:5000", None, 200),
        ("POST", "localhost:5000", Some("http://localhost:5000"), 200),
        ("POST", "localhost:5000", Some("https://lab.example"), 200),
        ("POST", "localhost:5000", Some("https://evil.example"), 403),
        ("POST", "localhost:5000", Some("null"), 403),
    ] {
        let path = if method == "GET" { "/health" } else { "/api/2.0/mlflow/experiments/search" };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = if method == "GET" { Body::empty() } else { Body::from("{}") };
        assert_eq!(house.send(request.body(body).unwrap()).await.0, status, "{method} {host} {origin:?}");
    }
}

#[tokio::test]
async fn somebody_is_left_who_manages_users() {
    let (house, _) = House::new(login()).await;
    let error = house.store.write(Actor::system("test"), |tx| users::remove(tx, "ada")).await.unwrap_err();
    assert!(matches!(error, AccessError::LastAdmin(_)));
    let demote = |tx: &mut dyn WriteTx| users::grant(tx, "ada", &Scope::Server, Some(Role::Editor));
    assert!(house.store.write(Actor::system("test"), demote).await.is_err());
    house.user("bea", Some(Role::Admin)).await;
    house.change(|tx| users::remove(tx, "ada")).await;
    for (name, role, scope) in [
        ("bea", Some(Role::Admin), Scope::Experiment(0)),
        ("bea", Some(Role::Reader), Scope::Experiment(9)),
        ("nobody", Some(Role::Reader), Scope::Server),
    ] {
        let grant = move |tx: &mut dyn WriteTx| users::grant(tx, name, &scope, role);
        assert!(house.store.write(Actor::system("test"), grant).await.is_err(), "{name}");
    }
    assert!(house.change(users::first_admin).await.is_none(), "there are users");
}

#[tokio::test]
async fn data_sets_are_seen_by_those_who_see_all_their_experiments_and_webhooks_by_managers() {
    let (house, ada) = House::new(login()).await;
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let (_, made) = house.post(&ada, "experiments/create", json!({ "name": name })).await;
        ids.push(made["experiment_id"].as_str().unwrap().to_owned());
    }
    let first: i64 = ids[0].parse().unwrap();
    let bob = house.user("bob", None).await;
    house.change(move |tx| users::grant(tx, "bob", &Scope::Experiment(first), Some(Role::Editor))).await;
    let datasets = "/api/3.0/mlflow/datasets";
    let create = "datasets/create";
    let (status, own) = house.post(&bob, create, json!({ "name": "own", "experiment_ids": [ids[0]] })).await;
    assert_eq!(status, 200, "{own}");
    let own = own["dataset"]["dataset_id"].as_str().unwrap();
    for body in [json!({ "name": "x" }), json!({ "name": "x", "experiment_ids": ids })] {
        assert_eq!(house.post(&bob, create, body).await.0, 403);
    }
    let (_, shared) = house.post(&ada, create, json!({ "name": "both", "experiment_ids": ids })).await;
    let shared = shared["dataset"]["dataset_id"].as_str().unwrap();
    let (_, found) = house.post(&bob, "datasets/search", json!({})).await;
    let names: Vec<&Value> = found["datasets"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["own"]);
    assert_eq!(house.call(&bob, "GET", &format!("{datasets}/{own}"), Value::Null).await.0, 200);
    assert_eq!(house.call(&bob, "GET", &format!("{datasets}/{shared}"), Value::Null).await.0, 403);
    assert_eq!(house.call(&bob, "GET", &format!("{datasets}/none"), Value::Null).await.0, 403);
    let add = json!({ "experiment_ids": [ids[1]] });
    assert_eq!(house.post(&bob, &format!("datasets/{own}/add-experiments"), add).await.0, 403);
    assert_eq!(house.call(&bob, "DELETE", &format!("{datasets}/{own}"), Value::Null).await.0, 403);
    for (who, expected) in [(&bob, 403), (&ada, 200)] {
        let (status, _) = house.call(who, "GET", "/api/2.0/mlflow/webhooks", Value::Null).await;
        assert_eq!(status, expected);
    }
}
