//! Refusals of the gate, in a form that clients of every face can read.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What whoever asks for workspaces is told where there are none.
pub(crate) const NO_WORKSPACES: &str =
    "Workspace APIs are not available: workspaces are not enabled on this server";

/// Why a request does not get through.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody is known by what was sent, or nothing was sent.
    Login,
    /// Who asks does not hold the role.
    Forbidden(String),
    /// The request came by a name or from a page that is not this server's.
    Foreign(String),
    /// The path is known, but not with this method.
    Method(String),
    /// The route is not listed: a mistake in this program.
    Undeclared,
    /// The body is larger than any that is taken.
    TooLarge,
    /// A name that the store cannot hold.
    Unstorable(String),
    /// A workspace is named where there are none.
    NoWorkspaces,
    /// There is no such workspace.
    NoWorkspace(String),
    /// What is named as a workspace is no name of one.
    WorkspaceName(String),
    /// The store failed.
    Failed,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message, hint) = match self {
            Self::Login => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHENTICATED",
                "This server asks for a login.".to_owned(),
                "set MLFLOW_TRACKING_TOKEN and MAINSPRING_TOKEN to a token; an admin makes one with \
                 `mainspring users token NAME`",
            ),
            Self::Forbidden(message) => (
                StatusCode::FORBIDDEN,
                "PERMISSION_DENIED",
                message,
                "a manager of it or an admin can give the role with `mainspring users grant`",
            ),
            Self::Foreign(message) => (
                StatusCode::FORBIDDEN,
                "PERMISSION_DENIED",
                message,
                "names are allowed by `allowed_hosts` and `allowed_origins` under [access] in mainspring.toml",
            ),
            Self::Method(message) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "BAD_REQUEST",
                message,
                "see the documents of the API for the methods that it takes",
            ),
            Self::Undeclared => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "This route declares no permission, so it answers nobody.".to_owned(),
                "please report it",
            ),
            Self::TooLarge => (
                StatusCode::BAD_REQUEST,
                "INVALID_PARAMETER_VALUE",
                "The request body is too large.".to_owned(),
                "split it up",
            ),
            Self::Unstorable(message) => {
                (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message, "leave the character out")
            }
            Self::NoWorkspaces => (
                StatusCode::BAD_REQUEST,
                "FEATURE_DISABLED",
                NO_WORKSPACES.to_owned(),
                "start the server with --enable-workspaces, or unset MLFLOW_WORKSPACE",
            ),
            Self::NoWorkspace(name) => (
                StatusCode::NOT_FOUND,
                "RESOURCE_DOES_NOT_EXIST",
                format!("Workspace '{name}' not found"),
                "an admin makes one with `mlflow.create_workspace`",
            ),
            Self::WorkspaceName(message) => {
                (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message, "see MLFLOW_WORKSPACE")
            }
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "The store could not be asked for permissions.".to_owned(),
                "see the server's log",
            ),
        };
        let body = json!({ "error_code": code, "message": message, "error": message, "hint": hint });
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"Mainspring\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
