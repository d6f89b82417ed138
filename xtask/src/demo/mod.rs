//! The demonstration: the whole loop on real data.

mod breaking;
mod checks;
pub(crate) mod server;
mod story;
mod traffic;
mod world;
mod year;

use crate::shell::{quietly, root, target};
use crate::{build, environment};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use world::World;

/// Options of the demonstration.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Stop at the end; exit code 0 only if every step came out as it must.
    #[arg(long)]
    exit: bool,
    /// Write what happened as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// The folder of the demonstration.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The server's port.
    #[arg(long, default_value_t = 5000)]
    port: u16,
    /// Kill the server (SIGKILL) every so many seconds of the story and start it again.
    #[arg(long, value_name = "SECONDS")]
    chaos: Option<u64>,
    /// Break a part on purpose; the story must then fail.
    #[arg(long = "break", value_name = "PART")]
    broken: Option<breaking::Part>,
    /// A real `dvc` to ask whether it agrees.
    #[arg(long, value_name = "PROGRAM")]
    dvc: Option<PathBuf>,
    /// Use this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Builds, sets up and plays.
pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize()?,
        None => {
            println!("building the web UI and the binary (the first time takes some minutes)");
            build::ui()?;
            build::binary()?
        }
    };
    server::ensure_free(options.port)?;
    let dir = options.dir.clone().unwrap_or_else(|| target().join("demo"));
    std::fs::create_dir_all(&dir)?;
    let dir = dir.canonicalize()?;
    println!("setting up {}", dir.display());
    let project = set_up(&binary, &dir)?;
    if let Some(part) = options.broken {
        breaking::break_part(part, &project)?;
        println!("broke {part:?} on purpose");
    }
    println!("set up after {:.0} s\n", began.elapsed().as_secs_f64());
    let mut world = World::start(binary, dir, project, options)?;
    let told = story::play(&mut world);
    if let Some(path) = &options.report {
        std::fs::write(path, format!("{:#}\n", world.report()))?;
    }
    told?;
    if options.exit {
        return Ok(());
    }
    println!("\nThe server goes on at {} until Ctrl-C.", world.url());
    world.wait()
}

/// Makes the project, its environment and the months of data. Environment and months are kept from
/// one demonstration to the next.
fn set_up(binary: &Path, dir: &Path) -> Result<PathBuf> {
    let requirements = std::fs::read_to_string(root().join("examples/flights/requirements.txt"))?;
    let python = environment::venv(&dir.join("venv"), &requirements)?;
    let project = dir.join("flights");
    // Only what an earlier demonstration made is cleared away.
    let marker = dir.join(".demonstration");
    if project.exists() {
        ensure!(
            marker.exists(),
            "{} exists and is not of a demonstration; choose another --dir",
            project.display()
        );
        std::fs::remove_dir_all(&project)?;
    }
    std::fs::write(marker, "")?;
    std::fs::create_dir_all(&project)?;
    let git = |arguments: &[&str]| quietly(Command::new("git").args(arguments).current_dir(&project));
    git(&["init", "--quiet", "--initial-branch", "main"])?;
    git(&["config", "user.name", "Mainspring demonstration"])?;
    git(&["config", "user.email", "demo@mainspring.invalid"])?;
    quietly(Command::new(binary).args(["init", "--example", "flights"]).current_dir(&project))?;
    std::os::unix::fs::symlink(dir.join("venv"), project.join(".venv"))?;
    std::fs::create_dir_all(project.join("incoming"))?;
    let remote = dir.join("remote");
    if remote.exists() {
        std::fs::remove_dir_all(&remote)?;
    }
    let remote = remote.display().to_string();
    quietly(
        Command::new(binary).args(["data", "remote", "--default", "storage", &remote]).current_dir(&project),
    )?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message", "The flights project"])?;
    let months = dir.join("months");
    if !months.join("flights-2013-12.csv").exists() {
        quietly(Command::new(&python).arg("make_months.py").arg(&months).current_dir(&project))
            .context("making the months of data")?;
    }
    let damaged = dir.join("damaged.csv");
    if !damaged.exists() {
        quietly(
            Command::new(&python)
                .args(["make_months.py", "--damage"])
                .arg(months.join("flights-2013-06.csv"))
                .arg(&damaged)
                .current_dir(&project),
        )?;
    }
    for month in 4..=12 {
        let requests = dir.join(format!("requests-{month:02}.jsonl"));
        if !requests.exists() {
            quietly(
                Command::new(&python)
                    .arg("make_requests.py")
                    .arg(months.join(format!("flights-2013-{month:02}.csv")))
                    .arg(&requests)
                    .args(["--rows", "2000", "--seed", "1"])
                    .current_dir(&project),
            )?;
        }
    }
    Ok(project)
}
