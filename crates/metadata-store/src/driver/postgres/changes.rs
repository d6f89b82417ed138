//! What other servers commit.

use super::address::PostgresAddress;
use super::connection::runtime;
use super::session::{Role, connect, set_up};
use crate::writer::raise;
use crate::{Result, StoreError};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_postgres::AsyncMessage;

/// The pause after a connection was lost.
const PAUSE: Duration = Duration::from_millis(500);

/// Starts a thread that raises the number of the newest event as commits are announced. It ends
/// when nobody looks at the number any more.
pub(super) fn follow_changes(address: PostgresAddress, newest: Arc<watch::Sender<i64>>) -> Result<()> {
    let runtime = runtime()?;
    let follow = move || {
        runtime.block_on(async {
            while !newest.is_closed() {
                tokio::select! {
                    () = newest.closed() => return,
                    outcome = listen(&address, &newest) => {
                        if let Err(error) = outcome {
                            tracing::warn!(%error, "commits of other servers are not heard; trying again");
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
    };
    std::thread::Builder::new()
        .name("store-changes".into())
        .spawn(follow)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(error.to_string()))
}

async fn listen(address: &PostgresAddress, newest: &watch::Sender<i64>) -> Result<()> {
    let (client, mut connection) = connect(address).await?;
    let (heard, mut messages) = tokio::sync::mpsc::unbounded_channel();
    let drive = async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(note) = message? {
                let _ = heard.send(note.payload().parse::<i64>().ok());
            }
        }
        Ok::<_, tokio_postgres::Error>(())
    };
    let work = async {
        let names = set_up(&client, Role::Reader).await?;
        client.batch_execute(&format!("LISTEN {}", names.channel)).await?;
        // What was committed while nobody listened.
        let row = client.query_one("SELECT COALESCE(MAX(seq), 0) FROM audit", &[]).await?;
        raise(newest, row.try_get(0)?);
        while let Some(seq) = messages.recv().await {
            seq.into_iter().for_each(|seq| raise(newest, seq));
        }
        Ok(())
    };
    tokio::select! {
        driven = drive => Ok(driven?),
        worked = work => worked,
    }
}
