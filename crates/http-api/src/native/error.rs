//! Errors of the native API: `{"error", "hint"}` with a fitting status.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mainspring_automation::AutomationError;
use mainspring_metadata_store::StoreError;
use mainspring_pipelines::PipelineError;
use mainspring_tracking::TrackingError;
use serde::de::DeserializeOwned;
use serde_json::json;

/// What a request is answered with when it fails.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    hint: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The body of a request as JSON. What cannot be read is told as any other mistake of the caller.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::BytesRejection(error)) => {
                Err(ApiError::new(error.status(), error.body_text()))
            }
            Err(error) => Err(ApiError::bad(error.body_text())
                .hint("send a JSON object, with the header `Content-Type: application/json`")),
        }
    }
}

/// The same where a body may be left out. One without any bytes is none; any other must be readable.
pub(super) struct MaybeBody<T>(pub(super) Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limited = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(limited, state)
            .await
            .map_err(|error| ApiError::new(error.status(), error.body_text()))?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let Body(body) = Body::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self(Some(body)))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(message = self.message, "request failed");
        }
        (self.status, Json(json!({ "error": self.message, "hint": self.hint }))).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Unstorable(_) => StatusCode::BAD_REQUEST,
            StoreError::NotWritten(_) | StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<PipelineError> for ApiError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::UnknownDag(_) => Self::not_found(error.to_string()).hint(
                "put its file into the project's DAG folder; `mainspring status` shows files with mistakes",
            ),
            PipelineError::Store(error) => error.into(),
            error => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

impl From<TrackingError> for ApiError {
    fn from(error: TrackingError) -> Self {
        let message = error.to_string();
        match error {
            TrackingError::Filter(_) => Self::bad(message).hint(
                "a filter joins comparisons with AND: `metrics.auc > 0.8 AND params.model = 'gbm' AND \
                 attributes.status = 'FINISHED'`; names with other characters than letters, digits and _ stand \
                 in double quotes: `metrics.\"val/auc\" > 0.8`",
            ),
            TrackingError::NoExperiment(_)
            | TrackingError::NoExperimentNamed(_)
            | TrackingError::NoRun(_)
            | TrackingError::NoLoggedModel(_)
            | TrackingError::NoTag { .. } => Self::not_found(message),
            TrackingError::Store(error) => error.into(),
            _ => Self::bad(message),
        }
    }
}

impl From<AutomationError> for ApiError {
    fn from(error: AutomationError) -> Self {
        match error {
            AutomationError::Pipeline(error) => error.into(),
            AutomationError::Store(error) => error.into(),
            AutomationError::NotLeading => Self::new(StatusCode::CONFLICT, error.to_string())
                .hint("ask the server that runs them: GET /api/v1/loop of each says whether it does"),
            AutomationError::UnknownVersion(..)
            | AutomationError::NoRevision { .. }
            | AutomationError::NotDeployed(_)
            | AutomationError::NoAbTest(_) => Self::not_found(error.to_string()),
            AutomationError::RolloutUnderWay(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            AutomationError::StoredRollout(..) => Self::new(StatusCode::CONFLICT, error.to_string())
                .hint("it can only be ended: `mainspring rollouts abort`, or the release of another version"),
            AutomationError::Blocked { ref hint, .. }
            | AutomationError::AbState { ref hint, .. }
            | AutomationError::AbQuery { ref hint, .. } => {
                Self::new(StatusCode::CONFLICT, error.message()).hint(hint)
            }
            AutomationError::Spec(ref spec) => Self::bad(error.message()).hint(&spec.hint),
            AutomationError::NoRules(_) | AutomationError::NoStage(..) | AutomationError::File { .. } => {
                Self::bad(error.to_string())
            }
            other => Self::new(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, Body, MaybeBody};
    use axum::body::Body as Bytes;
    use axum::extract::{FromRequest as _, Request};
    use mainspring_automation::AutomationError;
    use serde_json::{Value, json};

    async fn read(body: &'static str, content_type: Option<&str>) -> Result<Option<Value>, u16> {
        let mut request = Request::builder();
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let read = MaybeBody::from_request(request.body(Bytes::from(body)).unwrap(), &()).await;
        read.map(|MaybeBody(body)| body).map_err(|error| error.status.as_u16())
    }

    #[tokio::test]
    async fn a_body_may_be_left_out_but_is_not_passed_over() {
        let json = Some("application/json");
        assert_eq!(read("", None).await, Ok(None));
        assert_eq!(read("", json).await, Ok(None));
        assert_eq!(read("{\"a\": 1}", json).await, Ok(Some(json!({ "a": 1 }))));
        assert_eq!(read("{\"a\": 1}", None).await, Err(400));
        assert_eq!(read("{\"a\": 1}", Some("text/plain")).await, Err(400));
        assert_eq!(read("{", json).await, Err(400));
        let request = Request::builder().body(Bytes::empty()).unwrap();
        assert!(Body::<Value>::from_request(request, &()).await.is_err(), "where it is needed it is missing");
    }

    #[test]
    fn what_a_client_can_mend_is_no_error_of_the_server() {
        for (error, status) in [
            (AutomationError::NotDeployed("m".into()), 404),
            (AutomationError::RolloutUnderWay("m".into()), 409),
            (AutomationError::StoredRollout("r".into(), "gone".into()), 409),
        ] {
            assert_eq!(ApiError::from(error).status.as_u16(), status);
        }
    }
}
