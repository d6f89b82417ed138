//! Requests that no client should send: a mistake is answered with 4xx, never with 5xx, which
//! clients would repeat for minutes, and nothing is written.

use crate::mlflow::routes;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

const ROUTES: [(&str, &str); 45] = [
    ("POST", "experiments/create"),
    ("GET", "experiments/get"),
    ("GET", "experiments/get-by-name"),
    ("POST", "experiments/search"),
    ("POST", "experiments/search-datasets"),
    ("POST", "experiments/update"),
    ("POST", "experiments/delete"),
    ("POST", "experiments/restore"),
    ("POST", "experiments/set-experiment-tag"),
    ("POST", "experiments/delete-experiment-tag"),
    ("POST", "runs/create"),
    ("GET", "runs/get"),
    ("POST", "runs/update"),
    ("POST", "runs/delete"),
    ("POST", "runs/restore"),
    ("POST", "runs/search"),
    ("POST", "runs/set-tag"),
    ("POST", "runs/delete-tag"),
    ("POST", "runs/log-metric"),
    ("POST", "runs/log-parameter"),
    ("POST", "runs/log-batch"),
    ("POST", "runs/log-model"),
    ("POST", "runs/log-inputs"),
    ("POST", "runs/outputs"),
    ("GET", "metrics/get-history"),
    ("GET", "metrics/get-history-bulk"),
    ("GET", "metrics/get-history-bulk-interval"),
    ("GET", "artifacts/list"),
    ("POST", "logged-models"),
    ("POST", "logged-models/search"),
    ("POST", "registered-models/create"),
    ("GET", "registered-models/get"),
    ("GET", "registered-models/search"),
    ("PATCH", "registered-models/update"),
    ("POST", "registered-models/rename"),
    ("DELETE", "registered-models/delete"),
    ("POST", "registered-models/get-latest-versions"),
    ("POST", "registered-models/set-tag"),
    ("POST", "registered-models/alias"),
    ("POST", "model-versions/create"),
    ("GET", "model-versions/get"),
    ("GET", "model-versions/search"),
    ("POST", "model-versions/transition-stage"),
    ("POST", "model-versions/set-tag"),
    ("DELETE", "model-versions/delete"),
];

const PARAMETERS: [&str; 41] = [
    "experiment_id",
    "experiment_ids",
    "experiment_name",
    "name",
    "new_name",
    "artifact_location",
    "tags",
    "run_id",
    "run_uuid",
    "run_ids",
    "key",
    "value",
    "timestamp",
    "step",
    "metrics",
    "params",
    "status",
    "end_time",
    "start_time",
    "run_name",
    "user_id",
    "filter",
    "order_by",
    "max_results",
    "page_token",
    "run_view_type",
    "view_type",
    "datasets",
    "models",
    "model_json",
    "metric_key",
    "path",
    "version",
    "stage",
    "archive_existing_versions",
    "alias",
    "source",
    "description",
    "stages",
    "model_id",
    "start_step",
];

fn odd_values() -> Vec<Value> {
    let mut deep = json!([]);
    for _ in 0..60 {
        deep = json!([deep]);
    }
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("../../etc/passwd"),
        json!("a\u{0}b"),
        json!("'\"`;--%_\\"),
        json!("\u{1f980}".repeat(300)),
        json!("x".repeat(70_000)),
        json!("metrics.a > 'x' AND"),
        json!("NaN"),
        json!([]),
        json!(["x", 1, null]),
        json!([{ "key": null }, { "key": "k", "value": {} }]),
        json!([{ "dataset": { "name": "x" } }]),
        json!({}),
        json!({ "key": [] }),
        deep,
    ]
}

struct Lab {
    _dir: TempDir,
    routes: Router,
}

impl Lab {
    async fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned())
    }
}

fn query(params: &Map<String, Value>) -> String {
    let encode = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let pairs: Vec<String> = params
        .iter()
        .map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{key}={}", encode(&text[..text.len().min(200)]))
        })
        .collect();
    pairs.join("&")
}

/// Requests with one odd value among plausible ones.
fn plausible(run: &str) -> Map<String, Value> {
    let plausible = json!({
        "experiment_id": "0", "experiment_ids": ["0"], "run_id": run, "key": "k", "value": "1", "timestamp": 1,
        "name": "m", "new_name": "n", "metric_key": "k", "version": "1", "stage": "Staging", "alias": "a",
        "source": "s3://bucket/x", "model_json": "{}", "experiment_name": "Default", "run_ids": [run],
    });
    plausible.as_object().unwrap().clone()
}

