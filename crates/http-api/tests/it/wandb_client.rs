//! An unmodified W&B client.

use crate::wandb::everything;
use mainspring_http_api::access::AccessPolicy;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The interpreter that has wandb 0.31 and NumPy.
const PYTHON: &str = "MAINSPRING_TEST_WANDB";

/// Runs a script of `tests/clients` against a server with a login.
async fn session(python: OsString, script: &str) {
    let dir = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let login = AccessPolicy { login: true, ..AccessPolicy::default() };
    let world = everything(dir.path(), login);
    let token = world.user("ada", Some(mainspring_domain::access::Role::Admin)).await;
    tokio::spawn(async move { axum::serve(listener, world.routes).await });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(script);
    let home = TempDir::new().unwrap();
    let session = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .args(["-W", "ignore"])
            .arg(script.canonicalize().unwrap())
            .env("WANDB_BASE_URL", format!("http://{address}"))
            .env("WANDB_API_KEY", token)
            .env("WANDB_SILENT", "true")
            .env("WANDB_ERROR_REPORTING", "false")
            .env("HOME", home.path())
            .current_dir(home.path())
            .output()
    });
    let output = session.await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_real_client() {
    match std::env::var_os(PYTHON) {
        Some(python) => session(python, "wandb_session.py").await,
        None => println!("skipped: set {PYTHON} to an interpreter that has wandb 0.31, numpy and pillow"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_the_real_client_without_a_server() {
    match std::env::var_os(PYTHON) {
        Some(python) => session(python, "wandb_offline.py").await,
        None => println!("skipped: set {PYTHON} to an interpreter that has wandb 0.31, numpy and pillow"),
    }
}
