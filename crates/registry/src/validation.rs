//! Which names and values are taken.

use crate::{RegistryError, Result};
use mainspring_domain::names;
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::ReadTx;
use serde_json::json;

pub(crate) fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(RegistryError::Invalid(message.into()))
}

pub(crate) fn check_length(what: &str, text: &str, limit: usize) -> Result<()> {
    if text.chars().nth(limit).is_none() {
        return Ok(());
    }
    invalid(format!("'{what}' exceeds the maximum length of {limit} characters"))
}

/// The workspace in which something that is made now lies, as long as it is there.
pub(crate) fn current_workspace(tx: &dyn ReadTx) -> Result<WorkspaceName> {
    let workspace = tx.within().cloned().unwrap_or_default();
    match tx.workspace(&workspace)? {
        Some(_) => Ok(workspace),
        None => Err(RegistryError::NoWorkspace(workspace)),
    }
}

/// Checks the name of a new model, as the whole server is to know it: its workspace, in which the
/// transaction is, must be there still.
pub(crate) fn model_name(tx: &dyn ReadTx, name: &str) -> Result<()> {
    let workspace = current_workspace(tx)?;
    if workspace.is_default() {
        return local_name(name);
    }
    match name.split_once(':') {
        Some((own, local)) if own == workspace.as_str() => local_name(local),
        _ => invalid(format!("Invalid model name '{name}'. It is not one of the workspace '{workspace}'.")),
    }
}

fn local_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return invalid("Registered model name cannot be empty.");
    }
    if name.contains(['/', ':']) {
        return invalid(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'."));
    }
    if let Err(problem) = names::check_path(name) {
        return invalid(format!("Invalid value {} for parameter 'name' supplied: {problem}", json!(name)));
    }
    check_length("name", name, 256)
}

pub(crate) fn tag(tag: &KeyValue) -> Result<()> {
    if let Err(problem) = names::check(&tag.key) {
        let key = json!(tag.key);
        return invalid(format!("Invalid value {key} for parameter 'key' supplied: {problem}"));
    }
    check_length("key", &tag.key, 250)?;
    check_length("value", &tag.value, 100_000)
}

pub(crate) fn description(text: &str) -> Result<()> {
    check_length("description", text, 100_000)
}

/// Checks the characters of an alias.
pub(crate) fn alias(alias: &str) -> Result<()> {
    if alias.is_empty() {
        return invalid("Registered model alias name cannot be empty.");
    }
    if !alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and \
             dashes (-)."
        ));
    }
    check_length("Registered model alias name", alias, 255)
}

/// Checks that an alias to be set is not one that stands for something else.
pub(crate) fn free_alias(alias: &str) -> Result<()> {
    if alias.eq_ignore_ascii_case("latest") {
        return invalid("'latest' alias name (case insensitive) is reserved.");
    }
    let number = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()) {
        return invalid(format!("Version alias name '{alias}' is reserved."));
    }
    Ok(())
}
