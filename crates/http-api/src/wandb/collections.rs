//! Types and collections of artifacts.

use super::asked::Asked;
use super::nodes;
use super::projects::experiment;
use super::resolvers::{Answer, Call, page};
use crate::graphql::Resolvers;
use mainspring_domain::wandb::{ArtifactVersion, Collection};
use mainspring_metadata_store::ReadTx;
use mainspring_tracking::wandb::artifacts;
use mainspring_tracking::{TrackingError, experiments};
use serde_json::Value;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Project.artifactType", |call: Call| async move {
        let kind = call.text("name").unwrap_or_default().to_owned();
        let (id, project) = (experiment(&call.parent), call.parent.clone());
        call.context
            .read(move |tx| {
                let first = tx.wandb_collections(id, Some(&kind))?.into_iter().next();
                Ok(first.map_or(Value::Null, |first| nodes::artifact_type(&project, &kind, first.created)))
            })
            .await
    });
    resolvers.add("Project.artifactTypes", types);
    resolvers.add("Project.artifactCollection", |call: Call| {
        let (id, project) = (experiment(&call.parent), Value::clone(&call.parent));
        named(call, id, project, None)
    });
    resolvers.add("Project.artifactCollections", |call: Call| {
        let (id, project) = (experiment(&call.parent), Value::clone(&call.parent));
        many(call, id, project, None)
    });
    resolvers.add("ArtifactType.artifactCollection", |call: Call| {
        let (project, kind) = (call.parent["_project"].clone(), call.parent_text("name").to_owned());
        named(call, experiment(&project), project, Some(kind))
    });
    resolvers.add("ArtifactType.artifactCollections", |call: Call| {
        let (project, kind) = (call.parent["_project"].clone(), call.parent_text("name").to_owned());
        many(call, experiment(&project), project, Some(kind))
    });
    resolvers.add("Query.artifactCollection", by_id);
    resolvers.add("Project.artifactCollectionMembership", |call: Call| async move {
        let (id, name) = (experiment(&call.parent), call.text("name").unwrap_or_default().to_owned());
        let find = move |tx: &dyn ReadTx| match artifacts::find(tx, id, &name)? {
            Some((_, found)) => membership(tx, &found),
            None => Ok(Value::Null),
        };
        call.context.read(find).await
    });
    resolvers.add("ArtifactSequence.artifactMembership", |call: Call| async move {
        let (id, alias) = (number(&call.parent), call.text("aliasName").unwrap_or_default().to_owned());
        let find = move |tx: &dyn ReadTx| {
            let Some(collection) = tx.wandb_collection(id)? else { return Ok(Value::Null) };
            match artifacts::version(tx, &collection, &alias)? {
                Some(found) => membership(tx, &found),
                None => Ok(Value::Null),
            }
        };
        call.context.read(find).await
    });
    resolvers.add("ArtifactSequence.artifacts", versions);
    resolvers.add("ArtifactSequence.latestArtifact", |call: Call| async move {
        let id = number(&call.parent);
        let find = move |tx: &dyn ReadTx| match tx.wandb_artifact_aliased(id, "latest")? {
            Some(found) => artifact(tx, &found),
            None => Ok(Value::Null),
        };
        call.context.read(find).await
    });
    resolvers.add("ArtifactSequence.aliases", |call: Call| async move {
        let (id, collection) = (number(&call.parent), Value::clone(&call.parent));
        let aliases = call
            .context
            .read(move |tx| {
                let mut aliases = Vec::new();
                for version in tx.wandb_artifacts(id)? {
                    aliases.extend(tx.wandb_aliases(&version.id)?);
                }
                Ok(aliases)
            })
            .await?;
        Ok(page(&call, aliases.iter().map(|alias| nodes::alias(&collection, alias)).collect()))
    });
}

/// The number of a collection's node.
fn number(node: &Value) -> i64 {
    node.get("_collection").and_then(Value::as_i64).unwrap_or(-1)
}

/// A collection's node with its project.
pub(super) fn node(tx: &dyn ReadTx, collection: &Collection) -> Result<Value, TrackingError> {
    let project = nodes::project(&experiments::get(tx, collection.experiment)?);
    Ok(nodes::collection(&project, collection))
}

/// A version's node with its collection.
pub(super) fn artifact(tx: &dyn ReadTx, found: &ArtifactVersion) -> Result<Value, TrackingError> {
    Ok(nodes::artifact(&node(tx, &artifacts::collection_of(tx, found)?)?, found))
}

/// A version as a member of its collection.
pub(super) fn membership(tx: &dyn ReadTx, found: &ArtifactVersion) -> Result<Value, TrackingError> {
    let collection = node(tx, &artifacts::collection_of(tx, found)?)?;
    Ok(nodes::membership(&collection, &nodes::artifact(&collection, found)))
}

async fn types(call: Call) -> Answer {
    let (id, project) = (experiment(&call.parent), call.parent.clone());
    let mut collections = call.context.read(move |tx| Ok(tx.wandb_collections(id, None)?)).await?;
    collections.sort_by(|a, b| a.kind.cmp(&b.kind).then(a.created.cmp(&b.created)));
    collections.dedup_by(|a, b| a.kind == b.kind);
    let types =
        collections.iter().map(|found| nodes::artifact_type(&project, &found.kind, found.created)).collect();
    Ok(page(&call, types))
}

async fn named(call: Call, id: i64, project: Value, kind: Option<String>) -> Answer {
    let name = call.text("name").unwrap_or_default().to_owned();
    let found = call.context.read(move |tx| Ok(tx.wandb_collection_named(id, &name)?)).await?;
    let found = found.filter(|found| kind.is_none_or(|kind| found.kind == kind));
    Ok(found.map_or(Value::Null, |found| nodes::collection(&project, &found)))
}

async fn many(call: Call, id: i64, project: Value, kind: Option<String>) -> Answer {
    let found = call.context.read(move |tx| Ok(tx.wandb_collections(id, kind.as_deref())?)).await?;
    Ok(page(&call, found.iter().map(|found| nodes::collection(&project, found)).collect()))
}

async fn by_id(call: Call) -> Answer {
    let text = call.text("id").unwrap_or_default();
    let Some(id) = text.strip_prefix("collection:").and_then(|id| id.parse().ok()) else {
        return Ok(Value::Null);
    };
    let found = call.context.read(move |tx| Ok(tx.wandb_collection(id)?)).await?;
    let Some(found) = found.filter(|found| call.context.sees(found.experiment)) else {
        return Ok(Value::Null);
    };
    call.context.read(move |tx| node(tx, &found)).await
}

async fn versions(call: Call) -> Answer {
    let (id, collection) = (number(&call.parent), Value::clone(&call.parent));
    let mut found = call.context.read(move |tx| Ok(tx.wandb_artifacts(id)?)).await?;
    if call.text("order").is_some_and(|order| order.starts_with('+')) {
        found.reverse();
    }
    Ok(page(&call, found.iter().map(|found| nodes::artifact(&collection, found)).collect()))
}
