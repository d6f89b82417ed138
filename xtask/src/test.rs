//! Every test, from a fresh machine on.

use crate::demo::server::Server;
use crate::postgres::Postgres;
use crate::shell::{self, root, target};
use crate::{build, environment};
use anyhow::Result;
use clap::Args;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Packages for the tests of the Python package; those of the example come from its own list.
const PYTHON_TESTS: &str = "pytest==9.2.0\njinja2==3.1.6\n";
/// An older MLflow, whose file stores are read.
const MLFLOW_2: &str = "mlflow-skinny==2.22.5\n";
/// The real DVC, which is asked whether it agrees.
const DVC: &str = "dvc==3.67.1\n";
/// The real W&B client, with what its media need.
const WANDB: &str = "wandb==0.31.0\nnumpy==2.4.6\npillow==13.0.0\n";

/// The crates whose tests make stores.
const ON_STORES: [&str; 7] =
    ["tracking", "registry", "governance", "monitoring", "pipelines", "automation", "http-api"];
/// A server that speaks S3.
const MOTO: &str = "moto[s3,server]==5.2.5\n";

/// Options of the tests.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Leave the demonstration's story out.
    #[arg(long)]
    quick: bool,
}

/// Runs the tests of pages at a server of its own, whose project is empty.
fn at_a_server(binary: &Path, mut browser: Command) -> Result<()> {
    let folder = target().join("browser-test");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let project = folder.join("project");
    std::fs::create_dir_all(&project)?;
    shell::run(Command::new("git").args(["init", "--quiet"]).current_dir(&project))?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let _server = Server::start(binary, &project, &folder.join("log"), port, None)?;
    shell::run(browser.env("MAINSPRING_URL", format!("http://127.0.0.1:{port}")))
}

/// Runs everything; the first failure ends it.
pub(crate) fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let root = root();
    let steps = std::cell::Cell::new(0);
    let step = |name: &str| {
        steps.set(steps.get() + 1);
        println!("\n== {name} ({:.0} s) ==", began.elapsed().as_secs_f64());
    };

    step("format");
    cargo(&["fmt", "--all", "--check"])?;

    step("web UI");
    build::ui()?;
    shell::run(Command::new("npm").args(["run", "test"]).current_dir(root.join("ui")))?;

    step("clippy");
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"])?;

    step("environments for real clients");
    let environments = target().join("test-environments");
    let example = std::fs::read_to_string(root.join("examples/flights/requirements.txt"))?;
    let flights = environment::venv(&environments.join("flights"), &example)?;
    let plain = environment::venv(&environments.join("plain"), PYTHON_TESTS)?;
    let all = std::fs::read_to_string(root.join("tests/clients/mlflow-requirements.txt"))?;
    let mlflow = environment::exact_venv(&environments.join("mlflow"), &all)?;
    let mlflow_2 = environment::venv(&environments.join("mlflow-2"), MLFLOW_2)?;
    let dvc = environment::venv(&environments.join("dvc"), DVC)?.with_file_name("dvc");
    let moto = environment::venv(&environments.join("moto"), MOTO)?.with_file_name("moto_server");
    let serving = std::fs::read_to_string(root.join("tests/clients/serving-requirements.txt"))?;
    let serving = environment::venv(&environments.join("serving"), &serving)?;
    let wandb = environment::venv(&environments.join("wandb"), WANDB)?;

    step("unit, property, snapshot and client tests");
    let postgres = Postgres::start()?;
    let tests = |arguments: &[&str]| {
        let mut tests = Command::new(env!("CARGO"));
        tests
            .args(["test", "--quiet"])
            .args(arguments)
            .env("MAINSPRING_TEST_PYTHON", &flights)
            .env("MAINSPRING_TEST_DVC", &dvc)
            .env("MAINSPRING_TEST_MLFLOW", &mlflow)
            .env("MAINSPRING_TEST_MLFLOW_2", &mlflow_2)
            .env("MAINSPRING_TEST_SERVING", &serving)
            .env("MAINSPRING_TEST_WANDB", &wandb)
            .env("MAINSPRING_TEST_POSTGRES", &postgres.uri)
            .env("MAINSPRING_TEST_POSTGRES_CA", &postgres.authority)
            .env("MAINSPRING_TEST_MOTO", &moto)
            .current_dir(&root);
        tests
    };
    shell::run(&mut tests(&["--workspace"]))?;

    step("what works on a store, once more on PostgreSQL");
    let packages: Vec<String> = ON_STORES.iter().map(|name| format!("--package=mainspring-{name}")).collect();
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    shell::run(tests(&packages).env("MAINSPRING_TEST_STORE", "postgres"))?;
    drop(postgres);

    step("Python package");
    for python in [&flights, &plain] {
        shell::run(
            Command::new(python).args(["-m", "pytest", "--quiet", "tests"]).current_dir(root.join("python")),
        )?;
    }

    step("release binary");
    let binary = build::binary()?;

    step("browser");
    let chromium = environment::chromium()?;
    let browser = || {
        let mut browser = Command::new("npm");
        browser.args(["run", "test:browser"]).env("CHROMIUM", &chromium).current_dir(root.join("ui"));
        browser
    };
    shell::run(&mut browser())?;

    step("browser, at a running server");
    at_a_server(&binary, browser())?;

    if options.quick {
        println!("\nthe story was left out (--quick)");
    } else {
        step("the story");
        story(&binary, &dvc, &[])?;
        step("the story, with the server killed again and again");
        story(&binary, &dvc, &["--chaos", "20"])?;
    }
    println!("\nall tests passed in {:.0} s", began.elapsed().as_secs_f64());
    println!("steps: {} passed, 0 failed", steps.get());
    Ok(())
}

/// Plays the story of the demonstration to its end.
fn story(binary: &Path, dvc: &Path, more: &[&str]) -> Result<()> {
    let this = std::env::current_exe()?;
    shell::run(
        Command::new(this)
            .args(["demo", "--exit", "--port", "5071", "--binary"])
            .arg(binary)
            .arg("--dvc")
            .arg(dvc)
            .arg("--dir")
            .arg(target().join("story"))
            .args(more),
    )
}

fn cargo(arguments: &[&str]) -> Result<()> {
    shell::run(Command::new(env!("CARGO")).args(arguments).current_dir(root()))
}
