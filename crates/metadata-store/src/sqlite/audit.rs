//! The audit trail's hash chain.

use super::store::Store;
use crate::Result;
use mainspring_domain::events::{AuditEntry, Event};
use mainspring_domain::{Actor, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// The end of the chain: what the next entry links to.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) hash: String,
}

/// What a check of the whole trail found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditVerdict {
    /// Entries checked.
    pub entries: u64,
    /// The hash of the last good entry: note it elsewhere to notice a cut-off tail later.
    pub head: String,
    /// The first bad entry and what is wrong with it.
    pub first_bad: Option<(i64, String)>,
}

const COLUMNS: &str = "seq, time, actor, action, subject, reason, details, prev_hash, hash";

pub(super) fn head(conn: &Connection) -> Result<Head> {
    let last = conn
        .query_row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok(Head { seq: row.get(0)?, hash: row.get(1)? })
        })
        .optional()?;
    Ok(last.unwrap_or_else(|| Head { seq: 0, hash: "0".repeat(64) }))
}

/// SHA-256 over the predecessor's hash and the entry as a JSON array in fixed order. An array has
/// one spelling, so no canonical form of objects is needed; `details` enters as its stored text.
pub(super) fn hash(prev: &str, event: &EventText<'_>) -> Result<String> {
    let canonical = serde_json::to_vec(&(
        event.seq,
        event.time,
        event.actor,
        event.action,
        event.subject,
        event.reason,
        event.details,
    ))?;
    let mut hasher = Sha256::new();
    hasher.update(prev.as_bytes());
    hasher.update(&canonical);
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// An entry in the form that is stored and hashed.
pub(super) struct EventText<'a> {
    pub(super) seq: i64,
    pub(super) time: i64,
    pub(super) actor: &'a str,
    pub(super) action: &'a str,
    pub(super) subject: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) details: &'a str,
}

/// Reads an entry from a row of [`select`].
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let details: String = row.get(6)?;
    Ok(AuditEntry {
        event: Event {
            seq: row.get(0)?,
            time: Timestamp::from_millis(row.get(1)?),
            actor: Actor::from_stored(row.get(2)?),
            action: row.get(3)?,
            subject: row.get(4)?,
            reason: row.get(5)?,
            details: serde_json::from_str(&details).unwrap_or(serde_json::Value::Null),
        },
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    })
}

/// A query for whole entries.
pub(super) fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM audit {rest}")
}

/// Checks every entry of the trail in a data directory: numbering, links and hashes.
///
/// # Errors
/// When the database cannot be read.
pub fn verify_audit(data_dir: &Path) -> Result<AuditVerdict> {
    let conn = Store::open_readonly(data_dir)?;
    let mut statement = conn.prepare(&select("ORDER BY seq"))?;
    let mut rows = statement.query([])?;
    let mut verdict = AuditVerdict { entries: 0, head: "0".repeat(64), first_bad: None };
    let mut expected = 1;
    while let Some(row) = rows.next()? {
        let (seq, time): (i64, i64) = (row.get(0)?, row.get(1)?);
        let texts: [String; 3] = [row.get(2)?, row.get(3)?, row.get(4)?];
        let reason: Option<String> = row.get(5)?;
        let (details, prev, stored): (String, String, String) = (row.get(6)?, row.get(7)?, row.get(8)?);
        let computed = hash(
            &prev,
            &EventText {
                seq,
                time,
                actor: &texts[0],
                action: &texts[1],
                subject: &texts[2],
                reason: reason.as_deref(),
                details: &details,
            },
        )?;
        let problem = if seq != expected {
            Some(format!("entry {expected} is missing"))
        } else if prev != verdict.head {
            Some("it does not link to the entry before it".to_owned())
        } else if computed != stored {
            Some("its content does not match its hash".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            verdict.first_bad = Some((seq, problem));
            return Ok(verdict);
        }
        verdict.entries += 1;
        verdict.head = stored;
        expected += 1;
    }
    Ok(verdict)
}
