//! Loads what the store has in charge where the gateway does not have it.

use super::Delivery;
use super::step::read;
use crate::AutomationError;
use mainspring_domain::delivery::{Deployment, Rollout};
use mainspring_serving::ServedVersion;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};

/// How often the loading of a deployed version is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The loading of versions in charge. It ends with this value.
#[derive(Default)]
pub(super) struct Stables {
    tasks: JoinSet<()>,
    under_way: HashMap<String, AbortHandle>,
    /// Whether what was in charge at the start was looked at: what is unloaded after stays so.
    started: bool,
}

impl Stables {
    /// Loads the versions in charge after a start, where the gateway has another one, and where a rollout
    /// waits for one that somebody unloaded.
    pub(super) fn look_after(&mut self, delivery: &Delivery, open: &[Rollout], deployments: &[Deployment]) {
        while self.tasks.try_join_next().is_some() {}
        for deployment in deployments {
            let Some(version) = deployment.stable else { continue };
            let route = &deployment.model;
            let wanted = match delivery.gateway.stable(route) {
                Some(served) => served.version != version,
                None => !self.started || waits(route, open),
            };
            let at_work = self.under_way.get(route).is_some_and(|task| !task.is_finished());
            if wanted && !at_work {
                let (this, name) = (delivery.clone(), route.clone());
                let task = self.tasks.spawn(async move { this.bring_back(&name).await });
                self.under_way.insert(route.clone(), task);
            }
        }
        self.started = true;
    }
}

/// Whether a rollout goes its steps beside the version in charge. One that skips them does without.
fn waits(route: &str, open: &[Rollout]) -> bool {
    open.iter()
        .any(|rollout| rollout.model == route && read(rollout).is_ok_and(|(_, state)| !state.is_fast()))
}

impl Delivery {
    /// Loads what is in charge of a route until that has worked, or the gateway has it from elsewhere.
    async fn bring_back(&self, route: &str) {
        loop {
            match self.load_stable(route).await {
                Ok(true) => return,
                // Another version was put in charge meanwhile.
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(model = route, error, "cannot serve");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Whether the gateway has what is in charge now.
    async fn load_stable(&self, route: &str) -> Result<bool, String> {
        let text = |error: AutomationError| error.to_string();
        let Some((version, _)) = self.in_charge(route).await.map_err(text)? else { return Ok(true) };
        if self.serves(route, version) {
            return Ok(true);
        }
        let server = match self.releases.warm.take(route, version) {
            Some(server) => server,
            None => Arc::new(self.start_server(route, version).await?),
        };
        let _turn = self.turn.lock().await;
        match self.in_charge(route).await.map_err(text)? {
            Some((now, rollout)) if now == version => {
                if !self.serves(route, version) {
                    self.gateway.restore_stable(route, ServedVersion { version, rollout, server });
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn serves(&self, route: &str, version: u32) -> bool {
        self.gateway.stable(route).is_some_and(|served| served.version == version)
    }

    /// The version in charge by the store, with the rollout that put it there.
    async fn in_charge(&self, route: &str) -> Result<Option<(u32, Option<String>)>, AutomationError> {
        let route = route.to_owned();
        let deployment = self.store.read(move |tx| tx.deployment(&route)).await?;
        Ok(deployment.and_then(|found| Some((found.stable?, found.stable_rollout))))
    }
}
