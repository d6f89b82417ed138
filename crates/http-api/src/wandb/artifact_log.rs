//! Logging and changing artifacts.

use super::artifacts::{content_path, held, hex_md5, manifest_path};
use super::asked::Asked;
use super::collections;
use super::resolvers::{Answer, Call, connection, object};
use super::run_log::run_of;
use crate::graphql::{GraphqlError, Resolvers};
use mainspring_artifact_store::{ArtifactError, ArtifactPath};
use mainspring_domain::access::Role;
use mainspring_domain::wandb::{ArtifactEntry, ArtifactState, ArtifactVersion};
use mainspring_metadata_store::WriteTx;
use mainspring_tracking::TrackingError;
use mainspring_tracking::wandb::artifacts::{self, NewArtifact};
use serde_json::{Map, Value, json};

/// Bytes of a manifest.
const MANIFEST: u64 = 64 << 20;
/// Files of one request.
const FILES: usize = 10_000;

type Input = Map<String, Value>;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Mutation.createArtifact", create);
    resolvers.add("Mutation.createArtifactManifest", create_manifest);
    resolvers.add("Mutation.createArtifactFiles", create_files);
    resolvers.add("Mutation.commitArtifact", commit);
    resolvers.add("Mutation.useArtifact", |call: Call| async move {
        let input = call.input();
        let run = run_of(&call.context, &input).await?;
        let (artifact, experiment) = wanted(&call.context, &input).await?;
        call.context.require(Role::Reader, experiment)?;
        changed(&call, move |tx| artifacts::use_artifact(tx, &run.id, &artifact.id)).await
    });
    resolvers.add("Mutation.updateArtifact", |call: Call| async move {
        let input = call.input();
        let artifact = to_write(&call.context, &input, Role::Editor).await?;
        let (description, metadata) = (text(&input, "description"), metadata(&input)?);
        let aliases = alias_names(&input);
        changed(&call, move |tx| {
            artifacts::add_aliases(tx, &artifact.id, &aliases)?;
            artifacts::update(tx, &artifact.id, description, metadata)
        })
        .await
    });
    resolvers.add("Mutation.deleteArtifact", |call: Call| async move {
        let input = call.input();
        let artifact = to_write(&call.context, &input, Role::Manager).await?;
        let with_aliases = input.get("deleteAliases").and_then(Value::as_bool).unwrap_or(false);
        changed(&call, move |tx| artifacts::delete(tx, &artifact.id, with_aliases)).await
    });
    resolvers.add("Mutation.addAliases", |call: Call| async move {
        let (artifact, aliases) = aliased(&call).await?;
        call.context.write(move |tx| artifacts::add_aliases(tx, &artifact.id, &aliases)).await?;
        Ok(json!({ "success": true }))
    });
    resolvers.add("Mutation.deleteAliases", |call: Call| async move {
        let (artifact, aliases) = aliased(&call).await?;
        call.context.write(move |tx| artifacts::remove_aliases(tx, &artifact.id, &aliases)).await?;
        Ok(json!({ "success": true }))
    });
    resolvers.add("Mutation.updateArtifactSequence", update_collection);
}

