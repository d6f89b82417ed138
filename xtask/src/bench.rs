//! Measurements beside the peers.

use crate::build;
use crate::shell::{self, root};
use anyhow::Result;
use clap::Args;
use std::process::Command;

/// Options of the benchmark.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Install MLflow in a virtual environment and measure its server too (some minutes).
    #[arg(long)]
    peers: bool,
}

/// Builds the binary and runs the measurements of `bench/`.
pub(crate) fn run(options: &Options) -> Result<()> {
    build::ui()?;
    let binary = build::binary()?;
    for script in ["idle.py", "tracking.py", "artifacts.py"] {
        let mut command = Command::new("python3");
        command.arg(root().join("bench").join(script)).arg("--binary").arg(&binary);
        if options.peers {
            command.arg("--peers");
        }
        shell::run(&mut command)?;
    }
    Ok(())
}
