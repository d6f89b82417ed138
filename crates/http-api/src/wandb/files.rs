//! Files of runs.

use super::asked::Asked;
use super::nodes::time;
use super::resolvers::{Answer, Call, connection, window};
use crate::graphql::{GraphqlError, Resolvers};
use mainspring_artifact_store::ArtifactPath;
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::RunInfo;
use mainspring_tracking::runs;
use serde_json::{Value, json};

/// Files of a run that are listed.
const MOST: usize = 10_000;

pub(super) fn add(resolvers: &mut Resolvers<Asked>) {
    resolvers.add("Run.files", many);
    resolvers.add("Run.fileCount", |call: Call| async move {
        let run = call.parent_text("_run").to_owned();
        let info = call.context.read(move |tx| runs::info(tx, &run)).await?;
        Ok(json!(list(&call.context, &root(&info)?).await?.len()))
    });
}

/// Where a run's artifacts lie on this server.
pub(super) fn root(run: &RunInfo) -> Result<ArtifactPath, GraphqlError> {
    ArtifactPath::from_uri(&run.artifact_uri).map_err(|_| {
        GraphqlError(format!("The artifacts at '{}' are not kept by this server.", run.artifact_uri))
    })
}

/// The files below a folder with their sizes, by path.
async fn list(asked: &Asked, root: &ArtifactPath) -> Result<Vec<(String, u64)>, GraphqlError> {
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in asked.state.artifacts.list(&root.join(&folder)?).await? {
            let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
            match entry.size {
                Some(size) => found.push((path, size)),
                None => folders.push(path),
            }
        }
        if found.len() + folders.len() > MOST {
            break;
        }
    }
    found.sort();
    found.truncate(MOST);
    Ok(found)
}

/// Whether a name fits a pattern in which `%` stands for any text.
fn like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('%');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

async fn many(call: Call) -> Answer {
    let asked = &call.context;
    let run = call.parent_text("_run").to_owned();
    let info = asked.read(move |tx| runs::info(tx, &run)).await?;
    let root = root(&info)?;
    let names: Vec<&str> = call
        .arguments
        .get("names")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut files = list(asked, &root).await?;
    if !names.is_empty() {
        files.retain(|(path, _)| names.contains(&path.as_str()));
    } else if let Some(pattern) = call.text("pattern") {
        files.retain(|(path, _)| like(pattern, path));
    }
    let (after, first) = window(&call);
    let total = files.len();
    let page: Vec<_> = files.into_iter().enumerate().skip(after).take(first).collect();
    let paths: Result<Vec<ArtifactPath>, _> = page.iter().map(|(_, (path, _))| root.join(path)).collect();
    let paths = paths?;
    let mut nodes = Vec::new();
    for ((index, (path, size)), url) in page.into_iter().zip(asked.download_urls(paths.clone()).await?) {
        let opened = asked.state.artifacts.open(&root.join(&path)?).await?;
        let since = opened.modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let updated = Timestamp::default() + since;
        let node = json!({
            "id": format!("file:{}:{path}", info.id), "name": path, "displayName": path,
            "url": url, "directUrl": url, "sizeBytes": size, "updatedAt": time(updated),
            "mimetype": "application/octet-stream",
        });
        nodes.push((index + 1, node));
    }
    Ok(connection(nodes, total))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn a_pattern_stands_for_names() {
        for (pattern, name, fits) in [
            ("%.json", "a.json", true),
            ("%.json", "a.jsonl", false),
            ("media/%/x%", "media/images/x_1.png", true),
            ("media/%", "other", false),
            ("a", "a", true),
            ("a", "ab", false),
            ("%", "", true),
        ] {
            assert_eq!(like(pattern, name), fits, "{pattern} {name}");
        }
    }
}
