//! What a webhook is told: from an event of the outbox to the payload that MLflow sends for it. What
//! the event does not say is read as it stands now.

use mainspring_domain::events::Event;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::webhooks::{WebhookAction, WebhookEntity, WebhookEvent};
use mainspring_domain::workspaces::{WorkspaceName, local_model_name};
use mainspring_metadata_store::{ReadTx, StoreError};
use mainspring_registry::search::PROMPT_TAG;
use serde_json::{Map, Value, json};

/// The tag that says what kind of prompt it is.
const PROMPT_TYPE_TAG: &str = "_mlflow_prompt_type";
/// The tag that holds the text of a version of a prompt.
const PROMPT_TEXT_TAG: &str = "mlflow.prompt.text";

/// Whether webhooks may want to know of an action.
pub(super) fn is_told(action: &str) -> bool {
    matches!(
        action,
        "model.registered"
            | "model.updated"
            | "model.alias_set"
            | "model.alias_deleted"
            | "model_version.created"
            | "model_version.tagged"
    )
}

/// The event as webhooks know it, the workspace whose webhooks hear of it, and what they are told.
type Told = (WebhookEvent, WorkspaceName, Value);

/// What webhooks are told of an event; none when they are not told.
pub(super) fn of(tx: &dyn ReadTx, event: &Event) -> Result<Option<Told>, StoreError> {
    use WebhookAction::{Created, Deleted, Set};
    use WebhookEntity as Entity;
    let Some(subject) = event.subject.strip_prefix("model:") else { return Ok(None) };
    let (name, number) = match subject.rsplit_once('/') {
        Some((name, number)) => (name, number.parse::<u32>().ok()),
        None => (subject, None),
    };
    // A workspace's receivers know its models as its clients do.
    let shown = local_model_name(name);
    let model = tx.registered_model(name)?;
    let prompt = model.as_ref().is_some_and(|model| is_prompt(&model.tags));
    let choose = |of_prompt, of_model| if prompt { of_prompt } else { of_model };
    let details = &event.details;
    let removed = details["removed"] == true;
    let told = match (event.action.as_str(), number) {
        ("model.registered", _) => {
            let entity = choose(Entity::Prompt, Entity::RegisteredModel);
            Some((entity, Created, registered(shown, model.as_ref())))
        }
        ("model.alias_set", _) => {
            let version = details["version"].as_u64().map(|version| version.to_string());
            let payload = json!({ "name": shown, "alias": details["alias"], "version": version });
            Some((choose(Entity::PromptAlias, Entity::ModelVersionAlias), Created, payload))
        }
        ("model.alias_deleted", _) => {
            let payload = json!({ "name": shown, "alias": details["alias"] });
            Some((choose(Entity::PromptAlias, Entity::ModelVersionAlias), Deleted, payload))
        }
        // Of the tags of models only those of prompts are told.
        ("model.updated", _) if prompt => {
            if let Some(key) = details["tag"].as_str() {
                let value = model.as_ref().and_then(|model| value_of(&model.tags, key));
                Some((Entity::PromptTag, Set, json!({ "name": shown, "key": key, "value": value })))
            } else {
                details["tag_removed"]
                    .as_str()
                    .map(|key| (Entity::PromptTag, Deleted, json!({ "name": shown, "key": key })))
            }
        }
        ("model_version.created", Some(number)) => {
            let entity = choose(Entity::PromptVersion, Entity::ModelVersion);
            let version = tx.model_version(name, number)?;
            version.map(|version| (entity, Created, created(&version, prompt)))
        }
        ("model_version.tagged", Some(number)) => {
            let entity = choose(Entity::PromptVersionTag, Entity::ModelVersionTag);
            let (key, version) = (&details["key"], number.to_string());
            if removed {
                Some((entity, Deleted, json!({ "name": shown, "version": version, "key": key })))
            } else {
                let held = tx.model_version(name, number)?;
                let value = held.as_ref().and_then(|held| value_of(&held.tags, key.as_str()?));
                let payload = json!({ "name": shown, "version": version, "key": key, "value": value });
                Some((entity, Set, payload))
            }
        }
        _ => None,
    };
    Ok(told.and_then(|(entity, action, payload)| {
        Some((WebhookEvent::new(entity, action)?, WorkspaceName::of_model(name), payload))
    }))
}

