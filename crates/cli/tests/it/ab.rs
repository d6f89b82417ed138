//! A/B tests of real models.

use crate::support::{BINARY, Project, Server};
use std::path::Path;
use std::process::Command;

/// The interpreter that has mlflow, scikit-learn, pandas and the flights.
const PYTHON: &str = "MAINSPRING_TEST_PYTHON";

const CONFIG: &str = "[project]\nname = \"flights\"\npython = \"PYTHON\"\n[model.flights]\nrollout = \"rollout.yaml\"\n";

#[test]
#[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
fn the_better_of_two_real_models_wins() {
    let Ok(python) = std::env::var(PYTHON) else {
        println!("skipped: set {PYTHON} to an interpreter with the requirements of the flights example");
        return;
    };
    let project = Project::repository();
    project.write("mainspring.toml", &CONFIG.replace("PYTHON", &python));
    project.write("rollout.yaml", "kind: Rollout\nspec: {strategy: {canary: {steps: [{setWeight: 50}]}}}\n");
    let server = Server::start(&project);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(python)
        .args(["-W", "ignore"])
        .arg(root.join("tests/clients/ab_session.py"))
        .args([&server.url, BINARY])
        .env("PYTHONPATH", root.join("examples/flights"))
        .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        .current_dir(project.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}
