//! The GraphQL of MLflow's web UI.

use crate::wandb::{World, everything};
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use mainspring_domain::access::{Role, Scope};
use mainspring_governance::users;
use mainspring_http_api::access::AccessPolicy;
use mainspring_tracking::workspaces::{self, WorkspaceChange};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

async fn post(world: &World, secret: &str, path: &str, body: Value) -> Value {
    post_within(world, "", secret, path, body).await
}

async fn post_within(world: &World, workspace: &str, secret: &str, path: &str, body: Value) -> Value {
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    if !workspace.is_empty() {
        request = request.header("X-MLFLOW-WORKSPACE", workspace);
    }
    if !secret.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
    }
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = world.routes.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{path} {body}");
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

async fn ask(world: &World, query: &str) -> Value {
    post(world, "", "/graphql", json!({ "query": query })).await
}

async fn run(world: &World, secret: &str) -> String {
    let path = "/api/2.0/mlflow/runs/create";
    let made = post(world, secret, path, json!({ "experiment_id": "0", "start_time": 7 })).await;
    made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn fields_answer_in_the_names_of_graphql() {
    let dir = TempDir::new().unwrap();
    let world = everything(dir.path(), AccessPolicy::default());
    let id = run(&world, "").await;
    let batch = json!({
        "run_id": id, "params": [{ "key": "p", "value": "NaN" }],
        "metrics": [
            { "key": "a", "value": 123, "timestamp": 1, "step": 1 },
            { "key": "b", "value": "NaN", "timestamp": 2, "step": 2 },
        ],
    });
    post(&world, "", "/api/2.0/mlflow/runs/log-batch", batch).await;
    let answer = ask(
        &world,
        &format!(
            "query q @component(name: \"x\") {{ mlflowGetRun(input: {{runId: \"{id}\"}}) {{ apiError {{ code }} run {{
                info {{ runId startTime endTime status userId }} experiment {{ name }}
                modelVersions {{ name }} inputs {{ datasetInputs {{ dataset {{ name }} }} }}
                data {{ params {{ value }} metrics {{ key value timestamp step }} }} }} }} }}"
        ),
    )
    .await;
    let expected = json!({ "mlflowGetRun": { "apiError": null, "run": {
        "info": { "runId": id, "startTime": "7", "endTime": "0", "status": "RUNNING", "userId": "" },
        "experiment": { "name": "Default" }, "modelVersions": [], "inputs": { "datasetInputs": [] },
        "data": { "params": [{ "value": "NaN" }], "metrics": [
            { "key": "a", "value": 123.0, "timestamp": "1", "step": "1" },
            { "key": "b", "value": null, "timestamp": "2", "step": "2" },
        ] },
    } } });
    assert_eq!(answer, json!({ "data": expected, "errors": null }));
    let found = ask(&world, "mutation { mlflowSearchRuns(input: {experimentIds: [\"0\"], filter: \"metrics.a > 1\", runViewType: ALL, maxResults: 5}) { runs { info { runId } } nextPageToken } }").await;
    let runs = json!({ "runs": [{ "info": { "runId": id } }], "nextPageToken": "" });
    assert_eq!(found["data"]["mlflowSearchRuns"], runs, "{found}");
    let history = ask(&world, &format!("{{ mlflowGetMetricHistoryBulkInterval(input: {{runIds: [\"{id}\"], metricKey: \"a\"}}) {{ metrics {{ value step }} }} }}")).await;
    let points = &history["data"]["mlflowGetMetricHistoryBulkInterval"]["metrics"];
    assert_eq!(*points, json!([{ "value": 123.0, "step": "1" }]), "{history}");
    let echo = ask(&world, "{ test(inputString: \"abc\") { output } }").await;
    assert_eq!(echo, json!({ "data": { "test": { "output": "abc" } }, "errors": null }));
    // The same path serves the other clients.
    assert!(ask(&world, "{ viewer { username } }").await["data"]["viewer"]["username"].is_string());
}

