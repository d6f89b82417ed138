//! Loading and unloading what is in charge, on demand.

use crate::AutomationError;
use crate::config::Config;
use crate::models::ModelFiles;
use mainspring_artifact_store::Artifacts;
use mainspring_domain::Actor;
use mainspring_domain::events::Record;
use mainspring_metadata_store::{ReadTx, Store, WriteTx};
use mainspring_serving::{Gateway, ServedVersion, ServerSettings};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

/// The models of this server as a repository that loads and unloads them.
pub struct Repository {
    pub(crate) store: Store,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) models: Arc<ModelFiles>,
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
        let models = Arc::new(ModelFiles { store: store.clone(), artifacts, config, settings });
        let (_, leads) = watch::channel(true);
        Self { store, gateway, models, leads }
    }

    /// Loads the version in charge of a model, or of a stage of it; anew when it is loaded already. Requests
    /// go to the new workers as soon as they are ready; the old ones answer what they have. A rollout that is
    /// under way goes on beside it; one that began without a loaded version in charge waits for this.
    ///
    /// # Errors
    /// When nothing is in charge, or it cannot be loaded, or another version was put in charge meanwhile:
    /// what was loaded stays then.
    pub async fn load(&self, route: &str, actor: Actor) -> Result<(), AutomationError> {
        self.check_leads()?;
        let name = route.to_owned();
        let (version, _) = self.store.read(move |tx| in_charge(tx, &name)).await?;
        let server = self
            .models
            .serve(route, version)
            .await
            .map_err(|reason| AutomationError::Unloadable { model: route.to_owned(), version, reason })?;
        let overtaken = || AutomationError::Overtaken { model: route.to_owned(), version };
        let name = route.to_owned();
        let rollout = self.store.write(actor, move |tx| {
            // Loading takes its time.
            let (now, rollout) = in_charge(tx, &name)?;
            if now != version {
                return Err(AutomationError::Overtaken { model: name, version });
            }
            record(tx, "model.loaded", &name, version)?;
            Ok(rollout)
        });
        let served = ServedVersion { version, rollout: rollout.await?, server: Arc::new(server) };
        if self.gateway.restore_stable(route, served) { Ok(()) } else { Err(overtaken()) }
    }

    /// Ends the workers of a model, or of a stage of it, until it is loaded again, or the server starts. It
    /// stays deployed.
    ///
    /// # Errors
    /// When nothing is in charge, or a rollout is under way.
    pub async fn unload(&self, route: &str, actor: Actor) -> Result<(), AutomationError> {
        self.check_leads()?;
        let name = route.to_owned();
        let unloaded = self.store.write(actor, move |tx| {
            let (version, _) = in_charge(tx, &name)?;
            if tx.deployment(&name)?.is_some_and(|found| found.active_rollout.is_some()) {
                return Err(AutomationError::RolloutUnderWay(name));
            }
            record(tx, "model.unloaded", &name, version)
        });
        unloaded.await?;
        self.gateway.remove(route);
        Ok(())
    }

    fn check_leads(&self) -> Result<(), AutomationError> {
        if *self.leads.borrow() { Ok(()) } else { Err(AutomationError::NotLeading) }
    }
}

/// The version in charge of a route, and the rollout that brought it.
fn in_charge(tx: &dyn ReadTx, route: &str) -> Result<(u32, Option<String>), AutomationError> {
    let not_deployed = || AutomationError::NotDeployed(route.to_owned());
    let deployment = tx.deployment(route)?.ok_or_else(not_deployed)?;
    Ok((deployment.stable.ok_or_else(not_deployed)?, deployment.stable_rollout))
}

fn record(
    tx: &mut dyn WriteTx,
    action: &'static str,
    route: &str,
    version: u32,
) -> Result<(), AutomationError> {
    let record = Record::new(action, format!("model:{route}")).with(json!({ "version": version }));
    tx.record(record)?;
    Ok(())
}
