//! Webhooks and the messages on their way to them.

use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::webhooks::{Webhook, WebhookDelivery, WebhookEvent};
use mainspring_domain::workspaces::WorkspaceName;

/// Reading webhooks.
pub trait WebhooksRead {
    /// One webhook.
    fn webhook(&self, id: &str) -> Result<Option<Webhook>>;
    /// Webhooks, the newest first.
    fn webhooks(&self, limit: usize, offset: usize) -> Result<Vec<Webhook>>;
    /// The active webhooks of a workspace that hear of an event.
    fn webhooks_for(&self, event: WebhookEvent, workspace: &WorkspaceName) -> Result<Vec<Webhook>>;
    /// Whether any webhook is active.
    fn has_active_webhooks(&self) -> Result<bool>;
    /// Of each webhook the message that is due and has waited longest; the longest waiting first.
    fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<WebhookDelivery>>;
    /// When the next message is due, of those that are not due yet.
    fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>>;
    /// How many messages wait for a webhook.
    fn waiting_deliveries(&self, webhook: &str) -> Result<u64>;
    /// How many webhooks there are in a workspace.
    fn count_webhooks(&self, workspace: &WorkspaceName) -> Result<u64>;
}

/// Writing webhooks.
pub trait WebhooksWrite {
    /// Adds a webhook, or writes all of one that is there.
    fn put_webhook(&mut self, webhook: &Webhook) -> Result<()>;
    /// Removes a webhook and the messages on their way to it.
    fn delete_webhook(&mut self, id: &str) -> Result<()>;
    /// Adds a message.
    fn insert_delivery(&mut self, delivery: &WebhookDelivery) -> Result<()>;
    /// Writes the tries of a message, and when the next one is due.
    fn postpone_delivery(&mut self, id: &str, tries: u32, due: Timestamp) -> Result<()>;
    /// Removes a message.
    fn delete_delivery(&mut self, id: &str) -> Result<()>;
}