fn is_prompt(tags: &[KeyValue]) -> bool {
    value_of(tags, PROMPT_TAG).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn value_of<'t>(tags: &'t [KeyValue], key: &str) -> Option<&'t str> {
    tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str())
}

/// Tags as an object, without those that only mark a prompt.
fn tags(tags: &[KeyValue], without: &[&str]) -> Map<String, Value> {
    let kept = tags.iter().filter(|tag| !without.contains(&tag.key.as_str()));
    kept.map(|tag| (tag.key.clone(), json!(tag.value))).collect()
}

fn registered(name: &str, model: Option<&RegisteredModel>) -> Value {
    let (held, description) =
        model.map_or((&[][..], ""), |model| (model.tags.as_slice(), model.description.as_str()));
    let marks: &[&str] = if is_prompt(held) { &[PROMPT_TAG, PROMPT_TYPE_TAG] } else { &[] };
    json!({ "name": name, "tags": tags(held, marks), "description": description })
}

fn created(version: &ModelVersion, prompt: bool) -> Value {
    let description = Some(&version.description).filter(|text| !text.is_empty());
    let number = version.version.to_string();
    if prompt {
        return json!({
            "name": local_model_name(&version.name), "version": number,
            "template": value_of(&version.tags, PROMPT_TEXT_TAG),
            "tags": tags(&version.tags, &[PROMPT_TAG, PROMPT_TYPE_TAG, PROMPT_TEXT_TAG]),
            "description": description,
        });
    }
    json!({
        "name": local_model_name(&version.name), "version": number, "source": version.source, "run_id": version.run_id,
        "tags": tags(&version.tags, &[]), "description": description,
    })
}

/// A payload that says nothing true, for a test of a webhook.
pub(super) fn example(event: WebhookEvent) -> Value {
    let (name, key) = ("example_model", "example_key");
    let (prompt, value) = ("example_prompt", "example_value");
    match (event.entity, event.action) {
        (WebhookEntity::RegisteredModel, _) => {
            json!({ "name": name, "tags": { key: value }, "description": "An example registered model" })
        }
        (WebhookEntity::ModelVersion, _) => json!({
            "name": name, "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678",
            "tags": { key: value }, "description": "An example model version",
        }),
        (WebhookEntity::ModelVersionTag, WebhookAction::Set) => {
            json!({ "name": name, "version": "1", "key": key, "value": value })
        }
        (WebhookEntity::ModelVersionTag, _) => json!({ "name": name, "version": "1", "key": key }),
        (WebhookEntity::ModelVersionAlias, WebhookAction::Created) => {
            json!({ "name": name, "alias": "example_alias", "version": "1" })
        }
        (WebhookEntity::ModelVersionAlias, _) => json!({ "name": name, "alias": "example_alias" }),
        (WebhookEntity::Prompt, _) => {
            json!({ "name": prompt, "tags": { key: value }, "description": "An example prompt" })
        }
        (WebhookEntity::PromptVersion, _) => json!({
            "name": prompt, "version": "1", "template": "Hello {{name}}!",
            "tags": { key: value }, "description": "An example prompt version",
        }),
        (WebhookEntity::PromptTag, WebhookAction::Set) => {
            json!({ "name": prompt, "key": key, "value": value })
        }
        (WebhookEntity::PromptTag, _) => json!({ "name": prompt, "key": key }),
        (WebhookEntity::PromptVersionTag, WebhookAction::Set) => {
            json!({ "name": prompt, "version": "1", "key": key, "value": value })
        }
        (WebhookEntity::PromptVersionTag, _) => json!({ "name": prompt, "version": "1", "key": key }),
        (WebhookEntity::PromptAlias, WebhookAction::Created) => {
            json!({ "name": prompt, "alias": "example_alias", "version": "1" })
        }
        (WebhookEntity::PromptAlias, _) => json!({ "name": prompt, "alias": "example_alias" }),
        (WebhookEntity::BudgetPolicy, _) => json!({
            "budget_policy_id": "bp-abc123", "budget_unit": "USD", "budget_amount": 100.0,
            "current_spend": 105.5, "duration_unit": "MONTHS", "duration_value": 1,
            "target_scope": "ENDPOINT", "workspace": "default", "target_value": "ep-abc123",
            "window_start": 1_704_067_200_000_i64,
        }),
    }
}
