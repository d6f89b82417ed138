//! `mainspring.toml`: what the loop watches, triggers, requires and retrains.

use crate::serving_rules::{LogRules, Serving, ServingRules};
use crate::warehouse::Warehouse;
use mainspring_domain::delivery::STAGES;
use mainspring_expressions::duration;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The name of the file.
pub const FILE_NAME: &str = "mainspring.toml";

/// A configuration that is refused: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {message}\n  hint: {hint}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A project's configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The project itself.
    pub project: Project,
    /// Folders in which new data arrives.
    #[serde(default)]
    pub watch: Vec<Watch>,
    /// What starts pipelines.
    #[serde(default)]
    pub trigger: Vec<Trigger>,
    /// Rules for registered models.
    #[serde(default)]
    pub model: BTreeMap<String, ModelRules>,
    /// What is watched in production, by model.
    #[serde(default)]
    pub monitor: BTreeMap<String, Monitor>,
    /// How models are served.
    #[serde(default)]
    pub serving: Serving,
    /// Databases that metrics of A/B tests are asked of, by name.
    #[serde(default)]
    pub warehouse: BTreeMap<String, Warehouse>,
    /// Who may call the server.
    #[serde(default)]
    pub access: Access,
}

/// `[access]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Whether a login is needed also on a loopback address; elsewhere it always is.
    #[serde(default)]
    pub login: bool,
    /// Names besides the loopback ones by which the server may be called, without port.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Origins of foreign pages that may send changes, as `https://name:port`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
}

/// `[project]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The folder of DAG files.
    #[serde(default = "default_dags", deserialize_with = "inner_path")]
    pub dags: PathBuf,
    /// The interpreter for tasks and models: a path (relative to the project) or a program's name.
    #[serde(default = "default_python")]
    pub python: PathBuf,
}

/// `[[watch]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// The folder.
    #[serde(deserialize_with = "inner_path")]
    pub path: PathBuf,
    /// File names that count; `*` stands for any characters.
    pub pattern: String,
    /// How long a file must not have changed to count as complete.
    #[serde(default = "default_settle", deserialize_with = "read_duration")]
    pub settle: Duration,
}

/// `[[trigger]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The event.
    pub on: TriggerEvent,
    /// The graph that it starts.
    pub dag: String,
    /// How long it waits for further arrivals, so that files which come together start one run.
    #[serde(default, deserialize_with = "read_duration")]
    pub debounce: Duration,
}

/// An event that starts pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TriggerEvent {
    /// A file arrived in a watched folder.
    #[serde(rename = "data.arrived")]
    DataArrived,
}

/// `[model.NAME]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRules {
    /// The data contract, for documents and lineage.
    #[serde(default)]
    pub contract: Option<PathBuf>,
    /// The rollout manifest by which new versions go to production.
    #[serde(deserialize_with = "inner_path")]
    pub rollout: PathBuf,
    /// Gates that a version's run must have passed.
    #[serde(default)]
    pub require: Vec<String>,
    /// Worker processes per version.
    #[serde(default = "default_workers")]
    pub workers: usize,
    /// Stages that versions pass before production, by name.
    #[serde(default)]
    pub stage: BTreeMap<String, StageRules>,
    /// How it is served.
    #[serde(default)]
    pub serving: ServingRules,
    /// What is kept of its predictions.
    #[serde(default)]
    pub log: LogRules,
}

/// `[model.NAME.stage.STAGE]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRules {
    /// The rollout manifest by which versions come here; without one they do at once.
    #[serde(default, deserialize_with = "inner_path_if_any")]
    pub rollout: Option<PathBuf>,
    /// Whether every new version comes here by itself.
    #[serde(default)]
    pub on_registration: bool,
}

