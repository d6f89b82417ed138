//! Errors in the form that clients know.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mainspring_artifact_store::ArtifactError;
use mainspring_automation::workspaces::WorkspaceError;
use mainspring_domain::workspaces::local_model_name;
use mainspring_metadata_store::StoreError;
use mainspring_registry::RegistryError;
use mainspring_tracking::TrackingError;
use serde_json::json;

/// An error with its HTTP status and its code. Clients repeat requests that end with 408, 429 or
/// 5xx for minutes, so a mistake of the user never gets one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A parameter with a value that is not taken.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message)
    }

    /// A request that is not understood at all.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// What was switched off when the server was started.
    pub(super) fn disabled(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "FEATURE_DISABLED", message)
    }

    pub(super) fn endpoint_not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND", message)
    }

    pub(super) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST", message)
    }

    pub(super) fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message)
    }

    pub(super) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "{what} failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", format!("{what} failed: {error}"))
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    fn exists(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "RESOURCE_ALREADY_EXISTS", message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unstorable(_) => Self::invalid(error.to_string()),
            StoreError::NotWritten(_)
            | StoreError::Unavailable(_)
            | StoreError::WritesStopped(_)
            | StoreError::Closed => {
                tracing::error!(%error, "the store does not answer");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", error.to_string())
            }
            _ => Self::internal("The store", &error),
        }
    }
}

impl From<TrackingError> for ApiError {
    fn from(error: TrackingError) -> Self {
        let message = error.to_string();
        match error {
            TrackingError::Invalid(_)
            | TrackingError::Filter(_)
            | TrackingError::NotActive { .. }
            | TrackingError::ParamChanged { .. } => Self::invalid(message),
            TrackingError::NoExperiment(_)
            | TrackingError::NoWorkspace(_)
            | TrackingError::NoExperimentNamed(_)
            | TrackingError::NoRun(_)
            | TrackingError::NoLoggedModel(_)
            | TrackingError::NoEvaluationDataset(_)
            | TrackingError::NoModelTag { .. }
            | TrackingError::NoTrace(_)
            | TrackingError::NoWholeTrace(_)
            | TrackingError::NoTraceTag { .. }
            | TrackingError::NoAssessment { .. }
            | TrackingError::SpansElsewhere(_)
            | TrackingError::NotExported(_)
            | TrackingError::NoTag { .. } => Self::missing(message),
            TrackingError::ExperimentExists { .. } | TrackingError::WorkspaceExists(_) => {
                Self::exists(message)
            }
            TrackingError::Store(error) => error.into(),
        }
    }
}

impl From<WorkspaceError> for ApiError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::InUse(message) => Self::new(StatusCode::BAD_REQUEST, "INVALID_STATE", message),
            WorkspaceError::Tracking(error) => error.into(),
            WorkspaceError::Registry(error) => error.into(),
            WorkspaceError::Store(error) => error.into(),
        }
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let error = as_clients_name_it(error);
        let message = error.to_string();
        match error {
            RegistryError::Invalid(_) | RegistryError::Filter(_) | RegistryError::NoAlias(_) => {
                Self::invalid(message)
            }
            RegistryError::NoModel(_)
            | RegistryError::NoWorkspace(_)
            | RegistryError::NoVersion { .. }
            | RegistryError::NoLatest(_)
            | RegistryError::NoWebhook(_) => Self::missing(message),
            RegistryError::ModelExists(_) => Self::exists(message),
            RegistryError::Conflict(_) => Self::new(StatusCode::CONFLICT, "RESOURCE_CONFLICT", message),
            RegistryError::Refused(refusal) => {
                let message = match refusal.hint {
                    Some(hint) => format!("{} {hint}", refusal.message),
                    None => refusal.message,
                };
                Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
            }
            RegistryError::Store(error) => error.into(),
        }
    }
}

/// An error about a model, with the name that the model has within its workspace.
fn as_clients_name_it(error: RegistryError) -> RegistryError {
    let local = |name: String| local_model_name(&name).to_owned();
    match error {
        RegistryError::NoModel(name) => RegistryError::NoModel(local(name)),
        RegistryError::ModelExists(name) => RegistryError::ModelExists(local(name)),
        RegistryError::NoLatest(name) => RegistryError::NoLatest(local(name)),
        RegistryError::NoVersion { name, version } => RegistryError::NoVersion { name: local(name), version },
        other => other,
    }
}

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::InvalidPath
            | ArtifactError::NotKept(_)
            | ArtifactError::Multipart(_)
            | ArtifactError::ReadOnly => Self::invalid(error.to_string()),
            ArtifactError::NotFound(_) => Self::missing(error.to_string()),
            // Asking again does not help, so this is no error that clients ask again after.
            ArtifactError::Damaged(_) => {
                tracing::error!(%error, "an artifact is damaged");
                Self::new(StatusCode::GONE, "DATA_LOSS", error.to_string())
            }
            ArtifactError::NotServed => Self::not_implemented(error.to_string()),
            ArtifactError::Remote(_) => {
                tracing::error!(%error, "the object store cannot be used");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", error.to_string())
            }
            ArtifactError::Io(_) | ArtifactError::Destination(_) => {
                Self::internal("Artifact storage", &error)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error_code": self.code, "message": self.message }))).into_response()
    }
}
