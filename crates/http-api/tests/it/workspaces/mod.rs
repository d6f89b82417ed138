//! Workspaces: who names one sees what lies in it, and nothing else.

mod deletion;

use crate::mlflow::state;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, SystemClock};
use mainspring_governance::users::{self, AccessError};
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::mlflow::router;
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use mainspring_tracking::locations::Locations;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// The routes on a fresh store, with workspaces, for everybody.
pub(crate) fn routes(dir: &Path) -> Router {
    on(dir, true, false).1
}

fn on(dir: &Path, workspaces: bool, login: bool) -> (Store, Router) {
    let mut state = state(dir);
    state.locations = Arc::new(Locations { workspaces, ..Locations::default() });
    let store = state.store.clone();
    let policy = AccessPolicy { workspaces, login, ..AccessPolicy::default() };
    let gate = Gate::new(store.clone(), Arc::new(SystemClock), policy);
    (store, guarded(router(state), gate))
}

struct Teams {
    _dir: TempDir,
    store: Store,
    routes: Router,
    /// The token that calls are made with.
    secret: String,
}

impl Teams {
    fn with(workspaces: bool, login: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let (store, routes) = on(dir.path(), workspaces, login);
        Self { _dir: dir, store, routes, secret: String::new() }
    }

    /// A server with the workspaces `team-a` and `team-b`.
    async fn new() -> Self {
        let teams = Self::with(true, false);
        for name in ["team-a", "team-b"] {
            teams.made("", "workspaces", json!({ "name": name })).await;
        }
        teams
    }

    async fn send(&self, workspace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !workspace.is_empty() {
            request = request.header("X-MLFLOW-WORKSPACE", workspace);
        }
        if !self.secret.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.secret));
        }
        let body = match body {
            Value::Null => Body::empty(),
            Value::String(text) => Body::from(text),
            body => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        let response = self.routes.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    async fn call(&self, workspace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.send(workspace, method, &format!("/api/3.0/mlflow/{path}"), body).await
    }

    /// What a call that succeeds answers.
    async fn made(&self, workspace: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(workspace, "POST", path, body).await;
        assert!(matches!(status, 200 | 201), "{workspace} {path}: {status} {answer}");
        answer
    }

    async fn got(&self, workspace: &str, path: &str) -> Value {
        let (status, answer) = self.call(workspace, "GET", path, Value::Null).await;
        assert_eq!(status, 200, "{workspace} {path}: {answer}");
        answer
    }

    async fn experiment(&self, workspace: &str, name: &str) -> String {
        let made = self.made(workspace, "experiments/create", json!({ "name": name })).await;
        made["experiment_id"].as_str().unwrap().to_owned()
    }

    async fn run(&self, workspace: &str, experiment: &str) -> String {
        let made = self.made(workspace, "runs/create", json!({ "experiment_id": experiment })).await;
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }

    /// The subjects and details of the records of an action.
    async fn recorded(&self, action: &'static str) -> Vec<(String, Value)> {
        let found: Result<_, StoreError> = self.store.read(|tx| tx.outbox_after(0, 1000)).await;
        let found = found.unwrap().into_iter().filter(|one| one.action == action);
        found.map(|one| (one.subject, one.details)).collect()
    }

    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut dyn WriteTx) -> Result<T, AccessError> + Send + 'static,
    ) -> T {
        self.store.write(Actor::system("test"), change).await.unwrap()
    }

    /// Adds a user with a role on a scope; calls are made in its name from here on.
    async fn become_user(&mut self, name: &'static str, role: Role, scope: Scope) {
        self.secret = self
            .change(move |tx| {
                users::add(tx, name, None)?;
                users::grant(tx, name, &scope, Some(role))?;
                Ok(users::make_token(tx, name, "test", None)?.1)
            })
            .await;
    }
}

fn refused(answer: &(u16, Value), status: u16, code: &str, message: &str) {
    assert_eq!((answer.0, &answer.1["error_code"]), (status, &json!(code)), "{}", answer.1);
    let text = answer.1["message"].as_str().unwrap();
    assert!(text.contains(message), "{text}");
}

