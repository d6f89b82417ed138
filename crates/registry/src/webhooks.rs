//! Webhooks: who is told of changes in the registry. Where a message may go, and how it gets there,
//! is decided by the one who sends it.

use crate::validation::{check_length, current_workspace, invalid};
use crate::{RegistryError, Result};
use mainspring_domain::Timestamp;
use mainspring_domain::events::Record;
use mainspring_domain::webhooks::{SealedSecret, Webhook, WebhookEvent, WebhookStatus};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;

/// Webhooks that one workspace keeps.
const WEBHOOKS: u64 = 1000;

/// What a client says of a new webhook.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Its id, which its secret is sealed with.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// A text for people.
    pub description: String,
    /// Where messages go; checked by the caller.
    pub url: String,
    /// The events that it hears of.
    pub events: Vec<WebhookEvent>,
    /// Whether it is called.
    pub status: WebhookStatus,
    /// The key of its signatures.
    pub secret: Option<SealedSecret>,
}

/// What changes of a webhook; what is not given stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// A name for people.
    pub name: Option<String>,
    /// A text for people.
    pub description: Option<String>,
    /// Where messages go; checked by the caller.
    pub url: Option<String>,
    /// The events that it hears of.
    pub events: Option<Vec<WebhookEvent>>,
    /// Whether it is called.
    pub status: Option<WebhookStatus>,
    /// The key of its signatures; given as nothing, there is none any more.
    pub secret: Option<Option<SealedSecret>>,
}

fn subject(id: &str) -> String {
    format!("webhook:{id}")
}

fn check_name(name: &str) -> Result<()> {
    let ends = |end: Option<char>| end.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if inner && name.len() <= 63 && ends(name.chars().next()) && ends(name.chars().last()) {
        return Ok(());
    }
    invalid(format!(
        "Webhook name '{name}' is invalid. It must start and end with a letter or digit, be less than 63 \
         characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
    ))
}

fn check_events(events: &[WebhookEvent]) -> Result<()> {
    if events.is_empty() { invalid("Webhook events cannot be empty") } else { Ok(()) }
}

fn without_repetition(events: Vec<WebhookEvent>) -> Vec<WebhookEvent> {
    let mut once = Vec::with_capacity(events.len());
    for event in events {
        if !once.contains(&event) {
            once.push(event);
        }
    }
    once
}

/// Adds a webhook.
///
/// # Errors
/// When its name or its events are not taken, or there are too many already.
pub fn create(tx: &mut dyn WriteTx, new: NewWebhook) -> Result<Webhook> {
    check_name(&new.name)?;
    check_length("description", &new.description, 1000)?;
    check_events(&new.events)?;
    let now = tx.now();
    let workspace = current_workspace(tx)?;
    if tx.count_webhooks(&workspace)? >= WEBHOOKS {
        return invalid(format!("There are {WEBHOOKS} webhooks already; delete one first."));
    }
    let webhook = Webhook {
        id: new.id,
        workspace,
        name: new.name,
        description: new.description,
        url: new.url,
        events: without_repetition(new.events),
        status: new.status,
        secret: new.secret,
        created: now,
        updated: now,
    };
    tx.put_webhook(&webhook)?;
    record(tx, "webhook.created", &webhook)?;
    Ok(webhook)
}

/// One webhook.
///
/// # Errors
/// When there is none.
pub fn get(tx: &dyn ReadTx, id: &str) -> Result<Webhook> {
    tx.webhook(id)?.ok_or_else(|| RegistryError::NoWebhook(id.to_owned()))
}

/// Changes a webhook.
///
/// # Errors
/// When there is none, or what is given is not taken.
pub fn update(tx: &mut dyn WriteTx, id: &str, change: WebhookChange) -> Result<Webhook> {
    let mut webhook = get(tx, id)?;
    if let Some(name) = change.name {
        check_name(&name)?;
        webhook.name = name;
    }
    if let Some(description) = change.description {
        check_length("description", &description, 1000)?;
        webhook.description = description;
    }
    if let Some(url) = change.url {
        webhook.url = url;
    }
    if let Some(events) = change.events {
        check_events(&events)?;
        webhook.events = without_repetition(events);
    }
    if let Some(status) = change.status {
        webhook.status = status;
    }
    if let Some(secret) = change.secret {
        webhook.secret = secret;
    }
    // A change within the millisecond of the one before is still the later one.
    webhook.updated = tx.now().max(Timestamp::from_millis(webhook.updated.as_millis() + 1));
    tx.put_webhook(&webhook)?;
    record(tx, "webhook.updated", &webhook)?;
    Ok(webhook)
}

/// Removes a webhook, and with it the messages that wait for it.
///
/// # Errors
/// When there is none.
pub fn delete(tx: &mut dyn WriteTx, id: &str) -> Result<()> {
    let webhook = get(tx, id)?;
    tx.delete_webhook(id)?;
    record(tx, "webhook.deleted", &webhook)
}

/// Neither the secret nor the address, which may hold one, gets into the audit trail.
fn record(tx: &mut dyn WriteTx, action: &'static str, webhook: &Webhook) -> Result<()> {
    let events: Vec<String> = webhook.events.iter().map(WebhookEvent::to_string).collect();
    let details = json!({ "name": webhook.name, "status": webhook.status.as_str(), "events": events });
    tx.record(Record::new(action, subject(&webhook.id)).with(details))?;
    Ok(())
}
