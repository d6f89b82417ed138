//! Traces over the router: shapes of answers, the collector, and who may do what.

use crate::access::{House, login};
use crate::mlflow::{Lab, Reply};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use mainspring_domain::access::{Role, Scope};
use mainspring_governance::users;
use serde_json::{Value, json};

const TRACE: &str = "tr-000102030405060708090a0b0c0d0e0f";

fn start(experiment: &str) -> Value {
    json!({ "trace": { "trace_info": {
        "trace_id": TRACE,
        "trace_location": { "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": experiment } },
        "request_time": "1970-01-01T00:00:01.500Z",
        "execution_duration": "2s",
        "state": "OK",
        "request_preview": "q",
        "trace_metadata": { "mlflow.trace.sizeStats": "{\"num_spans\": 1}" },
        "tags": { "mlflow.traceName": "n" },
        "assessments": [{ "assessment_name": "a", "feedback": { "value": 1 }, "source": { "source_type": "CODE" } }],
    } } })
}

/// A field of a message whose content has a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 127 {
        bytes.push(u8::try_from(length & 127).unwrap() | 128);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(content);
    bytes
}

fn fixed(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3 | 1], value.to_le_bytes().to_vec()].concat()
}

/// A request of the collector with one span that has one attribute.
fn export() -> Vec<u8> {
    let trace: Vec<u8> = (0..16).collect();
    let value = field(1, b"{\"a\": [1, null]}");
    let attribute = [field(1, b"k"), field(2, &value)].concat();
    let span = [
        field(1, &trace),
        field(2, &[7; 8]),
        field(5, b"root"),
        vec![6 << 3, 1],
        fixed(7, 1_500_000_000),
        fixed(8, 3_500_000_000),
        field(9, &attribute),
        field(15, &[3 << 3, 1]),
        // What a newer version may send.
        field(14, b"?"),
    ];
    field(1, &field(2, &field(2, &span.concat())))
}

fn to_collector(kind: &str, experiment: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/v1/traces").header(header::CONTENT_TYPE, kind);
    if let Some(experiment) = experiment {
        request = request.header("x-mlflow-experiment-id", experiment);
    }
    request.body(body.into()).unwrap()
}

impl Lab {
    async fn v3(&self, method: &str, path: &str, body: Value) -> Reply {
        let path = format!("/api/3.0/mlflow/{path}");
        self.send(method, &path, Some("application/json"), body.to_string()).await
    }
}

#[tokio::test]
async fn a_trace_is_shown_as_clients_know_it() {
    let lab = Lab::new();
    let begun = lab.v3("POST", "traces", start("0")).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.json());
    let sent = lab.request(to_collector("application/x-protobuf", Some("0"), export())).await;
    assert_eq!((sent.status, sent.body.len()), (StatusCode::OK, 0));
    assert_eq!(sent.headers[header::CONTENT_TYPE], "application/x-protobuf");
    let whole =
        lab.get(&format!("/ajax-api/3.0/mlflow/traces/get?trace_id={TRACE}&allow_partial=False")).await;
    let mut trace = whole.json()["trace"].clone();
    let assessment = trace["trace_info"]["assessments"][0].take();
    assert_eq!(
        trace,
        json!({
            "trace_info": {
                "trace_id": TRACE,
                "trace_location": { "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": "0" } },
                "request_preview": "q",
                "request_time": "1970-01-01T00:00:01.500Z",
                "execution_duration": "2s",
                "state": "OK",
                "trace_metadata": {
                    "mlflow.trace.infoFinalized": "true",
                    "mlflow.trace.sizeStats": "{\"num_spans\": 1}",
                },
                "assessments": [null],
                "tags": {
                    "mlflow.artifactLocation": format!("mlflow-artifacts:/0/traces/{TRACE}/artifacts"),
                    "mlflow.trace.spansLocation": "TRACKING_STORE",
                    "mlflow.traceName": "n",
                },
            },
            "spans": [{
                "trace_id": "AAECAwQFBgcICQoLDA0ODw==",
                "span_id": "BwcHBwcHBwc=",
                "name": "root",
                "kind": "SPAN_KIND_INTERNAL",
                "start_time_unix_nano": 1_500_000_000,
                "end_time_unix_nano": 3_500_000_000_i64,
                "attributes": [
                    { "key": "k", "value": { "kvlist_value": { "values": [
                        { "key": "a", "value": { "array_value": { "values": [{ "int_value": 1 }, {}] } } },
                    ] } } },
                    { "key": "mlflow.traceRequestId", "value": { "string_value": TRACE } },
                ],
                "status": { "code": "STATUS_CODE_OK" },
            }],
        })
    );
    assert_eq!(assessment["feedback"], json!({ "value": 1.0 }));
    assert_eq!((&assessment["trace_id"], &assessment["valid"]), (&json!(TRACE), &json!(true)));
    let file = lab.get(&format!("/ajax-api/2.0/mlflow/get-trace-artifact?request_id={TRACE}")).await;
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=traces.json");
    let span = &file.json()["spans"][0];
    assert_eq!(
        (&span["attributes"]["k"], &span["parent_span_id"]),
        (&json!("{\"a\": [1, null]}"), &Value::Null)
    );
    assert_eq!(span["status"], json!({ "code": "STATUS_CODE_OK", "message": "" }));
    let old = lab.get(&format!("/api/2.0/mlflow/traces/{TRACE}/info")).await.json();
    assert_eq!(old["trace_info"]["status"], "OK");
    assert_eq!(
        (&old["trace_info"]["timestamp_ms"], &old["trace_info"]["execution_time_ms"]),
        (&json!(1500), &json!(2000))
    );
    let found = lab.get("/api/2.0/mlflow/traces?experiment_ids=0&filter=name%20%3D%20%27n%27").await.json();
    assert_eq!(found["traces"][0]["request_id"], TRACE);
}

