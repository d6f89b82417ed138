//! The story's surroundings: the server, the project, the screen, the report.

use super::Options;
use super::server::Server;
use super::traffic::{self, Request};
use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long one thing of the story may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// How much longer it may take while the server is killed again and again: model workers load anew
/// each time, and an analysis waits for enough of their answers.
const UNDER_KILLS: u32 = 2;
/// How often the story looks.
const LOOK: Duration = Duration::from_millis(200);

/// Everything a step of the story needs.
pub(crate) struct World {
    server: Server,
    agent: ureq::Agent,
    url: String,
    /// The binary.
    pub(crate) binary: PathBuf,
    /// The demonstration's folder.
    pub(crate) dir: PathBuf,
    /// The project's folder.
    pub(crate) project: PathBuf,
    /// A real `dvc`, when there is one.
    pub(crate) dvc: Option<PathBuf>,
    under_kills: bool,
    bar: ProgressBar,
    steps: Vec<Value>,
    facts: Vec<(String, Value)>,
    began: Instant,
}

impl World {
    /// Starts the server.
    pub(crate) fn start(binary: PathBuf, dir: PathBuf, project: PathBuf, options: &Options) -> Result<Self> {
        let log = dir.join("server.log");
        let (server, ready) = Server::start(&binary, &project, &log, options.port, options.chaos)?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .into();
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("  {spinner} {wide_msg}").context("progress")?);
        let mut world = Self {
            server,
            agent,
            url: format!("http://127.0.0.1:{}", options.port),
            binary,
            dir,
            project,
            dvc: options.dvc.clone(),
            under_kills: options.chaos.is_some(),
            bar,
            steps: Vec::new(),
            facts: Vec::new(),
            began: Instant::now(),
        };
        std::thread::sleep(Duration::from_secs(1));
        let resident = world.server.resident()? as f64 / 1e6;
        println!("server ready after {} ms, {resident:.0} MB resident: {}", ready.as_millis(), world.url);
        println!("open it in a browser and watch\n");
        world.fact("ready_ms", ready.as_millis());
        world.fact("idle_resident_mb", resident);
        Ok(world)
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the server ends.
    pub(crate) fn wait(&self) -> Result<()> {
        self.server.wait()
    }

    /// Whether the server is killed again and again.
    pub(crate) const fn is_under_kills(&self) -> bool {
        self.under_kills
    }

    /// How often the server was killed.
    pub(crate) fn kills(&self) -> u32 {
        self.server.kills()
    }

    /// Notes something for the report of the present step.
    pub(crate) fn fact<T: serde::Serialize>(&mut self, name: &str, value: T) {
        self.facts.push((name.to_owned(), json!(value)));
    }

    /// Plays one step, shows how it goes and notes how it went.
    pub(crate) fn step(&mut self, title: &str, play: impl FnOnce(&mut Self) -> Result<String>) -> Result<()> {
        let number = self.steps.len() + 1;
        println!("{number}. {title}");
        self.bar.enable_steady_tick(Duration::from_millis(100));
        let began = Instant::now();
        let result = play(self);
        self.bar.disable_steady_tick();
        self.bar.set_message("");
        self.bar.tick();
        let seconds = began.elapsed().as_secs_f64();
        let facts: serde_json::Map<String, Value> = self.facts.drain(..).collect();
        let (passed, text) = match &result {
            Ok(text) => (true, text.clone()),
            Err(error) => (false, format!("{error:#}")),
        };
        println!("   {} {text} ({seconds:.0} s)", if passed { "✓" } else { "✗" });
        self.steps.push(json!({
            "step": number, "title": title, "passed": passed, "result": text,
            "seconds": seconds, "facts": facts,
        }));
        result.map(|_| ()).with_context(|| format!("step {number} ({title})"))
    }

    /// What happened, for `--report`.
    pub(crate) fn report(&self) -> Value {
        let passed =
            self.steps.len() == super::story::STEPS && self.steps.iter().all(|step| step["passed"] == true);
        json!({
            "passed": passed, "seconds": self.began.elapsed().as_secs_f64(), "server_kills": self.kills(),
            "steps": self.steps, "facts": self.facts.iter().cloned().collect::<serde_json::Map<_, _>>(),
        })
    }

