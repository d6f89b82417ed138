//! The audit trail's hash chain.

use super::tx::to_i64;
use crate::Result;
use crate::driver::{Connection, Row, params};
use crate::store::Backend;
use mainspring_domain::events::{AuditEntry, Event};
use mainspring_domain::{Actor, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// The end of the chain: what the next entry links to.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) seq: i64,
    pub(crate) hash: String,
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

pub(crate) fn head(conn: &Connection) -> Result<Head> {
    let sql = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
    let last = conn.row(sql, &[], |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? }))?;
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
pub(super) fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    Ok(AuditEntry {
        event: Event {
            seq: row.get(0)?,
            time: Timestamp::from_millis(row.get(1)?),
            actor: Actor::from_stored(row.get(2)?),
            action: row.get(3)?,
            subject: row.get(4)?,
            reason: row.get(5)?,
            details: serde_json::from_str(row.text(6)?).unwrap_or(serde_json::Value::Null),
        },
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    })
}

/// A query for whole entries.
pub(super) fn select(rest: &str) -> String {
    format!("SELECT {COLUMNS} FROM audit {rest}")
}

/// Entries that are checked at a time.
const PAGE: i64 = 5000;

/// Checks every entry of a store's trail: numbering, links and hashes.
///
/// # Errors
/// When the database cannot be read.
pub fn verify_audit(backend: &Backend, data_dir: &Path) -> Result<AuditVerdict> {
    backend.look(data_dir, |conn| {
        let mut verdict = AuditVerdict { entries: 0, head: "0".repeat(64), first_bad: None };
        let mut last = i64::MIN;
        loop {
            let sql = select("WHERE seq > ?1 ORDER BY seq LIMIT ?2");
            let page: Vec<i64> = conn.rows(&sql, params![last, PAGE], |row| {
                if verdict.first_bad.is_none() {
                    check(&mut verdict, row)?;
                }
                row.get(0)
            })?;
            match page.last() {
                Some(seq) if verdict.first_bad.is_none() => last = *seq,
                _ => return Ok(verdict),
            }
        }
    })
}

/// Checks the entry that follows those that are good.
fn check(verdict: &mut AuditVerdict, row: &Row<'_>) -> Result<()> {
    let reason: Option<String> = row.get(5)?;
    let event = EventText {
        seq: row.get(0)?,
        time: row.get(1)?,
        actor: row.text(2)?,
        action: row.text(3)?,
        subject: row.text(4)?,
        reason: reason.as_deref(),
        details: row.text(6)?,
    };
    let (prev, stored) = (row.text(7)?, row.text(8)?);
    let expected = verdict.entries + 1;
    let problem = if event.seq != to_i64(expected) {
        Some(format!("entry {expected} is missing"))
    } else if prev != verdict.head {
        Some("it does not link to the entry before it".to_owned())
    } else if hash(prev, &event)? != stored {
        Some("its content does not match its hash".to_owned())
    } else {
        None
    };
    match problem {
        Some(problem) => verdict.first_bad = Some((event.seq, problem)),
        None => {
            verdict.entries = expected;
            stored.clone_into(&mut verdict.head);
        }
    }
    Ok(())
}
