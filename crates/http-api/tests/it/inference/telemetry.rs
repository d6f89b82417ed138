//! Spans of calls, as a collector gets them.

use super::World;
use axum::body::Body;
use axum::http::{Request, header};
use mainspring_http_api::inference::Telemetry;
use opentelemetry::SpanId;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData};
use serde_json::json;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Collector {
    world: World,
    telemetry: Telemetry,
    exported: InMemorySpanExporter,
}

impl Collector {
    async fn with(behaviour: serde_json::Value) -> Self {
        let mut world = World::with(behaviour).await;
        let exported = InMemorySpanExporter::default();
        let telemetry = Telemetry::exporting_to(exported.clone());
        world.trace(telemetry.clone());
        Self { world, telemetry, exported }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.telemetry.flush();
        self.exported.get_finished_spans().unwrap()
    }

    #[track_caller]
    fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.to_string()).collect();
        spans.into_iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} among {names:?}"))
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.to_string())
}

fn ask(data: f64) -> String {
    json!({ "id": "r-1", "inputs": [{ "name": "x", "shape": [1, 1], "datatype": "FP64", "data": [data] }] })
        .to_string()
}

#[tokio::test]
async fn a_call_goes_on_with_the_trace_of_its_caller() {
    let collector = Collector::with(json!({ "answer": 0.5 })).await;
    let request = Request::post("/v2/models/m/infer")
        .header("traceparent", PARENT)
        .header(header::USER_AGENT, "curl/8")
        .body(Body::from(ask(73_737.0)))
        .unwrap();
    assert_eq!(collector.world.send(request).await.status, 200);
    let call = collector.span("POST /v2/models/{model}/infer");
    assert_eq!(call.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(call.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!((call.span_kind.clone(), &call.status), (SpanKind::Server, &Status::Unset));
    assert_eq!(attribute(&call, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(attribute(&call, "url.path").as_deref(), Some("/v2/models/m/infer"));
    assert_eq!(attribute(&call, "user_agent.original").as_deref(), Some("curl/8"));
    for name in ["predict", "log"] {
        let span = collector.span(name);
        assert_eq!(span.parent_span_id, call.span_context.span_id(), "{name}");
        assert_eq!(span.span_context.trace_id(), call.span_context.trace_id(), "{name}");
    }
    let predict = collector.span("predict");
    for (key, value) in [
        ("mainspring.request.id", "r-1"),
        ("mainspring.model", "m"),
        ("mainspring.model.version", "3"),
        ("mainspring.rows", "1"),
        ("mainspring.arm", "stable"),
    ] {
        assert_eq!(attribute(&predict, key).as_deref(), Some(value), "{key}");
    }
    assert!(!format!("{:?}", collector.spans()).contains("73737"), "no data in spans");
}

#[tokio::test]
async fn failures_of_the_server_are_errors_and_mistakes_of_clients_are_not() {
    let collector = Collector::with(json!({ "answer": 0.5 })).await;
    let failing = ask(1.0).replacen('{', "{\"parameters\": { \"raise\": \"boom\" },", 1);
    assert_eq!(collector.world.post("/v2/models/m/infer", failing).await.status, 500);
    let call = collector.span("POST /v2/models/{model}/infer");
    assert_eq!(attribute(&call, "error.type").as_deref(), Some("500"));
    assert_eq!(call.status, Status::error(""));
    assert_eq!(call.parent_span_id, SpanId::INVALID, "a call without a trace begins one");
    let predict = collector.span("predict");
    assert!(matches!(predict.status, Status::Error { .. }));
    assert_eq!(attribute(&predict, "error.type").as_deref(), Some("model"));
    collector.exported.reset();
    let refused = json!({ "instances": [["UA", "jane@example.org"]] }).to_string();
    let columns = json!({ "inputs": [
        { "name": "carrier", "type": "string", "required": true },
        { "name": "hour", "type": "long", "required": true } ] });
    let version = collector.world.version(4, &columns).await;
    collector.world.gateway.set_stable("m", version);
    assert_eq!(collector.world.post("/v1/models/m:predict", refused).await.status, 400);
    assert_eq!(attribute(&collector.span("predict"), "error.type").as_deref(), Some("signature"));
    assert!(!format!("{:?}", collector.spans()).contains("jane"), "no data in spans of what was refused");
    collector.exported.reset();
    assert_eq!(collector.world.post("/v2/models/m/infer", "{").await.status, 400);
    assert_eq!(collector.span("POST /v2/models/{model}/infer").status, Status::Unset);
    collector.exported.reset();
    collector.world.get("/v2/models/m").await;
    collector.world.get("/metrics").await;
    assert_eq!(collector.spans(), [], "what is only read has no span");
}

/// A request for a model, with one number as the tensor `x`: fields 1 (name) and 5 (inputs) of the message.
fn frame(model: &str) -> Vec<u8> {
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let contents = field(7, &0.5_f64.to_le_bytes());
    let tensor = [field(1, b"x"), field(2, b"FP64"), field(3, &[1, 1]), field(5, &contents)].concat();
    let message = [field(1, model.as_bytes()), field(5, &tensor)].concat();
    [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message.as_slice()].concat()
}

#[tokio::test]
async fn calls_over_grpc_have_the_names_of_rpc() {
    let collector = Collector::with(json!({ "answer": 0.5 })).await;
    for (call, model, status) in
        [("ModelInfer", "m", 0), ("ModelStreamInfer", "m", 0), ("ModelInfer", "none", 5)]
    {
        let request = Request::post(format!("/inference.GRPCInferenceService/{call}"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Body::from(frame(model)))
            .unwrap();
        collector.world.send(request).await;
        let span = collector.span(&format!("inference.GRPCInferenceService/{call}"));
        assert_eq!(attribute(&span, "rpc.system").as_deref(), Some("grpc"));
        assert_eq!(attribute(&span, "rpc.method").as_deref(), Some(call));
        assert_eq!(attribute(&span, "rpc.grpc.status_code"), Some(status.to_string()), "{call} of {model}");
        assert_eq!(span.status, Status::Unset, "a mistake of the client is no error");
        if status == 0 {
            let predict = collector.span("predict");
            assert_eq!(predict.parent_span_id, span.span_context.span_id(), "{call}");
            assert_eq!(attribute(&predict, "mainspring.model").as_deref(), Some("m"));
        }
        collector.exported.reset();
    }
}
