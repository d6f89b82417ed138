//! `registered-models/*`

use super::request::{Call, Params, Within};
use super::wire::{ModelVersionWire, RegisteredModelWire, Void};
use super::{AllWorkspaces, ApiError, page_token};
use axum::routing::{delete, get, patch, post};
use axum::{Json, Router};
use mainspring_domain::access::Scope;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_governance::users;
use mainspring_metadata_store::{ReadTx, WriteTx};
use mainspring_registry::aliases::{self, ExpectedAlias};
use mainspring_registry::versions::{parse_stage, parse_version};
use mainspring_registry::{RegistryError, models, search};
use serde::Serialize;
use std::sync::Arc;

type Answer<T> = Result<Json<T>, ApiError>;
type WithLatest = (RegisteredModel, Vec<ModelVersion>);

pub(super) fn routes() -> Router<AllWorkspaces> {
    Router::new()
        .route("/registered-models/create", post(create))
        .route("/registered-models/get", get(by_name))
        .route("/registered-models/search", get(find))
        .route("/registered-models/update", patch(update))
        .route("/registered-models/rename", post(rename))
        .route("/registered-models/delete", delete(remove))
        .route("/registered-models/get-latest-versions", get(latest).post(latest))
        .route("/registered-models/set-tag", post(set_tag))
        .route("/registered-models/delete-tag", delete(delete_tag))
        .route("/registered-models/alias", get(by_alias).post(set_alias).delete(delete_alias))
}

#[derive(Serialize)]
struct One {
    registered_model: RegisteredModelWire,
}

impl One {
    fn new((model, latest): WithLatest) -> Json<Self> {
        Json(Self { registered_model: RegisteredModelWire::new(model, latest) })
    }
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<RegisteredModelWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct Versions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<ModelVersionWire>,
}

#[derive(Serialize)]
struct Version {
    model_version: ModelVersionWire,
}

fn with_latest(tx: &dyn ReadTx, model: RegisteredModel) -> Result<WithLatest, RegistryError> {
    let latest = tx.latest_versions(&[&model.name])?;
    Ok((model, latest))
}

async fn create(Within(state): Within, call: Call) -> Answer<One> {
    let name = state.model(&call.params.required("name")?);
    let description = call.params.text("description")?.unwrap_or_default();
    let tags = call.params.pairs("tags")?;
    let create = move |tx: &mut dyn WriteTx| {
        let model = models::create(tx, &name, &description, tags)?;
        users::own(tx, &Scope::Model(name))?;
        Ok::<_, RegistryError>(model)
    };
    let model = state.write(call.actor, create).await?;
    Ok(One::new((model, Vec::new())))
}

async fn by_name(Within(state): Within, call: Call) -> Answer<One> {
    let name = state.model(&call.params.required("name")?);
    let found = state
        .read(move |tx| {
            let model = models::get(tx, &name)?;
            with_latest(tx, model)
        })
        .await?;
    Ok(One::new(found))
}

async fn update(Within(state): Within, call: Call) -> Answer<One> {
    let name = state.model(&call.params.required("name")?);
    let description = call.params.text("description")?.unwrap_or_default();
    let changed = state
        .write(call.actor, move |tx| {
            let model = models::update(tx, &name, &description)?;
            with_latest(tx, model)
        })
        .await?;
    Ok(One::new(changed))
}

async fn rename(Within(state): Within, call: Call) -> Answer<One> {
    let (name, new_name) =
        (state.model(&call.params.required("name")?), state.model(&call.params.required("new_name")?));
    let changed = state
        .write(call.actor, move |tx| {
            let model = models::rename(tx, &name, &new_name)?;
            tx.move_grants(&Scope::Model(name), &Scope::Model(new_name))?;
            with_latest(tx, model)
        })
        .await?;
    Ok(One::new(changed))
}

async fn remove(Within(state): Within, call: Call) -> Answer<Void> {
    let name = state.model(&call.params.required("name")?);
    let delete = move |tx: &mut dyn WriteTx| {
        models::delete(tx, &name)?;
        Ok::<_, RegistryError>(tx.delete_grants_on(&Scope::Model(name))?)
    };
    state.write(call.actor, delete).await?;
    Ok(Json(Void {}))
}

