//! Spans of what clients ask of models, sent to a collector of OpenTelemetry.
//!
//! Set up by the variables of OpenTelemetry's specification; off while no endpoint is named. A call
//! has a span of the kind "server", which continues the caller's trace (W3C `traceparent`), and below
//! it `predict` and `log`: the model's answer, and the wait for the record of it. Names and attributes
//! are those of the semantic conventions for HTTP and RPC servers; Mainspring's own begin with
//! `mainspring.`. Nothing of the data is in a span.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use mainspring_serving::{ServeError, Served};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    FutureExt as _, Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span, SpanExporter};
use std::sync::Arc;
use std::time::Duration;

/// The endpoint of all signals, and that of spans alone.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// The transport of spans alone, which comes first, and that of all signals.
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
/// Where gRPC services have their routes.
const GRPC: &str = "/inference.GRPCInferenceService/";

/// The environment asks for an export that is not there.
#[derive(Debug, PartialEq, Eq)]
pub struct NoExport {
    /// What is asked for.
    pub message: String,
    /// What to set instead.
    pub hint: &'static str,
}

/// Makes the spans; does nothing when tracing is off. Cheap to clone.
#[derive(Clone, Default)]
pub struct Telemetry(Option<Arc<Tracing>>);

struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Telemetry {
    /// As the environment says. The SDK itself reads most of it: headers, time limits, the sampler, the
    /// batches, the resource.
    ///
    /// # Errors
    /// When the environment asks for what is not there.
    pub fn from_environment() -> Result<Self, NoExport> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(protocol) = wanted(variable)? else { return Ok(Self::default()) };
        let exporter =
            OtlpExporter::builder().with_http().with_protocol(protocol).build().map_err(|error| {
                NoExport {
                    message: format!("spans cannot be exported: {error}"),
                    hint: "see the variables OTEL_EXPORTER_OTLP_*; without an endpoint no spans are made",
                }
            })?;
        Ok(Self::exporting_to(exporter))
    }

    /// Spans that go to an exporter, in batches.
    pub fn exporting_to(exporter: impl SpanExporter + 'static) -> Self {
        let named = Resource::builder().build();
        let unnamed =
            named.get(&"service.name".into()).is_none_or(|name| name.as_str().starts_with("unknown_service"));
        let resource =
            if unnamed { Resource::builder().with_service_name("mainspring").build() } else { named };
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
        let tracer = provider.tracer("mainspring");
        Self(Some(Arc::new(Tracing { provider, tracer })))
    }

    /// Sends what there is.
    pub fn flush(&self) {
        told(self.0.as_ref().map(|tracing| tracing.provider.force_flush()));
    }

    /// Sends what is left, and makes no more spans. A collector that does not answer is waited for so long.
    pub fn end(&self, patience: Duration) {
        told(self.0.as_ref().map(|tracing| tracing.provider.shutdown_with_timeout(patience)));
    }

    /// A span below the current one, or nothing when tracing is off.
    pub(super) fn begin(&self, name: &'static str) -> Option<Span> {
        Some(self.0.as_ref()?.tracer.start(name))
    }
}

fn told(sent: Option<OTelSdkResult>) {
    if let Some(Err(error)) = sent {
        tracing::warn!(%error, "spans could not be exported");
    }
}

/// How spans are to be exported, if they are.
fn wanted(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Protocol>, NoExport> {
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if disabled || ENDPOINTS.iter().all(|name| variable(name).is_none()) {
        return Ok(None);
    }
    match variable("OTEL_TRACES_EXPORTER").as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Ok(None),
        Some(other) => {
            return Err(NoExport {
                message: format!("spans cannot be exported by `{other}`"),
                hint: "OTEL_TRACES_EXPORTER can be `otlp`, or `none`",
            });
        }
    }
    match PROTOCOLS.iter().find_map(|name| variable(name)).as_deref() {
        None | Some("http/protobuf") => Ok(Some(Protocol::HttpBinary)),
        Some("http/json") => Ok(Some(Protocol::HttpJson)),
        Some(other) => Err(NoExport {
            message: format!("spans cannot be exported over `{other}`"),
            hint: "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and the collector's port for HTTP, 4318 by default",
        }),
    }
}

