//! The options of the server about workspaces, the same under both of its names.

use crate::error::CliError;
use clap::Args;
use clap::builder::BoolishValueParser;
use mainspring_tracking::locations::{FOLDER, Locations, behind_server};

/// Whether teams keep experiments and models apart.
#[derive(Args)]
pub(crate) struct WorkspaceOptions {
    /// Let MLflow clients keep experiments and models apart in workspaces.
    #[arg(long, env = "MLFLOW_ENABLE_WORKSPACES", action = clap::ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true",
        value_parser = BoolishValueParser::new(), overrides_with = "disable_workspaces")]
    enable_workspaces: bool,
    /// Let everything lie in one workspace; the default.
    #[arg(long)]
    disable_workspaces: bool,
}

impl WorkspaceOptions {
    /// Where new experiments keep their artifacts, with workspaces or without.
    pub(crate) fn apply(&self, locations: Locations) -> Result<Locations, CliError> {
        let workspaces = self.enable_workspaces && !self.disable_workspaces;
        if workspaces {
            // Paths of a workspace begin at the folder of workspaces, wherever a client's root says.
            if behind_server(&locations.root).is_some_and(|folder| !folder.is_empty()) {
                return Err(CliError::usage(format!(
                    "the default artifact root {} is a folder behind the server, which workspaces cannot have",
                    locations.root
                ))
                .hint("leave --default-artifact-root out, or name a folder in --artifacts-destination instead"));
            }
            let mut parts = locations.root.trim_end_matches('/').rsplit('/');
            if parts.next() == Some(FOLDER) || parts.next() == Some(FOLDER) {
                return Err(CliError::usage(format!(
                    "the default artifact root {} lies in a folder `{FOLDER}`, which is kept for the artifacts \
                     of workspaces",
                    locations.root
                ))
                .hint("choose another --default-artifact-root, or leave --enable-workspaces out"));
            }
        }
        Ok(Locations { workspaces, ..locations })
    }
}
