//! Artifact versions: their files, aliases and runs.

use super::asked::Asked;
use super::collections;
use super::nodes;
use super::projects::experiment;
use super::resolvers::{Answer, Call, connection, page};
use super::runs;
use crate::graphql::{GraphqlError, Resolvers};
use mainspring_artifact_store::ArtifactPath;
use mainspring_domain::wandb::{ArtifactEntry, ArtifactVersion};
use mainspring_metadata_store::ReadTx;
use mainspring_tracking::TrackingError;
use mainspring_tracking::wandb::artifacts;
use serde_json::{Value, json};

/// Files that are listed at once.
const FILES: i64 = 5000;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Query.artifact", |call: Call| async move {
        let id = call.text("id").unwrap_or_default().to_owned();
        let Some((found, experiment)) = call.context.read(move |tx| held(tx, &id)).await? else {
            return Ok(Value::Null);
        };
        if !call.context.sees(experiment) {
            return Ok(Value::Null);
        }
        call.context.read(move |tx| collections::artifact(tx, &found)).await
    });
    resolvers.add("Query.clientIDMapping", |call: Call| async move {
        let id = call.text("clientID").unwrap_or_default().to_owned();
        let found = call.context.read(move |tx| Ok(tx.wandb_artifact_of_client(&id)?)).await?;
        let Some(found) = found else { return Ok(Value::Null) };
        let id = found.id.clone();
        let known = call.context.read(move |tx| held(tx, &id)).await?;
        let seen = known.is_some_and(|(_, experiment)| call.context.sees(experiment));
        Ok(if seen { json!({ "serverID": found.id }) } else { Value::Null })
    });
    resolvers.add("Project.artifact", |call: Call| async move {
        let (id, name) = (experiment(&call.parent), call.text("name").unwrap_or_default().to_owned());
        let find = move |tx: &dyn ReadTx| match artifacts::find(tx, id, &name)? {
            Some((_, found)) => collections::artifact(tx, &found),
            None => Ok(Value::Null),
        };
        call.context.read(find).await
    });
    resolvers.add("Artifact.aliases", |call: Call| async move {
        let collection = call.parent["artifactSequence"].clone();
        aliases(&call, &collection).await
    });
    resolvers.add("ArtifactCollectionMembership.aliases", |call: Call| async move {
        let collection = call.parent["artifactCollection"].clone();
        aliases(&call, &collection).await
    });
    resolvers.add("Artifact.artifactMemberships", |call: Call| async move {
        let node = nodes::membership(&call.parent["artifactSequence"], &call.parent);
        Ok(json!({ "edges": [{ "node": node }] }))
    });
    resolvers.add("Artifact.files", files);
    resolvers.add("ArtifactCollectionMembership.files", files);
    resolvers.add("Artifact.filesByManifestEntries", |call: Call| async move {
        let names = call.arguments.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
        let names = names.iter().filter_map(|entry| entry.get("name").and_then(Value::as_str));
        named_files(&call, names.map(str::to_owned).collect()).await
    });
    resolvers.add("Artifact.currentManifest", manifest);
    resolvers.add("Artifact.createdBy", |call: Call| async move {
        let id = call.parent_text("_artifact").to_owned();
        let find = move |tx: &dyn ReadTx| match artifacts::get(tx, &id)?.run {
            Some(run) => run_node(tx, &run),
            None => Ok(Value::Null),
        };
        call.context.read(find).await
    });
    resolvers.add("Artifact.usedBy", |call: Call| async move {
        let id = call.parent_text("_artifact").to_owned();
        let find = move |tx: &dyn ReadTx| {
            let runs = tx.wandb_artifact_users(&id)?;
            runs.iter().take(1000).map(|run| run_node(tx, run)).collect::<Result<Vec<_>, _>>()
        };
        let found = call.context.read(find).await?;
        Ok(page(&call, found))
    });
    resolvers.add("Run.outputArtifacts", |call: Call| of_run(call, false));
    resolvers.add("Run.inputArtifacts", |call: Call| of_run(call, true));
}

/// A version with the experiment it belongs to.
pub(super) fn held(tx: &dyn ReadTx, id: &str) -> Result<Option<(ArtifactVersion, i64)>, TrackingError> {
    let Ok(found) = artifacts::get(tx, id) else { return Ok(None) };
    let collection = artifacts::collection_of(tx, &found)?;
    Ok(Some((found, collection.experiment)))
}

/// A run's node with its project.
fn run_node(tx: &dyn ReadTx, run: &str) -> Result<Value, TrackingError> {
    let info = mainspring_tracking::runs::info(tx, run)?;
    let project = nodes::project(&mainspring_tracking::experiments::get(tx, info.experiment)?);
    runs::node(tx, &project, run)
}

async fn of_run(call: Call, used: bool) -> Answer {
    let run = call.parent_text("_run").to_owned();
    let find = move |tx: &dyn ReadTx| {
        let found = if used { tx.wandb_artifacts_used_by(&run)? } else { tx.wandb_artifacts_made_by(&run)? };
        found.iter().map(|found| collections::artifact(tx, found)).collect::<Result<Vec<_>, _>>()
    };
    let found = call.context.read(find).await?;
    // An artifact that a run uses may belong to a project that the caller does not see.
    let seen =
        found.into_iter().filter(|node| call.context.sees(experiment(&node["artifactSequence"]["project"])));
    let seen = seen.collect();
    Ok(page(&call, seen))
}

