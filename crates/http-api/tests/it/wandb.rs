//! The W&B API over its router.

use crate::mlflow::state;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, SystemClock};
use mainspring_governance::users::{self, AccessError};
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::mlflow;
use mainspring_http_api::wandb::{self, WandbState};
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use mainspring_test_support::FakeClock;
use mainspring_tracking::locations::Locations;
use mainspring_tracking::workspaces::{self, WorkspaceChange};
use mainspring_tracking::{TrackingError, experiments};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// The routes of both clients behind a gate.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) routes: Router,
    clock: Arc<FakeClock>,
}

/// Both APIs in a folder. Signed URLs go by a clock of their own.
pub(crate) fn everything(dir: &Path, policy: AccessPolicy) -> World {
    let state = state(dir);
    let clock = FakeClock::new();
    let wandb = WandbState {
        store: state.store.clone(),
        artifacts: state.artifacts.own().unwrap().clone(),
        clock: clock.clone(),
    };
    let store = state.store.clone();
    let gate = Gate::new(store.clone(), Arc::new(SystemClock), policy);
    let (files, wandb) = wandb::routers(wandb);
    let mlflow = mlflow::router(state);
    let graphql = mlflow::graphql::router(guarded(mlflow.clone(), gate.clone()), Some(wandb));
    let routes = guarded(mlflow.merge(files).merge(graphql), gate);
    World { store, routes, clock }
}

impl World {
    async fn change<T: Send + 'static>(
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
}

struct Lab {
    _dir: TempDir,
    world: World,
}

impl Lab {
    fn new() -> Self {
        Self::with(AccessPolicy::default())
    }

    fn with(policy: AccessPolicy) -> Self {
        let dir = TempDir::new().unwrap();
        let world = everything(dir.path(), policy);
        Self { _dir: dir, world }
    }

    async fn send(&self, key: &str, method: &str, uri: &str, body: impl Into<Body>) -> (u16, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(uri).header(header::HOST, "localhost:1");
        if !key.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let response = self.world.routes.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    async fn ask_as(&self, key: &str, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let (status, body) = self.send(key, "POST", "/graphql", body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        self.ask_as("", query, variables).await
    }

    /// What a request gives that must succeed.
    async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.ask(query, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    async fn refused(&self, query: &str, variables: Value) -> String {
        let answer = self.ask(query, variables).await;
        answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn begin(&self, name: &str) -> Value {
        let input = json!({ "modelName": "p", "name": name, "displayName": name, "host": "h" });
        self.data(UPSERT, json!({ "input": input })).await["upsertBucket"]["bucket"].clone()
    }

    async fn stream(&self, run: &str, body: Value) -> (u16, Vec<u8>) {
        self.send("", "POST", &format!("/files/mainspring/p/{run}/file_stream"), body.to_string()).await
    }

    async fn events(&self) -> usize {
        let events: Result<_, StoreError> = self.world.store.read(|tx| tx.outbox_after(0, 1000)).await;
        events.unwrap().len()
    }
}

const UPSERT: &str = "mutation($input: UpsertBucketInput!) {
    upsertBucket(input: $input) { bucket { id name displayName config historyLineCount } inserted } }";
const FILES: &str = "mutation($files: [String!]!) { createRunFiles(input:
    {entityName: \"mainspring\", projectName: \"p\", runName: \"r\", files: $files}) { files { name uploadUrl } } }";
const ARTIFACT: &str = "mutation($input: CreateArtifactInput!) { createArtifact(input: $input) {
    artifact { id state artifactSequence { latestArtifact { id versionIndex } } } } }";
const MANIFEST: &str = "mutation($id: ID!, $digest: String!) { createArtifactManifest(input: {artifactID: $id,
    name: \"wandb_manifest.json\", digest: $digest, entityName: \"\", projectName: \"p\", runName: \"\", type: FULL})
    { artifactManifest { id file { uploadUrl } } } }";
const UPLOADS: &str = "mutation($files: [CreateArtifactFileSpecInput!]!) {
    createArtifactFiles(input: {artifactFiles: $files, storageLayout: V2}) { files { edges { node { uploadUrl } } } } }";
