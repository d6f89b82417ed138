//! `mainspring init`: make a project in a Git repository.

use crate::error::{CliError, ExitCode};
use crate::terminal::say;
use clap::{Args, ValueEnum};
use mainspring_data_versioning::Repo;
use rust_embed::RustEmbed;
use std::path::{Path, PathBuf};

/// The flights example, carried inside the binary.
#[derive(RustEmbed)]
#[folder = "../../examples/flights"]
#[exclude = "*__pycache__*"]
#[exclude = "*.pytest_cache*"]
#[exclude = ".venv/*"]
#[exclude = "build/*"]
struct Flights;

/// What a new project's configuration says.
const CONFIG: &str = r#"[project]
name = "NAME"
dags = "dags"          # Airflow DAG files
python = "python3"     # interpreter for tasks and models, for example ".venv/bin/python"

# A folder in which new data arrives, and the graph that an arrival starts:
# [[watch]]
# path = "incoming"
# pattern = "*.csv"
# settle = "2s"
#
# [[trigger]]
# on = "data.arrived"
# dag = "my_training"
# debounce = "5s"
#
# How versions of a registered model go to production:
# [model.my_model]
# rollout = "rollout.yaml"
# require = ["battery"]
"#;

/// Make a project in this Git repository: DVC's files and mainspring.toml.
#[derive(Args)]
pub(crate) struct Init {
    /// The repository.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Add the files of an example project.
    #[arg(long)]
    example: Option<Example>,
}

/// The examples that are carried along.
#[derive(Clone, Copy, ValueEnum)]
enum Example {
    /// Flight delays: the demonstration project.
    Flights,
}

impl Init {
    pub(crate) fn run(self) -> Result<ExitCode, CliError> {
        let root = &self.directory;
        if !root.join(".git").exists() {
            return Err(CliError::usage(format!("`{}` is not the root of a Git repository", root.display()))
                .hint("run `git init` there first"));
        }
        if root.join("mainspring.toml").exists() {
            return Err(CliError::usage("there is a mainspring.toml already; nothing was changed"));
        }
        let files = self.files()?;
        if let Some((taken, _)) = files.iter().find(|(path, _)| root.join(path).exists()) {
            return Err(CliError::usage(format!("`{taken}` exists already; nothing was changed"))
                .hint("use an empty repository for an example"));
        }
        if !root.join(".dvc").exists() {
            Repo::init(root, false).map_err(|error| CliError::outside(error.to_string()))?;
        }
        for (path, content) in &files {
            write(&root.join(path), content)?;
        }
        ignore_server_folder(root)?;
        say(&format!("made a project in {}", root.display()));
        say("next: `mainspring server`, then open http://127.0.0.1:5000");
        Ok(ExitCode::Ok)
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>, CliError> {
        match self.example {
            Some(Example::Flights) => Ok(Flights::iter()
                .filter_map(|name| Some((name.to_string(), Flights::get(&name)?.data.into_owned())))
                .collect()),
            None => {
                let name = self.directory.canonicalize()?;
                let name = name.file_name().map_or_else(|| "project".into(), |name| name.to_string_lossy());
                let quoted = name.replace(['"', '\\'], "_");
                Ok(vec![("mainspring.toml".to_owned(), CONFIG.replace("NAME", &quoted).into_bytes())])
            }
        }
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, content)?)
}

/// The server's folder holds state and tokens; it never belongs into Git.
fn ignore_server_folder(root: &Path) -> Result<(), CliError> {
    let path = root.join(".gitignore");
    let mut text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(CliError::outside(format!("cannot read `{}`: {error}", path.display()))),
    };
    if text.lines().any(|line| line.trim() == "/.mainspring") {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("/.mainspring\n");
    Ok(std::fs::write(path, text)?)
}
