//! `mainspring data`: data under version control, in DVC's formats.

use crate::client::ServerOption;
use crate::error::{CliError, ExitCode};
use crate::project;
use crate::terminal::{say, say_json};
use clap::{Args, Subcommand};
use mainspring_data_versioning::{Repo, TrackedFile, VersioningError};
use serde_json::json;
use std::path::PathBuf;

/// Data under version control, in DVC's formats: `dvc` works on the same repository.
#[derive(Args)]
pub(crate) struct Data {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Subcommand)]
enum DataCommand {
    /// Put files or folders under version control.
    Add {
        /// The files or folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Commit the .dvc files to Git.
        #[arg(long)]
        commit: bool,
        /// The commit's message.
        #[arg(short, long)]
        message: Option<String>,
        /// Tell the server (done by itself within a pipeline).
        #[arg(long)]
        report: bool,
        #[command(flatten)]
        server: ServerOption,
    },
    /// Copy the cache's objects to the remote.
    Push {
        /// The remote; the default one when left out.
        #[arg(short, long)]
        remote: Option<String>,
    },
    /// Copy objects from the remote and check the files out.
    Pull {
        /// The remote; the default one when left out.
        #[arg(short, long)]
        remote: Option<String>,
    },
    /// Show what differs from the .dvc files. Always exits with 0, as `dvc status` does.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Configure where objects are pushed to.
    Remote {
        /// The remote's name.
        name: String,
        /// A local directory.
        url: String,
        /// Make it the default.
        #[arg(short, long)]
        default: bool,
    },
}

fn failed(error: &VersioningError) -> CliError {
    CliError::outside(error.to_string())
}

impl Data {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let repo = Repo::discover(&project::root()?).map_err(|error| {
            failed(&error).hint("`mainspring init` (or `dvc init`) makes this a data repository")
        })?;
        match self.command {
            DataCommand::Add { paths, commit, message, report, server } => {
                let tracked = repo.add(&paths).map_err(|error| failed(&error))?;
                let revision = if commit { Some(commit_files(&repo, &tracked, message)?) } else { None };
                for file in &tracked {
                    say(&format!("{}  {}  {} bytes", file.md5, file.path.display(), file.size));
                }
                if report || project::is_task() {
                    let client = server.client()?;
                    for file in &tracked {
                        let body = json!({
                            "path": file.path, "md5": file.md5, "size": file.size, "commit": revision,
                        });
                        client.post("/api/v1/data/versions", &body)?;
                    }
                }
            }
            DataCommand::Push { remote } => {
                let count = repo.push(remote.as_deref()).map_err(|error| failed(&error))?;
                say(&match count {
                    0 => "Everything is up to date.".to_owned(),
                    count => format!("{count} files pushed"),
                });
            }
            DataCommand::Pull { remote } => {
                let pulled = repo.pull(remote.as_deref()).map_err(|error| failed(&error))?;
                for path in &pulled.written {
                    say(&format!("A       {}", path.display()));
                }
                say(&format!("{} files fetched", pulled.fetched));
            }
            DataCommand::Status { json } => {
                let changes = repo.status().map_err(|error| failed(&error))?;
                if json {
                    say_json(&json!(changes));
                } else if changes.is_empty() {
                    say("Data and pipelines are up to date.");
                } else {
                    for change in changes {
                        say(&format!("{:?}: {}", change.state, change.path.display()));
                    }
                }
            }
            DataCommand::Remote { name, url, default } => {
                repo.add_remote(&name, &url, default).map_err(|error| failed(&error))?;
                say(&if default {
                    format!("Setting '{name}' as a default remote.")
                } else {
                    format!("remote '{name}'")
                });
            }
        }
        Ok(ExitCode::Ok)
    }
}

fn commit_files(repo: &Repo, tracked: &[TrackedFile], message: Option<String>) -> Result<String, CliError> {
    let paths: Vec<PathBuf> = tracked.iter().flat_map(|file| file.to_commit.clone()).collect();
    let names: Vec<String> = tracked.iter().map(|file| file.path.display().to_string()).collect();
    let message = message.unwrap_or_else(|| format!("Track {}", names.join(", ")));
    repo.commit(&paths, &message).map_err(|error| failed(&error))
}
