//! Which of several servers runs what must run once.

use super::address::PostgresAddress;
use super::connection::PostgresConnection;
use super::session::Role;
use crate::{Result, StoreError};
use std::time::Duration;
use tokio::sync::watch;

/// The pause after the session was lost.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the lock is asked for, and how often the session that holds it is tried.
const LOOK: Duration = Duration::from_secs(1);

/// Asks for the lock of the leading server, and starts a thread that goes on asking and says
/// whether this server holds it. The lock belongs to a session of the database: when its server
/// dies, another one gets it.
pub(super) fn seek_leadership(address: PostgresAddress) -> Result<watch::Receiver<bool>> {
    let mut conn = PostgresConnection::open(&address, Role::Reader)?;
    let (leads, seen) = watch::channel(conn.try_lead()?);
    let seek = move || {
        while !leads.is_closed() {
            if let Err(error) = hold(&conn, &leads) {
                tracing::warn!(%error, "the lock of the leading server");
            }
            leads.send_replace(false);
            std::thread::sleep(PAUSE);
            if let Ok(fresh) = PostgresConnection::open(&address, Role::Reader) {
                conn = fresh;
            }
        }
    };
    std::thread::Builder::new()
        .name("store-leadership".into())
        .spawn(seek)
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(seen)
}

/// Seeks the lock, then holds it until the session is lost or nobody asks any more.
fn hold(conn: &PostgresConnection, leads: &watch::Sender<bool>) -> Result<()> {
    while !leads.is_closed() {
        if *leads.borrow() {
            conn.row("SELECT 1", &[], |_| Ok(()))?;
        } else if conn.try_lead()? {
            leads.send_replace(true);
        }
        conn.pause(LOOK, leads.closed());
    }
    Ok(())
}
