//! The reactions that join the parts: each answers one event in one transaction with its bookmark.

use crate::AutomationError;
use crate::config::Config;
use crate::delivery::Releases;
use crate::triggers::{launch, may_retrain};
use crate::webhooks::{self, Sender};
use mainspring_domain::Actor;
use mainspring_domain::delivery::STAGES;
use mainspring_domain::events::{Event, Record};
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::Duration;

/// The name of the bookmark.
const READER: &str = "loop";
/// Events that one look takes.
const BATCH: u32 = 500;
/// How long events may gather before they are looked at. A busy server writes hundreds a second, and
/// hardly any of them is for the loop.
const GATHER: Duration = Duration::from_millis(20);
/// After this much silence the bookmark is moved past what needed no answer.
const SILENCE: Duration = Duration::from_millis(200);
/// After this much silence events are looked for all the same.
const LOOK: Duration = Duration::from_secs(5);
/// Events without an answer that the bookmark may lag behind. After a restart they are read again,
/// which does no harm.
const LAG: i64 = 2_000;

/// How far the events have come, by their numbers.
#[derive(Default)]
struct Seen {
    /// The last one that was looked at.
    looked_at: i64,
    /// Where the bookmark is.
    marked: i64,
}

/// Answers events.
pub(crate) struct Reactions {
    pub(crate) store: Store,
    pub(crate) config: Arc<Config>,
    pub(crate) releases: Releases,
    pub(crate) webhooks: Sender,
}

impl Reactions {
    /// Works until dropped: sleeps until something was written.
    pub(crate) async fn run(self) {
        let this = Arc::new(self);
        let mut changes = this.store.changes();
        let mut seen = Seen::default();
        loop {
            if let Err(error) = Arc::clone(&this).answer(&mut seen).await {
                tracing::error!(%error, "reactions");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            let changed = match tokio::time::timeout(SILENCE, changes.changed()).await {
                Ok(changed) => changed,
                Err(_) => {
                    if let Err(error) = this.mark(&mut seen).await {
                        tracing::error!(%error, "reactions");
                    }
                    // Quiet is not proof: a commit of another server may have gone unheard.
                    tokio::time::timeout(LOOK, changes.changed()).await.unwrap_or(Ok(()))
                }
            };
            if changed.is_err() {
                return;
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// Moves the bookmark past everything that was looked at.
    async fn mark(&self, seen: &mut Seen) -> Result<(), AutomationError> {
        let last = seen.looked_at;
        if last > seen.marked {
            self.store
                .write(Actor::system("reactions"), move |tx| {
                    tx.set_cursor(READER, last)?;
                    tx.trim_outbox(last)
                })
                .await?;
            seen.marked = last;
        }
        Ok(())
    }

    async fn answer(self: Arc<Self>, seen: &mut Seen) -> Result<(), AutomationError> {
        loop {
            let after = seen.looked_at;
            let (events, marked, told) = self
                .store
                .read(move |tx| {
                    let marked = tx.cursor(READER)?;
                    let events = tx.outbox_after(marked.max(after), BATCH)?;
                    Ok::<_, StoreError>((events, marked, tx.has_active_webhooks()?))
                })
                .await?;
            seen.marked = marked;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            for event in events {
                let tell = told && webhooks::hears(&event);
                if !tell
                    && !matches!(
                        event.action.as_str(),
                        "model_version.stage_changed"
                            | "model_version.created"
                            | "alert.raised"
                            | "alert.continues"
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
                        }
                        this.react(tx, &event)?;
                        tx.set_cursor(READER, event.seq)?;
                        Ok::<_, AutomationError>(())
                    })
                    .await?;
            }
            self.webhooks.wake();
            seen.looked_at = last;
            if last - seen.marked >= LAG {
                self.mark(seen).await?;
            }
        }
    }

    fn react(&self, tx: &mut dyn WriteTx, event: &Event) -> Result<(), AutomationError> {
        match event.action.as_str() {
            "model_version.stage_changed" => self.stage_changed(tx, event),
            "model_version.created" => self.registered(tx, event),
            "alert.raised" | "alert.continues" => self.alerted(tx, event),
            _ => Ok(()),
        }
    }

    /// A stage was asked for: roll the version out there, unless a rollout itself said so.
    fn stage_changed(&self, tx: &mut dyn WriteTx, event: &Event) -> Result<(), AutomationError> {
        if event.actor.as_str().starts_with("rollout:") {
            return Ok(());
        }
        let Some((model, version)) = subject(event) else { return Ok(()) };
        let Some(rules) = self.config.model.get(model) else { return Ok(()) };
        let route = match event.details["to"].as_str() {
            Some("Production") => model.to_owned(),
            Some("Staging") if rules.stage.contains_key("staging") => format!("{model}@staging"),
            _ => return Ok(()),
        };
        let stage = event.details["to"].as_str().unwrap_or_default();
        let reason = event.reason.clone().unwrap_or_else(|| format!("stage {stage} set by {}", event.actor));
        self.release(tx, event, (&route, version), &reason)
    }

    /// A version is there: it comes to the stages that take every one.
    fn registered(&self, tx: &mut dyn WriteTx, event: &Event) -> Result<(), AutomationError> {
        let Some((model, version)) = subject(event) else { return Ok(()) };
        let Some(rules) = self.config.model.get(model) else { return Ok(()) };
        for stage in STAGES {
            if rules.stage.get(stage).is_some_and(|rules| rules.on_registration) {
                let route = format!("{model}@{stage}");
                self.release(tx, event, (&route, version), "a new version")?;
            }
        }
        Ok(())
    }

    fn release(
        &self,
        tx: &mut dyn WriteTx,
        event: &Event,
        release: (&str, u32),
        reason: &str,
    ) -> Result<(), AutomationError> {
        match self.releases.request(tx, release, (event.actor.as_str(), reason)) {
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

/// The model and version that an event is about.
fn subject(event: &Event) -> Option<(&str, u32)> {
    let (model, version) = event.subject.strip_prefix("model:")?.rsplit_once('/')?;
    Some((model, version.parse().ok()?))
}
