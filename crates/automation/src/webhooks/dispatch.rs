//! The queue of messages: filled by reactions, worked off here.

use super::payload;
use super::sender::{SendError, Sender, Taken};
use crate::AutomationError;
use mainspring_domain::events::{Event, Record};
use mainspring_domain::webhooks::{WebhookDelivery, WebhookStatus};
use mainspring_domain::{Actor, Clock};
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Messages that wait for one webhook; further ones are lost.
const WAITING: u64 = 1000;
/// No pause between two tries is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often the queue is looked at when nothing happens: another process may fill it.
const LOOK: Duration = Duration::from_secs(5);
/// Answers after which another try may help.
const TRY_AGAIN: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Whether webhooks may hear of an event.
pub(crate) fn hears(event: &Event) -> bool {
    payload::is_told(&event.action)
}

/// Puts a message for each webhook that hears of an event into the queue.
pub(crate) fn enqueue(tx: &mut dyn WriteTx, event: &Event) -> Result<(), StoreError> {
    let Some((kind, workspace, told)) = payload::of(tx, event)? else { return Ok(()) };
    let told = serde_json::to_string(&told)?;
    for webhook in tx.webhooks_for(kind, &workspace)? {
        if tx.waiting_deliveries(&webhook.id)? >= WAITING {
            tracing::warn!(webhook = webhook.id, event = %kind, "too many messages wait; this one is lost");
            continue;
        }
        tx.insert_delivery(&WebhookDelivery {
            id: Uuid::now_v7().to_string(),
            webhook: webhook.id,
            event: kind,
            time: event.time,
            payload: told.clone(),
            tries: 0,
            due: tx.now(),
        })?;
    }
    Ok(())
}

/// Works the queue off. Each webhook gets one message at a time, so one that does not answer holds
/// up nobody else.
pub(crate) struct Dispatch {
    pub(crate) store: Store,
    pub(crate) sender: Sender,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Dispatch {
    /// Works until dropped.
    pub(crate) async fn run(self) {
        let mut under_way: JoinSet<String> = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        loop {
            let pause = match self.start_due(&mut under_way, &mut busy).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "webhooks");
                    LOOK
                }
            };
            tokio::select! {
                Some(ended) = under_way.join_next() => match ended {
                    Ok(webhook) => {
                        busy.remove(&webhook);
                    }
                    // One that broke off leaves its message in the queue; start over with a clean slate.
                    Err(error) => {
                        tracing::error!(%error, "a message to a webhook broke off");
                        under_way.shutdown().await;
                        busy.clear();
                    }
                },
                () = self.sender.woken() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Starts what is due; says how long to wait for what is not.
    async fn start_due(
        &self,
        under_way: &mut JoinSet<String>,
        busy: &mut HashSet<String>,
    ) -> Result<Duration, StoreError> {
        let (now, workers) = (self.clock.now(), self.sender.settings().workers);
        let limit = workers + busy.len();
        let (due, next) = self
            .store
            .read(move |tx| Ok::<_, StoreError>((tx.due_deliveries(now, limit)?, tx.next_delivery(now)?)))
            .await?;
        for delivery in due {
            if under_way.len() >= workers || !busy.insert(delivery.webhook.clone()) {
                continue;
            }
            let (store, sender) = (self.store.clone(), self.sender.clone());
            under_way.spawn(async move {
                let webhook = delivery.webhook.clone();
                if let Err(error) = deliver(&store, &sender, delivery).await {
                    tracing::error!(%error, webhook, "a message to a webhook");
                    // The store is in trouble: not at once again.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                webhook
            });
        }
        Ok(next.map_or(LOOK, |next| next.since(now)).min(LOOK))
    }
}

/// Sends a message and notes what came of it.
async fn deliver(store: &Store, sender: &Sender, delivery: WebhookDelivery) -> Result<(), AutomationError> {
    let id = delivery.webhook.clone();
    let webhook = store.read(move |tx| tx.webhook(&id)).await?;
    let actor = Actor::system("webhooks");
    let Some(webhook) = webhook.filter(|webhook| webhook.status == WebhookStatus::Active) else {
        store.write(actor, move |tx| removed(tx, &delivery.id)).await?;
        return Ok(());
    };
    let payload = serde_json::from_str(&delivery.payload).map_err(StoreError::from)?;
    let sent = sender.send(webhook, delivery.event, delivery.time, payload, delivery.id.clone()).await;
    let (problem, again, wait) = match sent {
        Ok(Taken { status: 200..300, .. }) => {
            store.write(actor, move |tx| removed(tx, &delivery.id)).await?;
            return Ok(());
        }
        Ok(taken) => (format!("HTTP {}", taken.status), TRY_AGAIN.contains(&taken.status), taken.retry_after),
        Err(SendError::Refused(problem)) => (problem, false, None),
        Err(SendError::Failed(problem)) => (problem, true, None),
    };
    let tries = delivery.tries + 1;
    let settings = sender.settings();
    if again && tries <= settings.retries {
        let pause = pause(settings.first_pause, tries, wait);
        store
            .write(actor, move |tx| {
                let due = tx.now() + pause;
                tx.postpone_delivery(&delivery.id, tries, due)?;
                tx.bookkeeping();
                Ok::<_, StoreError>(())
            })
            .await?;
        return Ok(());
    }
    let details = json!({ "event": delivery.event.to_string(), "delivery": delivery.id, "tries": tries });
    store
        .write(actor, move |tx| {
            tx.delete_delivery(&delivery.id)?;
            let subject = format!("webhook:{}", delivery.webhook);
            tx.record(Record::new("webhook.failed", subject).because(problem).with(details))?;
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(())
}

fn removed(tx: &mut dyn WriteTx, id: &str) -> Result<(), StoreError> {
    tx.delete_delivery(id)?;
    tx.bookkeeping();
    Ok(())
}

/// The pause after a number of failed tries: it doubles, unless the receiver asks for another.
fn pause(first: Duration, tries: u32, asked: Option<Duration>) -> Duration {
    let grown = first.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
    asked.unwrap_or(grown).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let second = Duration::from_secs(1);
        let pauses: Vec<u64> = (1..9).map(|tries| pause(second, tries, None).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(second, 1, Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(pause(second, 1, Some(Duration::from_secs(7000))).as_secs(), 60);
    }
}
