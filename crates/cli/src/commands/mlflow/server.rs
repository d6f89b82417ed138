//! `mlflow server`, when the binary is called by that name.

use crate::commands::artifact_options::ArtifactOptions;
use crate::commands::server::{Server, host};
use crate::commands::workspace_options::WorkspaceOptions;
use crate::error::{CliError, ExitCode};
use crate::terminal::note;
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// The options of `mlflow server`. Those that make no sense here are taken with a note.
// `-h` is the host there, so help has the long form only.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct MlflowServer {
    /// The address to listen on.
    #[arg(long, short = 'h', default_value = "127.0.0.1", env = "MLFLOW_HOST", value_parser = host)]
    host: IpAddr,
    /// The port to listen on.
    #[arg(long, short = 'p', default_value_t = 5000, env = "MLFLOW_PORT")]
    port: u16,
    /// A PostgreSQL database. Files of SQLite are not used: that store is in `.mainspring`.
    #[arg(long, env = "MLFLOW_BACKEND_STORE_URI", hide_env_values = true)]
    backend_store_uri: Option<String>,
    #[command(flatten)]
    artifacts: ArtifactOptions,
    #[command(flatten)]
    workspaces: WorkspaceOptions,
    #[command(flatten)]
    kept_here: KeptHere,
    #[command(flatten)]
    set_elsewhere: SetElsewhere,
    #[command(flatten)]
    not_needed: NotNeeded,
    /// Print help.
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// Further stores: there is one.
#[derive(Args)]
#[command(next_help_heading = "Taken and not used, because one store keeps everything")]
struct KeptHere {
    /// A replica of the store.
    #[arg(long, env = "MLFLOW_READ_REPLICA_BACKEND_STORE_URI")]
    read_replica_backend_store_uri: Option<String>,
    /// The store of the registry.
    #[arg(long, env = "MLFLOW_REGISTRY_STORE_URI")]
    registry_store_uri: Option<String>,
    /// The store of workspaces.
    #[arg(long, env = "MLFLOW_WORKSPACE_STORE_URI")]
    workspace_store_uri: Option<String>,
}

/// What is decided by the project's configuration.
#[derive(Args)]
#[command(next_help_heading = "Taken and not used, because mainspring.toml decides it under [access]")]
struct SetElsewhere {
    /// Names by which the server may be called.
    #[arg(long, env = "MLFLOW_SERVER_ALLOWED_HOSTS")]
    allowed_hosts: Option<String>,
    /// Origins of foreign pages.
    #[arg(long, env = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS")]
    cors_allowed_origins: Option<String>,
    /// Checks of names and origins stay on.
    #[arg(long)]
    disable_security_middleware: bool,
    /// Pages are framed by the same origin only.
    #[arg(long, env = "MLFLOW_SERVER_X_FRAME_OPTIONS")]
    x_frame_options: Option<String>,
    /// An application such as basic-auth: users and roles are built in.
    #[arg(long)]
    app_name: Option<String>,
}

/// What belongs to another way of serving.
#[derive(Args)]
#[command(next_help_heading = "Taken and not used, because one process serves everything")]
struct NotNeeded {
    /// Processes.
    #[arg(long, short = 'w', env = "MLFLOW_WORKERS")]
    workers: Option<String>,
    /// Only artifacts.
    #[arg(long)]
    artifacts_only: bool,
    /// Only presigned transfers.
    #[arg(long)]
    artifacts_presigned_only: bool,
    /// A prefix of all paths.
    #[arg(long, env = "MLFLOW_STATIC_PREFIX")]
    static_prefix: Option<String>,
    /// Options of another web server.
    #[arg(long, env = "MLFLOW_GUNICORN_OPTS", allow_hyphen_values = true)]
    gunicorn_opts: Option<String>,
    /// Options of another web server.
    #[arg(long, allow_hyphen_values = true)]
    waitress_opts: Option<String>,
    /// Options of another web server.
    #[arg(long, env = "MLFLOW_UVICORN_OPTS", allow_hyphen_values = true)]
    uvicorn_opts: Option<String>,
    /// Development.
    #[arg(long)]
    dev: bool,
    /// A folder of measurements.
    #[arg(long, env = "MLFLOW_EXPOSE_PROMETHEUS")]
    expose_prometheus: Option<String>,
    /// The archive of traces.
    #[arg(long)]
    trace_archival_config: Option<String>,
    /// The cache of secrets.
    #[arg(long)]
    secrets_cache_ttl: Option<String>,
    /// The cache of secrets.
    #[arg(long)]
    secrets_cache_max_size: Option<String>,
}

impl MlflowServer {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        // The store that `mlflow server` makes on one machine has its like in the data folder.
        let local =
            |uri: &String| uri.starts_with("sqlite:") || uri.starts_with("file:") || !uri.contains("://");
        let (files, database) = match self.backend_store_uri {
            Some(uri) if local(&uri) => (true, None),
            uri => (false, uri),
        };
        let (kept, set, other) = (&self.kept_here, &self.set_elsewhere, &self.not_needed);
        notes(
            "one store keeps everything, in .mainspring or PostgreSQL",
            &[
                ("--backend-store-uri with files", files),
                ("--read-replica-backend-store-uri", kept.read_replica_backend_store_uri.is_some()),
                ("--registry-store-uri", kept.registry_store_uri.is_some()),
                ("--workspace-store-uri", kept.workspace_store_uri.is_some()),
            ],
        );
        notes(
            "mainspring.toml decides it under [access]",
            &[
                ("--allowed-hosts", set.allowed_hosts.is_some()),
                ("--cors-allowed-origins", set.cors_allowed_origins.is_some()),
                ("--disable-security-middleware", set.disable_security_middleware),
                ("--x-frame-options", set.x_frame_options.is_some()),
                ("--app-name", set.app_name.is_some()),
            ],
        );
        notes(
            "one process serves everything",
            &[
                ("--workers", other.workers.is_some()),
                ("--artifacts-only", other.artifacts_only),
                ("--artifacts-presigned-only", other.artifacts_presigned_only),
                ("--static-prefix", other.static_prefix.is_some()),
                ("--gunicorn-opts", other.gunicorn_opts.is_some()),
                ("--waitress-opts", other.waitress_opts.is_some()),
                ("--uvicorn-opts", other.uvicorn_opts.is_some()),
                ("--dev", other.dev),
                ("--expose-prometheus", other.expose_prometheus.is_some()),
                ("--trace-archival-config", other.trace_archival_config.is_some()),
                ("--secrets-cache-ttl", other.secrets_cache_ttl.is_some()),
                ("--secrets-cache-max-size", other.secrets_cache_max_size.is_some()),
            ],
        );
        Server {
            host: self.host,
            port: self.port,
            data_dir: PathBuf::from(".mainspring"),
            backend_store_uri: database,
            artifacts: self.artifacts,
            workspaces: self.workspaces,
        }
        .run()
    }
}

/// Says which of the given options do nothing, and why. A value may be a secret, so it is not shown.
fn notes(why: &str, options: &[(&str, bool)]) {
    for (name, _) in options.iter().filter(|(_, given)| *given) {
        note(&format!("note: {name} is not used; {why}"));
    }
}
