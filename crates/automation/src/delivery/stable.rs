//! Loads what the store has in charge where the gateway does not have it.

use super::Delivery;
use crate::AutomationError;
use mainspring_domain::delivery::Deployment;
use mainspring_serving::ServedVersion;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};

/// The pause before the loading of a deployed version is tried again. It doubles each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The loading of versions in charge. It ends with this value.
#[derive(Default)]
pub(super) struct Stables {
    tasks: JoinSet<()>,
    under_way: HashMap<String, AbortHandle>,
}

impl Stables {
    /// Loads the versions in charge that were announced at the start, and where the gateway has another one.
    pub(super) fn look_after(&mut self, delivery: &Delivery, deployments: &[Deployment]) {
        while self.tasks.try_join_next().is_some() {}
        for deployment in deployments {
            let Some(version) = deployment.stable else { continue };
            let route = &deployment.model;
            let at_work = self.under_way.get(route).is_some_and(|task| !task.is_finished());
            if !at_work && delivery.lacks(route, version) {
                let (this, name) = (delivery.clone(), route.clone());
                let task = self.tasks.spawn(async move { this.bring_back(&name).await });
                self.under_way.insert(route.clone(), task);
            }
        }
    }
}

impl Delivery {
    /// Whether a version in charge is to be loaded. What somebody unloaded stays so.
    fn lacks(&self, route: &str, version: u32) -> bool {
        match self.gateway.stable(route) {
            Some(served) => served.version != version,
            None => self.gateway.is_loading(route),
        }
    }

    /// Loads what is in charge of a route until that has worked, or somebody else has decided.
    async fn bring_back(&self, route: &str) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.load_stable(route).await {
                Ok(true) => return,
                // Another version was put in charge meanwhile.
                Ok(false) => pause = FIRST_PAUSE,
                Err(error) => {
                    tracing::error!(model = route, error, "cannot serve");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Whether nothing more is to be loaded.
    async fn load_stable(&self, route: &str) -> Result<bool, String> {
        let text = |error: AutomationError| error.to_string();
        let Some((version, _)) = self.missing(route).await.map_err(text)? else { return Ok(true) };
        let server = match self.releases.warm.take(route, version) {
            Some(server) => server,
            None => Arc::new(self.models.serve(route, version).await?),
        };
        let _turn = self.turn.lock().await;
        let Some((now, rollout)) = self.missing(route).await.map_err(text)? else { return Ok(true) };
        if now != version {
            return Ok(false);
        }
        let served = ServedVersion { version, rollout, server };
        if !self.gateway.restore_stable(route, served.clone()) {
            self.gateway.set_stable(route, served);
        }
        Ok(true)
    }

    /// The version in charge by the store, with the rollout that put it there, where it is to be loaded.
    async fn missing(&self, route: &str) -> Result<Option<(u32, Option<String>)>, AutomationError> {
        let name = route.to_owned();
        let deployment = self.store.read(move |tx| tx.deployment(&name)).await?;
        let in_charge = deployment.and_then(|found| Some((found.stable?, found.stable_rollout)));
        Ok(in_charge.filter(|(version, _)| self.lacks(route, *version)))
    }
}
