//! Transfers of artifacts: ranges, parts, links that carry their own authority, and places that
//! clients write themselves.

use crate::mlflow::state;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use mainspring_artifact_store::{ArtifactSettings, Artifacts};
use mainspring_domain::SystemClock;
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::mlflow::{MlflowState, router};
use mainspring_tracking::locations::Locations;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

const PROXY: &str = "/api/2.0/mlflow-artifacts";

struct Lab {
    dir: TempDir,
    open: Router,
    /// The same, for those who log in.
    closed: Router,
}

impl Lab {
    fn new(change: impl FnOnce(&Path, &mut MlflowState)) -> Self {
        let dir = TempDir::new().unwrap();
        let mut state = state(dir.path());
        change(dir.path(), &mut state);
        let behind = |login| {
            let policy = AccessPolicy { login, ..AccessPolicy::default() };
            guarded(router(state.clone()), Gate::new(state.store.clone(), Arc::new(SystemClock), policy))
        };
        Self { open: behind(false), closed: behind(true), dir }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        send(&self.open, method, path, headers, body).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers, b"").await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        let headers = [("content-type", "application/json"), ("host", "h:1")];
        self.send("POST", path, &headers, body.to_string().as_bytes()).await
    }

    async fn run(&self) -> (String, String) {
        let made = self.post("/api/2.0/mlflow/runs/create", json!({ "experiment_id": "0" })).await.json();
        let info = &made["run"]["info"];
        (text(&info["run_id"]), text(&info["artifact_uri"]))
    }
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn refused(&self, status: u16, message: &str) {
        let shown = String::from_utf8_lossy(&self.body);
        assert!(self.status == status && shown.contains(message), "{}: {shown}", self.status);
    }
}

async fn send(routes: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = routes.clone().oneshot(request.body(Body::from(body.to_vec())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    // A body that breaks off has no bytes here.
    let body = to_bytes(body, usize::MAX).await.map(|bytes| bytes.to_vec()).unwrap_or_default();
    Reply { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The path and query of a link of the server that is called `h:1`.
fn local(link: &Value) -> String {
    link.as_str().unwrap().strip_prefix("http://h:1").unwrap().to_owned()
}

#[tokio::test]
async fn a_download_can_be_resumed_and_need_not_be_repeated() {
    let lab = Lab::new(|_, _| {});
    let path = format!("{PROXY}/artifacts/1/a.txt");
    lab.send("PUT", &path, &[], b"0123456789").await;
    let whole = lab.get(&path, &[]).await;
    let (tag, modified) = (whole.header("etag").to_owned(), whole.header("last-modified").to_owned());
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, "bytes"));
    assert_eq!(tag, "\"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882\"");
    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=8-", 206, "bytes 8-9/10", "89"),
        ("bytes=-1", 206, "bytes 9-9/10", "9"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("bytes=0-1,3-4", 200, "", "0123456789"),
    ] {
        let part = lab.get(&path, &[("range", range)]).await;
        let got = (part.status, part.header("content-range"), String::from_utf8_lossy(&part.body));
        assert_eq!(got, (status, content_range, body.into()), "{range}");
    }
    let range = ("range", "bytes=2-4");
    for (condition, status) in [(tag.as_str(), 206), (modified.as_str(), 206), ("\"other\"", 200)] {
        assert_eq!(lab.get(&path, &[range, ("if-range", condition)]).await.status, status, "{condition}");
    }
    let known = lab.get(&path, &[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, tag.as_str()));
    let head = lab.send("HEAD", &path, &[], b"").await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "10", 0));
}

