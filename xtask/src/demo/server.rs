//! The server's process, which may be killed and started again.

use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the server may take to become ready.
const READY: Duration = Duration::from_secs(30);

/// That nobody listens on a port: a second demonstration must not clear away the first one's files.
pub(crate) fn ensure_free(port: u16) -> Result<()> {
    if TcpListener::bind(("127.0.0.1", port)).is_err() {
        bail!("something runs on port {port} already; stop it or choose another with --port");
    }
    Ok(())
}

/// A running server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    chaos: Option<JoinHandle<()>>,
}

struct Shared {
    binary: PathBuf,
    project: PathBuf,
    log: PathBuf,
    port: u16,
    child: Mutex<Child>,
    stop: AtomicBool,
    kills: AtomicU32,
}

impl Shared {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawn(binary: &Path, project: &Path, log: &Path, port: u16) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    Command::new(binary)
        .args(["server", "--port", &port.to_string()])
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting the server")
}

fn wait_until_ready(port: u16, child: &mut Child) -> Result<Duration> {
    let began = Instant::now();
    let url = format!("http://127.0.0.1:{port}/health");
    loop {
        if ureq::get(&url).call().is_ok() {
            return Ok(began.elapsed());
        }
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}; see its log");
        }
        if began.elapsed() > READY {
            bail!("the server was not ready after {} s", READY.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Server {
    /// Starts the server and waits until it is ready; gives how long that took. With `chaos` it is
    /// killed and started again every so many seconds.
    pub(crate) fn start(
        binary: &Path,
        project: &Path,
        log: &Path,
        port: u16,
        chaos: Option<u64>,
    ) -> Result<(Self, Duration)> {
        let mut child = spawn(binary, project, log, port)?;
        let ready = wait_until_ready(port, &mut child)?;
        let shared = Arc::new(Shared {
            binary: binary.to_path_buf(),
            project: project.to_path_buf(),
            log: log.to_path_buf(),
            port,
            child: Mutex::new(child),
            stop: AtomicBool::new(false),
            kills: AtomicU32::new(0),
        });
        let chaos = chaos.map(|seconds| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || kill_again_and_again(&shared, Duration::from_secs(seconds)))
        });
        Ok((Self { shared, chaos }, ready))
    }

    /// How often it was killed.
    pub(crate) fn kills(&self) -> u32 {
        self.shared.kills.load(Ordering::Relaxed)
    }

    /// Resident memory of the server's process in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.shared.child().id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kib * 1024)
    }

    /// Waits until the server ends by itself (Ctrl-C reaches it too).
    pub(crate) fn wait(&self) -> Result<()> {
        loop {
            if self.shared.child().try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn kill_again_and_again(shared: &Shared, every: Duration) {
    let mut since = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        if since.elapsed() < every {
            continue;
        }
        let mut child = shared.child();
        // Kill is SIGKILL: no handler runs, nothing is flushed.
        if child.kill().is_ok() {
            let _ = child.wait();
            shared.kills.fetch_add(1, Ordering::Relaxed);
        }
        match spawn(&shared.binary, &shared.project, &shared.log, shared.port) {
            Ok(mut started) => {
                let _ = wait_until_ready(shared.port, &mut started);
                *child = started;
            }
            Err(error) => eprintln!("the killed server cannot be started again: {error:#}"),
        }
        drop(child);
        since = Instant::now();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(chaos) = self.chaos.take() {
            let _ = chaos.join();
        }
        let mut child = self.shared.child();
        let asked = i32::try_from(child.id()).is_ok_and(|id| {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM).is_ok()
        });
        let since = Instant::now();
        while asked && since.elapsed() < Duration::from_secs(8) {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