/// `[monitor.NAME]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// The name of the label, for people.
    pub label: String,
    /// Labelled predictions per evaluation.
    pub window: u32,
    /// The least area under the ROC curve.
    #[serde(default)]
    pub min_auc: Option<f64>,
    /// The largest distance of mean score and label rate.
    #[serde(default)]
    pub max_calibration_gap: Option<f64>,
    /// The largest population stability index of the scores.
    #[serde(default)]
    pub max_psi: Option<f64>,
    /// The graph that retrains.
    #[serde(default)]
    pub retrain: Option<String>,
    /// The least time between two retrainings.
    #[serde(default = "default_cooldown", deserialize_with = "read_duration")]
    pub cooldown: Duration,
}

fn default_dags() -> PathBuf {
    "dags".into()
}

fn default_python() -> PathBuf {
    "python3".into()
}

const fn default_settle() -> Duration {
    Duration::from_secs(2)
}

const fn default_cooldown() -> Duration {
    Duration::from_secs(3600)
}

const fn default_workers() -> usize {
    1
}

pub(crate) fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration::parse(&text).map_err(serde::de::Error::custom)
}

/// A path that stays inside the project.
fn inner_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside && !path.as_os_str().is_empty() {
        Ok(path)
    } else {
        Err(serde::de::Error::custom(format!("`{}` must be a path inside the project", path.display())))
    }
}

fn inner_path_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    inner_path(deserializer).map(Some)
}

impl Config {
    /// Reads a configuration. `file` is only used in messages.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let error = |span: Option<std::ops::Range<usize>>, message: String, hint: &str| {
            let (line, column) = span.map_or((1, 1), |span| position(text, span.start));
            ConfigError { file: file.display().to_string(), line, column, message, hint: hint.to_owned() }
        };
        let config: Self = toml::from_str(text).map_err(|bad| {
            error(
                bad.span(),
                bad.message().to_owned(),
                "compare with the file that `mainspring init --example flights` writes",
            )
        })?;
        let place = |table: &str, number: usize, key: &str| {
            let start = setting(text, table, number, key)?;
            Some(start..start)
        };
        for (name, monitor) in &config.monitor {
            if monitor.window < 50 {
                return Err(error(
                    place(&format!("[monitor.{name}]"), 0, "window"),
                    format!("monitor.{name}: a window of {} labels says nothing", monitor.window),
                    "use at least 50, better 1000",
                ));
            }
        }
        if config.trigger.len() > 1 {
            return Err(error(
                place("[[trigger]]", 1, "on"),
                "several triggers for one event are not supported yet".to_owned(),
                "keep one [[trigger]]; its graph can branch",
            ));
        }
        for (name, rules) in &config.model {
            if let Some(stage) = rules.stage.keys().find(|stage| !STAGES.contains(&stage.as_str())) {
                return Err(error(
                    place(&format!("[model.{name}.stage.{stage}]"), 0, "rollout"),
                    format!("model.{name}: there is no stage `{stage}`"),
                    "use `development` or `staging`; what is in neither is production",
                ));
            }
            if let Some(gate) = rules.require.iter().find(|gate| *gate != "battery") {
                return Err(error(
                    place(&format!("[model.{name}]"), 0, "require"),
                    format!("model.{name}: there is no gate `{gate}` that judges models"),
                    "use `require = [\"battery\"]`, or leave it out",
                ));
            }
        }
        for (number, watch) in config.watch.iter().enumerate() {
            if watch.pattern.contains('/') || watch.pattern.is_empty() {
                return Err(error(
                    place("[[watch]]", number, "pattern"),
                    format!("the pattern `{}` is not a file name", watch.pattern),
                    "write for example `pattern = \"flights-*.csv\"` and the folder in `path`",
                ));
            }
        }
        if let Some((name, rules)) = config.model.iter().find(|(_, rules)| !(1..=16).contains(&rules.workers))
        {
            return Err(error(
                place(&format!("[model.{name}]"), 0, "workers"),
                format!("model.{name}: {} workers are not possible", rules.workers),
                "use 1 to 16",
            ));
        }
        for (name, rules) in &config.model {
            let mistakes = [("serving", rules.serving.mistake()), ("log", rules.log.mistake())];
            for (table, mistake) in mistakes {
                if let Some((key, hint)) = mistake {
                    let header = format!("[model.{name}.{table}]");
                    return Err(error(
                        place(&header, 0, key),
                        format!("model.{name}.{table}: this value of `{key}` is not possible"),
                        hint,
                    ));
                }
            }
        }
        for (name, warehouse) in &config.warehouse {
            if let Some((key, message, hint)) = warehouse.mistake() {
                let header = format!("[warehouse.{name}]");
                let of_section = || text.find(&header).map(|start| start..start);
                return Err(error(
                    place(&header, 0, key).or_else(of_section),
                    format!("warehouse.{name}: {message}"),
                    hint,
                ));
            }
        }
        if config.serving.onnxruntime.as_deref().is_some_and(|path| !path.is_absolute()) {
            return Err(error(
                place("[serving]", 0, "onnxruntime"),
                "serving: `onnxruntime` is not an absolute path".to_owned(),
                "name the file, as /usr/lib/libonnxruntime.so.1.32.0, or leave it out to have it looked for",
            ));
        }
        Ok(config)
    }

    /// Reads a project's file, or gives the configuration of a folder without one: no watches, no
    /// triggers, the folder's name.
    ///
    /// # Errors
    /// When the file cannot be read or has a mistake.
    pub fn load(project: &Path) -> Result<Self, ConfigError> {
        let path = project.join(FILE_NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let name =
                    project.file_name().map_or_else(|| "project".into(), |name| name.to_string_lossy());
                format!("[project]\nname = {name:?}\n")
            }
            Err(error) => {
                return Err(ConfigError {
                    file: path.display().to_string(),
                    line: 1,
                    column: 1,
                    message: error.to_string(),
                    hint: "make the file readable".to_owned(),
                });
            }
        };
        Self::parse(&text, Path::new(FILE_NAME))
    }

    /// The interpreter as a path that can be started from anywhere.
    #[must_use]
    pub fn python(&self, project: &Path) -> PathBuf {
        if self.project.python.components().count() > 1 {
            project.join(&self.project.python)
        } else {
            self.project.python.clone()
        }
    }
}

