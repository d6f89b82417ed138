//! Graphs, runs and outcomes in few words.

use mainspring_domain::Timestamp;
use mainspring_domain::pipelines::{
    AttemptResult, DagRun, DagSpec, RunState, TaskOutcome, TaskSpec, TaskState,
};
use mainspring_pipelines::planner::{Command, Event, plan};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A task that waits for others, all of which must succeed.
pub(crate) fn task(id: &str, upstream: &[&str]) -> TaskSpec {
    TaskSpec {
        task_id: id.to_owned(),
        operator: "PythonOperator".to_owned(),
        upstream: upstream.iter().map(ToString::to_string).collect(),
        trigger_rule: "all_success".to_owned(),
        retries: 0,
        retry_delay_seconds: 300.0,
        retry_exponential_backoff: false,
        max_retry_delay_seconds: None,
        execution_timeout_seconds: None,
        line: None,
    }
}

pub(crate) fn dag(tasks: Vec<TaskSpec>) -> DagSpec {
    DagSpec {
        dag_id: "d".to_owned(),
        description: None,
        schedule: None,
        start_date: None,
        end_date: None,
        catchup: false,
        max_active_runs: 1,
        max_active_tasks: 16,
        dagrun_timeout_seconds: None,
        tags: Vec::new(),
        params: Map::new(),
        tasks,
    }
}

/// `a`, then `b` and `c`, then `d`.
pub(crate) fn diamond() -> DagSpec {
    dag(vec![task("a", &[]), task("b", &["a"]), task("c", &["a"]), task("d", &["b", "c"])])
}

/// How an attempt ended that said this of itself.
pub(crate) fn ended(state: &str) -> AttemptResult {
    AttemptResult {
        exit_code: Some(i32::from(state.starts_with("failed"))),
        signal: None,
        timed_out: false,
        cpu_seconds: 0.1,
        max_rss: 1 << 20,
        log_bytes: 0,
        log_truncated: false,
        outcome: Some(TaskOutcome {
            state: state.to_owned(),
            error: None,
            xcoms: Map::new(),
            skip: Vec::new(),
        }),
    }
}

pub(crate) fn success_that_skips(skip: &[&str]) -> AttemptResult {
    let mut result = ended("success");
    result.outcome.as_mut().unwrap().skip = skip.iter().map(ToString::to_string).collect();
    result
}

pub(crate) fn handing_on(key: &str, value: i64) -> AttemptResult {
    let mut result = ended("success");
    result.outcome.as_mut().unwrap().xcoms.insert(key.to_owned(), json!(value));
    result
}

/// A run under the planner, with its own time.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) run: DagRun,
    pub(crate) now: Timestamp,
    /// All attempts started so far.
    pub(crate) started: Vec<(String, u32)>,
}

impl Play {
    /// A run that has not begun.
    pub(crate) fn queued(dag: DagSpec) -> Self {
        let now = Timestamp::from_millis(1_000_000);
        let run = DagRun {
            run_id: "r".to_owned(),
            dag,
            file: "dags/d.py".to_owned(),
            state: RunState::Queued,
            run_type: "manual".to_owned(),
            reason: "a test".to_owned(),
            conf: Map::new(),
            interval_start: now,
            interval_end: now,
            created: now,
            started: None,
            ended: None,
            tasks: BTreeMap::new(),
        };
        Self { run, now, started: Vec::new() }
    }

    /// A run whose first tasks have started.
    pub(crate) fn begin(dag: DagSpec) -> Self {
        let mut play = Self::queued(dag);
        play.send(&Event::Begin);
        play
    }

    /// Feeds one event; gives the tasks that it started.
    pub(crate) fn send(&mut self, event: &Event) -> Vec<String> {
        let commands = plan(&mut self.run, event, self.now);
        let started = commands.into_iter().map(|Command::Start { task_id, try_number }| {
            self.started.push((task_id.clone(), try_number));
            task_id
        });
        started.collect()
    }

    pub(crate) fn end(&mut self, task: &str, result: AttemptResult) -> Vec<String> {
        self.send(&Event::Ended { task_id: task.to_owned(), result })
    }

    pub(crate) fn end_as(&mut self, task: &str, state: &str) -> Vec<String> {
        self.end(task, ended(state))
    }

    pub(crate) fn lose(&mut self, task: &str) -> Vec<String> {
        self.send(&Event::Lost { task_id: task.to_owned() })
    }

    /// Lets time pass and tells the run.
    pub(crate) fn tick(&mut self, seconds: f64) -> Vec<String> {
        self.now = self.now + Duration::from_secs_f64(seconds);
        self.send(&Event::Tick)
    }

    pub(crate) fn state(&self, task: &str) -> TaskState {
        self.run.tasks[task].state
    }

    pub(crate) fn reason(&self, task: &str) -> &str {
        self.run.tasks[task].reason.as_deref().unwrap_or_default()
    }

    pub(crate) fn running(&self) -> Vec<String> {
        let running = self.run.tasks.iter().filter(|(_, task)| task.state == TaskState::Running);
        running.map(|(id, _)| id.clone()).collect()
    }
}
