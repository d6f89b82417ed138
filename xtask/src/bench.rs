//! Measurements beside the peers.

use crate::shell::{self, root, target};
use crate::{build, environment};
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
    let packages = std::fs::read_to_string(root().join("tests/clients/serving-requirements.txt"))?;
    let python = environment::venv(&target().join("test-environments/serving"), &packages)?;
    let mut serving = Command::new("python3");
    serving.arg(root().join("bench/serving.py")).arg("--binary").arg(&binary).arg("--python").arg(&python);
    shell::run(&mut serving)
}
