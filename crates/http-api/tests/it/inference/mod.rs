//! Inference, asked as clients ask.

mod access;
mod clients;
mod log;
mod others;
mod protocol;
mod telemetry;
mod versions;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use mainspring_artifact_store::{ArtifactStore, Artifacts};
use mainspring_automation::{Config, Repository};
use mainspring_domain::delivery::Deployment;
use mainspring_domain::registry::{ModelVersion, RegisteredModel, Stage};
use mainspring_domain::{Actor, Clock as _, SystemClock};
use mainspring_http_api::access::{AccessPolicy, Gate, guarded};
use mainspring_http_api::inference::{InferenceState, PredictionLog, Telemetry, router};
use mainspring_metadata_store::{Store, StoreError};
use mainspring_serving::{Gateway, ModelServer, ServedVersion, ServerSettings};
use mainspring_test_support::new_store;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt as _;

/// A server that serves models of a folder.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) repository: Arc<Repository>,
    state: InferenceState,
    pub(crate) routes: Router,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Asserts a refusal in the form of the protocol.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, part: &str) {
        let body = self.json();
        let message = body["error"].as_str().unwrap_or_default();
        assert!(self.status.as_u16() == status && message.contains(part), "{} {body}", self.status);
    }
}

/// Where a test's models are, by name, below the server's folder.
pub(crate) fn models(dir: &Path) -> PathBuf {
    dir.join("artifacts/m")
}

fn settings(dir: &Path, python: PathBuf) -> ServerSettings {
    ServerSettings {
        queue: 256,
        request_timeout: Duration::from_secs(20),
        ..ServerSettings::new(
            python,
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python"),
            dir.join("logs"),
        )
    }
}

fn fake_python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../serving/tests/it/fake_python")
}

fn behind(state: &InferenceState, policy: AccessPolicy) -> Router {
    guarded(router(state.clone()), Gate::new(state.store.clone(), Arc::new(SystemClock), policy))
}

impl World {
    /// A server with nothing loaded, whose workers are run by `python`.
    pub(crate) fn new(dir: TempDir, python: PathBuf, config: &str) -> Self {
        let store = new_store(dir.path(), Arc::new(SystemClock));
        let artifacts = Artifacts::only(ArtifactStore::local(&dir.path().join("artifacts")).unwrap());
        let gateway = Arc::new(Gateway::new(mainspring_rollouts::arm_of, Arc::new(SystemClock)));
        let config = Arc::new(Config::parse(config, Path::new("mainspring.toml")).unwrap());
        let settings = settings(dir.path(), python);
        let repository = Arc::new(Repository::alone(
            store.clone(),
            artifacts,
            Arc::clone(&gateway),
            Arc::clone(&config),
            settings,
        ));
        let state = InferenceState {
            store: store.clone(),
            gateway: Arc::clone(&gateway),
            repository: Arc::clone(&repository),
            log: PredictionLog::new(store.clone(), Arc::clone(&config)),
            config,
            telemetry: Telemetry::default(),
        };
        let routes = behind(&state, AccessPolicy::default());
        Self { dir, store, gateway, repository, state, routes }
    }

    /// Asks this of whoever calls from now on.
    pub(crate) fn ask_for(&mut self, policy: AccessPolicy) {
        self.routes = behind(&self.state, policy);
    }

    /// Makes spans of the calls that come from now on.
    pub(crate) fn trace(&mut self, telemetry: Telemetry) {
        self.state.telemetry = telemetry;
        self.routes = behind(&self.state, AccessPolicy::default());
    }

    /// One model `m`, version 3, with the given input columns, whose worker does what a request's
    /// parameters say.
    pub(crate) async fn with(behaviour: Value) -> Self {
        Self::configured(behaviour, "").await
    }

    /// The same with more configuration.
    pub(crate) async fn configured(behaviour: Value, config: &str) -> Self {
        let config = format!("[project]\nname = \"t\"\n{config}");
        let world = Self::new(TempDir::new().unwrap(), fake_python(), &config);
        world.behave("m", &behaviour);
        world.deploy("m", 3).await;
        world
    }

    /// Writes how a model's workers behave that start from now on; gives its folder.
    pub(crate) fn behave(&self, name: &str, behaviour: &Value) -> PathBuf {
        let folder = models(self.dir.path()).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("behaviour.json"), behaviour.to_string()).unwrap();
        folder
    }

    /// Another version at work, which no route leads to yet.
    pub(crate) async fn version(&self, version: u32, behaviour: &Value) -> ServedVersion {
        self.narrow_version(version, behaviour, 256).await
    }

    /// The same with room for so many requests.
    pub(crate) async fn narrow_version(
        &self,
        version: u32,
        behaviour: &Value,
        queue: usize,
    ) -> ServedVersion {
        let folder = self.behave(&version.to_string(), behaviour);
        let settings = ServerSettings { queue, ..settings(self.dir.path(), fake_python()) };
        let server = ModelServer::start(&format!("m/{version}"), folder, settings).await.unwrap();
        ServedVersion { version, rollout: Some("r".to_owned()), server: Arc::new(server) }
    }

    /// Puts a version in charge of a route, on record only.
    pub(crate) async fn put_in_charge(&self, route: &str, version: u32) {
        let deployment = Deployment {
            model: route.to_owned(),
            stable: Some(version),
            stable_rollout: None,
            active_rollout: None,
            updated: SystemClock.now(),
        };
        let written = self.store.write(Actor::user("ada"), move |tx| {
            tx.put_deployment(&deployment)?;
            tx.bookkeeping();
            Ok::<_, StoreError>(())
        });
        written.await.unwrap();
    }

    pub(crate) async fn columns() -> Self {
        Self::with(json!({ "answer": 0.25, "inputs": [
            { "name": "carrier", "type": "string", "required": true },
            { "name": "hour", "type": "long", "required": true } ] }))
        .await
    }

    /// Registers a model's version, deploys and loads it.
    pub(crate) async fn deploy(&self, model: &'static str, version: u32) {
        let now = SystemClock.now();
        let written = self.store.write(Actor::user("ada"), move |tx| {
            tx.insert_registered_model(&RegisteredModel {
                name: model.to_owned(),
                description: String::new(),
                created: now,
                updated: now,
                tags: Vec::new(),
                aliases: Vec::new(),
            })?;
            tx.insert_model_version(&ModelVersion {
                name: model.to_owned(),
                version,
                created: now,
                updated: now,
                stage: Stage::None,
                description: String::new(),
                source: String::new(),
                storage_location: format!("mlflow-artifacts:/m/{model}"),
                run_id: None,
                model_id: None,
                run_link: String::new(),
                user: String::new(),
                created_by: Actor::user("ada"),
                tags: Vec::new(),
                aliases: Vec::new(),
            })?;
            tx.bookkeeping();
            Ok::<_, StoreError>(())
        });
        written.await.unwrap();
        self.put_in_charge(model, version).await;
        self.repository.load(model, Actor::user("ada")).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Reply {
        self.send(Request::post(path).body(body.into()).unwrap()).await
    }
}