#[tokio::test]
async fn without_workspaces_none_can_be_named_and_all_is_as_before() {
    let plain = Teams::with(false, false);
    assert_eq!(plain.got("", "server-info").await["workspaces_enabled"], false);
    assert_eq!(plain.got("anything", "server-info").await["workspaces_enabled"], false);
    for name in ["team-a", "default", "No Name!"] {
        let answer = plain.call(name, "GET", "experiments/get?experiment_id=0", Value::Null).await;
        refused(&answer, 400, "FEATURE_DISABLED", "workspaces are not enabled on this server");
    }
    let found = plain.got(" ", "experiments/get?experiment_id=0").await;
    assert_eq!(found["experiment"]["workspace"], "default");
    for (method, path) in [("GET", "workspaces"), ("POST", "workspaces"), ("DELETE", "workspaces/team-a")] {
        let answer = plain.call("", method, path, json!({ "name": "team-a" })).await;
        refused(&answer, 400, "FEATURE_DISABLED", "--enable-workspaces");
    }
    let elsewhere = json!({ "name": "e", "artifact_location": "s3://bucket/x" });
    plain.made("", "experiments/create", elsewhere).await;
}

#[tokio::test]
async fn workspaces_are_made_changed_and_listed() {
    let teams = Teams::with(true, false);
    assert_eq!(teams.got("", "server-info").await["workspaces_enabled"], true);
    let body = json!({ "name": "team-a", "description": "A", "default_artifact_root": " s3://bucket/a/ " });
    let made = teams.made("", "workspaces", body.clone()).await;
    let shown = json!({ "name": "team-a", "description": "A", "default_artifact_root": "s3://bucket/a/" });
    assert_eq!(made["workspace"], shown);
    refused(
        &teams.call("", "POST", "workspaces", body).await,
        400,
        "RESOURCE_ALREADY_EXISTS",
        "already exists",
    );
    // Whoever still names a workspace that is gone can make it again.
    teams.made("team-b", "workspaces", json!({ "name": "team-b" })).await;
    let listed = teams.got("", "workspaces").await;
    let names: Vec<&str> =
        listed["workspaces"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "team-a", "team-b"]);
    let change = json!({ "description": "B", "default_artifact_root": "" });
    let (status, changed) = teams.call("", "PATCH", "workspaces/team-a", change).await;
    assert_eq!((status, &changed["workspace"]), (200, &json!({ "name": "team-a", "description": "B" })));
    let id = teams.experiment("team-a", "e").await;
    let found = teams.got("team-a", &format!("experiments/get?experiment_id={id}")).await;
    assert_eq!(found["experiment"]["artifact_location"], format!("mlflow-artifacts:/workspaces/team-a/{id}"));
    for (method, path, body, message) in [
        ("POST", "workspaces", json!({}), "Missing value for required parameter 'name'"),
        (
            "POST",
            "workspaces",
            json!({ "name": "default" }),
            "'default' workspace is reserved and cannot be created",
        ),
        ("POST", "workspaces", json!({ "name": "x" }), "must be between 2 and 63 characters"),
        ("POST", "workspaces", json!({ "name": "Team" }), "must match the pattern"),
        ("POST", "workspaces", json!({ "name": "api" }), "is reserved and cannot be used"),
        ("POST", "workspaces", json!({ "name": 7 }), "Invalid value 7 for parameter 'name'"),
        ("POST", "workspaces", json!({ "name": "ok", "default_artifact_root": "a/b" }), "an absolute path"),
        ("POST", "workspaces", json!({ "name": "ok", "default_artifact_root": "s3://b/a#b" }), "fragments"),
        (
            "POST",
            "workspaces",
            json!({ "name": "ok", "default_artifact_root": "mlflow-artifacts:/1" }),
            "go through",
        ),
        (
            "POST",
            "workspaces",
            json!({ "name": "ok", "default_artifact_root": "http://host/api/2.0/mlflow-artifacts/artifacts/exp" }),
            "go through the server lie below 'mlflow-artifacts:/workspaces/ok'",
        ),
        (
            "PATCH",
            "workspaces/team-a",
            json!({ "default_artifact_root": "MLFLOW-ARTIFACTS:/exp" }),
            "go through the server lie below 'mlflow-artifacts:/workspaces/team-a'",
        ),
        ("PATCH", "workspaces/team-a", json!({}), "at least one key"),
        ("PATCH", "workspaces/Team", json!({ "description": "x" }), "must match the pattern"),
        ("DELETE", "workspaces/default", Value::Null, "reserved and cannot be deleted"),
        (
            "DELETE",
            "workspaces/team-a?mode=SOON",
            Value::Null,
            "Must be one of: SET_DEFAULT, CASCADE, RESTRICT",
        ),
    ] {
        refused(&teams.call("", method, path, body).await, 400, "INVALID_PARAMETER_VALUE", message);
    }
    for method in ["GET", "PATCH", "DELETE"] {
        let answer = teams.call("", method, "workspaces/team-c", json!({ "description": "x" })).await;
        refused(&answer, 404, "RESOURCE_DOES_NOT_EXIST", "Workspace 'team-c' not found");
    }
    let archive = json!({ "name": "ok", "trace_archival_config": { "location": "s3://x" } });
    refused(&teams.call("", "POST", "workspaces", archive).await, 501, "NOT_IMPLEMENTED", "archive");
    let named = teams.call("team-c", "GET", "experiments/search?max_results=5", Value::Null).await;
    refused(&named, 404, "RESOURCE_DOES_NOT_EXIST", "Workspace 'team-c' not found");
    let named = teams.call("~team", "GET", "experiments/search?max_results=5", Value::Null).await;
    refused(&named, 400, "INVALID_PARAMETER_VALUE", "must match the pattern");
}

