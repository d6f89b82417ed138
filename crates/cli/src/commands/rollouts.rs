//! `mainspring rollouts`: list them, or tell one to go on or to stop.

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json, table};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Show rollouts; promote or abort the one under way.
#[derive(Args)]
pub(crate) struct Rollouts {
    #[command(subcommand)]
    command: Option<RolloutsCommand>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

#[derive(Subcommand)]
enum RolloutsCommand {
    /// End a pause, or step over the present analysis.
    Promote {
        /// The rollout; the one under way when left out.
        id: Option<String>,
        /// Skip all remaining steps.
        #[arg(long)]
        full: bool,
    },
    /// Send all traffic back to the stable version.
    Abort {
        /// The rollout; the one under way when left out.
        id: Option<String>,
    },
}

impl Rollouts {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = self.server.client()?;
        let (id, verb) = match self.command {
            None => return list(&client, self.json),
            Some(RolloutsCommand::Promote { id, full: false }) => (id, "promote"),
            Some(RolloutsCommand::Promote { id, full: true }) => (id, "promote-full"),
            Some(RolloutsCommand::Abort { id }) => (id, "abort"),
        };
        let id = match id {
            Some(id) => id,
            None => under_way(&client)?,
        };
        let answer = client.post(&format!("/api/v1/rollouts/{}/{verb}", encode(&id)), &json!({}))?;
        if self.json {
            say_json(&answer);
        } else {
            say(&format!("rollout {id}: {}", cell(&answer["phase"])));
        }
        Ok(ExitCode::Ok)
    }
}

fn fetch(client: &Client) -> Result<Value, CliError> {
    client.get("/api/v1/rollouts?limit=20")
}

fn under_way(client: &Client) -> Result<String, CliError> {
    let rollouts = fetch(client)?;
    let open: Vec<&Value> = rollouts["rollouts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|rollout| rollout["ended"].is_null())
        .collect();
    match open.as_slice() {
        [only] => Ok(cell(&only["id"])),
        [] => Err(CliError::no("no rollout is under way")),
        _ => Err(CliError::usage("several rollouts are under way")
            .hint("name one; `mainspring rollouts` lists them")),
    }
}

fn list(client: &Client, json: bool) -> Result<ExitCode, CliError> {
    let answer = fetch(client)?;
    if json {
        say_json(&answer);
        return Ok(ExitCode::Ok);
    }
    let rows: Vec<Vec<String>> = answer["rollouts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|rollout| {
            let step =
                rollout["steps"].as_array().into_iter().flatten().find(|step| step["state"] == "active");
            vec![
                cell(&rollout["id"]),
                format!("{}/{}", cell(&rollout["model"]), rollout["version"]),
                cell(&rollout["state"]["phase"]),
                format!("{} %", rollout["state"]["weight"]),
                step.map_or_else(|| "–".to_owned(), |step| cell(&step["label"])),
                cell(&rollout["state"]["message"]),
                ago(&rollout["created"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        say("there was no rollout yet; `mainspring deploy models:/NAME/VERSION` starts one");
    } else {
        say(&table(&["ROLLOUT", "MODEL", "PHASE", "WEIGHT", "STEP", "MESSAGE", "STARTED"], rows));
    }
    Ok(ExitCode::Ok)
}
