//! Registered versions as files that a worker can load.

use crate::config::Config;
use crate::serving_rules::ServingRules;
use mainspring_artifact_store::Artifacts;
use mainspring_domain::delivery::served_model;
use mainspring_domain::registry::ModelVersion;
use mainspring_metadata_store::{Store, StoreError};
use mainspring_serving::{ModelServer, ServerSettings};
use mainspring_tables::Profile;
use std::sync::Arc;

/// Where in a run's artifacts the profile of its training data lies.
const PROFILE: &str = "mainspring/profile.json";
/// Bytes of a profile that are read.
const PROFILE_LIMIT: u64 = 64 << 20;

/// Finds the files of model versions.
pub(crate) struct ModelFiles {
    pub(crate) store: Store,
    pub(crate) artifacts: Artifacts,
    pub(crate) config: Arc<Config>,
    pub(crate) settings: ServerSettings,
}

impl ModelFiles {
    /// Starts the workers of a version for a route: a model, or a stage of it. A stage has the settings of
    /// its model.
    pub(crate) async fn serve(&self, route: &str, version: u32) -> Result<ModelServer, String> {
        let model = served_model(route);
        let found = self.version(model, version).await?;
        let place = self.artifacts.locate(&found.storage_location).map_err(|error| error.to_string())?;
        let folder = place.store.local_folder(&place.path).await.map_err(|error| error.to_string())?;
        let settings = match self.config.model.get(model) {
            Some(rules) => rules.serving.apply(&self.settings, rules.workers),
            None => ServingRules::default().apply(&self.settings, 1),
        };
        let name = format!("{model}/{version}");
        ModelServer::start(&name, folder, settings).await.map_err(|error| error.to_string())
    }

    /// The profile of the data that a version was trained on; `None` when its run has none, which is
    /// logged: the monitor then says that drift cannot be computed.
    pub(crate) async fn profile(&self, model: &str, version: u32) -> Option<Profile> {
        match self.read_profile(model, version).await {
            Ok(profile) => Some(profile),
            Err(reason) => {
                tracing::warn!(model, version, reason, "there is no training profile");
                None
            }
        }
    }

    async fn read_profile(&self, model: &str, version: u32) -> Result<Profile, String> {
        let found = self.version(model, version).await?;
        let run_id = found.run_id.ok_or("the version names no run")?;
        let run = self.store.read(move |tx| tx.run_info(&run_id)).await;
        let run = run.map_err(|error: StoreError| error.to_string())?.ok_or("its run is not known")?;
        let place = self.artifacts.locate(&run.artifact_uri).map_err(|error| error.to_string())?;
        let path = place.path.join(PROFILE).map_err(|error| error.to_string())?;
        let profile = place.store.open(&path).await.map_err(|error| error.to_string())?;
        let bytes = profile.bytes(PROFILE_LIMIT).await.map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }

    async fn version(&self, model: &str, version: u32) -> Result<ModelVersion, String> {
        let name = model.to_owned();
        let found = self.store.read(move |tx| tx.model_version(&name, version)).await;
        found
            .map_err(|error: StoreError| error.to_string())?
            .ok_or_else(|| format!("there is no version {version} of model `{model}`"))
    }
}
