//! Carries the planner's commands out.

use crate::planner::{Command, Event, plan};
use crate::runner::{StartRequest, TaskRunner, TaskStatus};
use crate::runs::{CreateRun, create_run};
use crate::{PipelineError, timetable};
use mainspring_domain::events::Record;
use mainspring_domain::pipelines::{Attempt, AttemptState, DagRun, RunState, TaskState};
use mainspring_domain::{Actor, Clock};
use mainspring_metadata_store::{Store, StoreError, WriteTx, new_token, token_sha256};
use serde_json::{Map, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often attempts at work are looked at. They write files, so a look is cheap.
const POLL: Duration = Duration::from_millis(100);
/// How often the clock is asked whether a graph is due.
const CLOCK: Duration = Duration::from_secs(1);

/// What the scheduler needs to know of its surroundings.
#[derive(Clone, Debug)]
pub struct SchedulerSettings {
    /// The project's folder.
    pub project: PathBuf,
}

/// Drives all runs of one server.
pub struct Scheduler {
    store: Store,
    runner: Arc<dyn TaskRunner>,
    clock: Arc<dyn Clock>,
    settings: SchedulerSettings,
}

/// A new attempt, with the token that is not stored.
struct NewAttempt {
    request: StartRequest,
}

impl Scheduler {
    /// A scheduler that is not yet at work.
    #[must_use]
    pub fn new(
        store: Store,
        runner: Arc<dyn TaskRunner>,
        clock: Arc<dyn Clock>,
        settings: SchedulerSettings,
    ) -> Self {
        Self { store, runner, clock, settings }
    }

    /// Works until the task is dropped. Errors are logged and tried again: the state is in the
    /// store, so nothing is lost by waiting.
    pub async fn run(self) {
        let mut next_clock = tokio::time::Instant::now();
        loop {
            if tokio::time::Instant::now() >= next_clock {
                next_clock += CLOCK;
                self.report(self.create_due_runs().await);
            }
            self.report(self.poll_attempts().await);
            self.report(self.advance_runs().await);
            tokio::time::sleep(POLL).await;
        }
    }

    fn report(&self, result: Result<(), PipelineError>) {
        if let Err(error) = result {
            tracing::error!(project = %self.settings.project.display(), %error, "scheduler");
        }
    }

    async fn create_due_runs(&self) -> Result<(), PipelineError> {
        let now = self.clock.now();
        let due = self
            .store
            .read(move |tx| {
                let mut due = Vec::new();
                let open = tx.open_dag_runs()?;
                for dag in tx.dags()?.into_iter().filter(|dag| !dag.paused && dag.spec.schedule.is_some()) {
                    // Runs that are made up for wait their turn here, not in the store.
                    let active = open.iter().filter(|run| run.dag.dag_id == dag.spec.dag_id).count();
                    if active >= dag.spec.max_active_runs as usize {
                        continue;
                    }
                    let last = tx.last_scheduled_run(&dag.spec.dag_id)?.map(|run| run.interval_end);
                    if let Some(interval) = timetable::due(&dag.spec, last, now) {
                        due.push((dag.spec.dag_id, interval));
                    }
                }
                Ok::<_, StoreError>(due)
            })
            .await?;
        for (dag_id, interval) in due {
            let request = CreateRun {
                dag_id,
                run_type: "scheduled",
                reason: format!("scheduled for the interval from {} to {}", interval.0, interval.1),
                conf: Map::new(),
                interval: Some(interval),
            };
            self.store.write(Actor::system("scheduler"), |tx| create_run(tx, request)).await?;
        }
        Ok(())
    }

    async fn poll_attempts(&self) -> Result<(), PipelineError> {
        let open = self.store.read(|tx| tx.open_attempts()).await?;
        for attempt in open {
            let age = self.clock.now().since(attempt.started);
            let event = match self.runner.poll(&attempt.id, age) {
                Ok(TaskStatus::Running) => continue,
                Ok(TaskStatus::Ended(result)) => Event::Ended { task_id: attempt.task_id.clone(), result },
                Ok(TaskStatus::Lost) => Event::Lost { task_id: attempt.task_id.clone() },
                Err(reason) => {
                    // One attempt that cannot be looked at must not hide the others.
                    tracing::error!(
                        attempt = attempt.id,
                        task = attempt.task_id,
                        reason,
                        "cannot look at an attempt"
                    );
                    continue;
                }
            };
            let revision = self.runner.revision();
            let started = self
                .store
                .write(Actor::system("scheduler"), move |tx| {
                    close_attempt(tx, attempt, &event, revision.as_deref())
                })
                .await?;
            self.start(started).await;
        }
        Ok(())
    }

    /// Lets queued runs begin and due retries start.
    async fn advance_runs(&self) -> Result<(), PipelineError> {
        let now = self.clock.now();
        let waiting = self
            .store
            .read(move |tx| {
                let open = tx.open_dag_runs()?;
                let mut waiting = Vec::new();
                for run in &open {
                    let event = match run.state {
                        RunState::Queued => {
                            let active = open
                                .iter()
                                .filter(|other| {
                                    other.dag.dag_id == run.dag.dag_id && other.state == RunState::Running
                                })
                                .count();
                            let earlier = waiting
                                .iter()
                                .filter(|(_, dag_id, event)| {
                                    *dag_id == run.dag.dag_id && *event == Event::Begin
                                })
                                .count();
                            if active + earlier >= run.dag.max_active_runs as usize {
                                continue;
                            }
                            Event::Begin
                        }
                        _ if needs_tick(run, now) => Event::Tick,
                        _ => continue,
                    };
                    waiting.push((run.run_id.clone(), run.dag.dag_id.clone(), event));
                }
                Ok::<_, StoreError>(waiting)
            })
            .await?;
        for (run_id, _, event) in waiting {
            let revision = self.runner.revision();
            let started = self
                .store
                .write(Actor::system("scheduler"), move |tx| step(tx, &run_id, &event, revision.as_deref()))
                .await?;
            self.start(started).await;
        }
        Ok(())
    }

    async fn start(&self, attempts: Vec<NewAttempt>) {
        for mut attempt in attempts {
            let runner = Arc::clone(&self.runner);
            attempt.request.dag_file = self.settings.project.join(&attempt.request.dag_file);
            let project = self.settings.project.display().to_string();
            attempt.request.context["project_dir"] = json!(project);
            attempt.request.context["dag_file"] = json!(attempt.request.dag_file.display().to_string());
            let id = attempt.request.attempt_id.clone();
            let started = tokio::task::spawn_blocking(move || runner.start(&attempt.request))
                .await
                .unwrap_or_else(|error| Err(error.to_string()));
            if let Err(reason) = started {
                // It is recorded and will be found lost; those after it must not be lost with it.
                tracing::error!(attempt = id, reason, "cannot start an attempt");
            }
        }
    }
}

fn needs_tick(run: &DagRun, now: mainspring_domain::Timestamp) -> bool {
    let retry_due = run
        .tasks
        .values()
        .any(|task| task.state == TaskState::UpForRetry && task.retry_at.is_none_or(|at| at <= now));
    let overdue = match (run.dag.dagrun_timeout_seconds, run.started) {
        (Some(limit), Some(started)) => now.since(started).as_secs_f64() > limit,
        _ => false,
    };
    retry_due || overdue
}

fn close_attempt(
    tx: &mut dyn WriteTx,
    mut attempt: Attempt,
    event: &Event,
    revision: Option<&str>,
) -> Result<Vec<NewAttempt>, PipelineError> {
    attempt.ended = Some(tx.now());
    let (action, details) = match event {
        Event::Ended { result, .. } => {
            attempt.state = AttemptState::Ended;
            attempt.result = Some(result.clone());
            let state = result.outcome.as_ref().map_or("failed", |outcome| outcome.state.as_str());
            (
                "task.ended",
                json!({ "outcome": state, "exit_code": result.exit_code, "timed_out": result.timed_out }),
            )
        }
        _ => {
            attempt.state = AttemptState::Lost;
            ("task.lost", json!({}))
        }
    };
    tx.put_attempt(&attempt)?;
    let subject = format!("task:{}/{}#{}", attempt.run_id, attempt.task_id, attempt.try_number);
    tx.record(Record::new(action, subject).with(details))?;
    step(tx, &attempt.run_id, event, revision)
}

/// Moves a run by one event and records the attempts that have to be started.
fn step(
    tx: &mut dyn WriteTx,
    run_id: &str,
    event: &Event,
    revision: Option<&str>,
) -> Result<Vec<NewAttempt>, PipelineError> {
    let Some(mut run) = tx.dag_run(run_id)? else { return Ok(Vec::new()) };
    let before = run.clone();
    let commands = plan(&mut run, event, tx.now());
    if run == before {
        tx.bookkeeping();
        return Ok(Vec::new());
    }
    tx.put_dag_run(&run)?;
    if run.state != before.state {
        let failed: Vec<&String> =
            run.tasks.iter().filter(|(_, task)| task.state == TaskState::Failed).map(|(id, _)| id).collect();
        let mut record = Record::new("dag_run.state_changed", format!("dag_run:{run_id}")).with(json!({
            "dag_id": run.dag.dag_id,
            "from": before.state.as_str(),
            "to": run.state.as_str(),
            "failed_tasks": failed,
        }));
        if let Some(task) = failed.first().and_then(|id| run.tasks.get(*id)) {
            record.reason.clone_from(&task.reason);
        }
        tx.record(record)?;
    }
    let mut started = Vec::new();
    for Command::Start { task_id, try_number } in commands {
        started.push(record_attempt(tx, &run, &task_id, try_number, revision)?);
    }
    tx.bookkeeping();
    Ok(started)
}

fn record_attempt(
    tx: &mut dyn WriteTx,
    run: &DagRun,
    task_id: &str,
    try_number: u32,
    revision: Option<&str>,
) -> Result<NewAttempt, PipelineError> {
    let token = new_token();
    let spec = run.dag.tasks.iter().find(|task| task.task_id == task_id);
    let attempt = Attempt {
        id: uuid::Uuid::now_v7().simple().to_string(),
        run_id: run.run_id.clone(),
        dag_id: run.dag.dag_id.clone(),
        task_id: task_id.to_owned(),
        try_number,
        state: AttemptState::Running,
        token_sha256: token_sha256(&token),
        commit: revision.map(str::to_owned),
        data_version: tx.newest_data_version()?,
        started: tx.now(),
        ended: None,
        result: None,
    };
    tx.put_attempt(&attempt)?;
    tx.record(Record::new("task.started", format!("task:{}/{task_id}#{try_number}", run.run_id)))?;
    let xcoms: Map<_, _> = run
        .tasks
        .iter()
        .filter(|(_, task)| !task.xcoms.is_empty())
        .map(|(id, task)| (id.clone(), json!(task.xcoms)))
        .collect();
    let mut params = run.dag.params.clone();
    params.extend(
        run.conf
            .iter()
            .filter(|(key, _)| run.dag.params.contains_key(*key))
            .map(|(k, v)| (k.clone(), v.clone())),
    );
    let context = json!({
        "version": 1,
        "dag_id": run.dag.dag_id,
        "task_id": task_id,
        "run_id": run.run_id,
        "run_type": run.run_type,
        "try_number": try_number,
        "max_tries": spec.map_or(0, |spec| spec.retries),
        "logical_date": run.interval_start.to_string(),
        "data_interval_start": run.interval_start.to_string(),
        "data_interval_end": run.interval_end.to_string(),
        "run_after": run.created.to_string(),
        "conf": run.conf,
        "params": params,
        "xcoms": xcoms,
    });
    Ok(NewAttempt {
        request: StartRequest {
            attempt_id: attempt.id,
            dag_file: PathBuf::from(&run.file),
            context,
            token,
            timeout_seconds: spec.and_then(|spec| spec.execution_timeout_seconds),
        },
    })
}
