//! `mainspring audit verify`: check the hash chain, with or without a running server.

use crate::commands::server::{BACKEND_STORE, backend};
use crate::error::{CliError, ExitCode};
use crate::project;
use crate::terminal::{say, say_json};
use clap::{Args, Subcommand};
use mainspring_metadata_store::{Backend, verify_audit};
use serde_json::json;
use std::path::PathBuf;

/// The audit trail.
#[derive(Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Check that no entry was changed, removed or put in between. Exit code 1 when one was.
    Verify {
        /// The server's folder; relative to the project.
        #[arg(long, default_value = ".mainspring")]
        data_dir: PathBuf,
        /// The server's PostgreSQL database, when it has one.
        #[arg(long, value_name = "URI", env = BACKEND_STORE, hide_env_values = true)]
        backend_store_uri: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let AuditCommand::Verify { data_dir, backend_store_uri, json } = self.command;
        let backend = backend(backend_store_uri.as_deref())?;
        let data_dir = project::absolute(&project::root()?, &data_dir);
        let verdict = verify_audit(&backend, &data_dir).map_err(|error| match &backend {
            Backend::Sqlite => {
                let folder = data_dir.display();
                CliError::outside(format!("the audit trail in `{folder}` cannot be read: {error}")).hint(
                    "name the server's folder with --data-dir, or its database with --backend-store-uri",
                )
            }
            Backend::Postgres(database) => {
                CliError::outside(format!("the audit trail in {database} cannot be read: {error}"))
            }
        })?;
        if json {
            let first_bad =
                verdict.first_bad.as_ref().map(|(seq, problem)| json!({ "seq": seq, "problem": problem }));
            say_json(&json!({ "entries": verdict.entries, "head": verdict.head, "first_bad": first_bad }));
        } else {
            match &verdict.first_bad {
                None => say(&format!("{} entries, chain unbroken, head {}", verdict.entries, verdict.head)),
                Some((seq, problem)) => {
                    say(&format!("entry {seq}: {problem} ({} entries before it are good)", verdict.entries));
                }
            }
        }
        Ok(if verdict.first_bad.is_none() { ExitCode::Ok } else { ExitCode::No })
    }
}
