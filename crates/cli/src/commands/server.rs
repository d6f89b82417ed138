//! `mainspring server`: everything in one process.

use crate::commands::artifact_options::ArtifactOptions;
use crate::commands::workspace_options::WorkspaceOptions;
use crate::error::{CliError, ExitCode};
use crate::project;
use crate::terminal::note;
use axum::serve::ListenerExt as _;
use clap::Args;
use mainspring_automation::webhooks::{Sealer, Sender, WebhookSettings};
use mainspring_automation::{Access, Config, Loop, LoopSettings};
use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_domain::{Actor, SystemClock};
use mainspring_governance::policy::StagePolicy;
use mainspring_governance::users;
use mainspring_http_api::access::{AccessPolicy, Gate};
use mainspring_http_api::inference::{InferenceState, PredictionLog, Telemetry};
use mainspring_http_api::mlflow::MlflowState;
use mainspring_http_api::native::NativeState;
use mainspring_metadata_store::{Backend, PostgresAddress, ReadTx, Store, StoreError};
use mainspring_registry::Refusal;
use mainspring_tracking::locations;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// Requests that are being answered get this long when the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// The collector of spans gets this long then.
const COLLECTOR_GRACE: Duration = Duration::from_secs(2);

/// Run the server: MLflow API, inference, pipelines, rollouts, monitors and the web UI.
#[derive(Args)]
pub(crate) struct Server {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    pub(crate) host: IpAddr,
    /// The port to listen on.
    #[arg(long, default_value_t = 5000)]
    pub(crate) port: u16,
    /// The folder that holds the server's state; relative to the project.
    #[arg(long, default_value = ".mainspring")]
    pub(crate) data_dir: PathBuf,
    /// A PostgreSQL database for what is else in the data folder's own database:
    /// postgresql://USER:PASSWORD@HOST:PORT/DATABASE. The variable keeps the password out of the
    /// list of processes.
    #[arg(long, value_name = "URI", env = BACKEND_STORE, hide_env_values = true)]
    pub(crate) backend_store_uri: Option<String>,
    #[command(flatten)]
    pub(crate) artifacts: ArtifactOptions,
    #[command(flatten)]
    pub(crate) workspaces: WorkspaceOptions,
}

/// The variable that names the database.
pub(crate) const BACKEND_STORE: &str = "MAINSPRING_BACKEND_STORE_URI";

/// Where the rows are.
pub(crate) fn backend(uri: Option<&str>) -> Result<Backend, CliError> {
    let Some(uri) = uri else { return Ok(Backend::Sqlite) };
    let address = PostgresAddress::parse(uri).map_err(|error| {
        CliError::usage(error.to_string())
            .hint("without --backend-store-uri everything is kept in the data folder, in SQLite")
    })?;
    Ok(Backend::Postgres(address))
}

/// An address, or `localhost`.
pub(crate) fn host(text: &str) -> Result<IpAddr, std::net::AddrParseError> {
    if text == "localhost" { Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse() }
}

impl Server {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let began = Instant::now();
        let filter = EnvFilter::try_from_env("MAINSPRING_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .worker_threads(std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8))
            .build()?;
        runtime.block_on(self.serve(began))?;
        Ok(ExitCode::Ok)
    }

    async fn serve(self, began: Instant) -> Result<(), CliError> {
        let root = project::root()?.canonicalize()?;
        let data_dir = project::absolute(&root, &self.data_dir);
        let backend = backend(self.backend_store_uri.as_deref())?;
        let config = Config::load(&root).map_err(|error| CliError::usage(error.to_string()))?;
        let address = SocketAddr::new(self.host, self.port);
        // The port before the store: a second server must fail without touching anything.
        let listener = TcpListener::bind(address).await.map_err(|error| {
            CliError::outside(format!("cannot listen on {address}: {error}"))
                .hint("another server may run there; choose another with --port")
        })?;
        let address = listener.local_addr()?;
        let place = match &backend {
            Backend::Sqlite => data_dir.display().to_string(),
            Backend::Postgres(database) => format!("{database} and {}", data_dir.display()),
        };
        let Assembled { app, parts, log, telemetry, first } =
            assemble(&root, &data_dir, backend, (&self.artifacts, &self.workspaces), config, address).await?;
        note(&format!(
            "mainspring is ready after {} ms: http://{address} (project {}, data in {place})",
            began.elapsed().as_millis(),
            root.display(),
        ));
        if !parts.delivery.leads() {
            note(
                "another server with this database runs pipelines and rollouts; this one takes over when it ends",
            );
        }
        if let Some((user, secret)) = first {
            note(&first_login(&user, &secret, address));
        }
        let stopping = Arc::new(tokio::sync::Notify::new());
        let told = Arc::clone(&stopping);
        // A small answer goes out at once.
        let listener = listener.tap_io(|stream| {
            // Without it the answer comes all the same, only later.
            let _ = stream.set_nodelay(true);
        });
        // Not the router itself: it would be put together anew for each connection.
        let server = axum::serve(listener, app.into_make_service()).with_graceful_shutdown(async move {
            told_to_stop().await;
            told.notify_one();
        });
        tokio::select! {
            served = server => served?,
            () = async { stopping.notified().await; tokio::time::sleep(GRACE).await; } => {}
        }
        // What was answered from a buffered log is written before the end.
        let _ = tokio::time::timeout(GRACE, log.flush()).await;
        // A collector that is away must not hold up the end.
        let _ = tokio::task::spawn_blocking(move || telemetry.end(COLLECTOR_GRACE)).await;
        note("stopped; tasks that were at work go on and are picked up at the next start");
        Ok(())
    }
}

