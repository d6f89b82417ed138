//! What this server does not offer says so, instead of looking broken.

use super::ApiError;
use axum::extract::OriginalUri;
use axum::http::{Method, Uri};

/// Families of endpoints by the beginning of their path below the API's prefix.
const FAMILIES: &[(&str, &str)] = &[
    ("scorers", "Scorers"),
    ("label-schemas", "Label schemas"),
    ("review-queues", "Review queues"),
    ("issues", "Issues"),
    ("prompt-optimization", "Prompt optimization"),
    ("gateway", "The AI gateway"),
    ("jobs", "Jobs"),
    ("assistant", "The assistant"),
    ("mcp-servers", "The registry of MCP servers"),
    ("skills", "The registry of skills"),
    ("users", "Users"),
    ("roles", "Roles"),
    ("runs/create-promptlab-run", "Prompt lab runs"),
];

fn not_offered(what: &str) -> ApiError {
    ApiError::not_implemented(format!("{what}: not available in this server yet."))
}

/// Answers a path below the API's prefixes that has no route.
pub(super) async fn answer(method: Method, uri: Uri, whole: OriginalUri) -> ApiError {
    let path = uri.path().trim_start_matches('/');
    let of_family =
        |family: &str| path.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match FAMILIES.iter().find(|(family, _)| of_family(family)) {
        Some((_, what)) => not_offered(what),
        None => endpoint_not_found(method, whole).await,
    }
}

/// The answer for a path that the API does not know, in the API's form.
pub async fn endpoint_not_found(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::endpoint_not_found(format!("No endpoint for {method} {}", uri.path()))
}

/// The answer for a known path with another method.
pub(super) async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::method_not_allowed(format!("{} does not take {method}", uri.path()))
}