fn text(input: &Input, key: &str) -> Option<String> {
    input.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn metadata(input: &Input) -> Result<Option<Input>, GraphqlError> {
    text(input, "metadata").map(|text| object("metadata", &text)).transpose()
}

fn alias_names(input: &Input) -> Vec<String> {
    let aliases = input.get("aliases").and_then(Value::as_array);
    let names = aliases.into_iter().flatten().filter_map(|alias| alias.get("alias").and_then(Value::as_str));
    names.map(str::to_owned).collect()
}

/// The version that a request names, and its experiment.
async fn wanted(asked: &Asked, input: &Input) -> Result<(ArtifactVersion, i64), GraphqlError> {
    let id = text(input, "artifactID").unwrap_or_default();
    let missing = format!("There is no artifact with the id '{id}'.");
    asked.read(move |tx| held(tx, &id)).await?.ok_or(GraphqlError(missing))
}

/// The same for somebody with a role on it.
async fn to_write(asked: &Asked, input: &Input, role: Role) -> Result<ArtifactVersion, GraphqlError> {
    let (artifact, experiment) = wanted(asked, input).await?;
    asked.require(role, experiment)?;
    Ok(artifact)
}

async fn aliased(call: &Call) -> Result<(ArtifactVersion, Vec<String>), GraphqlError> {
    let input = call.input();
    Ok((to_write(&call.context, &input, Role::Editor).await?, alias_names(&input)))
}

/// Changes a version; the answer shows it as it then is.
async fn changed(
    call: &Call,
    change: impl FnOnce(&mut dyn WriteTx) -> Result<ArtifactVersion, TrackingError> + Send + 'static,
) -> Answer {
    let artifact = call.context.write(change).await?;
    let node = call.context.read(move |tx| collections::artifact(tx, &artifact)).await?;
    Ok(json!({ "artifact": node }))
}

async fn create(call: Call) -> Answer {
    let (asked, input) = (&call.context, call.input());
    let field = |key: &str| text(&input, key).unwrap_or_default();
    let names = input.get("artifactCollectionNames").and_then(Value::as_array);
    let first = names.and_then(|names| names.first()).and_then(Value::as_str).map(str::to_owned);
    let run = match text(&input, "runName").filter(|name| !name.is_empty()) {
        Some(_) => Some(run_of(asked, &input).await?.id),
        None => None,
    };
    let new = NewArtifact {
        experiment: asked.project_to_write(&field("entityName"), &field("projectName")).await?,
        kind: field("artifactTypeName"),
        collection: text(&input, "artifactCollectionName").or(first).unwrap_or_default(),
        digest: field("digest"),
        digest_algorithm: field("digestAlgorithm"),
        aliases: alias_names(&input),
        client_id: text(&input, "clientID"),
        sequence_client_id: text(&input, "sequenceClientID"),
        description: text(&input, "description"),
        metadata: metadata(&input)?.unwrap_or_default(),
        run,
        history_step: input.get("historyStep").and_then(Value::as_i64),
    };
    let (artifact, _) = asked.write(move |tx| artifacts::create(tx, new)).await?;
    let node = asked.read(move |tx| collections::artifact(tx, &artifact)).await?;
    Ok(json!({ "artifact": node }))
}

async fn create_manifest(call: Call) -> Answer {
    let (asked, input) = (&call.context, call.input());
    let (artifact, experiment) = wanted(asked, &input).await?;
    asked.require(Role::Editor, experiment)?;
    if !matches!(text(&input, "type").as_deref(), None | Some("FULL")) {
        return Err(GraphqlError("Incremental artifacts are not served; log the whole artifact.".to_owned()));
    }
    let md5 = text(&input, "digest").filter(|digest| !digest.is_empty());
    let md5 = match md5 {
        Some(digest) => {
            Some(hex_md5(&digest).ok_or_else(|| GraphqlError("The digest is no MD5.".to_owned()))?)
        }
        None => None,
    };
    let (expected, id) = (md5.clone(), artifact.id);
    let manifest = asked.write(move |tx| artifacts::set_manifest(tx, &id, md5)).await?;
    let urls = asked.upload_urls([(manifest_path(experiment, &manifest)?, expected)]).await?;
    let file = json!({ "id": format!("file:{manifest}"), "name": "wandb_manifest.json",
                       "uploadUrl": urls.first(), "uploadHeaders": [] });
    Ok(json!({ "artifactManifest": { "id": manifest, "file": file } }))
}

/// Whether a file is there.
async fn exists(asked: &Asked, path: &ArtifactPath) -> Result<Option<u64>, GraphqlError> {
    match asked.state.artifacts.open(path).await {
        Ok(opened) => Ok(Some(opened.size)),
        Err(ArtifactError::NotFound(_) | ArtifactError::InvalidPath) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// URLs for files of versions under way. Content that is here already needs none.
async fn create_files(call: Call) -> Answer {
    let (asked, input) = (&call.context, call.input());
    let specs = input.get("artifactFiles").and_then(Value::as_array).cloned().unwrap_or_default();
    if specs.len() > FILES {
        return Err(GraphqlError(format!("{} files at once; {FILES} are taken.", specs.len())));
    }
    let mut known: Option<(String, i64)> = None;
    let (mut nodes, mut missing) = (Vec::new(), Vec::new());
    for spec in specs.iter().filter_map(Value::as_object) {
        let id = text(spec, "artifactID").unwrap_or_default();
        let experiment = match &known {
            Some((held, experiment)) if *held == id => *experiment,
            _ => {
                let (artifact, experiment) = wanted(asked, spec).await?;
                asked.require(Role::Editor, experiment)?;
                asked.read(move |tx| artifacts::pending(tx, &artifact.id).map(drop)).await?;
                experiment
            }
        };
        known = Some((id.clone(), experiment));
        let (name, digest) = (text(spec, "name").unwrap_or_default(), text(spec, "md5").unwrap_or_default());
        let md5 = hex_md5(&digest).ok_or_else(|| GraphqlError(format!("'{digest}' is no MD5 of a file.")))?;
        check_path(&name)?;
        let path = content_path(experiment, &md5)?;
        if exists(asked, &path).await?.is_none() {
            missing.push((nodes.len(), (path, Some(md5.clone()))));
        }
        nodes.push(json!({ "id": format!("file:{id}:{name}"), "name": name, "displayName": name,
                           "storagePath": format!("wandb_artifacts/{md5}"), "uploadHeaders": [],
                           "md5": digest, "artifact": { "id": id } }));
    }
    let (places, files): (Vec<usize>, Vec<_>) = missing.into_iter().unzip();
    for (place, url) in places.into_iter().zip(asked.upload_urls(files).await?) {
        nodes[place]["uploadUrl"] = Value::String(url);
    }
    let total = nodes.len();
    let nodes = nodes.into_iter().enumerate().map(|(index, node)| (index + 1, node)).collect();
    Ok(json!({ "files": connection(nodes, total) }))
}

/// Refuses paths that a client would write elsewhere when it fetches the artifact.
fn check_path(name: &str) -> Result<(), GraphqlError> {
    match ArtifactPath::parse(name) {
        Ok(path) if path.as_str() == name && !name.is_empty() => Ok(()),
        _ => Err(GraphqlError(format!("'{name}' is no path of a file within an artifact."))),
    }
}

async fn commit(call: Call) -> Answer {
    let (asked, input) = (&call.context, call.input());
    let (artifact, experiment) = wanted(asked, &input).await?;
    asked.require(Role::Editor, experiment)?;
    let id = artifact.id.clone();
    let entries = if artifact.state == ArtifactState::Committed {
        Vec::new()
    } else {
        entries(asked, &artifact, experiment).await?
    };
    changed(&call, move |tx| artifacts::commit(tx, &id, &entries)).await
}

/// The files of a version by its manifest; each must be here, with the size that it states.
async fn entries(
    asked: &Asked,
    artifact: &ArtifactVersion,
    experiment: i64,
) -> Result<Vec<ArtifactEntry>, GraphqlError> {
    let missing = || GraphqlError("The artifact's manifest was not uploaded.".to_owned());
    let manifest = artifact.details.manifest.as_deref().ok_or_else(missing)?;
    let opened = match asked.state.artifacts.open(&manifest_path(experiment, manifest)?).await {
        Err(ArtifactError::NotFound(_)) => return Err(missing()),
        other => other?,
    };
    if opened.size > MANIFEST {
        return Err(GraphqlError(format!("The manifest has {} bytes; {MANIFEST} are taken.", opened.size)));
    }
    let bytes = opened.bytes(MANIFEST).await?;
    let text = String::from_utf8(bytes)
        .map_err(|_| GraphqlError("The artifact's manifest is no text.".to_owned()))?;
    let entries = parse_manifest(&text)?;
    for entry in entries.iter().filter(|entry| entry.reference.is_none()) {
        let md5 = hex_md5(&entry.digest).unwrap_or_default();
        match exists(asked, &content_path(experiment, &md5)?).await? {
            Some(size) if size == entry.size => {}
            Some(size) => {
                let message = format!("'{}' has {size} bytes, the manifest says {}.", entry.path, entry.size);
                return Err(GraphqlError(message));
            }
            None => return Err(GraphqlError(format!("The file '{}' was not uploaded.", entry.path))),
        }
    }
    Ok(entries)
}

fn parse_manifest(text: &str) -> Result<Vec<ArtifactEntry>, GraphqlError> {
    let broken = |what: &str| GraphqlError(format!("The manifest is not one: {what}."));
    let manifest: Value = serde_json::from_str(text).map_err(|error| broken(&error.to_string()))?;
    let contents =
        manifest.get("contents").and_then(Value::as_object).ok_or_else(|| broken("no contents"))?;
    let mut entries = Vec::with_capacity(contents.len());
    for (path, entry) in contents {
        check_path(path)?;
        let reference = entry.get("ref").and_then(Value::as_str).map(str::to_owned);
        let digest = entry.get("digest").and_then(Value::as_str).unwrap_or_default();
        if reference.is_none() && hex_md5(digest).is_none() {
            return Err(broken(&format!("'{digest}' is no MD5")));
        }
        let size = entry.get("size").and_then(Value::as_u64).unwrap_or(0);
        entries.push(ArtifactEntry { path: path.clone(), digest: digest.to_owned(), size, reference });
    }
    Ok(entries)
}

async fn update_collection(call: Call) -> Answer {
    let (asked, input) = (&call.context, call.input());
    let id = text(&input, "artifactSequenceID").unwrap_or_default();
    let missing = || GraphqlError(format!("There is no artifact collection '{id}'."));
    let number = id.strip_prefix("collection:").and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let found = asked.read(move |tx| Ok(tx.wandb_collection(number)?)).await?.ok_or_else(missing)?;
    asked.require(Role::Editor, found.experiment)?;
    let (name, description) = (text(&input, "name"), text(&input, "description"));
    let changed = asked.write(move |tx| artifacts::update_collection(tx, found, name, description)).await?;
    let node = asked.read(move |tx| collections::node(tx, &changed)).await?;
    Ok(json!({ "artifactCollection": node }))
}

#[cfg(test)]
mod tests {
    use super::parse_manifest;
    use serde_json::json;

    #[test]
    fn a_manifest_lists_files_and_references_and_nothing_elsewhere() {
        let digest = "XUFAKrxLKna5cZ2REBfFkg==";
        let manifest = |path: &str, digest: &str| {
            json!({ "version": 1, "contents": { path: { "digest": digest, "size": 5 } } }).to_string()
        };
        assert_eq!(parse_manifest(&manifest("a/b.txt", digest)).unwrap()[0].size, 5);
        let reference = json!({ "contents": { "x": { "digest": "etag", "ref": "s3://b/x" } } }).to_string();
        assert_eq!(parse_manifest(&reference).unwrap()[0].reference.as_deref(), Some("s3://b/x"));
        for broken in [
            "{".to_owned(),
            "{}".to_owned(),
            manifest("../a", digest),
            manifest("/a", digest),
            manifest("a//b", digest),
            manifest("", digest),
            manifest("a", "../../x"),
        ] {
            assert!(parse_manifest(&broken).is_err(), "{broken}");
        }
    }
}
