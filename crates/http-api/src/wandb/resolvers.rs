//! All resolvers.

use super::asked::Asked;
use super::{artifact_log, artifacts, collections, files, history, projects, run_log, runs, viewer};
use crate::graphql::{Call as GraphqlCall, GraphqlError, Resolvers};
use serde_json::Value;

/// A field that is asked for.
pub(super) type Call = GraphqlCall<Asked>;
/// What a resolver gives.
pub(super) type Answer = Result<Value, GraphqlError>;

/// The resolvers of this API.
pub(super) fn all() -> Resolvers<Asked> {
    let mut resolvers = Resolvers::new();
    viewer::add(&mut resolvers);
    projects::add(&mut resolvers);
    runs::add(&mut resolvers);
    history::add(&mut resolvers);
    files::add(&mut resolvers);
    run_log::add(&mut resolvers);
    collections::add(&mut resolvers);
    artifacts::add(&mut resolvers);
    artifact_log::add(&mut resolvers);
    resolvers
}

/// A page of items, the place of each as its cursor.
pub(super) fn page(call: &Call, items: Vec<Value>) -> Value {
    let (after, first) = window(call);
    let total = items.len();
    let nodes = items.into_iter().enumerate().skip(after).take(first);
    connection(nodes.map(|(index, node)| (index + 1, node)).collect(), total)
}

/// Where a page begins, and how many items it has at most.
pub(super) fn window(call: &Call) -> (usize, usize) {
    const MOST: i64 = 1000;
    let after = call.text("after").and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let first = call.integer("first").unwrap_or(50).clamp(0, MOST);
    (after, usize::try_from(first).unwrap_or(0))
}

/// A connection of nodes, each with the place after it.
pub(super) fn connection(nodes: Vec<(usize, Value)>, total: usize) -> Value {
    let end = nodes.last().map(|(place, _)| *place);
    let edges: Vec<Value> = nodes
        .into_iter()
        .map(|(place, node)| {
            let version = node.get("versionIndex").and_then(Value::as_i64).map(|number| format!("v{number}"));
            serde_json::json!({ "node": node, "cursor": place.to_string(), "version": version.unwrap_or_default() })
        })
        .collect();
    serde_json::json!({
        "edges": edges,
        "pageInfo": { "endCursor": end.map(|place| place.to_string()),
                      "hasNextPage": end.is_some_and(|place| place < total) },
        "totalCount": total,
    })
}

/// An object in JSON text.
pub(super) fn object(what: &str, text: &str) -> Result<serde_json::Map<String, Value>, GraphqlError> {
    match mainspring_tracking::wandb::parse_lenient(text) {
        Some(Value::Object(object)) => Ok(object),
        Some(Value::Null) => Ok(serde_json::Map::new()),
        _ => Err(GraphqlError(format!("`{what}` is no JSON object."))),
    }
}