#[tokio::test]
async fn mistakes_and_greed_are_texts_among_the_errors() {
    let dir = TempDir::new().unwrap();
    let world = everything(dir.path(), AccessPolicy::default());
    let many = |count: usize, field: &str| (0..count).map(|n| format!("k{n}: {field} ")).collect::<String>();
    let deep = (0..12).fold("name".to_owned(), |inner, _| format!("name {{ {inner} }}"));
    let wide: String = (0..1002).map(|n| format!("f{n} {{ name }} ")).collect();
    let experiment =
        |inner: &str| format!("{{ mlflowGetExperiment(input: {{experimentId: \"0\"}}) {inner} }}");
    for (query, expected) in [
        (format!("{{ {} }}", many(12, "test { output }")), "at most 10 root fields"),
        (experiment(&format!("{{ {} }}", many(12, "experiment { name }"))), "at most 10 aliases"),
        (experiment(&format!("{{ experiment {{ {deep} }} }}")), "maximum depth of 10"),
        (experiment(&format!("{{ experiment {{ {wide} }} }}")), "maximum total selections of 1000"),
        ("{ mlflowGetRun(input: {runId: \"nothing\"}) { run { info { runId } } } }".to_owned(), "not found"),
        (experiment("{ experiment { salary } }"), "salary"),
    ] {
        let answer = ask(&world, &query).await;
        let message = answer["errors"][0].as_str().unwrap_or_default();
        assert!(message.contains(expected), "{query}: {answer}");
    }
}

#[tokio::test]
async fn a_field_that_fails_is_null_and_leaves_the_others() {
    let dir = TempDir::new().unwrap();
    let world = everything(dir.path(), AccessPolicy::default());
    let query = "{ good: mlflowGetExperiment(input: {experimentId: \"0\"}) { experiment { name } }
                   bad: mlflowGetRun(input: {runId: \"nothing\"}) { run { info { runId } } }
                   worse: mlflowGetRun(input: {runId: \"none\"}) { run { info { runId } } } }";
    let answer = ask(&world, query).await;
    let good = json!({ "experiment": { "name": "Default" } });
    assert_eq!(answer["data"], json!({ "good": good, "bad": null, "worse": null }));
    let mut errors: Vec<&str> =
        answer["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["Run with id=none not found", "Run with id=nothing not found"]);
}

#[tokio::test]
async fn fields_see_the_workspace_of_the_request() {
    let dir = TempDir::new().unwrap();
    let world = everything(dir.path(), AccessPolicy { workspaces: true, ..AccessPolicy::default() });
    let system = mainspring_domain::Actor::system("test");
    let make = |tx: &mut dyn mainspring_metadata_store::WriteTx| {
        workspaces::create(tx, "team-a", WorkspaceChange::default())
    };
    world.store.write(system, make).await.unwrap();
    let create = |name: &str| format!("/api/2.0/mlflow/{name}/create");
    let made = post_within(&world, "team-a", "", &create("experiments"), json!({ "name": "e" })).await;
    let run = json!({ "experiment_id": made["experiment_id"], "start_time": 7 });
    let made = post_within(&world, "team-a", "", &create("runs"), run).await;
    let id = &made["run"]["info"]["run_id"];
    let query = json!({ "query": format!("{{ mlflowGetRun(input: {{runId: {id}}}) {{ run {{ info {{ runId }} experiment {{ name }} }} }} }}") });
    let seen = post_within(&world, "team-a", "", "/graphql", query.clone()).await;
    let expected = json!({ "run": { "info": { "runId": id }, "experiment": { "name": "e" } } });
    assert_eq!(seen, json!({ "data": { "mlflowGetRun": expected }, "errors": null }));
    for workspace in ["", "default"] {
        let unseen = post_within(&world, workspace, "", "/graphql", query.clone()).await;
        let message = format!("Run with id={} not found", id.as_str().unwrap());
        assert_eq!(unseen, json!({ "data": { "mlflowGetRun": null }, "errors": [message] }));
    }
}

#[tokio::test]
async fn a_field_needs_the_role_that_its_route_needs() {
    let dir = TempDir::new().unwrap();
    let world = everything(dir.path(), AccessPolicy { login: true, ..AccessPolicy::default() });
    let (writer, reader) = (world.user("ann", Some(Role::Editor)).await, world.user("bob", None).await);
    let id = run(&world, &writer).await;
    let query = json!({ "query": format!("{{ mlflowGetRun(input: {{runId: \"{id}\"}}) {{ run {{ info {{ runId }} }} }} }}") });
    let refused = post(&world, &reader, "/graphql", query.clone()).await;
    assert_eq!(refused["data"]["mlflowGetRun"], Value::Null);
    assert!(refused["errors"][0].as_str().unwrap().contains("needs the role reader"), "{refused}");
    world
        .store
        .write(mainspring_domain::Actor::system("test"), |tx| {
            users::grant(tx, "bob", &Scope::Experiment(0), Some(Role::Reader))
        })
        .await
        .unwrap();
    let shown = post(&world, &reader, "/graphql", query).await;
    assert_eq!(shown["data"]["mlflowGetRun"]["run"]["info"]["runId"], json!(id));
}
