//! Projects: experiments under the names of this API.

use super::asked::Asked;
use super::resolvers::{Answer, Call, connection, window};
use super::{nodes, resolvers};
use crate::graphql::Resolvers;
use mainspring_domain::tracking::Experiment;
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::experiments;
use mainspring_tracking::search::{self, Query};
use mainspring_tracking::wandb::projects;
use serde_json::{Value, json};

/// Projects that are looked through for a list.
const MOST: usize = 10_000;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Query.project", |call: Call| one(call, "entityName"));
    resolvers.add("Query.model", |call: Call| one(call, "entityName"));
    resolvers.add("Entity.project", |call: Call| async move {
        let entity = call.parent_text("name").to_owned();
        let found = call.context.project(&entity, call.text("name").unwrap_or_default()).await?;
        Ok(found.map_or(Value::Null, |found| nodes::project(&found)))
    });
    resolvers.add("Query.models", many);
    resolvers.add("Mutation.upsertModel", upsert);
}

async fn one(call: Call, entity: &'static str) -> Answer {
    let Some(name) = call.text("name") else { return Ok(Value::Null) };
    let found = call.context.project(call.text(entity).unwrap_or_default(), name).await?;
    Ok(found.map_or(Value::Null, |found| nodes::project(&found)))
}

async fn many(call: Call) -> Answer {
    let entity = call.text("entityName").unwrap_or(projects::ENTITY).to_owned();
    let query = Query { limit: MOST, ..Query::default() };
    let page = call.context.read(move |tx| search::experiments(tx, View::Active, &query)).await?;
    let of_entity = |found: &Experiment| projects::of_experiment(&found.name).0 == entity;
    let seen: Vec<Experiment> =
        page.items.into_iter().filter(|found| of_entity(found) && call.context.sees(found.id)).collect();
    let (after, first) = window(&call);
    let total = seen.len();
    let nodes = seen.iter().enumerate().skip(after).take(first);
    Ok(connection(nodes.map(|(index, found)| (index + 1, nodes::project(found))).collect(), total))
}

async fn upsert(call: Call) -> Answer {
    let input = call.input();
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
    let (entity, name) = (text("entityName").to_owned(), text("name").to_owned());
    let known = call.context.project(&entity, &name).await?;
    let id = call.context.project_to_write(&entity, &name).await?;
    let node = project_node(&call.context, id).await?;
    Ok(json!({ "project": node, "model": node, "inserted": known.is_none() }))
}

/// A project by its experiment.
pub(super) async fn project_node(asked: &Asked, experiment: i64) -> resolvers::Answer {
    let found = asked.read(move |tx| experiments::get(tx, experiment)).await?;
    Ok(nodes::project(&found))
}

/// The experiment of a project's node.
pub(super) fn experiment(node: &Value) -> i64 {
    node.get("_experiment").and_then(Value::as_i64).unwrap_or(-1)
}
