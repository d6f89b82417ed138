//! An unmodified MLflow client.

use crate::mlflow::routes;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The interpreter that has mlflow, scikit-learn and pandas.
const PYTHON: &str = "MAINSPRING_TEST_PYTHON";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_real_client() {
    session("mlflow_session.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_of_the_real_client() {
    session("mlflow_transfers.py").await;
}

/// Runs a script of `tests/clients` against a new server.
async fn session(script: &str) {
    let Some(python) = std::env::var_os(PYTHON) else {
        println!("skipped: set {PYTHON} to an interpreter that has mlflow-skinny, scikit-learn and pandas");
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
