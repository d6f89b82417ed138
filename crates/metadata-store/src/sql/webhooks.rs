//! Webhooks and the messages on their way to them.

use super::tx::{SqlTx, gathered, place, to_u64};
use crate::driver::{Row, params};
use crate::traits::{WebhooksRead, WebhooksWrite};
use crate::{Result, StoreError};
use mainspring_domain::Timestamp;
use mainspring_domain::webhooks::{SealedSecret, Webhook, WebhookDelivery, WebhookEvent, WebhookStatus};
use mainspring_domain::workspaces::WorkspaceName;

const WEBHOOK: &str = "SELECT w.id, w.name, w.description, w.url, w.status, w.secret, w.created, w.updated,
    (SELECT json_group_array(e.event ORDER BY e.position) FROM webhook_events e WHERE e.webhook = w.id),
    w.workspace
    FROM webhooks w";

const DELIVERY: &str = "SELECT d.id, d.webhook, d.event, d.time, d.payload, d.tries, d.due
    FROM webhook_deliveries d";

fn webhook(row: &Row<'_>) -> Result<Webhook> {
    let events: Vec<String> = gathered(row, 8)?;
    Ok(Webhook {
        id: row.get(0)?,
        workspace: WorkspaceName::from_stored(row.get(9)?),
        name: row.get(1)?,
        description: row.get(2)?,
        url: row.get(3)?,
        // What is not known is not called.
        status: WebhookStatus::parse(row.text(4)?).unwrap_or(WebhookStatus::Disabled),
        secret: row.get::<Option<String>>(5)?.map(SealedSecret),
        created: Timestamp::from_millis(row.get(6)?),
        updated: Timestamp::from_millis(row.get(7)?),
        events: events.iter().filter_map(|event| WebhookEvent::parse(event)).collect(),
    })
}

fn delivery(row: &Row<'_>) -> Result<WebhookDelivery> {
    let event = WebhookEvent::parse(row.text(2)?);
    Ok(WebhookDelivery {
        id: row.get(0)?,
        webhook: row.get(1)?,
        event: event.ok_or(StoreError::Column { index: 2, wanted: "event" })?,
        time: Timestamp::from_millis(row.get(3)?),
        payload: row.get(4)?,
        tries: row.get(5)?,
        due: Timestamp::from_millis(row.get(6)?),
    })
}

impl WebhooksRead for SqlTx<'_> {
    fn webhook(&self, id: &str) -> Result<Option<Webhook>> {
        let found = self.row(&format!("{WEBHOOK} WHERE w.id = ?1"), [id], webhook)?;
        Ok(found.filter(|found| self.sees(&found.workspace)))
    }

    fn webhooks(&self, limit: usize, offset: usize) -> Result<Vec<Webhook>> {
        let order = "ORDER BY w.created DESC, w.id LIMIT ?1 OFFSET ?2";
        let (limit, offset) = (place(limit), place(offset));
        match &self.within {
            None => self.rows(&format!("{WEBHOOK} {order}"), [limit, offset], webhook),
            Some(within) => self.rows(
                &format!("{WEBHOOK} WHERE w.workspace = ?3 {order}"),
                params![limit, offset, within.as_str()],
                webhook,
            ),
        }
    }

    fn webhooks_for(&self, event: WebhookEvent, workspace: &WorkspaceName) -> Result<Vec<Webhook>> {
        let sql = format!(
            "{WEBHOOK} JOIN webhook_events h ON h.webhook = w.id
             WHERE h.event = ?1 AND w.workspace = ?2 AND w.status = 'ACTIVE' ORDER BY w.id"
        );
        self.rows(&sql, [event.to_string(), workspace.to_string()], webhook)
    }

    fn has_active_webhooks(&self) -> Result<bool> {
        let sql = "SELECT 1 FROM webhooks WHERE status = 'ACTIVE' LIMIT 1";
        Ok(self.row(sql, [], |_| Ok(()))?.is_some())
    }

    fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<WebhookDelivery>> {
        let sql = format!(
            "{DELIVERY} WHERE d.due <= ?1 AND d.id =
                 (SELECT o.id FROM webhook_deliveries o WHERE o.webhook = d.webhook
                  ORDER BY o.due, o.id LIMIT 1)
             ORDER BY d.due, d.id LIMIT ?2"
        );
        self.rows(&sql, [now.as_millis(), place(limit)], delivery)
    }

    fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let sql = "SELECT MIN(due) FROM webhook_deliveries WHERE due > ?1";
        let due: Option<i64> = self.scalar(sql, [now.as_millis()])?;
        Ok(due.map(Timestamp::from_millis))
    }

    fn waiting_deliveries(&self, webhook: &str) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM webhook_deliveries WHERE webhook = ?1";
        Ok(to_u64(self.scalar(sql, [webhook])?))
    }

    fn count_webhooks(&self, workspace: &WorkspaceName) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM webhooks WHERE workspace = ?1";
        Ok(to_u64(self.scalar(sql, [workspace.as_str()])?))
    }
}

impl WebhooksWrite for SqlTx<'_> {
    fn put_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        self.execute(
            "INSERT INTO webhooks (id, name, description, url, status, secret, created, updated, workspace)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,
                 url = excluded.url, status = excluded.status, secret = excluded.secret,
                 updated = excluded.updated",
            params![
                webhook.id,
                webhook.name,
                webhook.description,
                webhook.url,
                webhook.status.as_str(),
                webhook.secret.as_ref().map(|secret| &secret.0),
                webhook.created.as_millis(),
                webhook.updated.as_millis(),
                webhook.workspace.as_str()
            ],
        )?;
        self.execute("DELETE FROM webhook_events WHERE webhook = ?1", [&webhook.id])?;
        for (position, event) in webhook.events.iter().enumerate() {
            self.execute(
                "INSERT INTO webhook_events (webhook, event, position) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
                params![webhook.id, event.to_string(), place(position)],
            )?;
        }
        Ok(())
    }

    fn delete_webhook(&mut self, id: &str) -> Result<()> {
        self.execute("DELETE FROM webhooks WHERE id = ?1", [id])?;
        Ok(())
    }

    fn insert_delivery(&mut self, delivery: &WebhookDelivery) -> Result<()> {
        self.execute(
            "INSERT INTO webhook_deliveries (id, webhook, event, time, payload, tries, due)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                delivery.id,
                delivery.webhook,
                delivery.event.to_string(),
                delivery.time.as_millis(),
                delivery.payload,
                delivery.tries,
                delivery.due.as_millis()
            ],
        )?;
        Ok(())
    }

    fn postpone_delivery(&mut self, id: &str, tries: u32, due: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE webhook_deliveries SET tries = ?2, due = ?3 WHERE id = ?1",
            params![id, tries, due.as_millis()],
        )?;
        Ok(())
    }

    fn delete_delivery(&mut self, id: &str) -> Result<()> {
        self.execute("DELETE FROM webhook_deliveries WHERE id = ?1", [id])?;
        Ok(())
    }
}
