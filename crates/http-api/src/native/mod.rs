//! Mainspring's own API, below `/api/v1`.

mod ab;
mod ab_assign;
mod ab_insight;
mod data;
mod delivery;
mod error;
mod gates;
mod gc;
mod lineage;
mod overview;
mod pipelines;
mod stages;
mod tracking;
mod users;

use axum::Router;
use axum::routing::{delete, get, post};
use mainspring_automation::ab::AbTests;
use mainspring_automation::collect::Collector;
use mainspring_automation::{Config, Delivery, Importer};
use mainspring_executors::LocalExecutor;
use mainspring_governance::policy::StagePolicy;
use mainspring_metadata_store::Store;
use mainspring_serving::Gateway;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use error::ApiError;
use error::{Body, MaybeBody};
pub use tracking::tracking_router;

/// What the native API works with.
#[derive(Clone)]
pub struct NativeState {
    /// The store.
    pub store: Store,
    /// The project's configuration.
    pub config: Arc<Config>,
    /// The project's folder.
    pub project: PathBuf,
    /// The gates that production asks for.
    pub policy: Arc<StagePolicy>,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The rollouts' driver.
    pub delivery: Delivery,
    /// The A/B tests.
    pub ab: AbTests,
    /// The executor, for logs.
    pub executor: LocalExecutor,
    /// The importer of DAG files.
    pub import: Importer,
    /// Deletes for good.
    pub collector: Collector,
}

/// The routes.
pub fn router(state: NativeState) -> Router {
    let tracking = tracking_router(state.store.clone());
    Router::new()
        .route("/api/v1/loop", get(overview::snapshot))
        .route("/api/v1/events", get(overview::events))
        .route("/api/v1/dags", get(pipelines::dags))
        .route("/api/v1/dags/import", post(pipelines::import))
        .route("/api/v1/dags/{dag_id}/runs", post(pipelines::trigger))
        .route("/api/v1/runs", get(pipelines::runs))
        .route("/api/v1/runs/{run_id}", get(pipelines::run))
        .route("/api/v1/runs/{run_id}/tasks/{task_id}/{try_number}/log", get(pipelines::log))
        .route("/api/v1/gates", get(gates::list).post(gates::report))
        .route("/api/v1/data/versions", get(data::versions).post(data::register))
        .route("/api/v1/data/arrivals", get(data::arrivals))
        .route("/api/v1/models", get(delivery::models))
        .route("/api/v1/deployments/{model}", post(delivery::deploy))
        .route("/api/v1/deployments/{model}/manifests", get(delivery::manifests))
        .route("/api/v1/deployments/{model}/undo", post(delivery::undo))
        .route("/api/v1/rollouts", get(delivery::rollouts))
        .route("/api/v1/rollouts/{id}", get(delivery::rollout))
        .route("/api/v1/rollouts/{id}/shadow", get(delivery::shadow))
        .route("/api/v1/rollouts/{id}/{verb}", post(delivery::command))
        .route("/api/v1/ab/tests", get(ab::list).post(ab::create))
        .route("/api/v1/ab/tests/{test}", get(ab::one_test).put(ab::revise))
        .route("/api/v1/ab/tests/{test}/decisions", get(ab::decisions))
        .route("/api/v1/ab/tests/{test}/decisions/{number}/replay", get(ab::replay))
        .route("/api/v1/ab/tests/{test}/looks", get(ab::looks))
        .route("/api/v1/ab/tests/{test}/segments", get(ab_insight::segments))
        .route("/api/v1/ab/tests/{test}/novelty", get(ab_insight::novelty))
        .route("/api/v1/ab/tests/{test}/assign", post(ab_assign::assign))
        .route("/api/v1/ab/tests/{test}/assignments", post(ab_assign::assign_all))
        .route("/api/v1/ab/tests/{test}/interleave", post(ab_assign::interleave))
        .route("/api/v1/ab/tests/{test}/do/{verb}", post(ab::command))
        .route("/api/v1/ab/events", post(ab_assign::events))
        .route("/api/v1/ab/plan", post(ab::planner))
        .route("/api/v1/monitors/{model}", get(delivery::monitor))
        .route("/api/v1/audit", get(lineage::audit))
        .route("/api/v1/why", get(lineage::why))
        .route("/api/v1/gc", get(gc::waiting).post(gc::collect))
        .route("/api/v1/me", get(users::me))
        .route("/api/v1/users", get(users::list).post(users::add))
        .route("/api/v1/users/{name}", delete(users::remove))
        .route("/api/v1/users/{name}/tokens", post(users::make_token))
        .route("/api/v1/users/{name}/tokens/{id}", delete(users::revoke_token))
        .route("/api/v1/users/{name}/roles", post(users::set_role))
        .with_state(state)
        .merge(tracking)
}
