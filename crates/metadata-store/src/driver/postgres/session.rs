//! How a session begins.

use super::address::PostgresAddress;
use super::error::text;
use crate::{Result, StoreError};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The first half of the keys of this program's advisory locks.
pub(super) const LOCKS: i32 = 0x6d73_7072;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::driver) enum Role {
    /// The writer's.
    Writer,
    /// Anything else.
    Reader,
}

/// The names that keep two stores apart that share a database, each in a schema of its own.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The second half of the lock that makes writers take turns.
    pub(super) write_lock: i32,
    /// The second half of the lock that the leading server holds.
    pub(super) lead_lock: i32,
    /// The channel on which a commit is announced.
    pub(super) channel: String,
}

/// What a connection writes to, encrypted or not.
type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Connects and sets the session up. The second part must be polled for anything to happen.
pub(super) async fn connect(address: &PostgresAddress) -> Result<(Client, Connection<Socket, Stream>)> {
    // Whatever stands in the way, there is no session.
    let connected = address.config.connect(address.connector.clone()).await;
    connected.map_err(|error| StoreError::Unavailable(text(&error)))
}

/// Settings of every session. Commits are durable even where the server is set up otherwise.
pub(super) async fn set_up(client: &Client, role: Role) -> Result<Names> {
    client
        .batch_execute(
            "SET jit = off;
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') = 'off'",
        )
        .await?;
    if role == Role::Writer {
        make_schema(client).await?;
        // A server that hangs within a transaction must not stop the others for ever.
        client
            .batch_execute("SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'")
            .await?;
    }
    let row = client
        .query_one("SELECT current_setting('server_encoding'), hashtext(current_schema()::text)", &[])
        .await?;
    let encoding: String = row.try_get(0)?;
    if encoding != "UTF8" {
        return Err(StoreError::Unusable(format!("its encoding is {encoding}, and must be UTF8")));
    }
    let key: Option<i32> = row.try_get(1)?;
    let key =
        key.ok_or_else(|| StoreError::Unusable("the schema of its search_path does not exist".to_owned()))?;
    Ok(Names {
        write_lock: key,
        lead_lock: key.wrapping_add(1),
        channel: format!("mainspring_{:08x}", key.cast_unsigned()),
    })
}

/// Makes the schema that the search path begins with, when that is the only one and does not exist.
async fn make_schema(client: &Client) -> Result<()> {
    let row =
        client.query_one("SELECT current_schema() IS NULL, current_setting('search_path')", &[]).await?;
    let (missing, path): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
    if missing {
        let name = path.trim_matches('"');
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(StoreError::Unusable(format!("no schema of its search_path `{path}` exists")));
        }
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{name}\"")).await?;
    }
    Ok(())
}