const COMMIT: &str =
    "mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id state } } }";
/// The MD5 of `hello` in base64.
const HELLO: &str = "XUFAKrxLKna5cZ2REBfFkg==";

/// The path of a URL of this server.
fn path(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix("http://localhost:1").unwrap().to_owned()
}

#[tokio::test]
async fn projects_lie_in_the_default_workspace_and_their_files_on_the_server() {
    let lab = Lab::new();
    let made = lab.world.store.write(Actor::system("test"), |tx| {
        let root =
            WorkspaceChange { artifact_root: Some("s3://bucket/a".into()), ..WorkspaceChange::default() };
        workspaces::update(tx, &WorkspaceName::default(), root)?;
        workspaces::create(tx, "team-a", WorkspaceChange::default())
    });
    let team = made.await.unwrap().name;
    let of_team = lab.world.store.within(team);
    let made = of_team.write(Actor::system("test"), |tx| {
        let locations = Locations { workspaces: true, ..Locations::default() };
        ["p", "theirs"]
            .map(|name| experiments::create(tx, &locations, name, None, vec![]))
            .into_iter()
            .collect()
    });
    let theirs: Vec<i64> = made.await.map_err(|error: TrackingError| error).unwrap();
    lab.begin("r").await;
    let listed =
        lab.data("{ models(entityName: \"mainspring\") { edges { node { name } } } }", json!({})).await;
    let names: Vec<&str> = listed["models"]["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| edge["node"]["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"p") && !names.contains(&"theirs"), "{listed}");
    let found: Result<_, StoreError> = lab.world.store.read(|tx| tx.experiment_by_name("p")).await;
    let found = found.unwrap().unwrap();
    assert!(!theirs.contains(&found.id));
    assert_eq!(found.artifact_location, format!("mlflow-artifacts:/{}", found.id));
}

