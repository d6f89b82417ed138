//! Sends one message.

use super::payload::example;
use super::target::{self, PublicOnly};
use super::{Sealer, WebhookSettings};
use crate::AutomationError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainspring_domain::webhooks::{Webhook, WebhookEvent};
use mainspring_domain::{Clock, Timestamp};
use ring::hmac;
use serde_json::{Value, json};
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use ureq::unversioned::transport::DefaultConnector;
use url::Url;
use uuid::Uuid;

/// Bytes of an answer that are read.
const ANSWER: u64 = 16 << 10;

/// What the receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The HTTP status.
    pub status: u16,
    /// The body, as far as it is read.
    pub body: String,
    /// How long the receiver asks to wait.
    pub retry_after: Option<Duration>,
}

/// Why a message did not get through.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// It never will.
    #[error("{0}")]
    Refused(String),
    /// It may with another try.
    #[error("{0}")]
    Failed(String),
}

struct Inner {
    settings: WebhookSettings,
    sealer: Sealer,
    agent: ureq::Agent,
    clock: Arc<dyn Clock>,
    /// Wakes the one who works the queue off.
    wake: Notify,
}

/// Sends messages to webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender with its settings and the key of secrets.
    #[must_use]
    pub fn new(settings: WebhookSettings, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            // A redirect could lead where an address may not.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("mainspring/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = PublicOnly::new(settings.allow_private);
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), resolver);
        Self(Arc::new(Inner { settings, sealer, agent, clock, wake: Notify::new() }))
    }

    /// How messages are sent.
    pub(super) fn settings(&self) -> &WebhookSettings {
        &self.0.settings
    }

    /// Says that there may be messages to send.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// Checks an address that a webhook is to have.
    ///
    /// # Errors
    /// When it is none, or leads where messages may not go: the text says why.
    pub async fn check_target(&self, text: &str) -> Result<(), String> {
        let url = target::read(text, self.settings())?;
        let settings = self.settings().clone();
        let look = tokio::task::spawn_blocking(move || target::look_up(&url, &settings));
        // A name server that does not answer now is asked again with each message.
        match tokio::time::timeout(Duration::from_secs(2), look).await {
            Ok(Ok(checked)) => checked,
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Encrypts the secret of a webhook.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(
        &self,
        webhook: &str,
        secret: &str,
    ) -> Result<mainspring_domain::webhooks::SealedSecret, AutomationError> {
        self.0.sealer.seal(webhook, secret)
    }

    /// Sends an example of an event; the first that the webhook hears of when none is named.
    ///
    /// # Errors
    /// When it did not get through.
    pub async fn test(&self, webhook: Webhook, event: Option<WebhookEvent>) -> Result<Taken, SendError> {
        let Some(event) = event.or_else(|| webhook.events.first().copied()) else {
            return Err(SendError::Refused("The webhook hears of no event.".to_owned()));
        };
        let now = self.0.clock.now();
        self.send(webhook, event, now, example(event), Uuid::new_v4().to_string()).await
    }

    /// Sends a message and waits for the answer. Any answer counts as taken here.
    pub(super) async fn send(
        &self,
        webhook: Webhook,
        event: WebhookEvent,
        time: Timestamp,
        payload: Value,
        id: String,
    ) -> Result<Taken, SendError> {
        let this = self.clone();
        let sent = tokio::task::spawn_blocking(move || this.post(&webhook, event, time, &payload, &id));
        sent.await.unwrap_or_else(|_| Err(SendError::Failed("the sender broke off".to_owned())))
    }

    fn post(
        &self,
        webhook: &Webhook,
        event: WebhookEvent,
        time: Timestamp,
        payload: &Value,
        id: &str,
    ) -> Result<Taken, SendError> {
        let url: Url = target::read(&webhook.url, self.settings()).map_err(SendError::Refused)?;
        let body = json!({
            "entity": event.entity.as_str(), "action": event.action.as_str(),
            "timestamp": time.to_string(), "data": payload,
        })
        .to_string();
        let seconds = (self.0.clock.now().as_millis() / 1000).to_string();
        let mut request = self
            .0
            .agent
            .post(url.as_str())
            .header("content-type", "application/json")
            .header("x-mlflow-delivery-id", id)
            .header("x-mlflow-timestamp", &seconds);
        if let Some(secret) = &webhook.secret {
            let secret = self.0.sealer.open(&webhook.id, secret).ok_or_else(|| {
                SendError::Refused("its secret was sealed with another key; set it again".to_owned())
            })?;
            let signature = sign(&secret, &format!("{id}.{seconds}.{body}"));
            request = request.header("x-mlflow-signature", &signature);
        }
        match request.send(body.as_bytes()) {
            Ok(mut answer) => {
                let mut bytes = Vec::new();
                // What cannot be read of an answer is left out; its status counts.
                let _ = answer.body_mut().as_reader().take(ANSWER).read_to_end(&mut bytes);
                let retry_after = answer.headers().get("retry-after");
                Ok(Taken {
                    status: answer.status().as_u16(),
                    body: String::from_utf8_lossy(&bytes).into_owned(),
                    retry_after: retry_after
                        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
                        .map(Duration::from_secs),
                })
            }
            Err(ureq::Error::Other(error)) => Err(SendError::Refused(error.to_string())),
            Err(error) => Err(SendError::Failed(error.to_string())),
        }
    }
}

/// The signature of a message: `v1,` and HMAC-SHA256 in base64.
fn sign(secret: &[u8], text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn signatures_are_those_that_receivers_compute() {
        // From Python's hmac module.
        assert_eq!(sign(b"my_secret", "id.1700000000.{}"), "v1,AHFMw7qKzDkxHNXptXB71Np200oCp8SWe7kvP72ML74=");
    }
}