#[tokio::test]
async fn an_id_of_another_workspace_is_answered_like_one_that_nobody_has() {
    let teams = Teams::new().await;
    let experiment = teams.experiment("team-a", "flights").await;
    let run = teams.run("team-a", &experiment).await;
    let body = json!({ "experiment_id": experiment, "name": "m" });
    let model = teams.made("team-a", "logged-models", body).await["model"]["info"]["model_id"].clone();
    let model = model.as_str().unwrap();
    let trace = json!({ "trace": { "trace_info": {
        "trace_id": "tr-1", "request_time": "2026-01-01T00:00:00Z", "state": "OK",
        "trace_location": { "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": experiment } },
    } } });
    teams.made("team-a", "traces", trace.clone()).await;
    let said = json!({ "assessment": { "assessment_name": "ok", "feedback": { "value": true } } });
    let said = teams.made("team-a", "traces/tr-1/assessments", said).await;
    let assessment = said["assessment"]["assessment_id"].as_str().unwrap();
    let dataset =
        teams.made("team-a", "datasets/create", json!({ "name": "d" })).await["dataset"]["dataset_id"]
            .clone();
    let dataset = dataset.as_str().unwrap();
    let tag = json!({ "tags": [{ "key": "k", "value": "v" }] });
    let tagged = [
        ("traces/tr-1/tags".to_owned(), json!({ "key": "k", "value": "v" })),
        (format!("logged-models/{model}/tags"), tag),
        (format!("datasets/{dataset}/tags"), json!({ "tags": "{\"k\": \"v\"}" })),
    ];
    for (path, body) in tagged {
        let answer = teams.call("team-a", "PATCH", &path, body).await;
        assert_eq!(answer.0, 200, "{path}: {}", answer.1);
    }
    let at = |id: &str| -> Vec<(&str, String, Value)> {
        let [experiment, run, model, trace, dataset] = match id {
            "own" => [&experiment, &run, model, "tr-1", dataset],
            _ => ["77", "none", "m-none", "tr-none", "d-none"],
        };
        vec![
            ("GET", format!("experiments/get?experiment_id={experiment}"), Value::Null),
            ("POST", "experiments/update".into(), json!({ "experiment_id": experiment, "new_name": "x" })),
            ("POST", "experiments/delete".into(), json!({ "experiment_id": experiment })),
            (
                "POST",
                "experiments/set-experiment-tag".into(),
                json!({ "experiment_id": experiment, "key": "k" }),
            ),
            ("POST", "runs/create".into(), json!({ "experiment_id": experiment })),
            ("POST", "logged-models".into(), json!({ "experiment_id": experiment })),
            ("GET", format!("runs/get?run_id={run}"), Value::Null),
            ("POST", "runs/update".into(), json!({ "run_id": run, "status": "FAILED" })),
            ("POST", "runs/delete".into(), json!({ "run_id": run })),
            ("POST", "runs/restore".into(), json!({ "run_id": run })),
            ("POST", "runs/set-tag".into(), json!({ "run_id": run, "key": "k", "value": "v" })),
            ("POST", "runs/delete-tag".into(), json!({ "run_id": run, "key": "mlflow.runName" })),
            ("POST", "runs/log-parameter".into(), json!({ "run_id": run, "key": "k", "value": "v" })),
            (
                "POST",
                "runs/log-metric".into(),
                json!({ "run_id": run, "key": "k", "value": 1, "timestamp": 1 }),
            ),
            (
                "POST",
                "runs/log-batch".into(),
                json!({ "run_id": run, "tags": [{ "key": "k", "value": "v" }] }),
            ),
            ("POST", "runs/log-inputs".into(), json!({ "run_id": run, "models": [{ "model_id": "m" }] })),
            (
                "POST",
                "runs/outputs".into(),
                json!({ "run_id": run, "models": [{ "model_id": "m", "step": 0 }] }),
            ),
            ("GET", format!("metrics/get-history?run_id={run}&metric_key=k"), Value::Null),
            ("GET", format!("metrics/get-history-bulk?run_id={run}&metric_key=k"), Value::Null),
            ("GET", format!("metrics/get-history-bulk-interval?run_ids={run}&metric_key=k"), Value::Null),
            ("GET", format!("artifacts/list?run_id={run}"), Value::Null),
            ("POST", format!("upload-artifact?run_id={run}&path=x"), json!("text")),
            ("GET", format!("logged-models/{model}"), Value::Null),
            ("PATCH", format!("logged-models/{model}"), json!({ "status": "LOGGED_MODEL_READY" })),
            (
                "PATCH",
                format!("logged-models/{model}/tags"),
                json!({ "tags": [{ "key": "k", "value": "v" }] }),
            ),
            (
                "POST",
                format!("logged-models/{model}/params"),
                json!({ "params": [{ "key": "k", "value": "v" }] }),
            ),
            ("DELETE", format!("logged-models/{model}"), Value::Null),
            ("GET", format!("traces/{trace}"), Value::Null),
            ("PATCH", format!("traces/{trace}/tags"), json!({ "key": "k", "value": "v" })),
            ("GET", format!("traces/get?trace_id={trace}"), Value::Null),
            ("GET", format!("traces/{trace}/assessments/{assessment}"), Value::Null),
            ("GET", format!("datasets/{dataset}"), Value::Null),
            ("GET", format!("datasets/{dataset}/records"), Value::Null),
            ("DELETE", format!("traces/{trace}/tags?key=k"), Value::Null),
            ("DELETE", format!("traces/{trace}/assessments/{assessment}"), Value::Null),
            ("DELETE", format!("logged-models/{model}/tags/k"), Value::Null),
            ("DELETE", format!("datasets/{dataset}/tags/k"), Value::Null),
            ("DELETE", format!("datasets/{dataset}/records"), json!({ "dataset_record_ids": ["r"] })),
            ("DELETE", format!("datasets/{dataset}"), Value::Null),
        ]
    };
    // The same calls with ids that do not exist show what is to be answered.
    let names = [
        (&experiment[..], "77"),
        (&run[..], "none"),
        (model, "m-none"),
        ("tr-1", "tr-none"),
        (dataset, "d-none"),
    ];
    for (own, absent) in at("own").into_iter().zip(at("absent")) {
        let foreign = teams.call("team-b", own.0, &own.1, own.2).await;
        let expected = teams.call("team-b", absent.0, &absent.1, absent.2).await;
        let mut text = foreign.1.to_string();
        for (id, other) in names.into_iter().filter(|(id, _)| id.len() > 2) {
            text = text.replace(id, other);
        }
        text = text.replace(&format!("id={experiment}"), "id=77");
        assert_eq!((foreign.0, text), (expected.0, expected.1.to_string()), "{} {}", own.0, own.1);
        // Deleting what is not there is no mistake everywhere.
        assert!(expected.0 >= 400 || own.0 == "DELETE", "{} {}", own.0, own.1);
    }
    // A trace whose id is taken elsewhere is no reason for an error of the server.
    let own = teams.experiment("team-b", "flights").await;
    let mut again = trace;
    again["trace"]["trace_info"]["trace_location"]["mlflow_experiment"]["experiment_id"] = json!(own);
    let answer = teams.call("team-b", "POST", "traces", again).await;
    refused(&answer, 400, "INVALID_PARAMETER_VALUE", "already exists in another experiment");
    // Nothing has changed where it lies.
    let held = teams.got("team-a", &format!("runs/get?run_id={run}")).await;
    assert_eq!(held["run"]["info"]["lifecycle_stage"], "active");
    assert_eq!(held["run"]["data"].get("params"), None);
    let held = teams.got("team-a", "traces/tr-1").await;
    assert!(held["trace"]["trace_info"]["tags"].to_string().contains("\"k\""), "{held}");
    teams.got("team-a", &format!("traces/tr-1/assessments/{assessment}")).await;
    let held = teams.got("team-a", &format!("logged-models/{model}")).await;
    assert_eq!(held["model"]["info"]["tags"][0]["key"], "k", "{held}");
    let held = teams.got("team-a", &format!("datasets/{dataset}")).await;
    assert_eq!(held["dataset"]["tags"], "{\"k\":\"v\"}", "{held}");
    let held = teams.got("team-a", &format!("experiments/get?experiment_id={experiment}")).await;
    assert_eq!((&held["experiment"]["name"], held["experiment"].get("tags")), (&json!("flights"), None));
}

