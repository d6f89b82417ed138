//! Where the files of a version come from. The server never reads a source by itself, but serving
//! does, so a source may only name what belongs to the run or logged model that is given with it.

use crate::search::PROMPT_TAG;
use crate::versions::{self, NewVersion};
use crate::{RegistryError, Result, aliases, models, validation};
use mainspring_domain::registry::Stage;
use mainspring_domain::tracking::{Lifecycle, LoggedModel, RunInfo};
use mainspring_domain::workspaces::local_model_name;
use mainspring_metadata_store::traits::search::{Attribute, Condition, Field, Operand, Operator, Search};
use mainspring_metadata_store::{ReadTx, StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays plain in the path of a URI.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What a source turned out to be.
pub(crate) struct Origin {
    pub(crate) source: String,
    pub(crate) storage_location: String,
    pub(crate) run_id: Option<String>,
    pub(crate) model_id: Option<String>,
}

/// Checks the source of a new version and finds its files.
pub(crate) fn resolve(tx: &dyn ReadTx, new: &NewVersion) -> Result<Origin> {
    let source = new.source.as_str();
    let origin = Origin {
        source: source.to_owned(),
        storage_location: source.to_owned(),
        run_id: new.run_id.clone().filter(|id| !id.is_empty()),
        model_id: new.model_id.clone().filter(|id| !id.is_empty()),
    };
    if let Some(id) = &origin.run_id
        && tx.has_run_out_of_sight(id)?
    {
        return no_run(id, source);
    }
    if let Some(id) = &origin.model_id
        && tx.has_logged_model_out_of_sight(id)?
    {
        return no_logged_model(id, source);
    }
    let origin = files(tx, new, origin)?;
    // Gates judge a version by its run, so the run must be that of the model.
    if let (Some(run), Some(id)) = (&origin.run_id, &origin.model_id)
        && let Some(model) = tx.logged_model(id)?
        && model.source_run.as_ref().is_some_and(|source_run| source_run != run)
    {
        return validation::invalid(format!(
            "Invalid model version source: '{source}'. The run_id request parameter must identify the run of \
             the logged model '{id}'."
        ));
    }
    Ok(origin)
}

fn files(tx: &dyn ReadTx, new: &NewVersion, origin: Origin) -> Result<Origin> {
    let source = new.source.as_str();
    if new.tags.iter().any(|tag| tag.key == PROMPT_TAG && tag.value == "true") {
        return prompt(origin);
    }
    let Some((scheme, rest)) = source.split_once(':') else { return on_disk(tx, origin) };
    if scheme == "file" || source.starts_with('/') {
        return on_disk(tx, origin);
    }
    if leads_elsewhere(source) {
        return validation::invalid(format!(
            "Invalid model version source: '{source}'. If supplying a source as an http, https, local file \
             path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without \
             relative path references present. Please provide an absolute path."
        ));
    }
    match scheme {
        "models" => from_registry(tx, origin, rest),
        "runs" => from_run(tx, origin, rest),
        "mlflow-artifacts" => from_artifacts(tx, origin),
        _ if !rest.starts_with('/') => local(source),
        "http" | "https" if rest.contains("/mlflow-artifacts/artifacts") => from_artifacts(tx, origin),
        _ if new.kept_here => from_artifacts(tx, origin),
        _ => elsewhere(tx, origin),
    }
}

fn prompt(origin: Origin) -> Result<Origin> {
    if matches!(origin.source.as_str(), "dummy-source" | "prompt-template") {
        return Ok(origin);
    }
    let source = origin.source;
    validation::invalid(format!(
        "Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder."
    ))
}

fn local<T>(source: &str) -> Result<T> {
    validation::invalid(format!(
        "Invalid model version source: '{source}'. To use a local path as a model version source, the \
         run_id request parameter has to be specified and the local path has to be contained within the \
         artifact directory of the run specified by the run_id."
    ))
}

/// A path or `file:` URI: files of the given run or logged model, which keeps them on a disk too.
/// Only the text is looked at; whether the server reads there at all is the artifact store's to say.
fn on_disk(tx: &dyn ReadTx, mut origin: Origin) -> Result<Origin> {
    let source = origin.source.clone();
    if let Some(host) = source.strip_prefix("file://").and_then(|rest| rest.split('/').next())
        && !matches!(host, "" | "localhost")
    {
        return validation::invalid(format!("{source} is not a valid remote uri."));
    }
    let root = match (&origin.run_id, &origin.model_id) {
        (Some(id), _) => run(tx, id, &source)?.artifact_uri,
        (None, Some(id)) => {
            let model = logged_model(tx, id, &source)?;
            origin.run_id = model.source_run;
            model.artifact_uri
        }
        (None, None) => return local(&source),
    };
    let (Some(path), Some(root)) = (disk_path(&source), disk_path(&root)) else { return local(&source) };
    if !path.starts_with(&root) {
        return local(&source);
    }
    let path = format!("/{}", path.join("/"));
    origin.storage_location = if source.starts_with("file:") {
        format!("file://{}", utf8_percent_encode(&path, PATH))
    } else {
        path
    };
    Ok(origin)
}

/// The components of an absolute path on a disk, `..` taken away; none for another kind of place.
fn disk_path(uri: &str) -> Option<Vec<String>> {
    let path = match uri.strip_prefix("file:") {
        Some(rest) => {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            let rest = rest.strip_prefix("localhost").unwrap_or(rest);
            percent_decode_str(rest).decode_utf8().ok()?.into_owned()
        }
        None => uri.to_owned(),
    };
    if !path.starts_with('/') || path.chars().any(char::is_control) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}

fn contained<T>(source: &str, parameter: &str) -> Result<T> {
    validation::invalid(format!(
        "Invalid model version source: '{source}'. The {parameter} request parameter must identify the \
         resource that contains the source."
    ))
}

/// Whether a source holds `..` or a control character, plainly or under any number of encodings.
fn leads_elsewhere(source: &str) -> bool {
    let mut text = source.to_ascii_lowercase();
    loop {
        if text.split(['/', '\\', '?', '#']).any(|part| part == "..") || text.chars().any(char::is_control) {
            return true;
        }
        let further = ["%2e", "%2f", "%5c", "%25", "%00"]
            .into_iter()
            .zip([".", "/", "\\", "%", "\0"])
            .fold(text.clone(), |text, (code, plain)| text.replace(code, plain));
        if further == text {
            return false;
        }
        text = further;
    }
}

/// `models:/m-<id>`, `models:/<name>/<version or stage>` or `models:/<name>@<alias>`.
fn from_registry(tx: &dyn ReadTx, mut origin: Origin, rest: &str) -> Result<Origin> {
    let source = origin.source.clone();
    let path = match rest.strip_prefix('/') {
        Some(path) if !path.starts_with('/') => path.trim_end_matches('/'),
        _ => return contained(&source, "model_id"),
    };
    if !path.contains(['/', '@']) {
        let model = logged_model(tx, path, &source)?;
        if origin.model_id.as_deref() != Some(model.id.as_str()) {
            return contained(&source, "model_id");
        }
        origin.storage_location = model.artifact_uri;
        origin.run_id = origin.run_id.or(model.source_run);
        return Ok(origin);
    }
    // A URI names a model as it is called within the workspace.
    let other = match (path.split_once('@'), path.split_once('/')) {
        (Some((name, alias)), _) => aliases::resolve(tx, &tx.qualified(name), alias)?,
        (None, Some((name, which))) => match Stage::parse(which) {
            Some(stage) => models::latest_versions(tx, &tx.qualified(name), &[stage])?
                .pop()
                .ok_or_else(|| RegistryError::NoLatest(name.to_owned()))?,
            None => versions::get(tx, &tx.qualified(name), versions::parse_version(which)?)?,
        },
        (None, None) => return contained(&source, "model_id"),
    };
    let differs = |given: &Option<String>, held: &Option<String>| {
        given.is_some() && given.as_deref() != held.as_deref()
    };
    if differs(&origin.run_id, &other.run_id) || differs(&origin.model_id, &other.model_id) {
        return validation::invalid(format!(
            "Invalid model version source: '{source}'. The run_id and model_id request parameters must \
             match the referenced model version."
        ));
    }
    Ok(Origin {
        source: format!("models:/{}/{}", local_model_name(&other.name), other.version),
        storage_location: other.storage_location,
        run_id: other.run_id,
        model_id: other.model_id,
    })
}

/// `runs:/<id>/<path>`: a logged model of that name, or files among the run's artifacts.
fn from_run(tx: &dyn ReadTx, mut origin: Origin, rest: &str) -> Result<Origin> {
    let source = origin.source.clone();
    let Some((run_id, path)) = rest.strip_prefix('/').and_then(|rest| rest.split_once('/')) else {
        return contained(&source, "run_id");
    };
    if origin.run_id.as_deref() != Some(run_id) {
        return contained(&source, "run_id");
    }
    // A run that this server does not know may be kept elsewhere: the source stays as it is.
    let Some(run) = tx.run_info(run_id)? else { return Ok(origin) };
    let found = logged_model_of_run(tx, &run, path)?;
    if let (Some(given), Some(model)) = (&origin.model_id, &found)
        && *given != model.id
    {
        return contained(&source, "model_id");
    }
    match found {
        Some(model) => {
            origin.storage_location = model.artifact_uri;
            origin.model_id = Some(model.id);
        }
        None => origin.storage_location = format!("{}/{path}", run.artifact_uri),
    }
    Ok(origin)
}

/// `mlflow-artifacts:/...`, the proxy by its URL, or a place below the server's own root: files of the given logged model or run.
fn from_artifacts(tx: &dyn ReadTx, mut origin: Origin) -> Result<Origin> {
    let source = origin.source.clone();
    if let Some(id) = &origin.model_id {
        let model = logged_model(tx, id, &source)?;
        if !is_within(&source, &model.artifact_uri) {
            return contained(&source, "model_id");
        }
        origin.run_id = origin.run_id.or(model.source_run);
        return Ok(origin);
    }
    let Some(run_id) = &origin.run_id else { return contained(&source, "run_id") };
    if !is_within(&source, &run(tx, run_id, &source)?.artifact_uri) {
        return contained(&source, "run_id");
    }
    Ok(origin)
}

/// A source in a store of its own, such as `s3://bucket/model`.
fn elsewhere(tx: &dyn ReadTx, mut origin: Origin) -> Result<Origin> {
    if let (None, Some(id)) = (&origin.run_id, &origin.model_id) {
        origin.run_id = logged_model(tx, id, &origin.source)?.source_run;
    }
    Ok(origin)
}

fn run(tx: &dyn ReadTx, id: &str, source: &str) -> Result<RunInfo> {
    match tx.run_info(id)? {
        Some(run) => Ok(run),
        None => no_run(id, source),
    }
}

fn no_run<T>(id: &str, source: &str) -> Result<T> {
    validation::invalid(format!("Invalid model version source: '{source}'. Run '{id}' not found."))
}

fn logged_model(tx: &dyn ReadTx, id: &str, source: &str) -> Result<LoggedModel> {
    match tx.logged_model(id)?.filter(|model| model.lifecycle == Lifecycle::Active) {
        Some(model) => Ok(model),
        None => no_logged_model(id, source),
    }
}

fn no_logged_model<T>(id: &str, source: &str) -> Result<T> {
    validation::invalid(format!(
        "Unable to fetch model from model URI source artifact location '{source}'. Logged model with ID '{id}' \
         not found."
    ))
}

fn logged_model_of_run(
    tx: &dyn ReadTx,
    run: &RunInfo,
    name: &str,
) -> std::result::Result<Option<LoggedModel>, StoreError> {
    let equals = |attribute, text: &str| Condition {
        field: Field::Attribute(attribute),
        operator: Operator::Equal,
        operand: Operand::Text(text.to_owned()),
        absent_differs: false,
    };
    let search = Search {
        conditions: vec![equals(Attribute::Name, name), equals(Attribute::SourceRun, &run.id)],
        limit: 1,
        ..Search::default()
    };
    Ok(tx.search_logged_models(&[run.experiment], &search)?.pop())
}

fn is_within(source: &str, root: &str) -> bool {
    let root = root.trim_end_matches('/');
    // Clients may write the same place with an empty host.
    let source = source.replacen("mlflow-artifacts:///", "mlflow-artifacts:/", 1);
    source.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{disk_path, is_within, leads_elsewhere};

    #[test]
    fn paths_on_disk_are_compared_without_detours() {
        let path = |uri| disk_path(uri).map(|parts| parts.join("/"));
        for (uri, expected) in [
            ("file:///a/b/../c/.", Some("a/c")),
            ("file:///a/%2e%2e/c%20d", Some("c d")),
            ("/a//b/..", Some("a")),
            ("/../../x", Some("x")),
            ("file://localhost/a", Some("a")),
            ("file://host/a", None),
            ("file:a", None),
            ("s3://b/a", None),
            ("file:///a%00", None),
        ] {
            assert_eq!(path(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn sources_that_lead_elsewhere_are_seen_through_encodings() {
        for source in ["s3://b/../x", "mlflow-artifacts:/..%2f..", "http://h/%252e%252e/x", "http://h/a%00"] {
            assert!(leads_elsewhere(source), "{source}");
        }
        assert!(!leads_elsewhere("s3://bucket/model..v2/100%25"));
    }

    #[test]
    fn only_what_lies_within_the_root_counts() {
        let root = "mlflow-artifacts:/1/run/artifacts";
        assert!(is_within("mlflow-artifacts:/1/run/artifacts/model", root));
        assert!(is_within("mlflow-artifacts:///1/run/artifacts", root));
        assert!(!is_within("mlflow-artifacts:/1/run/artifacts2", root));
    }
}
