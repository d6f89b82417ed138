//! The reactions that join the parts: each answers one event in one transaction with its bookmark.

use crate::AutomationError;
use crate::config::Config;
use crate::delivery::request_rollout;
use crate::triggers::{launch, may_retrain};
use crate::webhooks::{self, Sender};
use mainspring_domain::Actor;
use mainspring_domain::events::{Event, Record};
use mainspring_governance::policy::StagePolicy;
use mainspring_metadata_store::{Store, WriteTx};
use serde_json::{Map, json};
use std::path::PathBuf;
use std::sync::Arc;

/// The name of the bookmark.
const READER: &str = "loop";
/// Events that one look takes.
const BATCH: u32 = 500;

/// Answers events.
pub(crate) struct Reactions {
    pub(crate) store: Store,
    pub(crate) config: Arc<Config>,
    pub(crate) project: PathBuf,
    pub(crate) policy: Arc<StagePolicy>,
    pub(crate) webhooks: Sender,
}

impl Reactions {
    /// Works until dropped: sleeps until something was written.
    pub(crate) async fn run(self) {
        let this = Arc::new(self);
        let mut changes = this.store.changes();
        loop {
            match Arc::clone(&this).answer().await {
                Ok(()) => {
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "reactions");
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn answer(self: Arc<Self>) -> Result<(), AutomationError> {
        loop {
            let (events, told) = self
                .store
                .read(|tx| {
                    let after = tx.cursor(READER)?;
                    Ok::<_, AutomationError>((tx.outbox_after(after, BATCH)?, tx.has_active_webhooks()?))
                })
                .await?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            for event in events {
                let tell = told && webhooks::hears(&event);
                if !tell
                    && !matches!(
                        event.action.as_str(),
                        "model_version.stage_changed" | "alert.raised" | "alert.continues"
                    )
                {
                    continue;
                }
                let this = Arc::clone(&self);
                let actor = Actor::automation(&event.action);
                self.store
                    .write(actor, move |tx| {
                        if tell {
                            webhooks::enqueue(tx, &event)?;
                        } else {
                            this.react(tx, &event)?;
                        }
                        tx.set_cursor(READER, event.seq)?;
                        Ok::<_, AutomationError>(())
                    })
                    .await?;
            }
            self.webhooks.wake();
            self.store
                .write(Actor::system("reactions"), move |tx| {
                    tx.set_cursor(READER, last)?;
                    tx.trim_outbox(last)
                })
                .await?;
        }
    }

    fn react(&self, tx: &mut dyn WriteTx, event: &Event) -> Result<(), AutomationError> {
        match event.action.as_str() {
            "model_version.stage_changed" => self.stage_changed(tx, event),
            _ => self.alerted(tx, event),
        }
    }

    /// Production was asked for: roll the version out, unless a rollout itself said so.
    fn stage_changed(&self, tx: &mut dyn WriteTx, event: &Event) -> Result<(), AutomationError> {
        if event.details["to"] != "Production" || event.actor.as_str().starts_with("rollout:") {
            return Ok(());
        }
        let Some((model, version)) = event
            .subject
            .strip_prefix("model:")
            .and_then(|subject| subject.rsplit_once('/'))
            .and_then(|(model, version)| Some((model, version.parse().ok()?)))
        else {
            return Ok(());
        };
        if !self.config.model.contains_key(model) {
            return Ok(());
        }
        let reason =
            event.reason.clone().unwrap_or_else(|| format!("stage Production set by {}", event.actor));
        let asked = request_rollout(
            tx,
            &self.config,
            &self.project,
            &self.policy,
            (model, version),
            (event.actor.as_str(), &reason),
        );
        match asked {
            Ok(_) => Ok(()),
            // Refusals are answers; only the store's errors are worth another try.
            Err(AutomationError::Store(error)) => Err(error.into()),
            Err(error) => {
                tx.record(Record::new("rollout.refused", event.subject.clone()).because(error.to_string()))?;
                Ok(())
            }
        }
    }

    /// A monitor is over its limits: retrain, unless that is under way or was just tried.
    fn alerted(&self, tx: &mut dyn WriteTx, event: &Event) -> Result<(), AutomationError> {
        let Some(model) = event.subject.strip_prefix("model:") else { return Ok(()) };
        let Some(monitor) = self.config.monitor.get(model) else { return Ok(()) };
        let (Some(dag), Some(mut alert)) = (monitor.retrain.as_deref(), tx.open_alert(model)?) else {
            return Ok(());
        };
        if tx.dag(dag)?.is_none_or(|dag| dag.paused) {
            return Ok(());
        }
        if !may_retrain(tx, dag, monitor.cooldown)? {
            return Ok(());
        }
        let arrivals = tx.open_arrivals()?;
        let reason = format!("alert on `{model}`: {}", alert.breaches.join("; "));
        let mut conf = Map::new();
        conf.insert("train".to_owned(), json!(true));
        conf.insert("reason".to_owned(), json!("alert"));
        let run_id = launch(tx, dag, "alert_triggered", reason.clone(), conf, &arrivals)?;
        alert.run_id = Some(run_id.clone());
        tx.put_alert(&alert)?;
        tx.record(
            Record::new("retraining.triggered", event.subject.clone())
                .because(reason)
                .with(json!({ "alert": alert.id, "run_id": run_id })),
        )?;
        Ok(())
    }
}
