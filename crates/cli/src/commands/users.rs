//! `mainspring users`: who may call the server, and what they may do.

use crate::client::{Client, ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{ago, cell, say, say_json, table};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// Show users; add and remove them, make tokens, give roles. Needs the role admin.
#[derive(Args)]
pub(crate) struct Users {
    #[command(subcommand)]
    command: Option<UsersCommand>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    /// See, download, ask models for predictions.
    Reader,
    /// Log, register, send labels.
    Editor,
    /// Delete, release, change stages.
    Manager,
    /// Manage users; on the whole server only.
    Admin,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }
}

#[derive(Args)]
struct On {
    /// On one experiment, by id.
    #[arg(long, conflicts_with = "model")]
    experiment: Option<i64>,
    /// On one registered model.
    #[arg(long)]
    model: Option<String>,
    /// On one workspace.
    #[arg(long, conflicts_with_all = ["experiment", "model"])]
    workspace: Option<String>,
}

impl On {
    fn scope(&self) -> String {
        match (&self.experiment, &self.model, &self.workspace) {
            (Some(id), _, _) => format!("experiment:{id}"),
            (None, Some(name), _) => format!("model:{name}"),
            (None, None, Some(name)) => format!("workspace:{name}"),
            (None, None, None) => "server".to_owned(),
        }
    }
}

#[derive(Subcommand)]
enum UsersCommand {
    /// Add a user.
    Add {
        /// The name.
        name: String,
        /// A role on the whole server; without one the user sees nothing until given a role.
        #[arg(long)]
        role: Option<Role>,
    },
    /// Remove a user with all its tokens and roles.
    Remove {
        /// The name.
        name: String,
    },
    /// Make a token; its secret is printed and never shown again.
    Token {
        /// The user.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it is no longer taken; for ever when left out.
        #[arg(long)]
        days: Option<u16>,
    },
    /// Take a token away.
    RevokeToken {
        /// The user.
        name: String,
        /// The token, by the id that `mainspring users` shows.
        id: String,
    },
    /// Give a role, in place of the one held there.
    Grant {
        /// The user.
        name: String,
        /// The role.
        role: Role,
        #[command(flatten)]
        on: On,
    },
    /// Take a role away.
    Revoke {
        /// The user.
        name: String,
        #[command(flatten)]
        on: On,
    },
}

impl Users {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = self.server.client()?;
        let Some(command) = self.command else { return list(&client, self.json) };
        let (answer, done) = match command {
            UsersCommand::Add { name, role } => {
                let body = json!({ "name": name, "role": role.map(Role::as_str) });
                let hint = format!("`{name}` is added; `mainspring users token {name}` makes a token");
                (client.post("/api/v1/users", &body)?, hint)
            }
            UsersCommand::Remove { name } => {
                (client.delete(&format!("/api/v1/users/{}", encode(&name)))?, format!("`{name}` is removed"))
            }
            UsersCommand::Token { name, label, days } => {
                let path = format!("/api/v1/users/{}/tokens", encode(&name));
                let made = client.post(&path, &json!({ "label": label, "days": days }))?;
                let secret = cell(&made["secret"]);
                (made, secret)
            }
            UsersCommand::RevokeToken { name, id } => {
                let path = format!("/api/v1/users/{}/tokens/{}", encode(&name), encode(&id));
                (client.delete(&path)?, format!("token {id} is no longer taken"))
            }
            UsersCommand::Grant { name, role, on } => {
                let scope = on.scope();
                let done = format!("`{name}` is {} on {scope}", role.as_str());
                (set_role(&client, &name, &scope, Some(role))?, done)
            }
            UsersCommand::Revoke { name, on } => {
                let scope = on.scope();
                (set_role(&client, &name, &scope, None)?, format!("`{name}` holds no role on {scope}"))
            }
        };
        if self.json {
            say_json(&answer);
        } else {
            say(&done);
        }
        Ok(ExitCode::Ok)
    }
}

fn set_role(client: &Client, name: &str, scope: &str, role: Option<Role>) -> Result<Value, CliError> {
    let body = json!({ "scope": scope, "role": role.map(Role::as_str) });
    client.post(&format!("/api/v1/users/{}/roles", encode(name)), &body)
}

fn list(client: &Client, json: bool) -> Result<ExitCode, CliError> {
    let answer = client.get("/api/v1/users")?;
    if json {
        say_json(&answer);
        return Ok(ExitCode::Ok);
    }
    let join = |values: &Value, show: &dyn Fn(&Value) -> String| {
        let texts: Vec<String> = values.as_array().into_iter().flatten().map(show).collect();
        if texts.is_empty() { "\u{2013}".to_owned() } else { texts.join(", ") }
    };
    let rows: Vec<Vec<String>> = answer["users"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|user| {
            vec![
                cell(&user["name"]),
                join(&user["roles"], &|role| match role["scope"].as_str() {
                    Some("server") => cell(&role["role"]),
                    _ => format!("{} on {}", cell(&role["role"]), cell(&role["scope"])),
                }),
                join(&user["tokens"], &|token| match token["label"].as_str() {
                    Some(label) if !label.is_empty() => format!("{} ({label})", cell(&token["id"])),
                    _ => cell(&token["id"]),
                }),
                ago(&user["created"]),
            ]
        })
        .collect();
    if rows.is_empty() {
        say("there are no users yet; `mainspring users add NAME --role admin` adds one");
    } else {
        say(&table(&["USER", "ROLES", "TOKENS", "ADDED"], rows));
    }
    Ok(ExitCode::Ok)
}
