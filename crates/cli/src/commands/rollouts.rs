//! `mainspring rollouts`: look at rollouts, and tell one to go on, to stop, or to go back.

mod show;

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json, show_again, table};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a watched rollout is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Rollouts in a list.
const LISTED: u32 = 50;

/// Look at rollouts; promote, pause, abort, retry or undo them.
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

/// A rollout's id, or the name of a model (`NAME`, `NAME@STAGE`), which means its newest rollout.
#[derive(Args)]
struct Which {
    /// The rollout's id or the model's name; the one under way when left out.
    rollout: Option<String>,
}

#[derive(Subcommand)]
enum RolloutsCommand {
    /// List the newest rollouts.
    List {
        /// Only those of this model.
        model: Option<String>,
    },
    /// Show one: its steps, traffic, and measurements against their limits.
    Get {
        #[command(flatten)]
        which: Which,
        /// Show it anew whenever it changes, until it ends.
        #[arg(long, short)]
        watch: bool,
    },
    /// Say how one stands; the exit code is 1 when it is degraded.
    Status {
        #[command(flatten)]
        which: Which,
        /// Wait until it has ended.
        #[arg(long, short)]
        watch: bool,
    },
    /// End a pause, or step over the present analysis.
    Promote {
        #[command(flatten)]
        which: Which,
        /// Skip all remaining steps.
        #[arg(long)]
        full: bool,
    },
    /// Stop at the present step until somebody promotes.
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Send all traffic back to the stable version.
    Abort {
        #[command(flatten)]
        which: Which,
    },
    /// Begin the newest rollout of a model anew, when it was aborted.
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Release the version before again, or that of a revision.
    Undo {
        /// The model, or NAME@STAGE.
        model: String,
        /// The release's number, from 1; the one before the present when left out.
        #[arg(long, value_name = "N")]
        to_revision: Option<u32>,
    },
}

impl Rollouts {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = self.server.client()?;
        let (which, verb) = match self.command {
            None => return list(&client, None, self.json),
            Some(RolloutsCommand::List { model }) => return list(&client, model.as_deref(), self.json),
            Some(RolloutsCommand::Get { which, watch }) => return get(&client, &which, watch, self.json),
            Some(RolloutsCommand::Status { which, watch }) => {
                return status(&client, &which, watch, self.json);
            }
            Some(RolloutsCommand::Undo { model, to_revision }) => {
                return undo(&client, &model, to_revision, self.json);
            }
            Some(RolloutsCommand::Promote { which, full: false }) => (which, "promote"),
            Some(RolloutsCommand::Promote { which, full: true }) => (which, "promote-full"),
            Some(RolloutsCommand::Pause { which }) => (which, "pause"),
            Some(RolloutsCommand::Abort { which }) => (which, "abort"),
            Some(RolloutsCommand::Retry { which }) => (which, "retry"),
        };
        let id = find(&client, &which)?;
        let answer = client.post(&format!("/api/v1/rollouts/{}/{verb}", encode(&id)), &json!({}))?;
        if self.json {
            say_json(&answer);
        } else {
            say(&format!("rollout {id}: {}", cell(&answer["phase"])));
        }
        Ok(ExitCode::Ok)
    }
}

fn fetch(client: &Client, model: Option<&str>, limit: u32) -> Result<Vec<Value>, CliError> {
    let model = model.map(|model| format!("&model={}", encode(model))).unwrap_or_default();
    let answer = client.get(&format!("/api/v1/rollouts?limit={limit}{model}"))?;
    Ok(answer["rollouts"].as_array().cloned().unwrap_or_default())
}

/// The id of the rollout that is meant.
fn find(client: &Client, which: &Which) -> Result<String, CliError> {
    let Some(name) = &which.rollout else { return under_way(client) };
    // A name of a model has its rollouts; anything else is an id.
    let newest = fetch(client, Some(name), 1)?.first().map(|rollout| cell(&rollout["id"]));
    Ok(newest.unwrap_or_else(|| name.clone()))
}

fn under_way(client: &Client) -> Result<String, CliError> {
    let rollouts = fetch(client, None, LISTED)?;
    let open: Vec<&Value> = rollouts.iter().filter(|rollout| rollout["ended"].is_null()).collect();
    match open.as_slice() {
        [only] => Ok(cell(&only["id"])),
        [] => Err(CliError::no("no rollout is under way")
            .hint("name a model or a rollout; `mainspring rollouts list` lists them")),
        _ => Err(CliError::usage("several rollouts are under way")
            .hint("name a model or a rollout; `mainspring rollouts list` lists them")),
    }
}

fn one(client: &Client, id: &str) -> Result<Value, CliError> {
    client.get(&format!("/api/v1/rollouts/{}", encode(id)))
}

fn get(client: &Client, which: &Which, watch: bool, json: bool) -> Result<ExitCode, CliError> {
    let id = find(client, which)?;
    let mut last = String::new();
    loop {
        let rollout = one(client, &id)?;
        let text = if json { format!("{rollout:#}") } else { show::rollout(&rollout) };
        if text != last {
            if watch && !json { show_again(&text) } else { say(&text) }
        }
        last = text;
        if !watch || !rollout["ended"].is_null() {
            return Ok(ExitCode::Ok);
        }
        std::thread::sleep(LOOK);
    }
}

fn status(client: &Client, which: &Which, watch: bool, json: bool) -> Result<ExitCode, CliError> {
    let id = find(client, which)?;
    let mut last = String::new();
    loop {
        let rollout = one(client, &id)?;
        let (phase, message) = (cell(&rollout["state"]["phase"]), cell(&rollout["state"]["message"]));
        let text = if json {
            json!({ "id": id, "phase": phase, "message": message }).to_string()
        } else {
            format!("{phase} - {message}")
        };
        if text != last {
            say(&text);
        }
        last = text;
        if !watch || !rollout["ended"].is_null() {
            return Ok(if phase == "Degraded" { ExitCode::No } else { ExitCode::Ok });
        }
        std::thread::sleep(LOOK);
    }
}

fn undo(client: &Client, model: &str, revision: Option<u32>, json: bool) -> Result<ExitCode, CliError> {
    let path = format!("/api/v1/deployments/{}/undo", encode(model));
    let answer = client.post(&path, &json!({ "to_revision": revision }))?;
    if json {
        say_json(&answer);
    } else {
        let version = cell(&answer["version"]);
        match answer["rollout"].as_str() {
            Some(id) => say(&format!("rollout {id} puts {model}/{version} back in charge")),
            None => say(&format!("{model}/{version} is in charge")),
        }
    }
    Ok(ExitCode::Ok)
}

fn list(client: &Client, model: Option<&str>, json: bool) -> Result<ExitCode, CliError> {
    let rollouts = fetch(client, model, LISTED)?;
    if json {
        say_json(&json!({ "rollouts": rollouts }));
        return Ok(ExitCode::Ok);
    }
    let rows: Vec<Vec<String>> = rollouts
        .iter()
        .map(|rollout| {
            let step =
                rollout["steps"].as_array().into_iter().flatten().find(|step| step["state"] == "active");
            vec![
                cell(&rollout["id"]),
                format!("{}/{}", cell(&rollout["model"]), rollout["version"]),
                cell(&rollout["revision"]),
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
        say(&table(&["ROLLOUT", "MODEL", "REVISION", "PHASE", "WEIGHT", "STEP", "MESSAGE", "STARTED"], rows));
    }
    Ok(ExitCode::Ok)
}
