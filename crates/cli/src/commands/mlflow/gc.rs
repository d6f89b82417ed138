//! `mlflow gc`

use super::tracking::client;
use crate::client::Client;
use crate::error::{CliError, ExitCode};
use crate::terminal::{cell, note, say};
use clap::Args;
use mainspring_domain::workspaces::WorkspaceName;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long to wait for files to go.
const PATIENCE: Duration = Duration::from_secs(30);

/// Delete for good what was deleted before. Needs the role admin.
#[derive(Args)]
pub(crate) struct Gc {
    /// Only what was deleted at least so long ago: 30d, 1d2h3m4s.
    #[arg(long, value_parser = age)]
    older_than: Option<u32>,
    /// Only these runs, separated by commas.
    #[arg(long, value_delimiter = ',')]
    run_ids: Option<Vec<String>>,
    /// Only these experiments, with all that is in them.
    #[arg(long, value_delimiter = ',')]
    experiment_ids: Option<Vec<String>>,
    /// Only these logged models.
    #[arg(long, value_delimiter = ',')]
    logged_model_ids: Option<Vec<String>>,
    /// Only what lies in this workspace; `default` when left out.
    #[arg(long, env = "MLFLOW_WORKSPACE", default_value = "default")]
    workspace: String,
    /// What lies in any workspace, and what is left of workspaces that were deleted.
    #[arg(long)]
    all_workspaces: bool,
    /// The server; MLFLOW_TRACKING_URI when left out.
    #[arg(long)]
    tracking_uri: Option<String>,
    /// Taken and not used: the server knows its store.
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI")]
    backend_store_uri: Option<String>,
    /// Taken and not used: the server knows where it keeps artifacts.
    #[arg(long, env = "MLFLOW_ARTIFACTS_DESTINATION")]
    artifacts_destination: Option<String>,
    /// Taken and not used: there are no jobs of this kind.
    #[arg(long)]
    jobs: bool,
    /// Taken and not used, as above.
    #[arg(long)]
    job_ids: Option<String>,
    /// Show what would go, and delete nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Reads an age in MLflow's form; gives seconds.
fn age(text: &str) -> Result<u32, String> {
    let odd = || {
        format!(
            "Could not parse any time information from '{text}'. Examples of valid strings: '8h', \
             '2d8h5m20s', '2m4s'"
        )
    };
    let (mut rest, mut seconds) = (text, 0.0);
    for (unit, length) in [('d', 86_400.0), ('h', 3600.0), ('m', 60.0), ('s', 1.0)] {
        if let Some((number, after)) = rest.split_once(unit) {
            seconds += length * number.parse::<f64>().map_err(|_| odd())?;
            rest = after;
        }
    }
    if text.is_empty() || !rest.is_empty() || !(0.0..4.0e9).contains(&seconds) {
        return Err(odd());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    Ok(seconds.ceil() as u32)
}

impl Gc {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        for (name, given) in [
            ("--backend-store-uri", self.backend_store_uri.is_some()),
            ("--artifacts-destination", self.artifacts_destination.is_some()),
            ("--jobs", self.jobs),
            ("--job-ids", self.job_ids.is_some()),
        ] {
            if given {
                note(&format!("note: {name} is not used; the server deletes what it keeps"));
            }
        }
        let client = client(self.tracking_uri.as_deref())?;
        // A variable that is set to nothing names none.
        let workspace = Some(self.workspace).filter(|name| !name.is_empty());
        let workspace = workspace.unwrap_or_else(|| WorkspaceName::DEFAULT.to_owned());
        let request = json!({
            "older_than_seconds": self.older_than.unwrap_or(0),
            "workspace": (!self.all_workspaces).then_some(workspace),
            "run_ids": self.run_ids,
            "experiment_ids": self.experiment_ids,
            "logged_model_ids": self.logged_model_ids,
            "permanent": !self.dry_run,
        });
        let answer = client.post("/api/v1/gc", &request)?;
        show(&answer["collected"], self.dry_run);
        if !self.dry_run {
            wait_for_files(&client)?;
        }
        Ok(ExitCode::Ok)
    }
}

fn show(collected: &Value, dry_run: bool) {
    let done = if dry_run { "would be" } else { "has been" };
    for (list, what) in [("runs", "Run"), ("logged_models", "Logged model"), ("experiments", "Experiment")] {
        for id in collected[list].as_array().into_iter().flatten() {
            say(&format!("{what} with ID {} {done} permanently deleted.", cell(id)));
        }
    }
    for kept in collected["kept"].as_array().into_iter().flatten() {
        note(&format!("kept: {}, because {}", cell(&kept["what"]), cell(&kept["reason"])));
    }
    for uri in collected["left"].as_array().into_iter().flatten() {
        note(&format!("left: the artifacts at {}, which this server does not keep", cell(uri)));
    }
}

/// Files go in the background; most are gone by the time the answer is read.
fn wait_for_files(client: &Client) -> Result<(), CliError> {
    let since = Instant::now();
    loop {
        let state = client.get("/api/v1/gc")?;
        let waiting = state["waiting"].as_u64().unwrap_or(0);
        let failed = state["failed"].as_array().map_or(0, Vec::len);
        if waiting == 0 {
            return Ok(());
        }
        if waiting <= failed as u64 || since.elapsed() > PATIENCE {
            note(&format!(
                "note: {waiting} folders of artifacts are still to be removed; the server goes on"
            ));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_are_read_as_mlflow_reads_them() {
        assert_eq!(age("30d"), Ok(2_592_000));
        assert_eq!(age("1d2h3m4s"), Ok(93_784));
        assert_eq!(age("1.5h"), Ok(5400));
        for odd in ["", "5", "h", "5x", "1h2d", "-1d", "1m1m"] {
            assert!(age(odd).is_err(), "{odd}");
        }
    }
}