/// Where a key is set: within the table of that header, of several alike the one of that number.
fn setting(text: &str, table: &str, number: usize, key: &str) -> Option<usize> {
    let mut offset = 0;
    let mut found = 0;
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        if content.starts_with('[') {
            let is_table = content.split('#').next().is_some_and(|header| header.trim_end() == table);
            inside = is_table && found == number;
            found += usize::from(is_table);
        } else if inside && content.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')) {
            return Some(offset + line.len() - content.len());
        }
        offset += line.len();
    }
    None
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::Config;
    use std::path::Path;

    fn refuse(text: &str) -> String {
        Config::parse(text, Path::new("mainspring.toml")).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        insta::assert_snapshot!(refuse("[project]\nname = \"x\"\ndag = \"dags\"\n"), @r#"
        mainspring.toml:3:1: unknown field `dag`, expected one of `name`, `dags`, `python`
          hint: compare with the file that `mainspring init --example flights` writes
        "#);
        let outside = refuse("[project]\nname = \"x\"\n[[watch]]\npath = \"../in\"\npattern = \"*.csv\"\n");
        assert!(
            outside.contains("mainspring.toml:4:8: `../in` must be a path inside the project"),
            "{outside}"
        );
        let window = refuse("[project]\nname = \"x\"\n[monitor.m]\nlabel = \"y\"\nwindow = 3\n");
        assert!(window.starts_with("mainspring.toml:5:1: monitor.m: a window of 3 labels"), "{window}");
    }

    #[test]
    fn rules_of_serving_are_read_and_checked() {
        let model = "[project]\nname = \"x\"\n[model.m]\nrollout = \"r.yaml\"\n";
        let rules = "[model.m.serving]\nqueue = 8\ntimeout = \"5s\"\n[model.m.log]\nmode = \"buffered\"\nsample = 0.1\n";
        let config = Config::parse(&format!("{model}{rules}"), Path::new("mainspring.toml")).unwrap();
        let m = &config.model["m"];
        assert_eq!((m.serving.queue, m.serving.timeout.as_secs(), m.serving.max_batch), (8, 5, 256));
        assert_eq!((m.log.mode, m.log.sample), (crate::LogMode::Buffered, 0.1));
        for (rules, message) in [
            ("[model.m.serving]\nqueue = 0\n", "mainspring.toml:6:1: model.m.serving: this value of `queue`"),
            ("[model.m.serving]\nmax_batch = 0\n", "this value of `max_batch`"),
            ("[model.m.serving]\nbatch_wait = \"1m\"\n", "this value of `batch_wait`"),
            ("[model.m.serving]\nengine = \"triton\"\n", "unknown variant `triton`"),
            ("[model.m.log]\nsample = 1.5\n", "this value of `sample`"),
            ("[model.m.log]\nsample = nan\n", "this value of `sample`"),
            ("[serving]\nonnxruntime = \"lib.so\"\n", "not an absolute path"),
        ] {
            let refused = refuse(&format!("{model}{rules}"));
            assert!(refused.contains(message), "{refused}");
        }
    }

    #[test]
    fn warehouses_are_read_and_checked_without_showing_their_addresses() {
        let project = "[project]\nname = \"x\"\n[warehouse.dwh]\n";
        for good in [
            "uri = \"sqlite:///data/orders.db\"",
            "uri = \"sqlite:////srv/project/orders.db\"",
            "uri = \"postgresql+psycopg2://u:secret@db:5432/name\"",
            "uri_env = \"WAREHOUSE_URI\"",
        ] {
            let config = Config::parse(&format!("{project}{good}\n"), Path::new("mainspring.toml")).unwrap();
            assert!(config.warehouse.contains_key("dwh"));
            assert!(!format!("{config:?}").contains("secret"));
        }
        for (section, message) in [
            (
                "uri = \"sqlite:///../orders.db\"",
                ":4:1: warehouse.dwh: it does not name a file inside the project",
            ),
            ("uri = \"sqlite:///\"", "it does not name a file inside the project"),
            (
                "uri = \"sqlite://secret.db\"",
                "it is not the URI of a SQLite file or of a PostgreSQL database",
            ),
            (
                "uri = \"mysql://u:secret@db/x\"",
                "it is not the URI of a SQLite file or of a PostgreSQL database",
            ),
            (
                "uri = \"postgresql://u:secret@db/x?sslmode=secretly\"",
                "this URI of a PostgreSQL database is not understood",
            ),
            ("uri = \"postgresql://db:secret/x\"", "this URI of a PostgreSQL database is not understood"),
            ("uri_env = \"A=secret\"", ":4:1: warehouse.dwh: this is no name of a variable"),
            (
                "uri = \"sqlite:///a.db\"\nuri_env = \"A\"",
                ":5:1: warehouse.dwh: there is both `uri` and `uri_env`",
            ),
            ("", ":3:1: warehouse.dwh: there is neither `uri` nor `uri_env`"),
            ("url = \"sqlite:///a.db\"", ":4:1: unknown field `url`"),
        ] {
            let refused = refuse(&format!("{project}{section}\n"));
            assert!(refused.contains(message) && refused.contains("hint: "), "{section}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn the_example_is_accepted() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights/mainspring.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let config = Config::parse(&text, Path::new("mainspring.toml")).unwrap();
        assert_eq!(config.project.name, "flights");
        assert!(config.model.contains_key("flights") && config.monitor.contains_key("flights"));
    }
}
