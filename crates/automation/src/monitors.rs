//! Lets the monitors judge what has been labelled.

use crate::AutomationError;
use crate::config::Config;
use crate::models::ModelFiles;
use mainspring_domain::Actor;
use mainspring_metadata_store::Store;
use mainspring_monitoring::{Limits, MonitorError, evaluate_next};
use mainspring_tables::Profile;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often monitors look for a full batch.
const LOOK: Duration = Duration::from_millis(500);

/// Runs all monitors of a project.
pub(crate) struct Monitors {
    pub(crate) store: Store,
    pub(crate) config: Arc<Config>,
    pub(crate) models: Arc<ModelFiles>,
}

/// Training profiles by model and version, read once each.
type Profiles = Arc<Mutex<HashMap<(String, u32), Option<Profile>>>>;

impl Monitors {
    /// Works until dropped.
    pub(crate) async fn run(self) {
        let profiles = Profiles::default();
        loop {
            for (model, monitor) in &self.config.monitor {
                let limits = Limits {
                    window: monitor.window,
                    min_auc: monitor.min_auc,
                    max_calibration_gap: monitor.max_calibration_gap,
                    max_psi: monitor.max_psi,
                };
                if let Err(error) = self.look(model, &limits, &profiles).await {
                    tracing::error!(model, %error, "monitor");
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self, model: &str, limits: &Limits, profiles: &Profiles) -> Result<(), AutomationError> {
        loop {
            let (name, window) = (model.to_owned(), limits.window);
            let waiting: Vec<u32> = self
                .store
                .read(move |tx| {
                    let after = tx.cursor(&format!("monitor:{name}"))?;
                    tx.labelled_versions_after(&name, after, window)
                })
                .await?;
            if waiting.len() < window as usize {
                return Ok(());
            }
            for version in waiting {
                let key = (model.to_owned(), version);
                let known = lock(profiles).contains_key(&key);
                if !known {
                    let profile = self.models.profile(model, version).await;
                    lock(profiles).insert(key, profile);
                }
            }
            let (name, limits, profiles) = (model.to_owned(), limits.clone(), Arc::clone(profiles));
            self.store
                .write(Actor::system("monitor"), move |tx| {
                    let profile = |version| lock(&profiles).get(&(name.clone(), version)).cloned().flatten();
                    evaluate_next(tx, &name, &limits, &profile)
                })
                .await
                .map_err(|error: MonitorError| match error {
                    MonitorError::Store(error) => AutomationError::Store(error),
                })?;
        }
    }
}

fn lock(profiles: &Profiles) -> std::sync::MutexGuard<'_, HashMap<(String, u32), Option<Profile>>> {
    profiles.lock().unwrap_or_else(PoisonError::into_inner)
}
