//! Audit trail and outbox.

use super::audit::{self, EventText, Head};
use super::tx::{SqlTx, to_text};
use crate::driver::params;
use crate::traits::{GovernanceRead, GovernanceWrite};
use crate::{Result, StoreError};
use mainspring_domain::events::{AuditEntry, Event, Record};
use mainspring_domain::{Actor, Timestamp};

impl GovernanceRead for SqlTx<'_> {
    fn audit_entries(&self, subject_prefix: &str, limit: u32) -> Result<Vec<AuditEntry>> {
        // A range instead of LIKE: it uses the index and needs no escaping.
        let end = format!("{subject_prefix}{}", char::MAX);
        self.rows(
            &audit::select("WHERE subject >= ?1 AND subject < ?2 ORDER BY seq DESC LIMIT ?3"),
            params![subject_prefix, end, limit],
            audit::entry,
        )
    }

    fn first_audit_entry(&self, action: &str, subject: &str) -> Result<Option<AuditEntry>> {
        self.row(
            &audit::select("WHERE subject = ?1 AND action = ?2 ORDER BY seq LIMIT 1"),
            params![subject, action],
            audit::entry,
        )
    }

    fn outbox_after(&self, seq: i64, limit: u32) -> Result<Vec<Event>> {
        let entries = self.rows(
            &audit::select("JOIN outbox USING (seq) WHERE seq > ?1 ORDER BY seq LIMIT ?2"),
            params![seq, limit],
            audit::entry,
        )?;
        Ok(entries.into_iter().map(|entry| entry.event).collect())
    }

    fn recent_events(&self, without_actions: &[&str], limit: u32) -> Result<Vec<Event>> {
        let without = to_text(&without_actions)?;
        let entries = self.rows(
            &audit::select(
                "WHERE action NOT IN (SELECT value FROM json_each(?1)) ORDER BY seq DESC LIMIT ?2",
            ),
            params![without, limit],
            audit::entry,
        )?;
        Ok(entries.into_iter().map(|entry| entry.event).collect())
    }

    fn cursor(&self, reader: &str) -> Result<i64> {
        let seq = self.row("SELECT seq FROM cursors WHERE reader = ?1", [reader], |row| row.get(0))?;
        Ok(seq.unwrap_or(0))
    }
}

impl GovernanceWrite for SqlTx<'_> {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn record(&mut self, record: Record) -> Result<i64> {
        let details = to_text(&record.details)?;
        let time = self.now.as_millis();
        let Some(head) = self.head.as_deref() else { return Err(StoreError::Closed) };
        let seq = head.seq + 1;
        let hash = audit::hash(
            &head.hash,
            &EventText {
                seq,
                time,
                actor: self.actor.as_str(),
                action: record.action,
                subject: &record.subject,
                reason: record.reason.as_deref(),
                details: &details,
            },
        )?;
        self.execute(
            "INSERT INTO audit (seq, time, actor, action, subject, reason, details, prev_hash, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                seq,
                time,
                self.actor.as_str(),
                record.action,
                record.subject,
                record.reason,
                details,
                head.hash,
                hash
            ],
        )?;
        self.execute("INSERT INTO outbox (seq) VALUES (?1)", [seq])?;
        if let Some(head) = self.head.as_deref_mut() {
            *head = Head { seq, hash };
        }
        self.set_recorded();
        Ok(seq)
    }

    fn bookkeeping(&mut self) {
        self.set_recorded();
    }

    fn set_cursor(&mut self, reader: &str, seq: i64) -> Result<()> {
        self.execute(
            "INSERT INTO cursors (reader, seq) VALUES (?1, ?2)
             ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq",
            params![reader, seq],
        )?;
        self.bookkeeping();
        Ok(())
    }

    fn trim_outbox(&mut self, seq: i64) -> Result<()> {
        self.execute("DELETE FROM outbox WHERE seq <= ?1", [seq])?;
        self.bookkeeping();
        Ok(())
    }
}
