//! What the store has, in the API's types. Members that begin with `_` are for resolvers.

use mainspring_domain::Timestamp;
use mainspring_domain::tracking::{Experiment, Run, RunInfo, RunStatus};
use mainspring_domain::wandb::{ArtifactEntry, ArtifactVersion, Collection, RunDetails, WandbRun};
use mainspring_tracking::wandb::{projects, runs};
use serde_json::{Map, Value, json};

/// A time as clients read it.
pub(super) fn time(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// A user by name.
pub(super) fn user(name: &str) -> Value {
    json!({
        "__typename": "User",
        "id": format!("user:{name}"), "name": name, "username": name, "admin": false,
        "entity": projects::ENTITY, "flags": "{}",
        "teams": { "edges": [{ "node": entity(projects::ENTITY) }] }, "apiKeys": { "edges": [] },
        "organizations": [],
    })
}

pub(super) fn entity(name: &str) -> Value {
    json!({ "id": format!("entity:{name}"), "name": name, "isTeam": true, "xxhashDigestsEnabled": false })
}

pub(super) fn project(experiment: &Experiment) -> Value {
    let (entity_name, name) = projects::of_experiment(&experiment.name);
    json!({
        "_experiment": experiment.id,
        "id": format!("project:{}", experiment.id), "internalId": experiment.id.to_string(),
        "name": name, "entityName": entity_name, "entity": entity(entity_name),
        "createdAt": time(experiment.created), "access": "PRIVATE", "views": "{}",
        "isBenchmark": false, "readOnly": false,
    })
}

/// A client's word for where a run stands.
const fn state(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Scheduled => "pending",
        RunStatus::Finished => "finished",
        RunStatus::Failed => "failed",
        RunStatus::Killed => "killed",
    }
}

/// What a filter sees of a run under a field's name.
pub(super) fn run_field(run: &Run, known: &WandbRun, field: &str) -> Value {
    let details = &known.details;
    if let Some(path) = field.strip_prefix("config.") {
        let config = runs::config(run, details);
        let wrapped = look(&config, path);
        return if wrapped.is_null() { look(&config, path.trim_end_matches(".value")) } else { wrapped }
            .get("value")
            .cloned()
            .unwrap_or_else(|| nested_config(&config, path));
    }
    let summary = ["summary_metrics.", "summaryMetrics.", "summary."];
    if let Some(path) = summary.iter().find_map(|prefix| field.strip_prefix(prefix)) {
        return look(&runs::summary(run, details), path);
    }
    match field {
        "state" => json!(state(run.info.status)),
        "name" => json!(known.name),
        "display_name" | "displayName" => json!(run.info.name),
        "tags" => json!(details.tags),
        "group" => json!(details.group),
        "job_type" | "jobType" => json!(details.job_type),
        "notes" => json!(details.notes),
        "description" => json!(details.notes),
        "commit" => json!(details.commit),
        "host" => json!(details.host),
        "username" | "user" | "user.username" => json!(run.info.user),
        "created_at" | "createdAt" => json!(run.info.start.to_string()),
        "heartbeat_at" | "heartbeatAt" | "updated_at" | "updatedAt" => {
            json!(heartbeat(&run.info, details).to_string())
        }
        _ => Value::Null,
    }
}

/// `lr`, `lr.value`, `optimizer.lr` and `optimizer.value.lr` of a configuration.
fn nested_config(config: &Map<String, Value>, path: &str) -> Value {
    let plain: Map<String, Value> = config
        .iter()
        .map(|(key, wrapped)| (key.clone(), wrapped.get("value").unwrap_or(wrapped).clone()))
        .collect();
    let found = look(&plain, path);
    if !found.is_null() {
        return found;
    }
    match path.split_once(".value") {
        Some((first, rest)) => look(&plain, &format!("{first}{rest}")),
        None => Value::Null,
    }
}

/// A value by its key, or by keys joined by dots.
pub(super) fn look(object: &Map<String, Value>, path: &str) -> Value {
    if let Some(value) = object.get(path) {
        return value.clone();
    }
    let Some((first, rest)) = path.split_once('.') else { return Value::Null };
    object.get(first).and_then(Value::as_object).map_or(Value::Null, |inner| look(inner, rest))
}

fn heartbeat(info: &RunInfo, details: &RunDetails) -> Timestamp {
    details.heartbeat.max(info.end.unwrap_or_default()).max(info.start)
}