    /// Seconds since the story began.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Shows what is going on.
    pub(crate) fn show(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }

    /// Runs a quick request again until the server is there and its model workers are up; other
    /// failures are the caller's.
    fn patiently(
        &self,
        send: impl Fn() -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(u16, Value)> {
        let since = Instant::now();
        loop {
            match send() {
                Ok(answer) if answer.status() == 503 && since.elapsed() < Duration::from_secs(40) => {
                    std::thread::sleep(LOOK);
                }
                Ok(mut answer) => {
                    let status = answer.status().as_u16();
                    let text = answer.body_mut().with_config().limit(256 << 20).read_to_string()?;
                    return Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))));
                }
                Err(error) if since.elapsed() > Duration::from_secs(40) => return Err(error.into()),
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    /// A GET that must succeed.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.patiently(|| self.agent.get(format!("{}{path}", self.url)).call())?;
        if status != 200 {
            bail!("GET {path} answered {status}: {body}");
        }
        Ok(body)
    }

    /// A POST; gives status and body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.patiently(|| self.agent.post(format!("{}{path}", self.url)).send_json(body))
    }

    /// Looks until `find` finds something.
    pub(crate) fn until<T>(
        &self,
        waiting_for: &str,
        find: impl FnMut(&Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let patience = if self.is_under_kills() { PATIENCE * UNDER_KILLS } else { PATIENCE };
        self.until_within(waiting_for, patience, find)
    }

    fn until_within<T>(
        &self,
        waiting_for: &str,
        patience: Duration,
        mut find: impl FnMut(&Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let since = Instant::now();
        loop {
            if let Some(found) = find(self)? {
                return Ok(found);
            }
            if since.elapsed() > patience {
                bail!("waited {} s in vain for {waiting_for}", patience.as_secs());
            }
            self.show(self.news(waiting_for)?);
            std::thread::sleep(LOOK);
        }
    }

    /// What is going on, in a line.
    fn news(&self, waiting_for: &str) -> Result<String> {
        let snapshot = self.get("/api/v1/loop")?;
        let active: Vec<String> = snapshot["stages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|stage| stage["state"] == "active")
            .map(|stage| {
                format!(
                    "{}: {}",
                    stage["title"].as_str().unwrap_or(""),
                    stage["headline"].as_str().unwrap_or("")
                )
            })
            .collect();
        let task = snapshot["runs"][0]["tasks"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|task| task["state"] == "running")
            .and_then(|task| task["task_id"].as_str().map(|id| format!("task {id}")));
        let parts: Vec<String> = active.into_iter().chain(task).collect();
        Ok(if parts.is_empty() { format!("waiting for {waiting_for}") } else { parts.join(" · ") })
    }

    /// Waits for the newest run that `wanted` accepts to end; gives it with its attempts.
    pub(crate) fn run_that(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let id = self.until(name, |world| {
            let runs = world.get("/api/v1/runs?limit=20")?;
            let found = runs["runs"].as_array().into_iter().flatten().find(|run| wanted(run)).cloned();
            let ended = found.filter(|run| matches!(run["state"].as_str(), Some("success" | "failed")));
            Ok(ended.and_then(|run| run["run_id"].as_str().map(str::to_owned)))
        })?;
        self.get(&format!("/api/v1/runs/{id}"))
    }

    /// The requests of a month.
    pub(crate) fn requests(&self, month: u32) -> Result<Vec<Request>> {
        traffic::read(&self.dir.join(format!("requests-{month:02}.jsonl")))
    }

    /// A month's file.
    pub(crate) fn month(&self, month: u32) -> PathBuf {
        self.dir.join("months").join(format!("flights-2013-{month:02}.csv"))
    }

    /// Lets a file arrive in the watched folder, written in one go.
    pub(crate) fn deliver(&self, file: &Path, name: &str) -> Result<()> {
        std::fs::copy(file, self.project.join("incoming").join(name))?;
        Ok(())
    }

    /// Runs the binary as a user would; gives its exit code and what it printed.
    pub(crate) fn mainspring(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .env("MAINSPRING_URL", &self.url)
            .current_dir(&self.project)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().context("killed")?;
        Ok((code, if text.is_empty() { errors.into_owned() } else { text }))
    }
}