/// Gives each call that asks for work a span; what is only read has none.
pub(super) async fn trace(State(telemetry): State<Telemetry>, request: Request, next: Next) -> Response {
    let Some(tracing) = telemetry.0.filter(|_| request.method() == Method::POST) else {
        return next.run(request).await;
    };
    let parent = TraceContextPropagator::new()
        .extract_with_context(&Context::new(), &HeaderExtractor(request.headers()));
    let path = request.uri().path();
    let call = path.strip_prefix(GRPC).map(str::to_owned);
    let route = request.extensions().get::<MatchedPath>().map_or(path, MatchedPath::as_str);
    let (name, attributes) = match &call {
        Some(call) => (format!("{}{call}", &GRPC[1..]), rpc(call)),
        None => (format!("POST {route}"), http(route, path, request.headers())),
    };
    let span = tracing.tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
    let context = parent.with_span(span.start_with_context(&tracing.tracer, &parent));
    let response = next.run(request).with_context(context.clone()).await;
    let span = context.span();
    if call.is_some() {
        // An error is told in the headers; what has a message and fails later is not known here.
        let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok());
        let code = code.and_then(|code| code.parse::<i64>().ok()).unwrap_or(0);
        span.set_attribute(KeyValue::new("rpc.grpc.status_code", code));
        // Those that the conventions count as the server's: unknown, deadline, unimplemented, internal,
        // unavailable, data loss.
        if [2, 4, 12, 13, 14, 15].contains(&code) {
            span.set_status(Status::error(""));
        }
    } else {
        let status = response.status();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
    }
    span.end();
    response
}

fn rpc(method: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", "inference.GRPCInferenceService"),
        KeyValue::new("rpc.method", method.to_owned()),
    ]
}

fn http(route: &str, path: &str, headers: &HeaderMap) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("http.route", route.to_owned()),
        KeyValue::new("url.path", path.to_owned()),
        KeyValue::new("url.scheme", "http"),
    ];
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    attributes.extend(agent.map(|agent| KeyValue::new("user_agent.original", agent.to_owned())));
    attributes
}

/// Says in the span of a prediction what was asked and who answered.
pub(super) fn describe(span: &mut Span, request_id: &str, served: &Served) {
    span.set_attribute(KeyValue::new("mainspring.request.id", request_id.to_owned()));
    span.set_attribute(KeyValue::new("mainspring.model.version", i64::from(served.version)));
    span.set_attribute(KeyValue::new(
        "mainspring.rows",
        i64::try_from(served.predictions.len()).unwrap_or(i64::MAX),
    ));
    if let Some(row) = served.predictions.first() {
        span.set_attribute(KeyValue::new("mainspring.model", row.model.clone()));
        span.set_attribute(KeyValue::new("mainspring.arm", row.arm.as_str()));
        if let Some(rollout) = &row.rollout {
            span.set_attribute(KeyValue::new("mainspring.rollout", rollout.clone()));
        }
    }
    if let Some(assigned) = &served.assigned {
        span.set_attribute(KeyValue::new("mainspring.ab.test", assigned.test.clone()));
        span.set_attribute(KeyValue::new("mainspring.ab.arm", i64::from(assigned.arm)));
    }
    if let Err(error) = &served.outcome {
        fail(span, error);
    }
}

/// Marks a span as failed. The kind of the failure is told and not its text, in which a value may be.
pub(super) fn fail(span: &mut Span, error: &ServeError) {
    let kind = match error {
        ServeError::NotDeployed(_) => "not_deployed",
        ServeError::NotLoaded { .. } => "not_loaded",
        ServeError::TooLarge(_) => "too_large",
        ServeError::Signature(_) => "signature",
        ServeError::Input(_) => "input",
        ServeError::Model(_) => "model",
        ServeError::WorkerDied => "worker_died",
        ServeError::NotReady => "not_ready",
        ServeError::Overloaded => "overloaded",
        ServeError::Timeout(_) => "timeout",
    };
    span.set_attribute(KeyValue::new("error.type", kind));
    span.set_status(Status::error(""));
}

#[cfg(test)]
mod tests {
    use super::{NoExport, wanted};
    use opentelemetry_otlp::Protocol;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Protocol>, NoExport> {
        wanted(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn spans_are_exported_where_the_environment_names_an_endpoint() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[endpoint]), Ok(Some(Protocol::HttpBinary)));
        assert_eq!(
            of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/v1/traces")]),
            Ok(Some(Protocol::HttpBinary))
        );
        assert_eq!(of(&[endpoint, ("OTEL_SDK_DISABLED", "true")]), Ok(None));
        assert_eq!(of(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
        assert_eq!(
            of(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]),
            Ok(Some(Protocol::HttpJson))
        );
        assert!(of(&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")]).is_err());
        assert!(of(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err().hint.contains("4318"));
    }
}