#[tokio::test]
async fn lines_that_were_acknowledged_are_there_once() {
    let lab = Lab::new();
    lab.begin("r").await;
    let lines = [r#"{"_step":0,"loss":NaN}"#, r#"{"_step":1,"loss":0.5}"#];
    let body = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": lines } } });
    for _ in 0..2 {
        let (status, answer) = lab.stream("r", body.clone()).await;
        assert_eq!((status, answer.as_slice()), (200, &b"{}"[..]));
    }
    assert_eq!(lab.stream("r", json!({})).await.0, 200, "a sign of life");
    let query = "{ project(name: \"p\") { run(name: \"r\") { historyLineCount history historyTail
                     sampledHistory(specs: [\"{\\\"keys\\\":[\\\"_step\\\",\\\"loss\\\"]}\"]) } } }";
    let run = lab.data(query, json!({})).await["project"]["run"].clone();
    assert_eq!(run["historyLineCount"], 2);
    assert_eq!(run["history"], json!(lines), "as they were sent");
    let rows = json!([[{ "_step": 0, "loss": "NaN" }, { "_step": 1, "loss": 0.5 }]]);
    assert_eq!(run["sampledHistory"], rows);
    let (status, _) = lab.stream("r", json!({ "complete": true, "exitcode": 0 })).await;
    assert_eq!(status, 200);
    let state = "{ project(name: \"p\") { run(name: \"r\") { state } } }";
    assert_eq!(lab.data(state, json!({})).await["project"]["run"]["state"], "finished");
}

#[tokio::test]
async fn what_is_null_stays_and_a_run_that_is_not_there_is_null() {
    let lab = Lab::new();
    let input =
        json!({ "modelName": "p", "name": "r", "displayName": "d", "config": "{\"a\":{\"value\":1}}" });
    lab.data(UPSERT, json!({ "input": input })).await;
    let input = json!({ "modelName": "p", "name": "r", "displayName": null, "config": null });
    let again = lab.data(UPSERT, json!({ "input": input })).await["upsertBucket"].clone();
    assert_eq!((&again["bucket"]["displayName"], &again["inserted"]), (&json!("d"), &json!(false)));
    assert_eq!(again["bucket"]["config"], "{\"a\":{\"value\":1}}");
    let resume = "query Resume($n: String!) { model(name: \"p\", entityName: null) {
                      bucket(name: $n, missingOk: true) { name wandbConfig(keys: [\"t\"]) } } }";
    assert_eq!(lab.data(resume, json!({ "n": "none" })).await["model"]["bucket"], Value::Null);
    assert_eq!(lab.data(resume, json!({ "n": "r" })).await["model"]["bucket"]["wandbConfig"], "{}");
}

#[tokio::test]
async fn bad_input_is_refused_in_the_protocols_form_and_writes_nothing() {
    let lab = Lab::new();
    lab.begin("r").await;
    let before = lab.events().await;
    for query in [
        "",
        "{ viewer { id }",
        "{ viewer { secret } }",
        "mutation { destroy }",
        "mutation { upsertBucket(input: {name: \"x\", odd: 1}) { inserted } }",
        "query($a: Nothing!) { viewer { id } }",
        "{ ...A } fragment A on Query { ...A }",
    ] {
        lab.refused(query, json!({})).await;
    }
    for (status, body) in
        [lab.send("", "POST", "/graphql", "{").await, lab.send("", "POST", "/graphql", "[1]").await]
    {
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, answer["errors"][0]["message"].is_string()), (200, true), "{answer}");
    }
    let deep = format!("{{ {} id {} }}", "entity { user { ".repeat(60), "} }".repeat(60));
    lab.refused(&deep, json!({})).await;
    for name in ["../x", "/etc/passwd", "a/../../b", "%2e%2e/x", "", "a\\b"] {
        lab.refused(FILES, json!({ "files": ["good.txt", name] })).await;
    }
    for (field, value) in [("modelName", "a/b"), ("entityName", "../x"), ("name", "a/b"), ("config", "[1]")] {
        let mut input = json!({ "modelName": "p", "name": "x" });
        input[field] = json!(value);
        lab.refused(UPSERT, json!({ "input": input })).await;
    }
    for body in [json!([]), json!({ "files": 1 }), json!({ "files": { "output.log": { "content": 1 } } })] {
        assert_eq!(lab.stream("r", body).await.0, 400);
    }
    let below = json!({ "files": { "output.log": { "offset": -5, "content": ["x"] } } });
    assert_eq!(lab.stream("r", below).await.0, 400);
    assert_eq!(lab.stream("nothing", json!({ "complete": true })).await.0, 404);
    let large = vec![b' '; (32 << 20) + 1];
    let (status, body) = lab.send("", "POST", "/graphql", large.clone()).await;
    assert!(status == 200 && String::from_utf8_lossy(&body).contains("errors"), "{status}");
    assert_eq!(lab.send("", "POST", "/files/mainspring/p/r/file_stream", large).await.0, 413);
    assert_eq!(lab.events().await, before);
}

#[tokio::test]
async fn a_signed_url_is_for_one_file_and_for_a_time() {
    let lab = Lab::new();
    lab.begin("r").await;
    let files = lab.data(FILES, json!({ "files": ["media/a b.txt"] })).await;
    let url = path(&files["createRunFiles"]["files"][0]["uploadUrl"]);
    assert_eq!(lab.send("", "GET", &url, Body::empty()).await.0, 403, "to put is not to get");
    assert_eq!(lab.send("", "PUT", &url, "hello").await.0, 200);
    let query = "{ project(name: \"p\") { run(name: \"r\") { fileCount
                     files(names: [\"media/a b.txt\"]) { edges { node { name sizeBytes directUrl } } } } } }";
    let run = lab.data(query, json!({})).await["project"]["run"].clone();
    let node = &run["files"]["edges"][0]["node"];
    assert_eq!((&run["fileCount"], &node["sizeBytes"]), (&json!(1), &json!(5)));
    let fetch = path(&node["directUrl"]);
    assert_eq!(lab.send("", "GET", &fetch, Body::empty()).await, (200, b"hello".to_vec()));
    assert_eq!(lab.send("", "PUT", &fetch, "other").await.0, 403);
    for changed in [url.replace("storage/", "storage/x"), format!("{url}x"), "/wandb/storage/x".to_owned()] {
        assert_eq!(lab.send("", "PUT", &changed, "x").await.0, 403, "{changed}");
    }
    lab.world.clock.advance(Duration::from_hours(24));
    for (method, url) in [("PUT", &url), ("GET", &fetch)] {
        assert_eq!(lab.send("", method, url, "late").await.0, 403);
    }
}

async fn artifact(lab: &Lab, digest: &str, client: &str) -> Value {
    let input = json!({ "entityName": "mainspring", "projectName": "p", "artifactTypeName": "model",
        "artifactCollectionName": "net", "digest": digest, "digestAlgorithm": "MANIFEST_MD5", "clientID": client,
        "sequenceClientID": "sequence", "enableDigestDeduplication": true,
        "aliases": [{ "artifactCollectionName": "net", "alias": "latest" }], "metadata": "{\"a\": NaN}" });
    lab.data(ARTIFACT, json!({ "input": input })).await["createArtifact"]["artifact"].clone()
}

async fn put_manifest(lab: &Lab, id: &Value, contents: Value) {
    let made = lab.data(MANIFEST, json!({ "id": id, "digest": "" })).await;
    let url = path(&made["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]);
    let manifest = json!({ "version": 1, "contents": contents }).to_string();
    assert_eq!(lab.send("", "PUT", &url, manifest).await.0, 200);
}

#[tokio::test]
async fn an_artifact_is_complete_only_with_all_its_files() {
    let lab = Lab::new();
    let made = artifact(&lab, "one", "c1").await;
    assert_eq!(
        (&made["state"], &made["artifactSequence"]["latestArtifact"]),
        (&json!("PENDING"), &Value::Null)
    );
    let id = &made["id"];
    assert!(lab.refused(COMMIT, json!({ "id": id })).await.contains("manifest was not uploaded"));
    put_manifest(&lab, id, json!({ "w.bin": { "digest": HELLO, "size": 5 } })).await;
    assert!(lab.refused(COMMIT, json!({ "id": id })).await.contains("'w.bin' was not uploaded"));
    let files = json!([{ "artifactID": id, "name": "w.bin", "md5": HELLO }]);
    let uploads = lab.data(UPLOADS, json!({ "files": files })).await;
    let url = path(&uploads["createArtifactFiles"]["files"]["edges"][0]["node"]["uploadUrl"]);
    assert_eq!(lab.send("", "PUT", &url, "other").await.0, 400, "it is not the file that was announced");
    assert_eq!(lab.send("", "PUT", &url, "hello").await.0, 200);
    put_manifest(&lab, id, json!({ "../w.bin": { "digest": HELLO, "size": 5 } })).await;
    lab.refused(COMMIT, json!({ "id": id })).await;
    put_manifest(&lab, id, json!({ "w.bin": { "digest": HELLO, "size": 6 } })).await;
    assert!(lab.refused(COMMIT, json!({ "id": id })).await.contains("has 5 bytes"));
    put_manifest(&lab, id, json!({ "w.bin": { "digest": HELLO, "size": 5 } })).await;
    let committed = lab.data(COMMIT, json!({ "id": id })).await;
    assert_eq!(committed["commitArtifact"]["artifact"]["state"], "COMMITTED");
    lab.data(COMMIT, json!({ "id": id })).await;
    // Content that is here needs no upload, and equal artifacts are one.
    let second = artifact(&lab, "two", "c2").await;
    let files = json!([{ "artifactID": second["id"], "name": "x", "md5": HELLO }]);
    let uploads = lab.data(UPLOADS, json!({ "files": files })).await;
    assert_eq!(uploads["createArtifactFiles"]["files"]["edges"][0]["node"]["uploadUrl"], Value::Null);
    let same = artifact(&lab, "one", "c3").await;
    assert_eq!((&same["id"], &same["state"]), (id, &json!("COMMITTED")));
    let bad = json!([{ "artifactID": second["id"], "name": "x", "md5": "../../x" }]);
    lab.refused(UPLOADS, json!({ "files": bad })).await;
}

#[tokio::test]
async fn an_artifact_is_read_by_every_way_that_leads_to_it() {
    let lab = Lab::new();
    let id = artifact(&lab, "one", "c1").await["id"].clone();
    let files = json!([{ "artifactID": id, "name": "w", "md5": HELLO }]);
    let uploads = lab.data(UPLOADS, json!({ "files": files })).await;
    let url = path(&uploads["createArtifactFiles"]["files"]["edges"][0]["node"]["uploadUrl"]);
    lab.send("", "PUT", &url, "hello").await;
    put_manifest(&lab, &id, json!({ "w": { "digest": HELLO, "size": 5 } })).await;
    lab.data(COMMIT, json!({ "id": id })).await;
    let query = "{ clientIDMapping(clientID: \"c1\") { serverID } sequence: clientIDMapping(clientID: \"sequence\") { serverID }
        project(name: \"p\", entityName: \"mainspring\") {
          artifactCollectionMembership(name: \"net:latest\") { versionIndex artifact { ...A } artifactCollection { __typename name } }
          artifactTypes { edges { node { name } } }
          artifactType(name: \"model\") { artifactCollection(name: \"net\") { ... on ArtifactSequence { artifacts { edges { version node { ...A } } } } } }
          artifactCollection(name: \"net\") { artifactMembership(aliasName: \"v0\") { files { totalCount edges { node { name directUrl } } } } }
          artifact(name: \"net:v0\") { ...A }
        } }
        fragment A on Artifact { id state versionIndex metadata aliases { alias } currentManifest { file { directUrl } } }";
    let data = lab.data(query, json!({})).await;
    let project = &data["project"];
    for found in [
        &project["artifactCollectionMembership"]["artifact"],
        &project["artifactType"]["artifactCollection"]["artifacts"]["edges"][0]["node"],
        &project["artifact"],
    ] {
        assert_eq!((&found["id"], &found["versionIndex"]), (&id, &json!(0)), "{found}");
        assert_eq!(found["aliases"], json!([{ "alias": "latest" }]));
        assert_eq!(found["metadata"], "{\"a\":\"NaN\"}");
    }
    assert_eq!((&data["clientIDMapping"]["serverID"], &data["sequence"]["serverID"]), (&id, &id));
    let file = &project["artifactCollection"]["artifactMembership"]["files"]["edges"][0]["node"];
    assert_eq!(lab.send("", "GET", &path(&file["directUrl"]), Body::empty()).await, (200, b"hello".to_vec()));
    let missing = "{ project(name: \"p\") { artifactCollectionMembership(name: \"net:none\") { id } artifactType(name: \"x\") { id } } }";
    let data = lab.data(missing, json!({})).await;
    assert_eq!(data["project"], json!({ "artifactCollectionMembership": null, "artifactType": null }));
}

#[tokio::test]
async fn roles_count_on_the_project() {
    let lab = Lab::with(AccessPolicy { login: true, ..AccessPolicy::default() });
    let admin = lab.world.user("ada", Some(Role::Admin)).await;
    let reader = lab.world.user("bob", None).await;
    let input = json!({ "input": { "modelName": "p", "name": "r" } });
    let viewer = "{ viewer { username entity } }";
    assert_eq!(lab.send("", "POST", "/graphql", json!({ "query": viewer }).to_string()).await.0, 401);
    let seen = lab.ask_as(&admin, viewer, json!({})).await;
    assert_eq!(seen["data"]["viewer"], json!({ "username": "ada", "entity": "mainspring" }));
    let refused = lab.ask_as(&reader, UPSERT, input.clone()).await;
    assert_eq!(refused["data"], json!({ "upsertBucket": null }));
    let error = &refused["errors"][0];
    assert_eq!((&error["path"], &error["locations"][0]["line"]), (&json!(["upsertBucket"]), &json!(2)));
    lab.ask_as(&admin, UPSERT, input.clone()).await;
    let run = "{ models { edges { node { name } } } project(name: \"p\") { run(name: \"r\") { name } } }";
    let hidden = lab.ask_as(&reader, run, json!({})).await;
    assert_eq!(hidden["data"], json!({ "models": { "edges": [] }, "project": null }));
    let project = lab.world.store.read(|tx| tx.experiment_by_name("p")).await;
    let project: Result<_, StoreError> = project;
    let id = project.unwrap().unwrap().id;
    lab.world.change(move |tx| users::grant(tx, "bob", &Scope::Experiment(id), Some(Role::Reader))).await;
    assert_eq!(lab.ask_as(&reader, run, json!({})).await["data"]["project"]["run"]["name"], "r");
    let message = lab.ask_as(&reader, UPSERT, input.clone()).await["errors"][0]["message"].to_string();
    assert!(message.contains("permission denied"), "{message}");
    let stream = "/files/mainspring/p/r/file_stream";
    for (key, status) in [("", 401), (reader.as_str(), 403), (admin.as_str(), 200)] {
        assert_eq!(lab.send(key, "POST", stream, "{}").await.0, status);
    }
    assert!(lab.ask_as(&reader, FILES, json!({ "files": ["a"] })).await["errors"].is_array());
    lab.world.change(move |tx| users::grant(tx, "bob", &Scope::Experiment(id), Some(Role::Editor))).await;
    assert!(lab.ask_as(&reader, FILES, json!({ "files": ["a"] })).await["errors"].is_null());
    assert_eq!(lab.send(&reader, "POST", stream, "{}").await.0, 200);
}

#[tokio::test]
async fn runs_are_filtered_ordered_and_paged() {
    let lab = Lab::new();
    for (name, loss) in [("a", 3), ("b", 1), ("c", 2)] {
        lab.begin(name).await;
        let summary = json!({ "loss": loss }).to_string();
        let body = json!({ "files": { "wandb-summary.json": { "offset": 0, "content": [summary] } } });
        assert_eq!(lab.stream(name, body).await.0, 200);
    }
    let query = "query($filters: JSONString, $order: String, $after: String) { project(name: \"p\") {
        runCount(filters: $filters)
        runs(filters: $filters, order: $order, first: 2, after: $after) {
            edges { node { name } cursor } pageInfo { endCursor hasNextPage } } } }";
    let names = |page: &Value| -> String {
        let edges = page["project"]["runs"]["edges"].as_array().unwrap();
        edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap()).collect()
    };
    let first = lab.data(query, json!({ "order": "+summary_metrics.loss" })).await;
    assert_eq!((names(&first).as_str(), &first["project"]["runCount"]), ("bc", &json!(3)));
    let after = first["project"]["runs"]["pageInfo"]["endCursor"].clone();
    let second = lab.data(query, json!({ "order": "+summary_metrics.loss", "after": after })).await;
    assert_eq!(names(&second), "a");
    assert_eq!(second["project"]["runs"]["pageInfo"]["hasNextPage"], false);
    let filters = json!({ "summary_metrics.loss": { "$lt": 3 }, "display_name": { "$ne": "b" } }).to_string();
    let some = lab.data(query, json!({ "filters": filters })).await;
    assert_eq!((names(&some).as_str(), &some["project"]["runCount"]), ("c", &json!(1)));
    lab.refused(query, json!({ "filters": "{\"$where\": 1}" })).await;
}