#[tokio::test]
async fn searches_find_what_lies_in_the_workspace() {
    let teams = Teams::new().await;
    let (a, b) = (teams.experiment("team-a", "flights").await, teams.experiment("team-b", "flights").await);
    teams.run("team-a", &a).await;
    let both = json!({ "experiment_ids": [a, b], "max_results": 10 });
    for (workspace, count) in [("team-a", 1), ("team-b", 0), ("", 0), ("default", 0)] {
        let runs = teams.made(workspace, "runs/search", both.clone()).await;
        assert_eq!(runs["runs"].as_array().map_or(0, Vec::len), count, "{workspace}");
        let found = teams.got(workspace, "experiments/search?max_results=10").await;
        let names: Vec<&str> = found["experiments"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one["experiment_id"].as_str().unwrap())
            .collect();
        let expected = match workspace {
            "team-a" => [a.as_str()],
            "team-b" => [b.as_str()],
            _ => ["0"],
        };
        assert_eq!(names, expected, "{workspace}");
    }
    let named = teams.got("team-b", "experiments/get-by-name?experiment_name=flights").await;
    assert_eq!(named["experiment"]["experiment_id"], json!(b));
    let again = teams.call("team-b", "POST", "experiments/create", json!({ "name": "flights" })).await;
    refused(&again, 400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=flights) already exists.");
    let elsewhere = json!({ "name": "x", "artifact_location": "s3://bucket/x" });
    let answer = teams.call("team-b", "POST", "experiments/create", elsewhere).await;
    refused(&answer, 400, "INVALID_PARAMETER_VALUE", "cannot be specified when workspaces are enabled");
}

