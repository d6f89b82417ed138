//! What happened: the audit trail's records and the outbox's events.

use crate::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a change says of itself. The store writes it into the audit trail and the outbox in the
/// transaction of the change.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What was done, as `area.verb`: `model.stage_changed`, `rollout.promoted`.
    pub action: &'static str,
    /// What it was done to, as `kind:id`: `model:flights/2`.
    pub subject: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// Further facts for readers and for those who react to the event.
    pub details: Value,
}

impl Record {
    /// A record without reason or details.
    #[must_use]
    pub fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self { action, subject: subject.into(), reason: None, details: Value::Null }
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Adds details.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

/// One line of the audit trail; also the form in which the outbox hands an event to its readers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the trail: 1, 2, 3 ... without gaps.
    pub seq: i64,
    /// When it happened.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// Why.
    pub reason: Option<String>,
    /// Further facts.
    pub details: Value,
}

/// An event with its place in the hash chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// Hash of the entry before, in hexadecimal; zeros for the first.
    pub prev_hash: String,
    /// SHA-256 over `prev_hash` and the event's canonical form, in hexadecimal.
    pub hash: String,
}
