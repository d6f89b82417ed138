//! Loading and unloading what is in charge, on demand.

use crate::AutomationError;
use crate::config::Config;
use crate::models::ModelFiles;
use mainspring_artifact_store::Artifacts;
use mainspring_domain::Actor;
use mainspring_domain::events::Record;
use mainspring_metadata_store::{Store, StoreError};
use mainspring_serving::{Gateway, ServedVersion, ServerSettings};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

/// The models of this server as a repository that loads and unloads them.
pub struct Repository {
    pub(crate) store: Store,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) models: Arc<ModelFiles>,
    pub(crate) config: Arc<Config>,
    pub(crate) leads: watch::Receiver<bool>,
}

impl Repository {
    /// A repository of a server that leads for good, without a loop around it.
    #[must_use]
    pub fn alone(
        store: Store,
        artifacts: Artifacts,
        gateway: Arc<Gateway>,
        config: Arc<Config>,
        settings: ServerSettings,
    ) -> Self {
        let models =
            Arc::new(ModelFiles { store: store.clone(), artifacts, config: Arc::clone(&config), settings });
        let (_, leads) = watch::channel(true);
        Self { store, gateway, models, config, leads }
    }

    /// Loads the version in charge; anew when it is loaded already. Requests go to the new workers as
    /// soon as they are ready; the old ones answer what they have.
    ///
    /// # Errors
    /// When nothing is in charge, or it cannot be loaded: what was loaded stays then.
    pub async fn load(&self, model: &str, actor: Actor) -> Result<(), AutomationError> {
        let (version, rollout) = self.in_charge(model).await?;
        let workers = self.config.model.get(model).map_or(1, |rules| rules.workers);
        let server = self
            .models
            .serve(model, version, workers)
            .await
            .map_err(|reason| AutomationError::Unloadable { model: model.to_owned(), version, reason })?;
        self.record("model.loaded", model, version, actor).await?;
        let served = ServedVersion { version, rollout, server: Arc::new(server) };
        self.gateway.restore_stable(model, served);
        Ok(())
    }

    /// Ends the workers of a model until it is loaded again, or the server starts. It stays deployed.
    ///
    /// # Errors
    /// When nothing is in charge, or a rollout is under way.
    pub async fn unload(&self, model: &str, actor: Actor) -> Result<(), AutomationError> {
        let (version, _) = self.in_charge(model).await?;
        self.record("model.unloaded", model, version, actor).await?;
        self.gateway.remove(model);
        Ok(())
    }

    async fn in_charge(&self, model: &str) -> Result<(u32, Option<String>), AutomationError> {
        if !*self.leads.borrow() {
            return Err(AutomationError::NotLeading);
        }
        let name = model.to_owned();
        let deployment = self.store.read(move |tx| tx.deployment(&name)).await.map_err(|e: StoreError| e)?;
        let not_deployed = || AutomationError::NotDeployed(model.to_owned());
        let deployment = deployment.ok_or_else(not_deployed)?;
        if deployment.active_rollout.is_some() {
            return Err(AutomationError::RolloutUnderWay(model.to_owned()));
        }
        Ok((deployment.stable.ok_or_else(not_deployed)?, deployment.stable_rollout))
    }

    async fn record(
        &self,
        action: &'static str,
        model: &str,
        version: u32,
        actor: Actor,
    ) -> Result<(), AutomationError> {
        let record = Record::new(action, format!("model:{model}")).with(json!({ "version": version }));
        self.store.write(actor, move |tx| tx.record(record).map(|_| ())).await?;
        Ok(())
    }
}