#[tokio::test]
async fn models_are_named_as_if_there_were_no_other_workspace() {
    let teams = Teams::new().await;
    for workspace in ["", "team-a", "team-b"] {
        for name in ["flights", "taxis"] {
            let made = teams.made(workspace, "registered-models/create", json!({ "name": name })).await;
            assert_eq!(made["registered_model"]["name"], name, "{workspace}");
        }
    }
    let again = teams.call("team-a", "POST", "registered-models/create", json!({ "name": "flights" })).await;
    refused(&again, 400, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=flights) already exists.");
    let create = json!({ "name": "flights", "source": "s3://bucket/a" });
    let version = teams.made("team-a", "model-versions/create", create).await;
    assert_eq!(
        (&version["model_version"]["name"], &version["model_version"]["version"]),
        (&json!("flights"), &json!("1"))
    );
    let copy = json!({ "name": "taxis", "source": "models:/flights/1" });
    let copied = teams.made("team-a", "model-versions/create", copy.clone()).await;
    assert_eq!(copied["model_version"]["source"], "models:/flights/1");
    refused(
        &teams.call("team-b", "POST", "model-versions/create", copy).await,
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Model Version (name=flights, version=1) not found",
    );
    teams
        .made(
            "team-a",
            "registered-models/alias",
            json!({ "name": "flights", "alias": "best", "version": "1" }),
        )
        .await;
    for workspace in ["", "team-b"] {
        for path in [
            "model-versions/get?name=flights&version=1",
            "model-versions/get-download-uri?name=flights&version=1",
        ] {
            let answer = teams.call(workspace, "GET", path, Value::Null).await;
            refused(
                &answer,
                404,
                "RESOURCE_DOES_NOT_EXIST",
                "Model Version (name=flights, version=1) not found",
            );
        }
        let alias = teams
            .call(workspace, "GET", "registered-models/alias?name=flights&alias=best", Value::Null)
            .await;
        assert_eq!(alias.0, 400, "{}", alias.1);
        // Nor by the name that the whole server knows.
        let whole =
            teams.call(workspace, "GET", "registered-models/get?name=team-a:flights", Value::Null).await;
        assert_eq!(whole.0, 404, "{}", whole.1);
    }
    let found = |answer: &Value, kind: &str| -> Vec<String> {
        let names = answer[kind].as_array().into_iter().flatten();
        names.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let search = |filter: &str| {
        let filter =
            percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC).to_string();
        (
            format!("registered-models/search?filter={filter}"),
            format!("model-versions/search?filter={filter}"),
        )
    };
    for (filter, models, versions) in [
        ("", vec!["flights", "taxis"], 2),
        ("name = 'flights'", vec!["flights"], 1),
        ("name LIKE '%x%'", vec!["taxis"], 1),
        ("name ILIKE 'FL%'", vec!["flights"], 1),
        ("name = 'team-a:flights'", vec![], 0),
        ("name LIKE 'team%'", vec![], 0),
    ] {
        let (of_models, of_versions) = search(filter);
        assert_eq!(found(&teams.got("team-a", &of_models).await, "registered_models"), models, "{filter}");
        if !filter.contains("ILIKE") {
            let answer = teams.got("team-a", &of_versions).await;
            assert_eq!(found(&answer, "model_versions").len(), versions, "{filter}");
            assert_eq!(
                found(&teams.got("team-b", &of_versions).await, "model_versions").len(),
                0,
                "{filter}"
            );
        }
    }
    let rename = json!({ "name": "flights", "new_name": "planes" });
    let renamed = teams.made("team-a", "registered-models/rename", rename).await;
    assert_eq!(renamed["registered_model"]["name"], "planes");
    let held = teams.store.read(|tx| tx.registered_model("team-a:planes"));
    assert!(held.await.unwrap().is_some(), "the whole server knows it by workspace and name");
    assert_eq!(
        teams.got("team-b", "registered-models/get?name=flights").await["registered_model"]["name"],
        "flights"
    );
    let odd = teams.call("team-a", "POST", "registered-models/create", json!({ "name": "x:y" })).await;
    refused(&odd, 400, "INVALID_PARAMETER_VALUE", "Invalid model name 'x:y'");
}

