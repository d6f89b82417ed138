//! `mlflow artifacts`

use super::output::json_text;
use super::tracking::{API, client, run};
use crate::client::{Client, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{note, say};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Artifacts of a run: list, download and log them.
#[derive(Args)]
pub(crate) struct Artifacts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Which {
    /// The run's id.
    #[arg(long, short = 'r')]
    run_id: String,
    /// A folder or file among the run's artifacts.
    #[arg(long, short = 'a', default_value = "", hide_default_value = true)]
    artifact_path: String,
}

#[derive(Subcommand)]
enum Command {
    /// Show what lies in a folder, as JSON.
    List(Which),
    /// Download a folder or a file.
    Download {
        /// The run's id.
        #[arg(long, short = 'r', required_unless_present = "artifact_uri")]
        run_id: Option<String>,
        /// A folder or file among the run's artifacts; all of them when left out.
        #[arg(long, short = 'a', default_value = "", hide_default_value = true)]
        artifact_path: String,
        /// A URI instead: mlflow-artifacts:/... or runs:/RUN/PATH.
        #[arg(long, short = 'u')]
        artifact_uri: Option<String>,
        /// Where it goes; a new folder when left out.
        #[arg(long, short = 'd')]
        dst_path: Option<PathBuf>,
    },
    /// Log a file.
    LogArtifact {
        /// The file.
        #[arg(long, short = 'l')]
        local_file: PathBuf,
        #[command(flatten)]
        which: Which,
    },
    /// Log the files of a folder.
    LogArtifacts {
        /// The folder.
        #[arg(long, short = 'l')]
        local_dir: PathBuf,
        #[command(flatten)]
        which: Which,
    },
}

impl Artifacts {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let client = client(None)?;
        match self.command {
            Command::List(which) => {
                let files = list(&client, &which.run_id, &which.artifact_path)?;
                let files: Vec<String> = files.iter().map(|file| json_text(file, 2)).collect();
                say(&format!("[{}]", files.join(", ")));
            }
            Command::Download { run_id, artifact_path, artifact_uri, dst_path } => {
                let (root, path) = match artifact_uri {
                    Some(uri) => of_uri(&client, &uri)?,
                    None => (root(&client, &run_id.unwrap_or_default())?, artifact_path),
                };
                let to = match dst_path {
                    Some(folder) => folder,
                    None => tempfile::tempdir()?.keep(),
                };
                let local = download(&client, &root, path.trim_matches('/'), &to)?;
                say(&format!("\n{}", std::path::absolute(local)?.display()));
            }
            Command::LogArtifact { local_file, which } => {
                let root = join(&root(&client, &which.run_id)?, &which.artifact_path);
                client.put_artifact_file(&join(&root, &name(&local_file)?), &local_file)?;
                note(&format!("logged {}", local_file.display()));
            }
            Command::LogArtifacts { local_dir, which } => {
                let root = join(&root(&client, &which.run_id)?, &which.artifact_path);
                let count = log_folder(&client, &root, &local_dir)?;
                note(&format!("logged {count} files of {}", local_dir.display()));
            }
        }
        Ok(ExitCode::Ok)
    }
}

fn list(client: &Client, run: &str, path: &str) -> Result<Vec<Value>, CliError> {
    let path = format!("{API}/artifacts/list?run_id={}&path={}", encode(run), encode(path));
    let mut answer = client.get(&path)?;
    Ok(answer["files"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn join(folder: &str, more: &str) -> String {
    match (folder, more.trim_matches('/')) {
        ("", more) => more.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, more) => format!("{folder}/{more}"),
    }
}

fn name(path: &Path) -> Result<String, CliError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| CliError::usage(format!("`{}` has no usable name", path.display())))?;
    Ok(name.to_owned())
}

/// Where an artifact URI lies below the root of the server's artifacts.
fn own(uri: &str) -> Result<String, CliError> {
    let rest = uri.strip_prefix("mlflow-artifacts:").ok_or_else(|| {
        CliError::usage(format!("the artifacts at `{uri}` are not kept by the server"))
            .hint("use the tools of the storage that keeps them")
    })?;
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    Ok(path.trim_matches('/').to_owned())
}

fn root(client: &Client, id: &str) -> Result<String, CliError> {
    own(run(client, id)?["info"]["artifact_uri"].as_str().unwrap_or_default())
}

fn of_uri(client: &Client, uri: &str) -> Result<(String, String), CliError> {
    match uri.strip_prefix("runs:/").map(|rest| rest.trim_start_matches('/')) {
        Some(rest) => {
            let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
            Ok((root(client, id)?, path.to_owned()))
        }
        None => {
            let path = own(uri)?;
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            Ok((folder.to_owned(), name.to_owned()))
        }
    }
}

/// Downloads a folder or a file; gives where it is now.
fn download(client: &Client, root: &str, path: &str, to: &Path) -> Result<PathBuf, CliError> {
    if path.split('/').any(|part| part == "..") {
        return Err(CliError::usage(format!("`{path}` leads elsewhere")));
    }
    let remote = join(root, path);
    let listed = client.get(&format!("/api/2.0/mlflow-artifacts/artifacts?path={}", encode(&remote)))?;
    let is_folder = path.is_empty() || listed["files"].as_array().is_some_and(|files| !files.is_empty());
    if is_folder {
        let local = if path.is_empty() { to.to_owned() } else { to.join(path) };
        client.download_artifacts(&remote, &local)?;
        return Ok(local);
    }
    std::fs::create_dir_all(to)?;
    let local = to.join(path.rsplit('/').next().unwrap_or_default());
    client.download_file(&remote, &local)?;
    Ok(local)
}

fn log_folder(client: &Client, root: &str, folder: &Path) -> Result<usize, CliError> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| CliError::usage(format!("cannot read `{}`: {error}", folder.display())))?;
    let mut count = 0;
    for entry in entries {
        let path = entry?.path();
        let remote = join(root, &name(&path)?);
        if path.is_dir() {
            count += log_folder(client, &remote, &path)?;
        } else {
            client.put_artifact_file(&remote, &path)?;
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn only_artifacts_of_the_server_have_a_place_there() {
        assert_eq!(own("mlflow-artifacts:/1/r/artifacts").unwrap(), "1/r/artifacts");
        assert_eq!(own("mlflow-artifacts://host:5000/1/r").unwrap(), "1/r");
        assert!(own("s3://bucket/x").is_err());
    }
}
