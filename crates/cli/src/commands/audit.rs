//! `mainspring audit verify`: check the hash chain, with or without a running server.

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
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Audit {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let AuditCommand::Verify { data_dir, json } = self.command;
        let data_dir = project::absolute(&project::root()?, &data_dir);
        let verdict = verify_audit(&Backend::Sqlite, &data_dir).map_err(|error| {
            CliError::outside(format!("the audit trail in `{}` cannot be read: {error}", data_dir.display()))
                .hint("name the server's folder with --data-dir")
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