#[tokio::test]
async fn no_version_and_no_model_names_what_lies_in_another_workspace() {
    let teams = Teams::new().await;
    let experiment = teams.experiment("team-a", "e").await;
    let run = teams.run("team-a", &experiment).await;
    let own = teams.experiment("team-b", "e").await;
    teams.made("team-b", "registered-models/create", json!({ "name": "m" })).await;
    let logged = json!({ "experiment_id": own, "name": "m", "source_run_id": run });
    let answer = teams.call("team-b", "POST", "logged-models", logged.clone()).await;
    refused(&answer, 404, "RESOURCE_DOES_NOT_EXIST", &format!("Run with id={run} not found"));
    for source in ["s3://bucket/x".to_owned(), format!("runs:/{run}/m")] {
        let version = json!({ "name": "m", "source": source, "run_id": run });
        let answer = teams.call("team-b", "POST", "model-versions/create", version).await;
        refused(&answer, 400, "INVALID_PARAMETER_VALUE", &format!("Run '{run}' not found"));
    }
    let logged = json!({ "experiment_id": experiment, "name": "m", "source_run_id": run });
    let logged = teams.made("team-a", "logged-models", logged).await;
    let hidden = &logged["model"]["info"]["model_id"];
    let own_run = teams.run("team-b", &own).await;
    for source in ["s3://bucket/x".to_owned(), format!("runs:/{own_run}/m"), "/tmp/x".to_owned()] {
        let version = json!({ "name": "m", "source": source, "run_id": own_run, "model_id": hidden });
        let answer = teams.call("team-b", "POST", "model-versions/create", version).await;
        let message = format!("Logged model with ID '{}' not found", hidden.as_str().unwrap());
        refused(&answer, 400, "INVALID_PARAMETER_VALUE", &message);
    }
    // What nobody here knows may be kept elsewhere.
    let version =
        json!({ "name": "m", "source": "s3://bucket/x", "run_id": "kept-elsewhere", "model_id": "too" });
    teams.made("team-b", "model-versions/create", version).await;
    let logged = json!({ "experiment_id": own, "name": "m", "source_run_id": "kept-elsewhere" });
    teams.made("team-b", "logged-models", logged).await;
}

