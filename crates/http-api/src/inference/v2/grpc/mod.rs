//! The same protocol over gRPC, on the same port: a call is an HTTP/2 request whose path names it, so it
//! goes through the same gate and the same routes as all others.

mod calls;
mod convert;
mod messages;

use super::failure::Failure;
use crate::inference::InferenceState;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, post};
use futures_util::{Stream, StreamExt as _};
use mainspring_domain::Actor;
use mainspring_domain::access::{Role, Scope};
use mainspring_governance::access::Principal;
use opentelemetry::Context;
use opentelemetry::trace::FutureExt as _;
use std::pin::Pin;
use std::sync::Arc;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic::{Extensions, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// Bytes of a message at most.
const MESSAGE_LIMIT: usize = super::incoming::BODY_LIMIT;

/// What a call knows beside its message.
#[derive(Clone)]
struct Caller {
    state: InferenceState,
    headers: HeaderMap,
    principal: Option<Arc<Principal>>,
    actor: Actor,
}

impl Caller {
    fn new(state: InferenceState, headers: HeaderMap, extensions: &Extensions) -> Self {
        let actor = extensions.get::<Actor>().cloned();
        Self {
            state,
            headers,
            principal: extensions.get::<Arc<Principal>>().cloned(),
            actor: actor.unwrap_or_else(mainspring_governance::users::anonymous),
        }
    }

    /// The message and not the path names the model, so its role is asked for here.
    fn needs(&self, role: Role, model: &str) -> Result<(), Status> {
        let scope = Scope::Model(mainspring_domain::delivery::served_model(model).to_owned());
        if self.principal.as_ref().is_some_and(|principal| principal.may(role, &scope)) {
            return Ok(());
        }
        Err(Status::permission_denied(format!(
            "`{}` needs the role {} on the model `{model}`",
            self.actor,
            role.as_str()
        )))
    }

    fn principal(&self) -> Result<&Principal, Status> {
        self.principal.as_deref().ok_or_else(|| Status::unauthenticated("this server asks for a login"))
    }
}

/// The routes, one for each call.
pub(super) fn router() -> Router<InferenceState> {
    let calls = [
        ("ServerLive", unary(calls::server_live)),
        ("ServerReady", unary(calls::server_ready)),
        ("ServerMetadata", unary(calls::server_metadata)),
        ("ModelReady", unary(calls::model_ready)),
        ("ModelMetadata", unary(calls::model_metadata)),
        ("ModelInfer", unary(calls::model_infer)),
        ("ModelStreamInfer", streaming(calls::model_stream_infer)),
        ("ModelConfig", unary(calls::model_config)),
        ("ModelStatistics", unary(calls::model_statistics)),
        ("RepositoryIndex", unary(calls::repository_index)),
        ("RepositoryModelLoad", unary(calls::repository_model_load)),
        ("RepositoryModelUnload", unary(calls::repository_model_unload)),
        ("SystemSharedMemoryStatus", unary(calls::nothing)),
        ("SystemSharedMemoryRegister", unary(calls::no_shared_memory)),
        ("SystemSharedMemoryUnregister", unary(calls::nothing)),
        ("CudaSharedMemoryStatus", unary(calls::nothing)),
        ("CudaSharedMemoryRegister", unary(calls::no_shared_memory)),
        ("CudaSharedMemoryUnregister", unary(calls::nothing)),
        ("TraceSetting", unary(calls::trace_setting)),
        ("LogSettings", unary(calls::log_settings)),
    ];
    calls.into_iter().fold(Router::new(), |router, (name, call)| {
        router.route(&format!("/inference.GRPCInferenceService/{name}"), call)
    })
}

fn grpc<Q, A>() -> Grpc<ProstCodec<A, Q>>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + Default + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(MESSAGE_LIMIT);
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Deflate] {
        grpc = grpc.accept_compressed(encoding).send_compressed(encoding);
    }
    grpc
}

/// A call with one message each way.
fn unary<Q, A, F, Fut>(call: F) -> MethodRouter<InferenceState>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + Default + 'static,
    F: Fn(Caller, Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Status>> + Send + 'static,
{
    post(move |State(state): State<InferenceState>, request: Request| async move {
        let service = service_fn(move |request: tonic::Request<Q>| {
            let (metadata, extensions, message) = request.into_parts();
            let caller = Caller::new(state.clone(), metadata.into_headers(), &extensions);
            let answer = call(caller, message);
            async move { answer.await.map(tonic::Response::new) }
        });
        grpc::<Q, A>().unary(service, request).await.map(axum::body::Body::new).into_response()
    })
}

type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// A call with any number of messages each way; each is answered in its turn.
fn streaming<Q, A, F, Fut>(call: F) -> MethodRouter<InferenceState>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + Default + 'static,
    F: Fn(Caller, Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Status>> + Send + 'static,
{
    post(move |State(state): State<InferenceState>, request: Request| async move {
        let service = service_fn(move |request: tonic::Request<Streaming<Q>>| {
            let (metadata, extensions, messages) = request.into_parts();
            let caller = Caller::new(state.clone(), metadata.into_headers(), &extensions);
            let call = call.clone();
            // The answers are made when this is over; their spans belong to the call all the same.
            let context = Context::current();
            let answers: Answers<A> = Box::pin(messages.then(move |message| {
                let answer = message.map(|message| call(caller.clone(), message));
                let context = context.clone();
                async move { answer?.with_context(context).await }
            }));
            async move { Ok::<_, Status>(tonic::Response::new(answers)) }
        });
        grpc::<Q, A>().streaming(service, request).await.map(axum::body::Body::new).into_response()
    })
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let code = match failure.status {
            StatusCode::BAD_REQUEST => tonic::Code::InvalidArgument,
            StatusCode::NOT_FOUND => tonic::Code::NotFound,
            StatusCode::CONFLICT => tonic::Code::FailedPrecondition,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => tonic::Code::ResourceExhausted,
            StatusCode::SERVICE_UNAVAILABLE => tonic::Code::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => tonic::Code::DeadlineExceeded,
            _ => tonic::Code::Internal,
        };
        Self::new(code, failure.message)
    }
}