/// The parts of a server.
struct Assembled {
    app: axum::Router,
    parts: Loop,
    log: PredictionLog,
    telemetry: Telemetry,
    /// The first user and its token, when they were made.
    first: Option<(String, String)>,
}

async fn assemble(
    root: &Path,
    data_dir: &Path,
    backend: Backend,
    (options, workspaces): (&ArtifactOptions, &WorkspaceOptions),
    config: Config,
    address: SocketAddr,
) -> Result<Assembled, CliError> {
    let clock = Arc::new(SystemClock);
    let store = Store::open_on(backend, data_dir, clock.clone()).map_err(|error| match error {
        StoreError::Locked { .. } => {
            CliError::outside(error.to_string()).hint("stop it, or choose another folder with --data-dir")
        }
        other => CliError::outside(other.to_string()),
    })?;
    let artifacts = options.open(data_dir)?;
    let locations = workspaces.apply(ArtifactOptions::locations(&artifacts)?)?;
    let place = locations.clone();
    store
        .write(Actor::system("start"), move |tx| locations::settle_default(tx, &place))
        .await
        .map_err(|error| CliError::outside(error.to_string()))?;
    let config = Arc::new(config);
    let webhooks = webhooks(data_dir)?;
    let telemetry =
        Telemetry::from_environment().map_err(|error| CliError::usage(error.message).hint(error.hint))?;
    // Tasks reach the server on this machine, whatever address it shows to others.
    let local = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let parts = Loop::start(LoopSettings {
        project: root.to_path_buf(),
        data_dir: data_dir.to_path_buf(),
        url: format!("http://{}", SocketAddr::new(local, address.port())),
        binary: std::env::current_exe()?,
        config: Arc::clone(&config),
        store: store.clone(),
        artifacts: artifacts.clone(),
        clock,
        webhooks: webhooks.clone(),
    })
    .await
    .map_err(|error| CliError::usage(error.to_string()))?;
    let policy =
        AccessPolicy { workspaces: locations.workspaces, ..access_policy(&config.access, address.ip()) };
    let first = if policy.login {
        let actor = Actor::system("first start");
        let made = store.write(actor, users::first_admin).await;
        made.map_err(|error| CliError::outside(error.to_string()))?
    } else {
        None
    };
    let log = PredictionLog::new(store.clone(), Arc::clone(&config));
    let app = mainspring_http_api::application(
        Gate::new(store.clone(), Arc::new(SystemClock), policy),
        MlflowState {
            store: store.clone(),
            artifacts,
            locations: Arc::new(locations),
            transfers: options.transfers(),
            stage_check: Arc::new(stage_check(Arc::clone(&parts.policy))),
            webhooks,
        },
        InferenceState {
            store: store.clone(),
            gateway: Arc::clone(&parts.gateway),
            repository: Arc::clone(&parts.repository),
            log: log.clone(),
            config: Arc::clone(&config),
            telemetry: telemetry.clone(),
        },
        NativeState {
            store,
            config,
            project: root.to_path_buf(),
            policy: Arc::clone(&parts.policy),
            gateway: Arc::clone(&parts.gateway),
            delivery: parts.delivery.clone(),
            ab: parts.ab.clone(),
            executor: parts.executor.clone(),
            import: parts.import.clone(),
            collector: parts.collector.clone(),
        },
    );
    Ok(Assembled { app, parts, log, telemetry, first })
}

/// The sender of messages to webhooks, as the environment sets it up.
fn webhooks(data_dir: &Path) -> Result<Sender, CliError> {
    let variable = |name: &str| std::env::var(name).ok();
    let settings = WebhookSettings::from_environment(variable).map_err(CliError::usage)?;
    let key = variable("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY");
    let sealer = Sealer::new(data_dir, key.as_deref());
    let sealer = sealer.map_err(|error| {
        CliError::usage(error.to_string())
            .hint("leave MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY out to have a key made in the data folder")
    })?;
    Ok(Sender::new(settings, sealer, Arc::new(SystemClock)))
}

/// What the gate asks for: a login on every address that other machines reach, and names by which a
/// browser can only mean this server where it is reached without one.
fn access_policy(access: &Access, ip: IpAddr) -> AccessPolicy {
    let login = access.login || !ip.is_loopback();
    let mut hosts = access.allowed_hosts.clone();
    if ip.is_loopback() || !hosts.is_empty() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
    }
    if ip.is_loopback() {
        hosts.push(if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() });
    }
    AccessPolicy { login, hosts, origins: access.allowed_origins.clone(), workspaces: false }
}

/// What somebody needs who has just started a server that asks for a login.
fn first_login(user: &str, secret: &str, address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "this server asks for a login. The user `{user}` was made; this token is shown only now:\n\n\
         \x20 export MLFLOW_TRACKING_URI=http://HOST:{port} MLFLOW_TRACKING_TOKEN={secret}\n\
         \x20 export MAINSPRING_URL=http://127.0.0.1:{port} MAINSPRING_TOKEN={secret}\n\n\
         In the browser, log in as `{user}` with the token as password. `mainspring users --help` adds others."
    )
}

/// The policy in the registry's words.
fn stage_check(
    policy: Arc<StagePolicy>,
) -> impl Fn(&dyn ReadTx, &ModelVersion, Stage) -> Result<(), Refusal> + Send + Sync + 'static {
    move |tx, version, stage| match policy.check(tx, version, stage) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(blocked)) => Err(Refusal { message: blocked.message, hint: Some(blocked.hint) }),
        // A policy that cannot be asked does not say yes.
        Err(error) => Err(Refusal { message: error.to_string(), hint: None }),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
