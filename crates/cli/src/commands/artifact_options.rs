//! Options of the server about artifacts, the same under both of its names.

use crate::error::CliError;
use clap::Args;
use mainspring_artifact_store::{ArtifactError, ArtifactSettings, Artifacts};
use mainspring_http_api::mlflow::Transfers;
use mainspring_tracking::locations::Locations;
use std::path::Path;
use std::time::Duration;

/// Where artifacts are, and how they get there.
#[derive(Args)]
pub(crate) struct ArtifactOptions {
    /// Where the server keeps artifacts that go through it: a folder, file:///FOLDER or
    /// s3://BUCKET/PREFIX. Default: `artifacts` in the data folder.
    #[arg(long, value_name = "URI", env = "MLFLOW_ARTIFACTS_DESTINATION")]
    artifacts_destination: Option<String>,
    /// Below what the artifacts of new experiments go. With a folder, file: or s3: URI clients write
    /// there themselves. Default: mlflow-artifacts:/, through the server.
    #[arg(long, value_name = "URI", env = "MLFLOW_DEFAULT_ARTIFACT_ROOT")]
    default_artifact_root: Option<String>,
    /// Let artifacts go through the server; the default.
    #[arg(long, overrides_with = "no_serve_artifacts")]
    serve_artifacts: bool,
    /// Let no artifacts go through the server.
    #[arg(long, overrides_with = "serve_artifacts")]
    no_serve_artifacts: bool,
    /// Tell clients to upload large files in parts; to s3: directly.
    #[arg(long, env = "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", action = clap::ArgAction::Set,
        num_args = 0..=1, default_value_t = false, default_missing_value = "true",
        value_parser = clap::builder::BoolishValueParser::new())]
    multipart_uploads: bool,
    /// Tell clients to download large files in parts; from s3: directly.
    #[arg(long, env = "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", action = clap::ArgAction::Set,
        num_args = 0..=1, default_value_t = false, default_missing_value = "true",
        value_parser = clap::builder::BoolishValueParser::new())]
    multipart_downloads: bool,
    /// Seconds for which links to artifacts are good.
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
        env = "MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=604_800))]
    presigned_url_ttl: u64,
}

impl ArtifactOptions {
    /// Opens the places.
    pub(crate) fn open(&self, data_dir: &Path) -> Result<Artifacts, CliError> {
        // The variable of `mlflow server` counts where no option says otherwise.
        let variable =
            std::env::var("MLFLOW_SERVE_ARTIFACTS").is_ok_and(|text| text.eq_ignore_ascii_case("false"));
        let settings = ArtifactSettings {
            destination: self.artifacts_destination.clone(),
            default_root: self.default_artifact_root.clone(),
            serve: self.serve_artifacts || !(self.no_serve_artifacts || variable),
            base: std::env::current_dir()?,
            data_dir: data_dir.to_path_buf(),
        };
        Artifacts::open(&settings).map_err(|error| match error {
            ArtifactError::Destination(_) | ArtifactError::InvalidPath => CliError::usage(error.to_string()),
            _ => CliError::outside(error.to_string())
                .hint("look at --artifacts-destination and --default-artifact-root"),
        })
    }

    /// Where new experiments keep theirs.
    pub(crate) fn locations(artifacts: &Artifacts) -> Result<Locations, CliError> {
        Ok(Locations {
            root: artifacts.default_root().to_owned(),
            base: std::env::current_dir()?.to_string_lossy().into_owned(),
            workspaces: false,
        })
    }

    pub(crate) fn transfers(&self) -> Transfers {
        Transfers {
            uploads_in_parts: self.multipart_uploads,
            downloads_in_parts: self.multipart_downloads,
            links_live: Duration::from_secs(self.presigned_url_ttl),
        }
    }
}
