//! Models that do what a test asks of them.

use mainspring_serving::{ModelServer, Rows, ServeError, ServerSettings, StartError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take in a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A model's folder.
pub(crate) struct Model {
    directory: TempDir,
    pub(crate) settings: ServerSettings,
}

impl Model {
    pub(crate) fn new(behaviour: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = ServerSettings {
            queue: 256,
            warm_up: false,
            load_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(20),
            ..ServerSettings::new(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fake_python"),
                directory.path().to_path_buf(),
                directory.path().join("logs"),
            )
        };
        let model = Self { directory, settings };
        model.behave(behaviour);
        model
    }

    /// Changes how workers behave that start from now on.
    pub(crate) fn behave(&self, behaviour: &Value) {
        std::fs::write(self.folder().join("behaviour.json"), behaviour.to_string()).unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }

    pub(crate) async fn try_start(&self) -> Result<ModelServer, StartError> {
        ModelServer::start("flights/1", self.folder(), self.settings.clone()).await
    }

    pub(crate) async fn start(&self) -> ModelServer {
        self.try_start().await.unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.settings.logs.join("flights-1.log")).unwrap()
    }
}

/// Starts a model with one input column `x` and one worker, which answers with `number`.
pub(crate) async fn answering(number: f64) -> (Model, ModelServer) {
    let model = Model::new(
        &json!({ "answer": number, "inputs": [{"name": "x", "type": "double", "required": true}] }),
    );
    let server = model.start().await;
    (model, server)
}

/// Rows of one column `x`.
pub(crate) fn rows(count: usize) -> Rows {
    Rows { columns: Some(vec!["x".to_owned()]), data: (0..count).map(|n| vec![json!(n)]).collect() }
}

pub(crate) async fn ask(server: &ModelServer, params: Value) -> Result<Vec<Value>, ServeError> {
    server.predict(&rows(1), &params).await
}

pub(crate) async fn pid(server: &ModelServer) -> i64 {
    ask(server, json!({ "pid": true })).await.unwrap()[0].as_i64().unwrap()
}

pub(crate) async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn is_alive(process: i64) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}