#[tokio::test]
async fn the_older_form_shares_the_address() {
    let lab = Lab::new();
    let said = json!({
        "experiment_id": "0",
        "timestamp_ms": 1000,
        "tags": [{ "key": "t", "value": "1" }, { "key": "mlflow.artifactLocation", "value": "file:///etc" }],
    });
    let begun = lab.post("traces", said).await;
    let info = &begun["trace_info"];
    assert_eq!((&info["status"], &info["execution_time_ms"]), (&json!("IN_PROGRESS"), &json!(0)));
    let id = info["request_id"].as_str().unwrap();
    assert_eq!(info["tags"][0]["value"], format!("mlflow-artifacts:/0/traces/{id}/artifacts"));
    let ended =
        lab.call("PATCH", &format!("traces/{id}"), json!({ "timestamp_ms": 1400, "status": "ERROR" })).await;
    assert_eq!(ended.json()["trace_info"]["execution_time_ms"], 400);
    // The client keeps the spans of such a trace as a file.
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/traces/{id}/artifacts/traces.json");
    lab.send("PUT", &path, None, "{\"spans\": []}").await;
    let file = lab.get(&format!("/ajax-api/3.0/mlflow/get-trace-artifact?request_id={id}")).await;
    assert_eq!(file.body, b"{\"spans\": []}");
    lab.get(&format!("/api/3.0/mlflow/traces/get?trace_id={id}")).await.refused(
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "not in the tracking store",
    );
}