#[tokio::test]
async fn a_damaged_artifact_is_an_error_that_says_so() {
    let lab = Lab::new(|_, _| {});
    let path = format!("{PROXY}/artifacts/1/a.bin");
    let mut bytes = vec![7; (1 << 20) + 10];
    lab.send("PUT", &path, &[], &bytes).await;
    bytes[5] ^= 1;
    std::fs::write(lab.dir.path().join("artifacts/1/a.bin"), &bytes).unwrap();
    lab.get(&path, &[]).await.refused(410, "'1/a.bin' is damaged");
    bytes[5] ^= 1;
    bytes[(1 << 20) + 5] ^= 1;
    std::fs::write(lab.dir.path().join("artifacts/1/a.bin"), &bytes).unwrap();
    // Found too late for another status: the download breaks off.
    let broken = lab.get(&path, &[]).await;
    assert_eq!((broken.status, broken.body.len()), (200, 0));
    assert_eq!(lab.get(&path, &[("range", "bytes=0-9")]).await.body, vec![7; 10]);
}

#[tokio::test]
async fn parts_are_sent_by_links_and_joined() {
    let lab = Lab::new(|_, _| {});
    let (run, _) = lab.run().await;
    let of = |step: &str| format!("{PROXY}/mpu/{step}/0/{run}/artifacts");
    let made = lab.post(&of("create"), json!({ "path": "C:\\data\\big.bin", "num_parts": 2 })).await.json();
    let id = text(&made["upload_id"]);
    let mut parts = Vec::new();
    for (credential, content) in made["credentials"].as_array().unwrap().iter().zip(["first,", "second"]) {
        let sent = send(&lab.closed, "PUT", &local(&credential["url"]), &[], content.as_bytes()).await;
        assert_eq!(sent.status, 200);
        parts.push(json!({ "part_number": credential["part_number"], "etag": sent.header("etag") }));
    }
    let whole = json!({ "path": "big.bin", "upload_id": id, "parts": parts });
    let early = json!({ "path": "big.bin", "upload_id": id, "parts": [{ "part_number": 3, "etag": "" }] });
    lab.post(&of("complete"), early).await.refused(400, "part 3 was not uploaded");
    let other = json!({ "path": "other.bin", "upload_id": id, "parts": parts });
    lab.post(&of("complete"), other).await.refused(400, "there is none with the id");
    lab.post(&of("complete"), json!({ "path": "big.bin", "upload_id": "../..", "parts": parts }))
        .await
        .refused(400, "there is none with the id");
    assert_eq!(lab.post(&of("complete"), whole).await.status, 200);
    let got = lab.get(&format!("{PROXY}/artifacts/0/{run}/artifacts/big.bin"), &[]).await;
    assert_eq!(got.body, b"first,second");
    let made = lab.post(&of("create"), json!({ "path": "no.bin" })).await.json();
    let given_up = json!({ "path": "no.bin", "upload_id": made["upload_id"] });
    assert_eq!(lab.post(&of("abort"), given_up.clone()).await.status, 200);
    lab.post(&of("abort"), given_up).await.refused(400, "there is none with the id");
    let late = send(&lab.closed, "PUT", &local(&made["credentials"][0]["url"]), &[], b"late").await;
    late.refused(400, "there is none with the id");
    let flood = json!({ "path": "x".repeat(33 << 20) });
    lab.post(&of("create"), flood).await.refused(400, "too large");
    for wrong in [json!(0), json!(10_001), json!(-1)] {
        let refused = lab.post(&of("create"), json!({ "path": "x", "num_parts": wrong })).await;
        refused.refused(400, "1 to 10000 parts");
    }
}

