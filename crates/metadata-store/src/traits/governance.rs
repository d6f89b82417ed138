//! Audit trail and outbox.

use crate::Result;
use mainspring_domain::events::{AuditEntry, Event, Record};
use mainspring_domain::{Actor, Timestamp};

/// Reading the audit trail and the outbox.
pub trait GovernanceRead {
    /// The newest entries whose subject starts with `subject_prefix`, newest first.
    fn audit_entries(&self, subject_prefix: &str, limit: u32) -> Result<Vec<AuditEntry>>;

    /// The oldest entry with this action and exactly this subject.
    fn first_audit_entry(&self, action: &str, subject: &str) -> Result<Option<AuditEntry>>;

    /// Events after `seq` that are still in the outbox, oldest first.
    fn outbox_after(&self, seq: i64, limit: u32) -> Result<Vec<Event>>;

    /// The newest events, newest first, without those of the named actions.
    fn recent_events(&self, without_actions: &[&str], limit: u32) -> Result<Vec<Event>>;

    /// How far a reader of some numbered sequence (the outbox, the labels of a model) has come; 0
    /// when it has not begun.
    fn cursor(&self, reader: &str) -> Result<i64>;
}

/// Writing the audit trail and the outbox.
pub trait GovernanceWrite {
    /// Who this transaction acts for.
    fn actor(&self) -> &Actor;

    /// The time of this transaction.
    fn now(&self) -> Timestamp;

    /// Writes the audit line and the outbox event of this change; gives its number.
    fn record(&mut self, record: Record) -> Result<i64>;

    /// Declares that this transaction only appends to a log that is its own record (predictions,
    /// their labels) or moves a bookmark, so that it needs no audit line.
    fn bookkeeping(&mut self);

    /// Moves a reader's bookmark.
    fn set_cursor(&mut self, reader: &str, seq: i64) -> Result<()>;

    /// Drops events up to `seq` from the outbox; the audit trail keeps them.
    fn trim_outbox(&mut self, seq: i64) -> Result<()>;
}
