//! Data versions and arrivals.

use super::{ApiError, Body, NativeState};
use axum::extract::State;
use axum::{Extension, Json};
use mainspring_domain::Actor;
use mainspring_domain::data::DataVersion;
use mainspring_domain::events::Record;
use mainspring_metadata_store::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(super) struct NewVersion {
    path: String,
    md5: String,
    size: u64,
    commit: Option<String>,
}

/// `POST /api/v1/data/versions`: registers what was put under version control. Registering the
/// newest version of a path again changes nothing.
pub(super) async fn register(
    State(state): State<NativeState>,
    Extension(actor): Extension<Actor>,
    Body(new): Body<NewVersion>,
) -> Result<Json<Value>, ApiError> {
    let hash = new.md5.strip_suffix(".dir").unwrap_or(&new.md5);
    if hash.len() != 32 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ApiError::bad(format!("`{}` is not an MD5 in hexadecimal", new.md5)));
    }
    if new.path.is_empty() || new.path.len() > 4096 {
        return Err(ApiError::bad("`path` must have 1 to 4096 bytes"));
    }
    let id = state
        .store
        .write(actor, move |tx| {
            let newest = tx.newest_data_version()?;
            let present = tx.data_versions(newest)?.into_iter().find(|version| version.path == new.path);
            if let Some(present) = present.filter(|version| version.md5 == new.md5) {
                tx.bookkeeping();
                return Ok(present.id);
            }
            let version = DataVersion {
                id: 0,
                path: new.path,
                md5: new.md5,
                size: new.size,
                commit: new.commit,
                time: tx.now(),
                actor: tx.actor().clone(),
            };
            let id = tx.add_data_version(&version)?;
            tx.record(
                Record::new("data.versioned", format!("data:{}", version.path))
                    .with(json!({ "md5": version.md5, "size": version.size, "commit": version.commit })),
            )?;
            Ok::<_, StoreError>(id)
        })
        .await?;
    Ok(Json(json!({ "id": id })))
}

/// `GET /api/v1/data/versions`
pub(super) async fn versions(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let versions = state
        .store
        .read(|tx| {
            let newest = tx.newest_data_version()?;
            tx.data_versions(newest)
        })
        .await?;
    Ok(Json(json!({ "versions": versions })))
}

/// `GET /api/v1/data/arrivals`
pub(super) async fn arrivals(State(state): State<NativeState>) -> Result<Json<Value>, ApiError> {
    let arrivals = state.store.read(|tx| tx.recent_arrivals(100)).await?;
    Ok(Json(json!({ "arrivals": arrivals })))
}
