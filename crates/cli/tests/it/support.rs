//! A project in a temporary folder, and a server on it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_mainspring");

/// A Git repository with a mainspring project.
pub(crate) struct Project {
    folder: TempDir,
}

/// What a command ended with.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Project {
    /// An empty Git repository.
    pub(crate) fn repository() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status =
            Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status().unwrap();
        assert!(status.success());
        Self { folder }
    }

    /// A project as `mainspring init` makes it.
    pub(crate) fn new() -> Self {
        let project = Self::repository();
        assert_eq!(project.run(&["init"]).code, 0);
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let output: Output = Command::new(BINARY)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(self.path())
            .output()
            .unwrap();
        Ended {
            code: output.status.code().unwrap(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A server on a free port; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(project: &Project) -> Self {
        Self::start_saying(project, 1).0
    }

    /// Starts a server; gives also the first lines that it says.
    pub(crate) fn start_saying(project: &Project, lines: usize) -> (Self, String) {
        Self::start_with(project, &[], lines)
    }

    /// The same with more options.
    pub(crate) fn start_with(project: &Project, options: &[&str], lines: usize) -> (Self, String) {
        let mut command = Command::new(BINARY);
        Self::start_command(command.args(["server", "--port", "0"]).args(options), project, lines)
    }

    /// Starts a server by a command.
    pub(crate) fn start_command(command: &mut Command, project: &Project, lines: usize) -> (Self, String) {
        let mut child =
            command.current_dir(project.path()).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        for _ in 0..lines {
            stderr.read_line(&mut said).unwrap();
        }
        let url = said.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_else(|| {
            panic!("the server said: {said}");
        });
        let url = url.to_owned();
        // Somebody has to read what else it says.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        (Self { child, url }, said)
    }

    /// As a power cut would: no handler runs.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end as a service manager does, and waits until it has.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until something is found.
pub(crate) fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