#[tokio::test]
async fn no_mistake_is_a_server_error() {
    let dir = TempDir::new().unwrap();
    let lab = Lab { routes: routes(dir.path()), _dir: dir };
    let (_, made) =
        lab.send("POST", "/api/2.0/mlflow/runs/create", Some(br#"{"experiment_id": "0"}"#.to_vec())).await;
    let made: Value = serde_json::from_str(&made).unwrap_or_default();
    let run = made["run"]["info"]["run_id"].as_str().unwrap_or("r").to_owned();
    let odd = odd_values();
    // Each parameter of each route once, with the odd values in turn; and each odd value everywhere.
    let mut cases = Vec::new();
    for (place, parameter) in PARAMETERS.into_iter().enumerate() {
        for (number, route) in ROUTES.into_iter().enumerate() {
            cases.push((route, vec![parameter], &odd[(place * 7 + number) % odd.len()]));
        }
    }
    cases.extend(
        ROUTES.into_iter().flat_map(|route| odd.iter().map(move |odd| (route, PARAMETERS.to_vec(), odd))),
    );
    for ((method, route), parameters, value) in cases {
        let path = format!("/api/2.0/mlflow/{route}");
        let mut params = plausible(&run);
        params.extend(parameters.iter().map(|parameter| ((*parameter).to_owned(), value.clone())));
        let (status, answer) = if method == "GET" {
            lab.send(method, &format!("{path}?{}", query(&params)), None).await
        } else {
            lab.send(method, &path, Some(serde_json::to_vec(&params).unwrap())).await
        };
        let shown: String = value.to_string().chars().take(80).collect();
        assert!(status < 500, "{method} {route} {parameters:?}={shown}: {status} {answer}");
    }
}

#[tokio::test]
async fn what_is_no_json_object_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let lab = Lab { routes: routes(dir.path()), _dir: dir };
    let bodies: [&[u8]; 9] = [
        b"{",
        b"[]",
        b"1",
        b"\"x\"",
        b"\xff\xfe",
        b"{\"a\": NaN}",
        b"{'a': 1}",
        b"[{}]",
        b"{\"name\": \"x\"}}",
    ];
    for (method, route) in ROUTES.into_iter().filter(|(method, _)| *method != "GET") {
        for body in bodies {
            let path = format!("/api/2.0/mlflow/{route}");
            let (status, answer) = lab.send(method, &path, Some(body.to_vec())).await;
            let shown = String::from_utf8_lossy(body);
            assert!((400..500).contains(&status), "{method} {route} {shown}: {status} {answer}");
        }
    }
    let search = Some(br#"{"max_results": 1000}"#.to_vec());
    let (_, experiments) = lab.send("POST", "/api/2.0/mlflow/experiments/search", search).await;
    assert_eq!(experiments.matches("experiment_id").count(), 1, "{experiments}");
}

#[tokio::test]
async fn no_path_leads_out_of_the_artifacts() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    let lab = Lab { routes: routes(dir.path()), _dir: dir };
    let tricks = [
        "..%2Fsecret.txt",
        "%2e%2e/secret.txt",
        "..%2f..%2fsecret.txt",
        "%252e%252e%252fsecret.txt",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "file:%2F%2F%2Fetc%2Fpasswd",
        "C:%5Cx",
        "a%00b",
        "a%23b",
        "..%5Csecret.txt",
        "a/..%2f..%2fsecret.txt",
        ".%2e/secret.txt",
    ];
    for trick in tricks {
        for (method, path) in [
            ("GET", format!("/api/2.0/mlflow-artifacts/artifacts/{trick}")),
            ("PUT", format!("/api/2.0/mlflow-artifacts/artifacts/{trick}")),
            ("DELETE", format!("/api/2.0/mlflow-artifacts/artifacts/{trick}")),
            ("GET", format!("/api/2.0/mlflow-artifacts/artifacts?path={trick}")),
            ("GET", format!("/get-artifact?run_id=x&path={trick}")),
            ("GET", format!("/model-versions/get-artifact?name=m&version=1&path={trick}")),
            ("POST", format!("/api/2.0/mlflow/upload-artifact?run_id=x&path={trick}")),
            ("GET", format!("/api/2.0/mlflow-artifacts/presigned/{trick}")),
            ("POST", format!("/api/2.0/mlflow-artifacts/mpu/create/{trick}")),
            ("POST", format!("/api/2.0/mlflow-artifacts/mpu/complete/{trick}")),
            ("POST", format!("/api/2.0/mlflow-artifacts/mpu/abort/{trick}")),
            ("GET", format!("/api/2.0/mlflow-artifacts/signed/{trick}?expires=9999999999&signature=00")),
            ("PUT", format!("/api/2.0/mlflow-artifacts/signed/{trick}?expires=9999999999&signature=00")),
        ] {
            let body = match method {
                "PUT" => Some(b"overwritten".to_vec()),
                "POST" => Some(br#"{"path": "x", "upload_id": "x", "parts": [{"part_number": 1}]}"#.to_vec()),
                _ => None,
            };
            let (status, answer) = lab.send(method, &path, body).await;
            let listing = path.contains("artifacts?path=");
            assert!(!answer.contains("secret") || status >= 400, "{method} {path}: {status} {answer}");
            // A list of what is not there is empty.
            assert!(
                (400..500).contains(&status) || (listing && answer == "{}") || method == "PUT",
                "{path}: {status}"
            );
        }
    }
    for (route, field) in [("presigned-upload-url", "path"), ("presigned-download-url", "path")] {
        for trick in
            ["../secret.txt", "/etc/passwd", "a\u{0}b", "%2e%2e/secret.txt", "file:///etc/passwd", "a#b"]
        {
            let body = json!({ "run_id": "x", field: trick }).to_string().into_bytes();
            let path = format!("/api/2.0/mlflow/artifacts/{route}");
            let (status, answer) = lab.send("POST", &path, Some(body)).await;
            assert_eq!(status, 400, "{route} {trick}: {answer}");
        }
    }
    for name in ["..", ".", "", "a/..", "..%2fx", "x\\..", "a\u{0}", "/"] {
        let body = json!({ "path": name, "num_parts": 1 }).to_string().into_bytes();
        let (status, answer) = lab.send("POST", "/api/2.0/mlflow-artifacts/mpu/create/1/x", Some(body)).await;
        assert_eq!(status, 400, "{name}: {answer}");
    }
    // A semicolon is a letter like others, here and not at the end of a path.
    let odd = "/api/2.0/mlflow-artifacts/artifacts/1/a;b=c";
    assert_eq!(lab.send("PUT", odd, Some(b"odd".to_vec())).await.0, 200);
    assert_eq!(lab.send("GET", odd, None).await, (200, "odd".to_owned()));
    let kept = std::fs::read_to_string(lab._dir.path().join("secret.txt")).unwrap();
    assert_eq!(kept, "secret");
    assert!(!lab._dir.path().parent().unwrap().join("secret.txt").exists());
}
