//! Calls, with their limits.

use super::wire::{ArtifactList, Page};
use crate::{MigrationError, Result};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;

/// The largest answer that is read.
const LARGEST: u64 = 512 << 20;
/// The largest artifact file that is read.
const LARGEST_FILE: u64 = 1 << 40;
/// How often a call is repeated while the server is not to be reached or busy.
const ATTEMPTS: u32 = 5;

/// A server.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    url: String,
    /// The address as messages show it: without a password.
    shown: String,
    authorization: Option<String>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("url", &self.shown).finish_non_exhaustive()
    }
}

type Answer = std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>;

impl Api {
    pub(crate) fn new(url: &str, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(300)))
            .http_status_as_error(false)
            .build();
        let authorization = token.map(|token| format!("Bearer {token}"));
        let url = url.trim_end_matches('/').to_owned();
        Self { agent: config.into(), shown: without_user(&url), url, authorization }
    }

    /// The address as messages show it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Asks with a query.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T> {
        let query: Vec<String> =
            query.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        let url = format!("{}{path}?{}", self.url, query.join("&"));
        self.json(path, || {
            let mut request = self.agent.get(&url);
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            request.call()
        })
    }

    /// Asks with a document.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        let url = format!("{}{path}", self.url);
        self.json(path, || {
            let mut request = self.agent.post(&url);
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            request.send_json(body)
        })
    }

    /// Asks for all pages with a query.
    pub(super) fn get_pages<T: Page + DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        mut each: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let mut token = String::new();
        loop {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page: T = self.get(path, &query)?;
            let next = page.token().unwrap_or_default().to_owned();
            each(page)?;
            if next.is_empty() || next == token {
                return Ok(());
            }
            token = next;
        }
    }

    /// Asks for all pages of a search.
    pub(super) fn pages<T: Page + DeserializeOwned>(
        &self,
        path: &str,
        mut body: Value,
        mut each: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        loop {
            let page: T = self.post(path, &body)?;
            let token = page.token().map(str::to_owned);
            each(page)?;
            match token {
                Some(token) if body["page_token"] != json!(token) => body["page_token"] = json!(token),
                _ => return Ok(()),
            }
        }
    }

    fn json<T: DeserializeOwned>(&self, path: &str, send: impl Fn() -> Answer) -> Result<T> {
        let mut answer = self.answered(path, send)?;
        answer
            .body_mut()
            .with_config()
            .limit(LARGEST)
            .read_json()
            .map_err(|error| MigrationError::source(format!("{}{path}", self.shown), &error))
    }

    fn answered(&self, path: &str, send: impl Fn() -> Answer) -> Result<ureq::http::Response<ureq::Body>> {
        let place = format!("{}{path}", self.shown);
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            let answer = send();
            let again = match &answer {
                Ok(answer) => matches!(answer.status().as_u16(), 429 | 502 | 503 | 504),
                Err(_) => true,
            };
            if again && attempt < ATTEMPTS {
                std::thread::sleep(pause);
                pause *= 2;
                continue;
            }
            let mut answer = answer.map_err(|error| MigrationError::source(&place, &error))?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            if matches!(status.as_u16(), 401 | 403) {
                return Err(MigrationError::usage(
                    format!("`{}` refuses ({status})", self.shown),
                    "set MLFLOW_TRACKING_TOKEN to a token that may read everything",
                ));
            }
            let mut text = String::new();
            // What cannot be read is left out of the message.
            let _ = answer.body_mut().as_reader().take(4096).read_to_string(&mut text);
            return Err(MigrationError::Refused { place, status: status.as_u16(), message: text });
        }
        Err(MigrationError::source(place, &"there is no answer"))
    }

    /// One level of a folder behind the artifact proxy: names with sizes, none for a folder.
    pub(crate) fn list_artifacts(&self, path: &str) -> Result<Vec<(String, Option<u64>)>> {
        let list: ArtifactList = self.get("/api/2.0/mlflow-artifacts/artifacts", &[("path", path)])?;
        let named = |file: super::wire::ArtifactFile| {
            let size = (!file.is_dir).then(|| file.file_size.unwrap_or_default());
            (file.path.trim_matches('/').to_owned(), size)
        };
        Ok(list.files.into_iter().map(named).filter(|(name, _)| !name.is_empty()).collect())
    }

    /// Opens a file behind the artifact proxy.
    pub(crate) fn open_artifact(&self, path: &str) -> Result<impl Read + use<>> {
        let encoded: Vec<String> = path.split('/').map(encode).collect();
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{}", encoded.join("/"));
        let url = format!("{}{path}", self.url);
        let answer = self.answered(&path, || {
            let mut request = self.agent.get(&url);
            if let Some(authorization) = &self.authorization {
                request = request.header("authorization", authorization);
            }
            request.call()
        })?;
        Ok(answer.into_body().into_with_config().limit(LARGEST_FILE).reader())
    }
}

/// An address without a user and password.
fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", host.rsplit_once('@').map_or(host, |(_, host)| host))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::without_user;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_user("https://u:p@h:1/a@b"), "https://h:1/a@b");
        assert_eq!(without_user("http://h"), "http://h");
    }
}
