//! Task graphs, their runs and attempts.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// When a graph runs by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Schedule {
    /// By a cron expression.
    Cron {
        /// Five fields.
        expression: String,
    },
    /// Once.
    Once,
    /// At a fixed distance.
    Interval {
        /// The distance in seconds.
        seconds: f64,
    },
}

/// A graph of tasks as its file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DagSpec {
    /// Its id, unique in a project.
    pub dag_id: String,
    /// A text for people.
    #[serde(default)]
    pub description: Option<String>,
    /// When it runs by the clock; `None` = only when asked or triggered.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// The first moment that may be scheduled.
    #[serde(default)]
    pub start_date: Option<String>,
    /// The last moment that may be scheduled.
    #[serde(default)]
    pub end_date: Option<String>,
    /// Whether missed intervals are made up for.
    #[serde(default)]
    pub catchup: bool,
    /// Runs at the same time.
    pub max_active_runs: u32,
    /// Tasks of one run at the same time.
    pub max_active_tasks: u32,
    /// A run that takes longer fails.
    #[serde(default)]
    pub dagrun_timeout_seconds: Option<f64>,
    /// Tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Default parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The tasks, in the order of definition.
    pub tasks: Vec<TaskSpec>,
}

/// One task of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Its id, unique in the graph.
    pub task_id: String,
    /// The operator's class name.
    pub operator: String,
    /// The tasks it waits for.
    pub upstream: Vec<String>,
    /// Which states of these let it run.
    pub trigger_rule: String,
    /// How often a failed attempt is repeated.
    pub retries: u32,
    /// The pause before a repetition.
    pub retry_delay_seconds: f64,
    /// Whether that pause doubles each time.
    #[serde(default)]
    pub retry_exponential_backoff: bool,
    /// The longest pause.
    #[serde(default)]
    pub max_retry_delay_seconds: Option<f64>,
    /// An attempt that takes longer is killed.
    #[serde(default)]
    pub execution_timeout_seconds: Option<f64>,
    /// Its line in the file.
    #[serde(default)]
    pub line: Option<u32>,
}

/// A graph as the store knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dag {
    /// Its description from the file.
    pub spec: DagSpec,
    /// The file, relative to the project.
    pub file: String,
    /// Whether the clock and triggers are held back.
    pub paused: bool,
    /// When the file was last read.
    pub updated: Timestamp,
}

/// What a graph file failed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportError {
    /// The file, relative to the project.
    pub file: String,
    /// The line, where known.
    pub line: Option<u32>,
    /// What was wrong and what to do.
    pub message: String,
    /// When.
    pub time: Timestamp,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// At work.
    Running,
    /// Ended well.
    Success,
    /// Ended badly.
    Failed,
}

impl RunState {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}

/// Where a task stands within a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Not yet decided.
    #[default]
    None,
    /// Handed to an executor.
    Queued,
    /// At work.
    Running,
    /// Ended well.
    Success,
    /// Ended badly.
    Failed,
    /// Passed over.
    Skipped,
    /// Cannot run because of what came before.
    UpstreamFailed,
    /// Waits to be repeated.
    UpForRetry,
}

impl TaskState {
    /// The shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::UpstreamFailed => "upstream_failed",
            Self::UpForRetry => "up_for_retry",
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Skipped | Self::UpstreamFailed)
    }
}

/// One run of a graph. It keeps the graph as it was when the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DagRun {
    /// Its id, unique in the store.
    pub run_id: String,
    /// The graph.
    pub dag: DagSpec,
    /// The graph's file, relative to the project.
    pub file: String,
    /// Where it stands.
    pub state: RunState,
    /// What started it: `manual`, `scheduled`, `data_triggered`, `alert_triggered`.
    pub run_type: String,
    /// Why it was started, for people.
    pub reason: String,
    /// What it was given.
    pub conf: Map<String, Value>,
    /// The start of the data interval, and the run's logical date.
    pub interval_start: Timestamp,
    /// The end of the data interval.
    pub interval_end: Timestamp,
    /// When it was created.
    pub created: Timestamp,
    /// When its first task started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its tasks by id.
    pub tasks: BTreeMap<String, TaskInstance>,
}

/// One task within a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskInstance {
    /// Where it stands.
    pub state: TaskState,
    /// The number of the newest attempt: 1, 2 ...; 0 before the first.
    pub try_number: u32,
    /// How many of the attempts were lost to a crash of the machine or the supervisor; these do
    /// not use up retries.
    #[serde(default)]
    pub lost: u32,
    /// When the newest attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it may be repeated.
    pub retry_at: Option<Timestamp>,
    /// Why it is in its state, for people.
    pub reason: Option<String>,
    /// What it handed on, by key.
    #[serde(default)]
    pub xcoms: Map<String, Value>,
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptState {
    /// Recorded, its process being started or at work.
    Running,
    /// Ended; the outcome is recorded.
    Ended,
    /// Its process vanished without an outcome.
    Lost,
}

/// One execution of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id, also the name of its folder.
    pub id: String,
    /// The run.
    pub run_id: String,
    /// The graph.
    pub dag_id: String,
    /// The task.
    pub task_id: String,
    /// Its number.
    pub try_number: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// SHA-256 of the bearer token its processes speak with, in hexadecimal.
    pub token_sha256: String,
    /// The project's Git commit when it began.
    pub commit: Option<String>,
    /// The newest data version known when it began; 0 = none.
    pub data_version: i64,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub result: Option<AttemptResult>,
}

/// How an attempt ended, as its supervisor saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptResult {
    /// Exit code, when the process ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was killed for its time limit.
    pub timed_out: bool,
    /// Processor seconds of the process and its waited-for children.
    pub cpu_seconds: f64,
    /// Largest resident size in bytes.
    pub max_rss: u64,
    /// Bytes it printed.
    pub log_bytes: u64,
    /// Whether the log was cut.
    pub log_truncated: bool,
    /// What the task said of itself; `None` when it ended without a word.
    pub outcome: Option<TaskOutcome>,
}

/// What a task says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskOutcome {
    /// `success`, `failed`, `skipped` or `failed_no_retry`.
    pub state: String,
    /// What went wrong.
    #[serde(default)]
    pub error: Option<TaskError>,
    /// What it hands on.
    #[serde(default)]
    pub xcoms: Map<String, Value>,
    /// Tasks that it passes over.
    #[serde(default)]
    pub skip: Vec<String>,
}

/// What went wrong in a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskError {
    /// The exception's class.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message.
    pub message: String,
}
