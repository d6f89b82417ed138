//! The server that the environment names, and what several commands ask of it.

use crate::client::{Client, encode};
use crate::error::CliError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

/// Where the server is when nothing names it.
const DEFAULT: &str = "http://127.0.0.1:5000";
/// The API of experiments and runs.
pub(super) const API: &str = "/api/2.0/mlflow";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The server at MLFLOW_TRACKING_URI, or at the address that is given, with the login and the workspace
/// that MLflow's clients use.
pub(super) fn client(uri: Option<&str>) -> Result<Client, CliError> {
    let url = uri.map(str::to_owned).or_else(|| variable("MLFLOW_TRACKING_URI"));
    let url = url.unwrap_or_else(|| DEFAULT.to_owned());
    let basic = || {
        let (user, password) = (variable("MLFLOW_TRACKING_USERNAME")?, variable("MLFLOW_TRACKING_PASSWORD")?);
        Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    };
    let bearer = variable("MLFLOW_TRACKING_TOKEN").map(|token| format!("Bearer {token}"));
    let client = Client::new(&url, basic().or(bearer).unwrap_or_default(), Duration::ZERO)?;
    Ok(client.within(variable("MLFLOW_WORKSPACE").unwrap_or_default()))
}

/// Reads a view as people write it: `active_only`, `deleted_only` or `all`.
pub(super) fn view(text: &str) -> Result<&'static str, String> {
    match text.to_ascii_lowercase().as_str() {
        "active_only" => Ok("ACTIVE_ONLY"),
        "deleted_only" => Ok("DELETED_ONLY"),
        "all" => Ok("ALL"),
        _ => Err("valid view types are active_only, deleted_only and all".to_owned()),
    }
}

/// All pages of a search, up to a number of items.
pub(super) fn search(
    client: &Client,
    path: &str,
    mut request: Value,
    list: &str,
    most: usize,
) -> Result<Vec<Value>, CliError> {
    let mut found = Vec::new();
    loop {
        let mut page = client.post(&format!("{API}/{path}"), &request)?;
        if let Value::Array(items) = page[list].take() {
            found.extend(items);
        }
        match page["next_page_token"].take() {
            Value::String(token) if !token.is_empty() && found.len() < most => {
                request["page_token"] = json!(token);
            }
            _ => break,
        }
    }
    found.truncate(most);
    Ok(found)
}

/// One run.
pub(super) fn run(client: &Client, id: &str) -> Result<Value, CliError> {
    Ok(client.get(&format!("{API}/runs/get?run_id={}", encode(id)))?["run"].take())
}