#[tokio::test]
async fn artifacts_lie_in_the_folder_of_their_workspace() {
    let teams = Teams::new().await;
    let experiment = teams.experiment("team-a", "e").await;
    let run = teams.run("team-a", &experiment).await;
    let info = teams.got("team-a", &format!("runs/get?run_id={run}")).await;
    let uri = info["run"]["info"]["artifact_uri"].as_str().unwrap().to_owned();
    let below = uri.strip_prefix("mlflow-artifacts:/").unwrap();
    assert!(below.starts_with(&format!("workspaces/team-a/{experiment}/")), "{uri}");
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/{below}/x.txt");
    let (status, answer) = teams.send("team-a", "PUT", &path, json!("hello")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(teams.send("team-a", "GET", &path, Value::Null).await, (200, json!("hello")));
    let listed = teams.got("team-a", &format!("artifacts/list?run_id={run}")).await;
    assert_eq!(listed["files"][0]["path"], "x.txt");
    let (status, got) =
        teams.send("team-a", "GET", &format!("/get-artifact?run_id={run}&path=x.txt"), Value::Null).await;
    assert_eq!((status, got), (200, json!("hello")));
    for (workspace, path) in [
        ("team-b", path.clone()),
        ("", path.clone()),
        ("team-b", path.replace("workspaces", "Workspaces")),
        ("team-b", path.replace("workspaces/", "./workspaces/")),
        ("", "/api/2.0/mlflow-artifacts/artifacts?path=workspaces".to_owned()),
        ("", "/api/2.0/mlflow-artifacts/artifacts?path=workspaces/team-a".to_owned()),
        ("team-b", path.replace("artifacts/workspaces", "artifacts/x/../workspaces")),
        ("team-b", path.replace("/artifacts/workspaces", "/presigned/workspaces")),
    ] {
        let (status, answer) = teams.send(workspace, "GET", &path, Value::Null).await;
        assert!((400..500).contains(&status), "{workspace} {path}: {answer}");
    }
    let other = teams.send("team-b", "GET", &path, Value::Null).await;
    refused(&other, 400, "INVALID_PARAMETER_VALUE", "Artifact path targets workspace 'team-a'");
    // A path without the folder means a place within it.
    let short = format!(
        "/api/2.0/mlflow-artifacts/artifacts/{}/x.txt",
        below.strip_prefix("workspaces/team-a/").unwrap()
    );
    assert_eq!(teams.send("team-a", "GET", &short, Value::Null).await, (200, json!("hello")));
    assert_eq!(teams.send("team-b", "GET", &short, Value::Null).await.0, 404);
    assert_eq!(teams.send("", "GET", &short, Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_role_on_a_workspace_counts_there_and_nowhere_else() {
    let mut teams = Teams::with(true, true);
    teams.become_user("ada", Role::Admin, Scope::Server).await;
    for name in ["team-a", "team-b"] {
        teams.made("", "workspaces", json!({ "name": name })).await;
    }
    let foreign = teams.experiment("team-b", "theirs").await;
    teams.made("team-b", "registered-models/create", json!({ "name": "theirs" })).await;
    for name in ["team-a", "team-b"] {
        teams.made(name, "datasets/create", json!({ "name": name })).await;
    }
    let workspace = Scope::Workspace(WorkspaceName::parse("team-a").unwrap());
    teams.become_user("rita", Role::Editor, workspace.clone()).await;
    let found = teams.got("team-a", "datasets/search").await;
    assert_eq!(
        (&found["datasets"][0]["name"], found["datasets"].as_array().unwrap().len()),
        (&json!("team-a"), 1)
    );
    let own = teams.experiment("team-a", "ours").await;
    let run = teams.run("team-a", &own).await;
    teams.made("team-a", "runs/set-tag", json!({ "run_id": run, "key": "k", "value": "v" })).await;
    teams.made("team-a", "registered-models/create", json!({ "name": "ours" })).await;
    assert_eq!(teams.got("team-a", "registered-models/search").await["registered_models"][0]["name"], "ours");
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/workspaces/team-a/{own}/{run}/artifacts/x");
    assert_eq!(teams.send("team-a", "PUT", &path, json!("x")).await.0, 200);
    let listed = teams.got("", "workspaces").await;
    assert_eq!(listed["workspaces"], json!([{ "name": "team-a" }]));
    // What is not there is not there, for one who may see all there is.
    assert_eq!(teams.call("team-a", "GET", "runs/get?run_id=none", Value::Null).await.0, 404);
    for (workspace, method, path, body) in [
        ("team-b", "GET", format!("experiments/get?experiment_id={foreign}"), Value::Null),
        ("team-b", "POST", "experiments/create".into(), json!({ "name": "x" })),
        ("team-b", "POST", "runs/create".into(), json!({ "experiment_id": foreign })),
        ("team-b", "GET", "registered-models/get?name=theirs".into(), Value::Null),
        ("", "GET", "experiments/get?experiment_id=0".into(), Value::Null),
        ("", "POST", "experiments/create".into(), json!({ "name": "x" })),
        ("team-a", "GET", "webhooks".into(), Value::Null),
        ("", "POST", "workspaces".into(), json!({ "name": "mine" })),
        ("", "PATCH", "workspaces/team-a".into(), json!({ "description": "x" })),
        ("", "DELETE", "workspaces/team-a".into(), Value::Null),
        ("", "GET", "workspaces/team-b".into(), Value::Null),
    ] {
        let answer = teams.call(workspace, method, &path, body).await;
        refused(&answer, 403, "PERMISSION_DENIED", "needs the role");
    }
    assert_eq!(
        teams.call("team-a", "GET", &format!("experiments/get?experiment_id={foreign}"), Value::Null).await.0,
        404
    );
    let theirs = format!("/api/2.0/mlflow-artifacts/artifacts/{foreign}/x");
    assert_eq!(
        teams.send("team-a", "PUT", &theirs, json!("x")).await.0,
        403,
        "the place of no experiment there"
    );
    // The role goes with the workspace.
    teams
        .store
        .write(Actor::system("test"), |tx| {
            let name = WorkspaceName::parse("team-a").unwrap();
            mainspring_automation::workspaces::delete(
                tx,
                &name,
                mainspring_automation::workspaces::Deletion::Cascade,
            )
        })
        .await
        .unwrap();
    let held = teams.store.read(move |tx| tx.grants_on(&workspace)).await.unwrap();
    assert!(held.is_empty());
}

#[tokio::test]
async fn odd_requests_are_the_callers_mistake() {
    let teams = Teams::new().await;
    let odd = [
        json!(null),
        json!(7),
        json!(-0.5),
        json!(true),
        json!([]),
        json!({}),
        json!({ "location": 7 }),
        json!([["x"]]),
        json!(""),
        json!("a\u{0}b"),
        json!("../../etc"),
        json!("file://host/x"),
        json!("runs:/x/y"),
        json!("x".repeat(100_000)),
        json!("🛩"),
    ];
    for value in odd {
        for field in ["name", "description", "default_artifact_root", "trace_archival_config"] {
            for (method, path) in [("POST", "workspaces"), ("PATCH", "workspaces/team-a")] {
                let mut body = json!({ "name": "team-x" });
                body[field] = value.clone();
                let (status, answer) = teams.call("", method, path, body).await;
                assert!(status < 500 || status == 501, "{method} {field} {value}: {answer}");
                teams.call("", "DELETE", "workspaces/team-x", Value::Null).await;
            }
        }
    }
    for path in ["..", "%2e%2e", "%00", "%ff", "a%2Fb", "~team", "TEAM-A", "team-a%20"] {
        for method in ["GET", "PATCH", "DELETE"] {
            let (status, answer) =
                teams.call("", method, &format!("workspaces/{path}"), json!({ "description": "x" })).await;
            assert!((400..500).contains(&status), "{method} {path}: {answer}");
        }
    }
    for name in [&b"\xff\xfe"[..], b"a/b", b"..", b"team-a, team-b", &[b'x'; 5000]] {
        let request = Request::get("/api/2.0/mlflow/experiments/get?experiment_id=0")
            .header("X-MLFLOW-WORKSPACE", name)
            .body(Body::empty())
            .unwrap();
        let response = teams.routes.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 400, "{}", String::from_utf8_lossy(name));
    }
    // Of two names the first counts, in the gate as behind it.
    let request = Request::get("/api/2.0/mlflow/experiments/get?experiment_id=0")
        .header("X-MLFLOW-WORKSPACE", "team-a")
        .header("X-MLFLOW-WORKSPACE", "default")
        .body(Body::empty())
        .unwrap();
    assert_eq!(teams.routes.clone().oneshot(request).await.unwrap().status(), 404);
}
