//! Which of several servers runs what must run once.

use super::address::PostgresAddress;
use super::connection::PostgresConnection;
use super::session::Role;
use crate::{Result, StoreError};
use std::time::Duration;
use tokio::sync::watch;

/// How often the lock is asked for, and how often the session that holds it is tried.
const LOOK: Duration = Duration::from_secs(1);

/// Starts a thread that seeks the lock of the leading server and says whether it holds it. The lock
/// belongs to a session of the database: when this server dies, another one gets it.
pub(super) fn seek_leadership(address: PostgresAddress, leads: watch::Sender<bool>) -> Result<()> {
    let seek = move || {
        while !leads.is_closed() {
            if let Err(error) = hold(&address, &leads) {
                tracing::warn!(%error, "the lock of the leading server");
            }
            leads.send_replace(false);
            std::thread::sleep(LOOK);
        }
    };
    std::thread::Builder::new()
        .name("store-leadership".into())
        .spawn(seek)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// Seeks the lock, then holds it until the session is lost or nobody asks any more.
fn hold(address: &PostgresAddress, leads: &watch::Sender<bool>) -> Result<()> {
    let conn = PostgresConnection::open(address, Role::Reader)?;
    while !conn.try_lead()? {
        if leads.is_closed() {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    leads.send_replace(true);
    while !leads.is_closed() {
        std::thread::sleep(LOOK);
        conn.row("SELECT 1", &[], |_| Ok(()))?;
    }
    Ok(())
}
