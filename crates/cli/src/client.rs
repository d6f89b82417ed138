//! Talking to the server.

use crate::error::CliError;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of one downloaded file that are accepted.
const FILE_LIMIT: u64 = 16 << 30;

/// Which server to talk to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerOption {
    /// The server's address.
    #[arg(long = "url", env = "MAINSPRING_URL", default_value = "http://127.0.0.1:5000", global = true)]
    url: String,
    /// The token to speak with, where the server asks for a login.
    #[arg(long, env = "MAINSPRING_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
}

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// A connection to the server.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: String,
    /// The workspace that calls of MLflow's API are in; empty for the default one.
    workspace: String,
    patience: Duration,
}

/// Encodes one path segment or query value.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl ServerOption {
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        // A task outlives a restart of the server, so it waits for it; a person is told at once.
        let patience = if self.token.is_some() { Duration::from_secs(60) } else { Duration::ZERO };
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}")).unwrap_or_default();
        Client::new(&self.url, authorization, patience)
    }
}

impl Client {
    /// A client of the server at an address, with the value of the header that says who it is.
    pub(crate) fn new(url: &str, authorization: String, patience: Duration) -> Result<Self, CliError> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(CliError::usage(format!("`{url}` is not an http:// or https:// address"))
                .hint("name the address of a server, such as http://127.0.0.1:5000"));
        }
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(600)))
            .http_status_as_error(false)
            .build();
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.into(), url, authorization, workspace: String::new(), patience })
    }

    /// The same client, with its calls in a workspace.
    pub(crate) fn within(self, workspace: String) -> Self {
        Self { workspace, ..self }
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends again while there is no server or it is not ready. Every call that tasks make may be
    /// repeated: a report or a version that is sent twice says the same twice.
    fn patiently(&self, send: impl Fn() -> Answer) -> Answer {
        let since = Instant::now();
        loop {
            let answer = send();
            let absent = match &answer {
                Ok(answer) => answer.status() == 503,
                Err(_) => true,
            };
            if !absent || since.elapsed() >= self.patience {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// A request with who asks, and in which workspace.
    fn signed<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        request.header("authorization", &self.authorization).header("x-mlflow-workspace", &self.workspace)
    }

    /// The address of an artifact, by its path below the artifact root.
    fn artifact(&self, path: &str) -> String {
        let path: Vec<String> = path.split('/').map(encode).collect();
        format!("{}/api/2.0/mlflow-artifacts/artifacts/{}", self.url, path.join("/"))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.url);
        let answer = self.patiently(|| self.signed(self.agent.get(&url)).call());
        self.json(answer)
    }

    pub(crate) fn get_text(&self, path: &str) -> Result<String, CliError> {
        let url = format!("{}{path}", self.url);
        let answer = self.patiently(|| self.signed(self.agent.get(&url)).call());
        let mut answer = self.answered(answer)?;
        answer.body_mut().read_to_string().map_err(|error| CliError::outside(error.to_string()))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.url);
        let answer = self.patiently(|| self.signed(self.agent.post(&url)).send_json(body));
        self.json(answer)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.url);
        let answer = self.patiently(|| self.signed(self.agent.put(&url)).send_json(body));
        self.json(answer)
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value, CliError> {
        let url = format!("{}{path}", self.url);
        let answer = self.patiently(|| self.signed(self.agent.delete(&url)).call());
        self.json(answer)
    }

    /// Uploads a file as an artifact, a piece at a time.
    pub(crate) fn put_artifact_file(&self, path: &str, from: &Path) -> Result<(), CliError> {
        let url = self.artifact(path);
        let file = std::fs::File::open(from)
            .map_err(|error| CliError::usage(format!("cannot read `{}`: {error}", from.display())))?;
        let answer =
            self.signed(self.agent.put(&url)).header("content-type", "application/octet-stream").send(file);
        self.answered(answer).map(|_| ())
    }

    /// Uploads an artifact by its path below the artifact root.
    pub(crate) fn put_artifact(&self, path: &str, bytes: &[u8]) -> Result<(), CliError> {
        let url = self.artifact(path);
        let answer = self.patiently(|| {
            self.signed(self.agent.put(&url)).header("content-type", "application/octet-stream").send(bytes)
        });
        self.answered(answer).map(|_| ())
    }

    /// Sends a file to a URL that carries the right to do so.
    pub(crate) fn put_file(&self, url: &str, path: &Path) -> Result<(), CliError> {
        let answer = self.agent.put(url).send(std::fs::File::open(path)?);
        self.answered(answer).map(|_| ())
    }

    /// Downloads a folder of artifacts into a local folder.
    pub(crate) fn download_artifacts(&self, path: &str, to: &Path) -> Result<usize, CliError> {
        std::fs::create_dir_all(to)?;
        let listed = self.get(&format!("/api/2.0/mlflow-artifacts/artifacts?path={}", encode(path)))?;
        let mut count = 0;
        for file in listed["files"].as_array().into_iter().flatten() {
            let name = file["path"].as_str().unwrap_or_default();
            if name.is_empty() || name.contains("..") || name.starts_with('/') {
                return Err(CliError::outside(format!("the server listed the odd name `{name}`")));
            }
            let (remote, local) = (format!("{path}/{name}"), to.join(name));
            if file["is_dir"].as_bool() == Some(true) {
                count += self.download_artifacts(&remote, &local)?;
            } else {
                self.download_file(&remote, &local)?;
                count += 1;
            }
        }
        Ok(count)
    }

    pub(crate) fn download_file(&self, path: &str, to: &Path) -> Result<(), CliError> {
        let url = self.artifact(path);
        let answer = self.patiently(|| self.signed(self.agent.get(&url)).call());
        let mut body = self.answered(answer)?.into_body();
        let mut file = std::fs::File::create(to)?;
        let mut reader = body.with_config().limit(FILE_LIMIT).reader();
        std::io::copy(&mut reader, &mut file)?;
        Ok(())
    }

    fn answered(&self, answer: Answer) -> Result<ureq::http::Response<ureq::Body>, CliError> {
        let mut answer = answer.map_err(|error| {
            CliError::outside(format!("no answer from {}: {error}", self.url)).hint(
                "start the server with `mainspring server`, or name another with --url or MAINSPRING_URL",
            )
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let mut text = String::new();
        // What cannot be read is left out of the message.
        let _ = answer.body_mut().as_reader().take(64 << 10).read_to_string(&mut text);
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let message = body["error"].as_str().or_else(|| body["message"].as_str()).unwrap_or(text.trim());
        let error = if status.is_server_error() {
            CliError::outside(format!("the server failed ({status}): {message}"))
        } else {
            CliError::no(message)
        };
        Err(match body["hint"].as_str() {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    fn json(&self, answer: Answer) -> Result<Value, CliError> {
        let mut answer = self.answered(answer)?;
        answer
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_json()
            .map_err(|error| CliError::outside(format!("the server's answer cannot be read: {error}")))
    }
}