#[tokio::test]
async fn a_link_is_its_own_authority_and_no_other() {
    let lab = Lab::new(|_, _| {});
    let (run, _) = lab.run().await;
    let path = "a b/ü.txt";
    let asked = json!({ "run_id": run, "path": path });
    let up = lab.post("/api/2.0/mlflow/artifacts/presigned-upload-url", asked.clone()).await.json();
    let up = local(&up["presigned_url"]);
    assert_eq!(send(&lab.closed, "PUT", &up, &[], b"content").await.status, 200);
    let down = lab.post("/api/2.0/mlflow/artifacts/presigned-download-url", asked).await.json();
    assert_eq!(down["file_size"], 7);
    let down = local(&down["presigned_url"]);
    let got = send(&lab.closed, "GET", &down, &[("range", "bytes=3-")], b"").await;
    assert_eq!((got.status, got.body.as_slice()), (206, b"tent".as_slice()));
    let path = format!("{PROXY}/presigned/0/{run}/artifacts/a%20b/%C3%BC.txt");
    let proxied = lab.get(&path, &[("host", "h:1")]).await.json();
    assert_eq!((local(&proxied["url"]).is_empty(), &proxied["file_size"]), (false, &json!(7)));
    // Another method, another path, a later end, no signature, a foreign one.
    let (link, signature) = down.split_once("&signature=").unwrap();
    let later = format!("{link}9");
    for (method, url) in [
        ("PUT", down.clone()),
        ("GET", up),
        ("GET", down.replace("a%20b", "a%20c")),
        ("GET", format!("{later}&signature={signature}")),
        ("GET", format!("{link}&upload=x&part=1&signature={signature}")),
        ("GET", format!("{link}&signature={}", "0".repeat(64))),
        ("GET", format!("{link}&signature=")),
    ] {
        let refused = send(&lab.closed, method, &url, &[], b"x").await;
        refused.refused(403, "This link is not valid");
    }
    assert_eq!(send(&lab.closed, "GET", link, &[], b"").await.status, 400);
    // Whoever has no link still needs the login.
    assert_eq!(send(&lab.closed, "GET", &format!("{PROXY}/artifacts/0/x"), &[], b"").await.status, 401);
    assert_eq!(send(&lab.closed, "GET", &format!("{PROXY}/presigned/0/x"), &[], b"").await.status, 401);
    for (route, body) in [
        ("upload", json!({ "path": "x" })),
        ("upload", json!({ "run_id": run, "model_id": "m-1", "path": "x" })),
        ("upload", json!({ "run_id": run, "path": "x", "expiration": 700_000 })),
        ("upload", json!({ "run_id": run, "path": "../x" })),
        ("download", json!({ "run_id": run, "path": "x", "expiration": 0 })),
    ] {
        let refused =
            lab.post(&format!("/api/2.0/mlflow/artifacts/presigned-{route}-url"), body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
    }
    let missing = json!({ "run_id": run, "path": "none" });
    lab.post("/api/2.0/mlflow/artifacts/presigned-download-url", missing)
        .await
        .refused(404, "No such artifact");
}

/// A server whose clients write to a folder that it shares.
fn shared(dir: &Path, state: &mut MlflowState) {
    let root = format!("file://{}", dir.join("shared").display());
    state.artifacts = Artifacts::open(&ArtifactSettings {
        destination: None,
        default_root: Some(root.clone()),
        serve: false,
        base: dir.to_path_buf(),
        data_dir: dir.to_path_buf(),
    })
    .unwrap();
    state.locations =
        Arc::new(Locations { root, base: dir.to_string_lossy().into_owned(), workspaces: false });
}

#[tokio::test]
async fn what_clients_write_themselves_is_listed_and_served_and_nothing_else() {
    let lab = Lab::new(shared);
    std::fs::write(lab.dir.path().join("secret"), "secret").unwrap();
    let made = lab.post("/api/2.0/mlflow/experiments/create", json!({ "name": "e" })).await.json();
    let create = json!({ "experiment_id": made["experiment_id"] });
    let run = lab.post("/api/2.0/mlflow/runs/create", create).await.json()["run"]["info"].clone();
    let folder = text(&run["artifact_uri"]);
    let folder = Path::new(folder.strip_prefix("file://").unwrap());
    assert!(folder.starts_with(lab.dir.path().join("shared")));
    std::fs::create_dir_all(folder.join("model")).unwrap();
    std::fs::write(folder.join("model/MLmodel"), "flavors:").unwrap();
    let id = text(&run["run_id"]);
    let listed = lab.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={id}&path=model"), &[]).await.json();
    assert_eq!(listed["files"], json!([{ "path": "model/MLmodel", "is_dir": false, "file_size": 8 }]));
    let got = lab.get(&format!("/get-artifact?run_id={id}&path=model/MLmodel"), &[]).await;
    assert_eq!(got.body, b"flavors:");
    // A small file of the web page goes beside those of the clients, and no link leads it out.
    let upload = |path: &str| format!("/api/2.0/mlflow/upload-artifact?run_id={id}&path={path}");
    assert_eq!(lab.send("POST", &upload("new/x.txt"), &[], b"note").await.status, 200);
    assert_eq!(std::fs::read(folder.join("new/x.txt")).unwrap(), b"note");
    assert_eq!(std::fs::read_dir(folder.join("new")).unwrap().count(), 1);
    std::os::unix::fs::symlink(lab.dir.path(), folder.join("out")).unwrap();
    lab.send("POST", &upload("out/secret"), &[], b"x").await.refused(400, "Invalid path");
    lab.send("POST", &upload("new"), &[], b"x").await.refused(400, "Invalid path");
    // The proxy is off, and nothing else is written for clients.
    lab.get(&format!("{PROXY}/artifacts/0/x"), &[]).await.refused(501, "--no-serve-artifacts");
    let link = json!({ "run_id": id, "path": "x" });
    lab.post("/api/2.0/mlflow/artifacts/presigned-upload-url", link).await.refused(400, "written by clients");
    // A location of the client's own choice is taken, and never read.
    let outside = json!({ "name": "out", "artifact_location": lab.dir.path() });
    let made = lab.post("/api/2.0/mlflow/experiments/create", outside).await.json();
    let create = json!({ "experiment_id": made["experiment_id"] });
    let run = lab.post("/api/2.0/mlflow/runs/create", create).await.json()["run"]["info"].clone();
    let id = text(&run["run_id"]);
    let stolen = lab.get(&format!("/get-artifact?run_id={id}&path=secret"), &[]).await;
    stolen.refused(400, "not kept by this server");
    lab.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={id}"), &[]).await.refused(400, "not kept");
    let info = lab.get("/api/3.0/mlflow/server-info", &[]).await.json();
    assert_eq!(info["artifact_serving_enabled"], false);
}

#[tokio::test]
async fn a_version_may_come_from_the_files_of_its_run_on_disk() {
    let lab = Lab::new(shared);
    lab.post("/api/2.0/mlflow/registered-models/create", json!({ "name": "m" })).await;
    let made = lab.post("/api/2.0/mlflow/experiments/create", json!({ "name": "e" })).await.json();
    let create = json!({ "experiment_id": made["experiment_id"] });
    let run = lab.post("/api/2.0/mlflow/runs/create", create).await.json()["run"]["info"].clone();
    let (id, uri) = (text(&run["run_id"]), text(&run["artifact_uri"]));
    let folder = Path::new(uri.strip_prefix("file://").unwrap());
    std::fs::create_dir_all(folder.join("model")).unwrap();
    std::fs::write(folder.join("model/MLmodel"), "flavors:").unwrap();
    let version = async |source: &str, run: Option<&str>| {
        let body = json!({ "name": "m", "source": source, "run_id": run });
        lab.post("/api/2.0/mlflow/model-versions/create", body).await
    };
    let of = Some(id.as_str());
    for source in
        [&uri, &format!("{uri}/model/.."), &format!("{}/model", folder.display()), &format!("{uri}/model")]
    {
        assert_eq!(version(source, of).await.status, 200, "{source}");
    }
    let got = lab.get("/model-versions/get-artifact?name=m&version=4&path=MLmodel", &[]).await;
    assert_eq!(got.body, b"flavors:");
    for (source, run) in [
        (uri.as_str(), None),
        ("/tmp", of),
        ("file:///tmp", of),
        (&format!("{uri}/../../x"), of),
        (&format!("{uri}/%2e%2e/x"), of),
        ("relative/path", of),
    ] {
        version(source, run).await.refused(400, "To use a local path as a model version source");
    }
    version("file://other/x", of).await.refused(400, "is not a valid remote uri");
}
