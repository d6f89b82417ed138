//! Unmodified clients of inference servers.

use super::{World, models};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The interpreter that has tritonclient, and what its models need.
const PYTHON: &str = "MAINSPRING_TEST_SERVING";

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name)
}

async fn python(python: OsString, arguments: Vec<OsString>) {
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(python).args(["-W", "ignore"]).args(arguments).output().unwrap()
    });
    let output = ran.await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

/// Deploys models that a script makes and runs a session against the server.
#[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
async fn session(deployed: &[&'static str], session: &str) {
    let Some(interpreter) = std::env::var_os(PYTHON) else {
        println!("skipped: set {PYTHON} to an interpreter with tests/clients/serving-requirements.txt");
        return;
    };
    let dir = TempDir::new().unwrap();
    let folder = models(dir.path());
    let mut arguments = vec![script("serving_models.py").into(), folder.into()];
    arguments.extend(deployed.iter().map(OsString::from));
    python(interpreter.clone(), arguments).await;
    let world = World::new(dir, interpreter.clone().into(), "[project]\nname = \"t\"\n");
    for model in deployed {
        world.deploy(model, 1).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = world.routes.clone();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    python(interpreter, vec![script(session).into(), address.to_string().into()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_tritonclient() {
    session(&["columns", "matrix"], "triton_session.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scoring_client_of_mlflow() {
    session(&["columns"], "scoring_session.py").await;
}
