//! Users, their tokens and roles.

use super::{ApiError, Body, NativeState};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use mainspring_domain::access::{AccessToken, Role, Scope};
use mainspring_domain::{Actor, Timestamp};
use mainspring_governance::access::Principal;
use mainspring_governance::users::{self, AccessError};
use mainspring_metadata_store::WriteTx;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct NewUser {
    name: String,
    #[serde(default)]
    role: Option<Role>,
}

#[derive(Deserialize)]
pub(super) struct NewToken {
    #[serde(default)]
    label: String,
    /// Days until it is no longer taken.
    #[serde(default)]
    days: Option<u16>,
}

#[derive(Deserialize)]
pub(super) struct NewRole {
    /// `server`, `experiment:ID` or `model:NAME`.
    scope: String,
    /// None takes the role away.
    #[serde(default)]
    role: Option<Role>,
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let message = error.to_string();
        match error {
            AccessError::Invalid(_) => Self::bad(message),
            AccessError::Missing(_) => Self::not_found(message),
            AccessError::UserExists(_) | AccessError::LastAdmin(_) => {
                Self::new(StatusCode::CONFLICT, message)
            }
            AccessError::Store(error) => error.into(),
        }
    }
}

fn token(token: &AccessToken) -> Value {
    json!({ "id": token.id, "label": token.label, "created": token.created, "expires": token.expires })
}

/// `GET /api/v1/me`: as whom a request is taken.
pub(super) async fn me(Extension(principal): Extension<Arc<Principal>>) -> Json<Value> {
    Json(json!({ "actor": principal.actor, "role": principal.server_role() }))
}

/// `GET /api/v1/users`
pub(super) async fn list(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let users = state.store.read(|tx| users::all(tx)).await?;
    let users: Vec<Value> = users
        .iter()
        .map(|shown| {
            let roles: Vec<Value> = shown
                .grants
                .iter()
                .map(|grant| json!({ "scope": grant.scope.to_text(), "role": grant.role }))
                .collect();
            let tokens: Vec<Value> = shown.tokens.iter().map(token).collect();
            json!({ "name": shown.user.name, "created": shown.user.created, "roles": roles, "tokens": tokens })
        })
        .collect();
    Ok(Json(json!({ "users": users })))
}

impl NativeState {
    async fn change<T, F>(&self, actor: Actor, change: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn WriteTx) -> Result<T, AccessError> + Send + 'static,
    {
        Ok(self.store.write(actor, change).await?)
    }
}

/// `POST /api/v1/users`
pub(super) async fn add(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Body(new): Body<NewUser>,
) -> Result<Json<Value>, ApiError> {
    let user = state.change(actor, move |tx| users::add(tx, &new.name, new.role)).await?;
    Ok(Json(json!({ "name": user.name, "created": user.created })))
}

/// `DELETE /api/v1/users/{name}`
pub(super) async fn remove(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    state.change(actor, move |tx| users::remove(tx, &name)).await?;
    Ok(Json(json!({})))
}

/// `POST /api/v1/users/{name}/tokens`: the only answer that ever holds the secret.
pub(super) async fn make_token(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    Body(new): Body<NewToken>,
) -> Result<Json<Value>, ApiError> {
    let make = move |tx: &mut dyn WriteTx| {
        let lifetime = new.days.map(|days| std::time::Duration::from_secs(u64::from(days) * 86_400));
        let expires: Option<Timestamp> = lifetime.map(|lifetime| tx.now() + lifetime);
        users::make_token(tx, &name, &new.label, expires)
    };
    let (made, secret) = state.change(actor, make).await?;
    let mut answer = token(&made);
    answer["secret"] = json!(secret);
    Ok(Json(answer))
}

/// `DELETE /api/v1/users/{name}/tokens/{id}`
pub(super) async fn revoke_token(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    state.change(actor, move |tx| users::revoke_token(tx, &name, &id)).await?;
    Ok(Json(json!({})))
}

/// `POST /api/v1/users/{name}/roles`
pub(super) async fn set_role(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    Body(new): Body<NewRole>,
) -> Result<Json<Value>, ApiError> {
    let scope = Scope::parse(&new.scope).ok_or_else(|| {
        ApiError::bad(format!("`{}` is no scope", new.scope))
            .hint("write `server`, `experiment:ID` or `model:NAME`")
    })?;
    state.change(actor, move |tx| users::grant(tx, &name, &scope, new.role)).await?;
    Ok(Json(json!({})))
}
