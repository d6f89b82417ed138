//! An unmodified MLflow client.

use crate::mlflow::routes;
use axum::Router;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The interpreter that has mlflow, scikit-learn and pandas.
const PYTHON: &str = "MAINSPRING_TEST_PYTHON";
/// The interpreter that has MLflow 3.18.
const MLFLOW: &str = "MAINSPRING_TEST_MLFLOW";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_real_client() {
    session(PYTHON, "mlflow_session.py", routes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_of_the_real_client() {
    session(PYTHON, "mlflow_transfers.py", routes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tracing_with_the_real_client() {
    session(PYTHON, "mlflow_traces.py", routes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_of_the_real_client_in_their_workspaces() {
    session(MLFLOW, "mlflow_workspaces.py", crate::workspaces::routes).await;
}

/// Runs a script of `tests/clients` against a new server.
#[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
async fn session(interpreter: &str, script: &str, routes: fn(&Path) -> Router) {
    let Some(python) = std::env::var_os(interpreter) else {
        println!("skipped: set {interpreter} to an interpreter that has MLflow and what `{script}` imports");
        return;
    };
    let dir = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = routes(dir.path());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(script);
    let session = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .args(["-W", "ignore"])
            .arg(script)
            .env("MLFLOW_TRACKING_URI", format!("http://{address}"))
            .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
            .output()
    });
    let output = session.await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}
