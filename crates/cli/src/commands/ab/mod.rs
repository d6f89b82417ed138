//! `mainspring ab`: describe, start, watch and end A/B tests; plan and simulate them beforehand.

mod plan;
mod segments;
mod simulate;
mod status;

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json, table};
use clap::{Args, Subcommand};
use mainspring_rollouts::ab::AbSpec;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Run A/B tests of models: split, measure, decide.
#[derive(Args)]
pub(crate) struct Ab {
    #[command(subcommand)]
    command: AbCommand,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

#[derive(Subcommand)]
enum AbCommand {
    /// Describe a test by its file.
    Create {
        /// The file (YAML).
        file: PathBuf,
        /// Start it at once.
        #[arg(long)]
        start: bool,
    },
    /// List the newest tests.
    List,
    /// Show how a test stands: units, effects with intervals, what is waited for.
    Status {
        /// The test.
        name: String,
    },
    /// Show where the effects of a test hold, and how long: by when units came, or by an attribute.
    Segments {
        /// The test.
        name: String,
        /// A feature of the units' first requests.
        #[arg(long)]
        by: Option<String>,
    },
    /// Start a test.
    Start {
        /// The test.
        name: String,
    },
    /// Describe a test anew. What was collected counts on unless arms, weights, metrics, the split or
    /// the plan change: then a new phase begins.
    Revise {
        /// The file (YAML).
        file: PathBuf,
        /// Why, for the record.
        #[arg(long)]
        reason: Option<String>,
    },
    /// End a test without a decision.
    Stop {
        /// The test.
        name: String,
        /// Why, for the record.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Look at a test now, and end it when its rule says so.
    Decide {
        /// The test.
        name: String,
    },
    /// Make a stored decision anew from its inputs; exit code 1 when it is not the same to the bit.
    Replay {
        /// The test.
        name: String,
        /// The decision's number; the newest when left out.
        number: Option<u32>,
    },
    /// How many units a test takes.
    Plan(plan::Plan),
    /// Play a test's rule many times with made-up outcomes, without a server.
    Simulate(simulate::Simulate),
}

impl Ab {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let json = self.json;
        let client = self.server.client()?;
        let tell = |name: &str, verb: &str, body: &Value| {
            client.post(&format!("/api/v1/ab/tests/{}/do/{verb}", encode(name)), body)
        };
        match self.command {
            AbCommand::Create { file, start } => {
                let text = read(&file)?;
                // Told here, a mistake comes with the file's name.
                spec(&text, &file)?;
                let mut test = client.post("/api/v1/ab/tests", &json!({ "spec": text }))?;
                if start {
                    test = tell(&cell(&test["name"]), "start", &json!({}))?;
                }
                Ok(show(&test, json))
            }
            AbCommand::List => list(&client, json),
            AbCommand::Status { name } => status::run(&client, &name, json),
            AbCommand::Segments { name, by } => segments::run(&client, &name, by.as_deref(), json),
            AbCommand::Start { name } => Ok(show(&tell(&name, "start", &json!({}))?, json)),
            AbCommand::Stop { name, reason } => {
                Ok(show(&tell(&name, "stop", &json!({ "reason": reason }))?, json))
            }
            AbCommand::Revise { file, reason } => {
                let text = read(&file)?;
                let name = spec(&text, &file)?.name;
                let body = json!({ "spec": text, "reason": reason });
                let test = client.put(&format!("/api/v1/ab/tests/{}", encode(&name)), &body)?;
                if !json && let Some(change) = test["new_phase_because"].as_str() {
                    say(&format!("{change} changed: phase {} begins, and counts from now on", test["phase"]));
                }
                Ok(show(&test, json))
            }
            AbCommand::Decide { name } => {
                let decision = tell(&name, "decide", &json!({}))?;
                if json {
                    say_json(&decision);
                    return Ok(ExitCode::Ok);
                }
                status::run(&client, &name, false)
            }
            AbCommand::Replay { name, number } => replay(&client, &name, number, json),
            AbCommand::Plan(plan) => plan.run(&client, json),
            AbCommand::Simulate(simulate) => simulate.run(json),
        }
    }
}

fn read(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file)
        .map_err(|error| CliError::usage(format!("cannot read `{}`: {error}", file.display())))
}

fn spec(text: &str, file: &Path) -> Result<AbSpec, CliError> {
    AbSpec::parse(text, file).map_err(|error| CliError::usage(error.to_string()).hint(error.hint))
}

fn show(test: &Value, json: bool) -> ExitCode {
    if json {
        say_json(test);
    } else {
        let outcome = test["outcome"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
        say(&format!("{} is {}{outcome}", cell(&test["name"]), cell(&test["status"])));
    }
    ExitCode::Ok
}

fn list(client: &Client, json: bool) -> Result<ExitCode, CliError> {
    let answer = client.get("/api/v1/ab/tests")?;
    if json {
        say_json(&answer);
        return Ok(ExitCode::Ok);
    }
    let rows: Vec<Vec<String>> = answer["tests"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|test| {
            vec![
                cell(&test["name"]),
                cell(&test["model"]),
                cell(&test["status"]),
                test["phase"].to_string(),
                ago(&test["created"]),
                cell(&test["outcome"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        say("there is no A/B test yet; `mainspring ab create FILE --start` makes one");
    } else {
        say(&table(&["TEST", "MODEL", "STATUS", "PHASE", "CREATED", "OUTCOME"], rows));
    }
    Ok(ExitCode::Ok)
}

fn replay(client: &Client, name: &str, number: Option<u32>, json: bool) -> Result<ExitCode, CliError> {
    let number = match number {
        Some(number) => number.to_string(),
        None => {
            let test = client.get(&format!("/api/v1/ab/tests/{}", encode(name)))?;
            let newest = test["decision"]["number"].as_u64();
            let newest = newest.ok_or_else(|| {
                CliError::no(format!("nothing was decided on `{name}` yet"))
                    .hint(format!("`mainspring ab decide {name}` looks at it now"))
            })?;
            newest.to_string()
        }
    };
    let answer = client.get(&format!("/api/v1/ab/tests/{}/decisions/{number}/replay", encode(name)))?;
    let same = answer["same"] == true;
    if json {
        say_json(&answer);
    } else if same {
        say(&format!("decision {number} comes out the same, to the last bit"));
    } else {
        say(&format!("decision {number} comes out differently: its record or the rule has changed"));
    }
    Ok(if same { ExitCode::Ok } else { ExitCode::No })
}
