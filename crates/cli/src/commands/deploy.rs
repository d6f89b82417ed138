//! `mainspring deploy models:/NAME/VERSION`: send a version to production by the rollout manifest.

use crate::client::{ServerOption, encode};
use crate::error::{CliError, ExitCode};
use crate::terminal::{say, say_json};
use clap::Args;
use serde_json::json;

/// Send a model version to production, by the rollout manifest of the project.
#[derive(Args)]
pub(crate) struct Deploy {
    /// models:/NAME/VERSION, or NAME/VERSION.
    model: String,
    /// A stage before production: development or staging.
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Why; it goes into the audit trail.
    #[arg(long)]
    reason: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerOption,
}

impl Deploy {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let name = self.model.strip_prefix("models:/").unwrap_or(&self.model);
        let parsed =
            name.rsplit_once('/').and_then(|(name, version)| Some((name, version.parse::<u32>().ok()?)));
        let Some((name, version)) = parsed else {
            return Err(CliError::usage(format!("`{}` names no version", self.model))
                .hint("write models:/NAME/VERSION, for example models:/flights/2"));
        };
        let route = match &self.stage {
            Some(stage) => format!("{name}@{stage}"),
            None => name.to_owned(),
        };
        let body = json!({ "version": version, "reason": self.reason });
        let answer = self.server.client()?.post(&format!("/api/v1/deployments/{}", encode(&route)), &body)?;
        if self.json {
            say_json(&answer);
        } else {
            match answer["rollout"].as_str() {
                Some(id) => say(&format!(
                    "rollout {id} of {route}/{version} started; watch it with `mainspring rollouts get {route} --watch`"
                )),
                None => say(&format!("{route}/{version} is in charge already, or on its way")),
            }
        }
        Ok(ExitCode::Ok)
    }
}
