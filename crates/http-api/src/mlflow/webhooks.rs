//! `webhooks/*`. An answer never holds a secret.

use super::request::{Call, Params, Within};
use super::wire::Void;
use super::{AllWorkspaces, ApiError, MlflowState, page_token};
use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use mainspring_automation::webhooks::{SendError, Taken};
use mainspring_domain::webhooks::{
    SealedSecret, Webhook, WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus,
};
use mainspring_metadata_store::traits::search::Page;
use mainspring_registry::RegistryError;
use mainspring_registry::webhooks::{self, NewWebhook, WebhookChange};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

type Answer<T> = Result<Json<T>, ApiError>;

/// Characters of a secret.
const SECRET: usize = 1000;

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/webhooks", post(create).get(list))
        .route("/webhooks/{webhook}", get(by_id).patch(update).delete(remove))
        .route("/webhooks/{webhook}/test", post(test))
}

#[derive(Serialize)]
struct EventWire {
    entity: String,
    action: String,
}

#[derive(Serialize)]
struct WebhookWire {
    webhook_id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    url: String,
    events: Vec<EventWire>,
    status: &'static str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
}

impl From<Webhook> for WebhookWire {
    fn from(webhook: Webhook) -> Self {
        let event = |event: &WebhookEvent| EventWire {
            entity: event.entity.as_str().to_uppercase(),
            action: event.action.as_str().to_uppercase(),
        };
        Self {
            webhook_id: webhook.id,
            name: webhook.name,
            description: webhook.description,
            url: webhook.url,
            events: webhook.events.iter().map(event).collect(),
            status: webhook.status.as_str(),
            creation_timestamp: webhook.created.as_millis(),
            last_updated_timestamp: webhook.updated.as_millis(),
        }
    }
}

#[derive(Serialize)]
struct One {
    webhook: WebhookWire,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhooks: Vec<WebhookWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Reads one event: an entity and an action that can happen to it.
fn event(params: &Params) -> Result<WebhookEvent, ApiError> {
    let (entity, action) = (params.required("entity")?, params.required("action")?);
    let known = WebhookEntity::ALL.into_iter().find(|one| one.as_str().to_uppercase() == entity);
    let entity = known.ok_or_else(|| params.wrong("entity", &json!(entity)))?;
    let known = WebhookAction::ALL.into_iter().find(|one| one.as_str().to_uppercase() == action);
    let action = known.ok_or_else(|| params.wrong("action", &json!(action)))?;
    WebhookEvent::new(entity, action).ok_or_else(|| {
        let valid: Vec<&str> = entity.actions().iter().map(|action| action.as_str()).collect();
        ApiError::invalid(format!(
            "Invalid action '{}' for entity '{}'. Valid actions are: ['{}']",
            action.as_str(),
            entity.as_str(),
            valid.join("', '")
        ))
    })
}

fn events(params: &Params) -> Result<Vec<WebhookEvent>, ApiError> {
    params.objects("events")?.iter().map(event).collect()
}

fn status(params: &Params) -> Result<Option<WebhookStatus>, ApiError> {
    let Some(text) = params.text("status")? else { return Ok(None) };
    WebhookStatus::parse(&text).map(Some).ok_or_else(|| params.wrong("status", &json!(text)))
}

async fn check_url(state: &MlflowState, url: &str) -> Result<(), ApiError> {
    state.webhooks.check_target(url).await.map_err(ApiError::invalid)
}

/// Encrypts a secret before it comes near the store.
fn seal(state: &MlflowState, id: &str, secret: &str) -> Result<SealedSecret, ApiError> {
    if secret.chars().nth(SECRET).is_some() {
        return Err(ApiError::invalid(format!("'secret' exceeds the maximum length of {SECRET} characters")));
    }
    state.webhooks.seal(id, secret).map_err(|error| ApiError::internal("Encryption", &error))
}

async fn create(Within(state): Within, call: Call) -> Answer<One> {
    let params = &call.params;
    let (name, url) = (params.required("name")?, params.required("url")?);
    let events = events(params)?;
    if events.is_empty() {
        return Err(params.missing("events"));
    }
    check_url(&state, &url).await?;
    let id = Uuid::new_v4().to_string();
    let secret = params.text("secret")?.map(|secret| seal(&state, &id, &secret)).transpose()?;
    let new = NewWebhook {
        id,
        name,
        description: params.text("description")?.unwrap_or_default(),
        url,
        events,
        status: status(params)?.unwrap_or_default(),
        secret,
    };
    let webhook = state.write(call.actor, move |tx| webhooks::create(tx, new)).await?;
    Ok(Json(One { webhook: webhook.into() }))
}

async fn list(Within(state): Within, call: Call) -> Answer<Many> {
    let limit = match call.params.integer("max_results")? {
        None | Some(0) => 100,
        Some(wanted) => usize::try_from(wanted)
            .ok()
            .filter(|wanted| *wanted <= 1000)
            .ok_or_else(|| ApiError::invalid("max_results must be between 1 and 1000."))?,
    };
    let offset = page_token::offset(&call.params)?;
    let search = mainspring_metadata_store::traits::search::Search { limit, offset, ..Default::default() };
    let page: Page<Webhook> = state
        .read(move |tx| {
            search.page(|search| Ok::<_, RegistryError>(tx.webhooks(search.limit, search.offset)?))
        })
        .await?;
    Ok(Json(Many {
        webhooks: page.items.into_iter().map(Into::into).collect(),
        next_page_token: page.next.map(page_token::encode),
    }))
}

async fn by_id(Within(state): Within, Path(id): Path<String>) -> Answer<One> {
    let webhook = state.read(move |tx| webhooks::get(tx, &id)).await?;
    Ok(Json(One { webhook: webhook.into() }))
}

async fn update(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<One> {
    let params = &call.params;
    let url = params.text("url")?;
    let events = events(params)?;
    let secret = match params.any_text("secret")? {
        None => None,
        Some(secret) if secret.is_empty() => Some(None),
        Some(secret) => Some(Some(seal(&state, &id, &secret)?)),
    };
    let change = WebhookChange {
        name: params.text("name")?,
        description: params.any_text("description")?,
        url: url.clone(),
        events: (!events.is_empty()).then_some(events),
        status: status(params)?,
        secret,
    };
    // Whether there is one comes before what is said of it.
    let known = id.clone();
    state.read(move |tx| webhooks::get(tx, &known)).await?;
    if let Some(url) = &url {
        check_url(&state, url).await?;
    }
    let webhook = state.write(call.actor, move |tx| webhooks::update(tx, &id, change)).await?;
    Ok(Json(One { webhook: webhook.into() }))
}

async fn remove(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Void> {
    state.write(call.actor, move |tx| webhooks::delete(tx, &id)).await?;
    Ok(Json(Void {}))
}

async fn test(Within(state): Within, Path(id): Path<String>, call: Call) -> Answer<Value> {
    let event = call.params.object("event")?.as_ref().map(event).transpose()?;
    let webhook = state.read(move |tx| webhooks::get(tx, &id)).await?;
    let result = match state.webhooks.test(webhook, event).await {
        Ok(Taken { status, body, .. }) => {
            json!({ "success": status < 400, "response_status": status, "response_body": body })
        }
        Err(SendError::Refused(problem) | SendError::Failed(problem)) => {
            json!({ "success": false, "error_message": format!("Failed to test webhook: {problem}") })
        }
    };
    Ok(Json(json!({ "result": result })))
}
