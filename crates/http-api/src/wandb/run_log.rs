//! What runs say of themselves, and the files that they are about to send.

use super::asked::Asked;
use super::projects::project_node;
use super::resolvers::{Answer, Call, object};
use super::{files, runs};
use crate::graphql::{GraphqlError, Resolvers};
use mainspring_artifact_store::ArtifactPath;
use mainspring_domain::access::Role;
use mainspring_domain::tracking::RunInfo;
use mainspring_tracking::wandb::runs::{self as wandb_runs, Upsert};
use serde_json::{Map, Value, json};

/// Files of one request.
const FILES: usize = 10_000;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Mutation.upsertBucket", upsert);
    resolvers.add("Mutation.deleteRun", |call: Call| async move {
        let input = call.input();
        let id = input.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = id.clone();
        let info = call.context.read(move |tx| mainspring_tracking::runs::info(tx, &known)).await?;
        call.context.require(Role::Manager, info.experiment)?;
        call.context.write(move |tx| wandb_runs::delete(tx, &id)).await?;
        Ok(json!({ "success": true }))
    });
    resolvers.add("Mutation.createRunFiles", create_files);
    resolvers.add("Mutation.markRunFilesUploaded", |call: Call| async move {
        run_of(&call.context, &call.input()).await?;
        Ok(json!({ "success": true }))
    });
}

async fn upsert(call: Call) -> Answer {
    let (asked, input) = (&call.context, call.input());
    let text = |key: &str| input.get(key).and_then(Value::as_str).map(str::to_owned);
    let document = |key: &str| text(key).map(|text| object(key, &text)).transpose();
    let tags = input.get("tags").and_then(Value::as_array);
    let said = Upsert {
        display_name: text("displayName"),
        notes: text("notes").or_else(|| text("description")),
        config: document("config")?,
        summary: document("summaryMetrics")?,
        group: text("groupName"),
        job_type: text("jobType"),
        tags: tags.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        host: text("host"),
        program: text("jobProgram"),
        commit: text("commit"),
        repo: text("jobRepo"),
        state: text("state"),
    };
    let (experiment, id, inserted) = match text("id").filter(|id| !id.is_empty()) {
        Some(id) => {
            let known = id.clone();
            let info = asked.read(move |tx| mainspring_tracking::runs::info(tx, &known)).await?;
            asked.require(Role::Editor, info.experiment)?;
            (info.experiment, asked.write(move |tx| wandb_runs::update(tx, &id, said)).await?, false)
        }
        None => {
            let project = text("modelName").filter(|name| !name.is_empty());
            let project = project.unwrap_or_else(|| "uncategorized".to_owned());
            let entity = text("entityName").unwrap_or_default();
            let experiment = asked.project_to_write(&entity, &project).await?;
            let (name, user) = (text("name").filter(|name| !name.is_empty()), asked.user_name().to_owned());
            let change = move |tx: &mut dyn mainspring_metadata_store::WriteTx| {
                wandb_runs::upsert(tx, experiment, name.as_deref(), &user, said)
            };
            let (id, inserted) = asked.write(change).await?;
            (experiment, id, inserted)
        }
    };
    let project = project_node(asked, experiment).await?;
    let bucket = asked.read(move |tx| runs::node(tx, &project, &id)).await?;
    Ok(json!({ "bucket": bucket, "inserted": inserted }))
}

/// The run that a request names, for somebody who writes to it.
pub(super) async fn run_of(asked: &Asked, input: &Map<String, Value>) -> Result<RunInfo, GraphqlError> {
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = text("runName").to_owned();
    let missing = || GraphqlError(format!("run {name} not found"));
    let project = asked.project(text("entityName"), text("projectName")).await?.ok_or_else(missing)?;
    asked.require(Role::Editor, project.id)?;
    let wanted = name.clone();
    let found = asked.read(move |tx| wandb_runs::find(tx, project.id, &wanted)).await?;
    found.ok_or_else(missing)
}

/// URLs for files of a run. A name that would lead elsewhere refuses the whole request.
async fn create_files(call: Call) -> Answer {
    let input = call.input();
    let info = run_of(&call.context, &input).await?;
    let root = files::root(&info)?;
    let names = input.get("files").and_then(Value::as_array).cloned().unwrap_or_default();
    if names.len() > FILES {
        return Err(GraphqlError(format!("{} files at once; {FILES} are taken.", names.len())));
    }
    let names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let path = |name: &String| {
        let path = ArtifactPath::parse(name).ok().filter(|path| !path.as_str().is_empty());
        let path = path.and_then(|path| root.join(path.as_str()).ok());
        path.ok_or_else(|| GraphqlError(format!("'{name}' is no name of a file.")))
    };
    let paths = names.iter().map(|name| Ok((path(name)?, None))).collect::<Result<Vec<_>, GraphqlError>>()?;
    let urls = call.context.upload_urls(paths).await?;
    let files: Vec<Value> = names
        .into_iter()
        .zip(urls)
        .map(
            |(name, url)| json!({ "id": format!("file:{}:{name}", info.id), "name": name, "uploadUrl": url }),
        )
        .collect();
    Ok(json!({ "runID": info.id, "uploadHeaders": [], "files": files }))
}