async fn latest(Within(state): Within, call: Call) -> Answer<Versions> {
    let name = state.model(&call.params.required("name")?);
    let stages = call.params.texts("stages")?;
    let stages = stages.iter().map(|stage| parse_stage(stage)).collect::<Result<Vec<_>, _>>()?;
    let versions = state.read(move |tx| models::latest_versions(tx, &name, &stages)).await?;
    Ok(Json(Versions { model_versions: versions.into_iter().map(Into::into).collect() }))
}

async fn set_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let (name, tag) = (state.model(&call.params.required("name")?), call.params.pair()?);
    state.write(call.actor, move |tx| models::set_tag(tx, &name, &tag)).await?;
    Ok(Json(Void {}))
}

async fn delete_tag(Within(state): Within, call: Call) -> Answer<Void> {
    let (name, key) = (state.model(&call.params.required("name")?), call.params.required("key")?);
    state.write(call.actor, move |tx| models::delete_tag(tx, &name, &key)).await?;
    Ok(Json(Void {}))
}

async fn by_alias(Within(state): Within, call: Call) -> Answer<Version> {
    let (name, alias) = (state.model(&call.params.required("name")?), call.params.required("alias")?);
    let version = state.read(move |tx| aliases::resolve(tx, &name, &alias)).await?;
    Ok(Json(Version { model_version: version.into() }))
}

/// What a change of an alias depends on, beyond MLflow's protocol: the version that the alias points to
/// now, or `none`.
fn expected_alias(params: &Params) -> Result<Option<ExpectedAlias>, ApiError> {
    Ok(match params.number_text("expected_version")?.as_deref() {
        None => None,
        Some("none") => Some(ExpectedAlias::Unset),
        Some(version) => Some(ExpectedAlias::Version(parse_version(version)?)),
    })
}

async fn set_alias(Within(state): Within, call: Call) -> Answer<Void> {
    let (name, alias) = (state.model(&call.params.required("name")?), call.params.required("alias")?);
    let version = parse_version(&call.params.required("version")?)?;
    let expected = expected_alias(&call.params)?;
    let check = Arc::clone(&state.stage_check);
    let set = move |tx: &mut dyn WriteTx| {
        if let Some(expected) = expected {
            aliases::expect_alias(tx, &name, &alias, expected)?;
        }
        aliases::set_alias(tx, &*check, &name, &alias, version)
    };
    state.write(call.actor, set).await?;
    Ok(Json(Void {}))
}

async fn delete_alias(Within(state): Within, call: Call) -> Answer<Void> {
    let (name, alias) = (state.model(&call.params.required("name")?), call.params.required("alias")?);
    let expected = expected_alias(&call.params)?;
    let delete = move |tx: &mut dyn WriteTx| {
        if let Some(expected) = expected {
            aliases::expect_alias(tx, &name, &alias, expected)?;
        }
        aliases::delete_alias(tx, &name, &alias)
    };
    state.write(call.actor, delete).await?;
    Ok(Json(Void {}))
}

/// What a search of the registry asks for.
pub(super) fn query(params: &Params, default: usize, most: usize) -> Result<search::Query, ApiError> {
    Ok(search::Query {
        filter: params.text("filter")?.unwrap_or_default(),
        order_by: params.texts("order_by")?,
        limit: params.max_results(default, most)?,
        offset: page_token::offset(params)?,
    })
}

async fn find(Within(state): Within, call: Call) -> Answer<Many> {
    let query = query(&call.params, 100, 1000)?;
    let (mut page, mut latest) = state
        .read(move |tx| {
            let page = search::models(tx, &query)?;
            let names: Vec<&str> = page.items.iter().map(|model| model.name.as_str()).collect();
            let latest = tx.latest_versions(&names)?;
            Ok::<_, RegistryError>((page, latest))
        })
        .await?;
    page.items.retain(|model| call.sees(&Scope::Model(model.name.clone())));
    let models = page.items.into_iter().map(|model| {
        let own = latest.extract_if(.., |version| version.name == model.name).collect();
        RegisteredModelWire::new(model, own)
    });
    Ok(Json(Many { registered_models: models.collect(), next_page_token: page.next.map(page_token::encode) }))
}