pub(super) fn run(project: &Value, run: &Run, known: &WandbRun) -> Value {
    let (info, details) = (&run.info, &known.details);
    let text = |object: Map<String, Value>| Value::Object(object).to_string();
    json!({
        "__typename": "Run",
        "_run": info.id,
        "id": info.id, "projectId": info.experiment, "project": project,
        "name": known.name, "displayName": info.name,
        "description": details.notes, "notes": details.notes, "tags": details.tags,
        "group": details.group, "jobType": details.job_type,
        "state": state(info.status), "stopped": false, "readOnly": false,
        "config": text(runs::config(run, details)),
        "summaryMetrics": text(runs::summary(run, details)),
        "systemMetrics": text(details.system.clone()),
        "commit": details.commit, "host": details.host,
        "createdAt": time(info.start), "heartbeatAt": time(heartbeat(info, details)),
        "user": user(&info.user),
    })
}

pub(super) fn collection(project: &Value, collection: &Collection) -> Value {
    json!({
        "__typename": "ArtifactSequence",
        "_collection": collection.id,
        "id": format!("collection:{}", collection.id), "name": collection.name,
        "description": collection.description, "state": "READY",
        "createdAt": time(collection.created), "updatedAt": time(collection.updated),
        "project": project, "tags": { "edges": [] }, "digestAlgorithm": "MANIFEST_MD5",
        "defaultArtifactType": artifact_type(project, &collection.kind, collection.created),
    })
}

pub(super) fn artifact_type(project: &Value, name: &str, created: Timestamp) -> Value {
    json!({
        "_project": project,
        "id": format!("type:{}:{name}", project["id"].as_str().unwrap_or_default()), "name": name,
        "createdAt": time(created),
    })
}

pub(super) fn artifact(collection: &Value, artifact: &ArtifactVersion) -> Value {
    let details = &artifact.details;
    let algorithm =
        if details.digest_algorithm.is_empty() { "MANIFEST_MD5" } else { &details.digest_algorithm };
    json!({
        "_artifact": artifact.id,
        "id": artifact.id, "state": artifact.state.as_str(), "digest": artifact.digest,
        "digestAlgorithm": algorithm, "versionIndex": artifact.version, "commitHash": artifact.digest,
        "description": details.description,
        "metadata": Value::Object(details.metadata.clone()).to_string(),
        "size": details.size, "fileCount": details.files, "historyStep": details.history_step,
        "createdAt": time(artifact.created), "updatedAt": time(artifact.updated),
        "ttlDurationSeconds": -1, "ttlIsInherited": true, "tags": [],
        "artifactType": collection["defaultArtifactType"], "artifactSequence": collection,
    })
}

pub(super) fn alias(collection: &Value, alias: &str) -> Value {
    let id = format!("alias:{}:{alias}", collection["_collection"]);
    json!({ "id": id, "alias": alias, "artifactCollection": collection })
}

pub(super) fn membership(collection: &Value, artifact: &Value) -> Value {
    json!({
        "_artifact": artifact["_artifact"],
        "id": format!("membership:{}", artifact["id"].as_str().unwrap_or_default()),
        "versionIndex": artifact["versionIndex"], "createdAt": artifact["createdAt"],
        "artifactCollection": collection, "artifact": artifact,
    })
}

/// A file of an artifact; a reference is its own address.
pub(super) fn artifact_file(artifact: &str, entry: &ArtifactEntry, url: &str) -> Value {
    let url = entry.reference.as_deref().unwrap_or(url);
    json!({
        "id": format!("file:{artifact}:{}", entry.path), "name": entry.path, "displayName": entry.path,
        "url": url, "directUrl": url, "sizeBytes": entry.size, "digest": entry.digest, "md5": entry.digest,
    })
}

#[cfg(test)]
mod tests {
    use super::{look, nested_config, time};
    use mainspring_domain::Timestamp;
    use serde_json::{Value, json};

    #[test]
    fn times_have_whole_seconds() {
        assert_eq!(time(Timestamp::from_millis(1_767_225_600_123)), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn nested_values_are_found_by_every_form_of_their_name() {
        let Value::Object(config) = json!({ "o": { "value": { "lr": 1 } }, "a.b": { "value": 2 } }) else {
            unreachable!()
        };
        for path in ["o.lr", "o.value.lr"] {
            assert_eq!(nested_config(&config, path), json!(1), "{path}");
        }
        assert_eq!(look(&config, "a.b"), json!({ "value": 2 }));
        assert_eq!(nested_config(&config, "o.x"), Value::Null);
    }
}