#[tokio::test]
async fn mistakes_are_answered_as_such() {
    let lab = Lab::new();
    lab.v3("POST", "traces", start("0")).await;
    let mut no_experiment = start("77");
    no_experiment["trace"]["trace_info"]["trace_id"] = "tr-x".into();
    let mut bad_state = start("0");
    bad_state["trace"]["trace_info"]["state"] = "DONE".into();
    let mut bad_time = start("0");
    bad_time["trace"]["trace_info"]["request_time"] = "soon".into();
    let places = json!([{ "mlflow_experiment": { "experiment_id": "0" } }]);
    let own = format!("traces/{TRACE}");
    for (method, path, body, status, part) in [
        ("POST", "traces", json!({}), 400, "Missing value for required parameter 'trace'"),
        ("POST", "traces", json!({ "trace": {} }), 400, "'trace.trace_info'"),
        ("POST", "traces", no_experiment, 404, "No Experiment with id=77 exists"),
        ("POST", "traces", bad_state, 400, "'trace.trace_info.state'"),
        ("POST", "traces", bad_time, 400, "'trace.trace_info.request_time'"),
        ("POST", "traces/search", json!({}), 400, "'locations'"),
        (
            "POST",
            "traces/search",
            json!({ "locations": places, "max_results": 501 }),
            400,
            "Invalid value 501",
        ),
        (
            "POST",
            "traces/search",
            json!({ "locations": places, "filter": "x = 1" }),
            400,
            "Invalid attribute key 'x'",
        ),
        ("POST", "traces/batchGetInfos", json!({}), 400, "'trace_ids'"),
        (
            "POST",
            "traces/delete-traces",
            json!({ "experiment_id": "0" }),
            400,
            "Either `max_timestamp_millis`",
        ),
        (
            "POST",
            "traces/delete-traces",
            json!({ "experiment_id": "0", "max_timestamp_millis": 1, "max_traces": 0 }),
            400,
            "must be a positive integer, received 0",
        ),
        (
            "POST",
            "traces/delete-traces",
            json!({ "experiment_id": "0", "max_timestamp_millis": 1, "request_ids": ["x"] }),
            400,
            "Only one of",
        ),
        (
            "POST",
            "traces/link-to-run",
            json!({ "run_id": "none", "trace_ids": ["x"] }),
            404,
            "Run with id=none",
        ),
        (
            "POST",
            "traces/metrics",
            json!({ "experiment_ids": ["0"], "view_type": "TRACES", "metric_name": "latency",
                    "aggregations": [{ "aggregation_type": "PERCENTILE" }] }),
            400,
            "Percentile value is required",
        ),
        (
            "POST",
            "traces/calculate-filter-correlation",
            json!({ "experiment_ids": ["0"], "filter_string1": "a.b = 'c'", "filter_string2": "name = 'n'" }),
            400,
            "Invalid entity type 'a'",
        ),
        ("POST", &format!("{own}/assessments"), json!({}), 400, "'assessment'"),
        (
            "POST",
            &format!("{own}/assessments"),
            json!({ "assessment": { "assessment_name": "a" } }),
            400,
            "Unknown assessment type",
        ),
        (
            "POST",
            "traces/tr-none/assessments",
            json!({ "assessment": { "assessment_name": "a", "feedback": { "value": 1 } } }),
            404,
            "Trace with ID 'tr-none' not found",
        ),
        (
            "PATCH",
            &format!("{own}/tags"),
            json!({ "key": "a//b", "value": "" }),
            400,
            "would resolve to 'a/b'",
        ),
        ("DELETE", &format!("{own}/tags"), json!({ "key": "none" }), 404, "No trace tag with key 'none'"),
    ] {
        let code = if status == 404 { "RESOURCE_DOES_NOT_EXIST" } else { "INVALID_PARAMETER_VALUE" };
        lab.v3(method, path, body).await.refused(status, code, part);
    }
    let json_body =
        json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{ "traceId": "01", "spanId": "" }] }] }] });
    for (kind, experiment, body, part) in [
        ("application/x-protobuf", None, export(), "x-mlflow-experiment-id is missing"),
        ("text/plain", Some("0"), export(), "Invalid Content-Type: text/plain"),
        ("application/x-protobuf", Some("0"), b"\xff\xff".to_vec(), "Invalid OpenTelemetry format"),
        ("application/x-protobuf", Some("0"), Vec::new(), "no spans found"),
        ("application/json; charset=utf-8", Some("0"), b"{".to_vec(), "Invalid OpenTelemetry format"),
        (
            "application/json",
            Some("0"),
            json_body.to_string().into_bytes(),
            "Cannot convert OpenTelemetry span",
        ),
    ] {
        let reply = lab.request(to_collector(kind, experiment, body)).await;
        reply.refused(400, "BAD_REQUEST", part);
    }
}