async fn aliases(call: &Call, collection: &Value) -> Answer {
    let id = call.parent_text("_artifact").to_owned();
    let found = call.context.read(move |tx| Ok(tx.wandb_aliases(&id)?)).await?;
    Ok(Value::Array(found.iter().map(|alias| nodes::alias(collection, alias)).collect()))
}

/// Where a file of an artifact is kept: by its content, once for each experiment.
pub(super) fn content_path(experiment: i64, md5: &str) -> Result<ArtifactPath, GraphqlError> {
    Ok(ArtifactPath::parse(&format!("{experiment}/wandb/files/{md5}"))?)
}

/// Where a manifest is kept.
pub(super) fn manifest_path(experiment: i64, manifest: &str) -> Result<ArtifactPath, GraphqlError> {
    Ok(ArtifactPath::parse(&format!("{experiment}/wandb/manifests/{manifest}.json"))?)
}

/// The hexadecimal form of an MD5 in base64.
pub(super) fn hex_md5(base64: &str) -> Option<String> {
    use base64::Engine as _;
    use std::fmt::Write as _;
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(base64).ok().filter(|md5| md5.len() == 16)?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

async fn files(call: Call) -> Answer {
    let names = call.arguments.get("names").and_then(Value::as_array).cloned().unwrap_or_default();
    if !names.is_empty() {
        let names = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        return named_files(&call, names).await;
    }
    let first = usize::try_from(call.integer("first").unwrap_or(50).clamp(1, FILES)).unwrap_or(1);
    let (id, after) =
        (call.parent_text("_artifact").to_owned(), call.text("after").unwrap_or_default().to_owned());
    let (mut entries, total, experiment) = call
        .context
        .read(move |tx| {
            let artifact = artifacts::get(tx, &id)?;
            let experiment = artifacts::collection_of(tx, &artifact)?.experiment;
            Ok((tx.wandb_entries(&id, &after, first + 1)?, artifact.details.files, experiment))
        })
        .await?;
    let more = entries.len() > first;
    entries.truncate(first);
    let end = entries.last().map(|entry| entry.path.clone());
    let nodes = file_nodes(&call, experiment, entries).await?;
    let edges: Vec<Value> =
        nodes.into_iter().map(|node| json!({ "cursor": node["name"], "node": node })).collect();
    Ok(json!({ "edges": edges, "totalCount": total,
               "pageInfo": { "endCursor": end, "hasNextPage": more } }))
}

async fn named_files(call: &Call, names: Vec<String>) -> Answer {
    let id = call.parent_text("_artifact").to_owned();
    let (entries, experiment) = call
        .context
        .read(move |tx| {
            let artifact = artifacts::get(tx, &id)?;
            let experiment = artifacts::collection_of(tx, &artifact)?.experiment;
            let names = names.iter().take(1000);
            let entries = names.map(|name| tx.wandb_entry(&id, name)).collect::<Result<Vec<_>, _>>()?;
            Ok((entries.into_iter().flatten().collect::<Vec<_>>(), experiment))
        })
        .await?;
    let nodes = file_nodes(call, experiment, entries).await?;
    let total = nodes.len();
    Ok(connection(nodes.into_iter().enumerate().map(|(index, node)| (index + 1, node)).collect(), total))
}

async fn file_nodes(
    call: &Call,
    experiment: i64,
    entries: Vec<ArtifactEntry>,
) -> Result<Vec<Value>, GraphqlError> {
    let artifact = call.parent_text("_artifact");
    let mut paths = Vec::with_capacity(entries.len());
    for entry in &entries {
        paths.push(content_path(experiment, &hex_md5(&entry.digest).unwrap_or_default())?);
    }
    let urls = call.context.download_urls(paths).await?;
    Ok(entries.iter().zip(urls).map(|(entry, url)| nodes::artifact_file(artifact, entry, &url)).collect())
}

async fn manifest(call: Call) -> Answer {
    let id = call.parent_text("_artifact").to_owned();
    let Some((artifact, experiment)) = call.context.read(move |tx| held(tx, &id)).await? else {
        return Ok(Value::Null);
    };
    let Some(manifest) = artifact.details.manifest else { return Ok(Value::Null) };
    let urls = call.context.download_urls([manifest_path(experiment, &manifest)?]).await?;
    let file = json!({ "id": format!("file:{manifest}"), "name": "wandb_manifest.json",
                       "url": urls.first(), "directUrl": urls.first() });
    Ok(json!({ "id": manifest, "digest": artifact.digest, "file": file }))
}

#[cfg(test)]
mod tests {
    use super::hex_md5;

    #[test]
    fn only_an_md5_is_one() {
        assert_eq!(hex_md5("XUFAKrxLKna5cZ2REBfFkg==").as_deref(), Some("5d41402abc4b2a76b9719d911017c592"));
        for odd in ["", "XUFA", "../../x", "XUFAKrxLKna5cZ2REBfFkg"] {
            assert_eq!(hex_md5(odd), None, "{odd}");
        }
    }
}
