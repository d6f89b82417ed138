//! `POST /graphql`: the GraphQL of MLflow's web UI. W&B clients ask at the same path, so a request
//! is answered by the API whose fields it asks for.

mod fields;
mod limits;

use crate::graphql::Executor;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use fields::Asked;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

/// Bytes of a request.
const BODY_LIMIT: usize = 32 << 20;

#[derive(Clone)]
struct Faces {
    executor: Executor<Asked>,
    rest: Router,
    other: Option<Router>,
}

/// The route. `rest` is the REST API behind its gate, `other` answers what MLflow does not have.
pub fn router(rest: Router, other: Option<Router>) -> Router {
    match Executor::new(include_str!("schema.graphql"), fields::all()) {
        Ok(executor) => {
            Router::new().route("/graphql", post(answer)).with_state(Faces { executor, rest, other })
        }
        Err(error) => {
            tracing::error!(%error, "the schema of MLflow's GraphQL is not one; it is not served");
            other.unwrap_or_default()
        }
    }
}

async fn answer(State(faces): State<Faces>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return Json(crate::graphql::errors(&format!("The request has more than {BODY_LIMIT} bytes.")))
            .into_response();
    };
    let sent: Map<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let document = sent.get("query").and_then(Value::as_str).and_then(|query| parse_query(query).ok());
    match (document.filter(is_mlflow), faces.other) {
        (None, Some(other)) => {
            let Ok(response) = other.oneshot(Request::from_parts(parts, Body::from(body))).await;
            response
        }
        (None, None) => Json(shown(&crate::graphql::errors(
            "The request asks for no field of MLflow's GraphQL, and W&B clients are not served here.",
        )))
        .into_response(),
        (Some(document), _) => {
            let answer = match limits::exceeded(&document) {
                Some(message) => crate::graphql::errors(&message),
                None => {
                    let asked = Asked { rest: faces.rest, headers: parts.headers };
                    faces.executor.execute_document(without_component(document), &sent, asked).await
                }
            };
            Json(shown(&answer)).into_response()
        }
    }
}

/// Whether a request asks for a field of MLflow.
fn is_mlflow(document: &ExecutableDocument) -> bool {
    let mut fields = document
        .operations
        .iter()
        .flat_map(|(_, operation)| &operation.node.selection_set.node.items)
        .filter_map(|selection| match &selection.node {
            Selection::Field(field) => Some(field.node.name.node.as_str()),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
        });
    fields.any(|name| name.starts_with("mlflow") || name == "test" || name == "testMutation")
}

/// The UI's clients mark operations with a directive that means nothing to a server.
fn without_component(mut document: ExecutableDocument) -> ExecutableDocument {
    use async_graphql::parser::types::DocumentOperations::{Multiple, Single};
    match &mut document.operations {
        Single(operation) => operation.node.directives.clear(),
        Multiple(operations) => {
            operations.values_mut().for_each(|operation| operation.node.directives.clear());
        }
    }
    document
}

/// Errors are a list of texts here, or null.
fn shown(answer: &Value) -> Value {
    let messages: Vec<&Value> =
        answer["errors"].as_array().into_iter().flatten().map(|error| &error["message"]).collect();
    let errors = if messages.is_empty() { Value::Null } else { json!(messages) };
    json!({ "data": answer["data"], "errors": errors })
}