#[tokio::test]
async fn an_assessment_changes_by_its_mask() {
    let lab = Lab::new();
    lab.v3("POST", "traces", start("0")).await;
    let new = json!({ "assessment": {
        "assessment_name": "e",
        "expectation": { "value": { "x": [1], "y": true } },
        "source": { "source_type": "HUMAN", "source_id": "ann" },
        "metadata": { "a": "1" },
    } });
    let made = lab.v3("POST", &format!("traces/{TRACE}/assessments"), new).await.json()["assessment"].clone();
    let serialized = json!({ "serialization_format": "JSON_FORMAT", "value": "{\"x\": [1.0], \"y\": true}" });
    assert_eq!(made["expectation"], json!({ "serialized_value": serialized }));
    assert_eq!(made["source"], json!({ "source_type": "HUMAN", "source_id": "ann" }));
    let path = format!("traces/{TRACE}/assessments/{}", made["assessment_id"].as_str().unwrap());
    let change = json!({
        "assessment": { "assessment_name": "f", "rationale": "no", "metadata": { "b": "2" } },
        "update_mask": "assessmentName,metadata",
    });
    let changed = lab.v3("PATCH", &path, change).await.json()["assessment"].clone();
    assert_eq!(changed["assessment_name"], "f");
    assert_eq!(changed["metadata"], json!({ "a": "1", "b": "2" }));
    assert_eq!(changed.get("rationale"), None, "it is not in the mask");
    assert_eq!(lab.v3("DELETE", &path, json!({})).await.status, StatusCode::OK);
    lab.v3("GET", &path, Value::Null).await.refused(404, "RESOURCE_DOES_NOT_EXIST", "not found for trace");
}

#[tokio::test]
async fn roles_count_for_traces() {
    let (house, ada) = House::new(login()).await;
    for name in ["one", "two"] {
        house.post(&ada, "experiments/create", json!({ "name": name })).await;
    }
    let bob = house.user("bob", None).await;
    let eve = house.user("eve", None).await;
    house
        .change(|tx| {
            users::grant(tx, "bob", &Scope::Experiment(1), Some(Role::Editor))?;
            users::grant(tx, "eve", &Scope::Experiment(1), Some(Role::Reader))
        })
        .await;
    let begin = |secret: String, experiment: &'static str| {
        let house = &house;
        async move { house.call(&secret, "POST", "/api/3.0/mlflow/traces", start(experiment)).await.0 }
    };
    assert_eq!(begin(bob.clone(), "2").await, 403);
    assert_eq!(begin(eve.clone(), "1").await, 403);
    assert_eq!(begin(bob.clone(), "1").await, 200);
    let collect = |secret: String, experiment: &'static str| {
        let mut request = to_collector("application/x-protobuf", Some(experiment), export());
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {secret}").parse().unwrap());
        house.send(request)
    };
    assert_eq!(collect(bob.clone(), "2").await.0, 403);
    assert_eq!(collect(eve.clone(), "1").await.0, 403);
    assert_eq!(collect(bob.clone(), "1").await.0, 200);
    let places = |id: &str| json!({ "locations": [{ "mlflow_experiment": { "experiment_id": id } }] });
    let both = json!({ "locations": [
        { "mlflow_experiment": { "experiment_id": "1" } }, { "mlflow_experiment": { "experiment_id": "2" } },
    ] });
    let said = json!({ "assessment": { "assessment_name": "a", "feedback": { "value": 1 } } });
    let all = json!({ "experiment_id": "1", "max_timestamp_millis": 9_000_000 });
    let tag = json!({ "key": "k", "value": "v" });
    let own = format!("/api/3.0/mlflow/traces/{TRACE}");
    let api = |path: &str| format!("/api/3.0/mlflow/traces/{path}");
    for (secret, method, path, body, status) in [
        (&eve, "GET", own.clone(), Value::Null, 200),
        (&eve, "GET", api("tr-none"), Value::Null, 403),
        (&eve, "GET", api(&format!("get?trace_id={TRACE}")), Value::Null, 200),
        (&eve, "GET", api(&format!("batchGet?trace_ids={TRACE}")), Value::Null, 200),
        (
            &eve,
            "GET",
            format!("/ajax-api/2.0/mlflow/get-trace-artifact?request_id={TRACE}"),
            Value::Null,
            200,
        ),
        (&eve, "POST", api("search"), places("1"), 200),
        (&eve, "POST", api("search"), places("2"), 403),
        (&eve, "POST", api("search"), both, 403),
        (&eve, "PATCH", format!("{own}/tags"), tag.clone(), 403),
        (&eve, "POST", format!("{own}/assessments"), said.clone(), 403),
        (&bob, "PATCH", format!("{own}/tags"), tag, 200),
        (&bob, "POST", format!("{own}/assessments"), said, 200),
        (&bob, "POST", api("delete-traces"), all.clone(), 403),
        (&ada, "POST", api("delete-traces"), all, 200),
    ] {
        assert_eq!(house.call(secret, method, &path, body).await.0, status, "{method} {path}");
    }
}
