//! Project tasks. `cargo xtask demo` plays the loop on real data, `cargo xtask test` runs every test.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build tool talks to its terminal")]

mod bench;
mod build;
mod demo;
mod environment;
mod postgres;
mod shell;
mod test;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build, and play the whole loop on real data with the web UI.
    Demo(demo::Options),
    /// Install what the tests need and run them all.
    Test(test::Options),
    /// Build the web UI into ui/dist.
    Ui,
    /// Measure start-up and idle memory beside the peers.
    Bench(bench::Options),
}

fn main() -> std::process::ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Ui => build::ui(),
        Command::Bench(options) => bench::run(&options),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nfailed: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
