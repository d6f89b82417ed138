//! The planner: a run and an event in, the run's next state and what to start out. Pure.

use crate::trigger_rule::{Readiness, readiness};
use mainspring_domain::Timestamp;
use mainspring_domain::pipelines::{AttemptResult, DagRun, RunState, TaskInstance, TaskSpec, TaskState};
use std::time::Duration;

/// Attempts that may be lost to crashes before a task counts as failed. A task that takes the
/// machine down with it must not do so for ever.
const MAX_LOST: u32 = 5;

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its turn has come.
    Begin,
    /// Time has passed.
    Tick,
    /// The newest attempt of a task ended.
    Ended {
        /// The task.
        task_id: String,
        /// How.
        result: AttemptResult,
    },
    /// The newest attempt of a task vanished.
    Lost {
        /// The task.
        task_id: String,
    },
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start this attempt of a task.
    Start {
        /// The task.
        task_id: String,
        /// The attempt's number.
        try_number: u32,
    },
}

/// Moves a run by one event.
pub fn plan(run: &mut DagRun, event: &Event, now: Timestamp) -> Vec<Command> {
    if run.state.is_final() {
        return Vec::new();
    }
    match event {
        Event::Begin => {
            if run.state == RunState::Queued {
                run.state = RunState::Running;
                run.started = Some(now);
                let tasks = run.dag.tasks.iter();
                run.tasks = tasks.map(|task| (task.task_id.clone(), TaskInstance::default())).collect();
            }
        }
        Event::Tick => {}
        Event::Ended { task_id, result } => ended(run, task_id, result, now),
        Event::Lost { task_id } => lost(run, task_id, now),
    }
    if run.state != RunState::Running {
        return Vec::new();
    }
    fail_if_overdue(run, now);
    let commands = schedule(run, now);
    if !end_deadlock(run, now) {
        finish(run, now);
    }
    commands
}

fn spec<'a>(run: &'a DagRun, task_id: &str) -> Option<&'a TaskSpec> {
    run.dag.tasks.iter().find(|task| task.task_id == task_id)
}

fn ended(run: &mut DagRun, task_id: &str, result: &AttemptResult, now: Timestamp) {
    let Some(task) = spec(run, task_id).cloned() else { return };
    let skip = {
        let Some(instance) = run.tasks.get_mut(task_id) else { return };
        if instance.state != TaskState::Running {
            return;
        }
        instance.ended = Some(now);
        let (state, reason) = judge(result);
        instance.reason = reason;
        match state {
            TaskState::Failed
                if may_retry(result) && instance.try_number <= task.retries.saturating_add(instance.lost) =>
            {
                instance.state = TaskState::UpForRetry;
                instance.retry_at = Some(now + retry_delay(&task, instance.try_number - instance.lost));
            }
            state => instance.state = state,
        }
        let outcome = result.outcome.as_ref();
        if let (TaskState::Success | TaskState::Skipped, Some(outcome)) = (instance.state, outcome) {
            instance.xcoms = outcome.xcoms.clone();
            outcome.skip.clone()
        } else {
            Vec::new()
        }
    };
    for id in skip {
        let Some(instance) = run.tasks.get_mut(&id) else { continue };
        if instance.state == TaskState::None {
            instance.state = TaskState::Skipped;
            instance.ended = Some(now);
            instance.reason = Some(format!("passed over by `{task_id}`"));
        }
    }
}

/// The state that an attempt's end stands for, and why when it is not success.
fn judge(result: &AttemptResult) -> (TaskState, Option<String>) {
    if result.timed_out {
        return (TaskState::Failed, Some("killed: it took longer than its time limit".to_owned()));
    }
    if let Some(signal) = result.signal {
        return (TaskState::Failed, Some(format!("ended by signal {signal}")));
    }
    let error = || {
        let error = result.outcome.as_ref().and_then(|outcome| outcome.error.as_ref());
        error.map(|error| format!("{}: {}", error.kind, error.message))
    };
    match (result.outcome.as_ref().map(|outcome| outcome.state.as_str()), result.exit_code) {
        (Some("success"), Some(0)) => (TaskState::Success, None),
        (Some("skipped"), Some(0)) => (TaskState::Skipped, error().or_else(|| Some("skipped itself".into()))),
        (_, code) => {
            let code =
                code.map_or_else(|| "without an exit code".into(), |code| format!("with exit code {code}"));
            (TaskState::Failed, error().or_else(|| Some(format!("ended {code}"))))
        }
    }
}

fn may_retry(result: &AttemptResult) -> bool {
    result.outcome.as_ref().is_none_or(|outcome| outcome.state != "failed_no_retry")
}

/// Airflow's delay, doubling with each try when asked for, without its random part: a run's story
/// must not depend on chance.
fn retry_delay(task: &TaskSpec, tries: u32) -> Duration {
    let mut seconds = task.retry_delay_seconds.max(0.0);
    if task.retry_exponential_backoff {
        seconds *= 2.0_f64.powi(i32::try_from(tries.saturating_sub(1)).unwrap_or(16).min(16));
    }
    let limit = task.max_retry_delay_seconds.unwrap_or(86_400.0);
    Duration::try_from_secs_f64(seconds.min(limit)).unwrap_or(Duration::from_secs(86_400))
}

fn lost(run: &mut DagRun, task_id: &str, now: Timestamp) {
    let Some(instance) = run.tasks.get_mut(task_id) else { return };
    if instance.state != TaskState::Running {
        return;
    }
    instance.ended = Some(now);
    instance.lost += 1;
    if instance.lost > MAX_LOST {
        instance.state = TaskState::Failed;
        instance.reason = Some(format!("its process vanished {} times", instance.lost));
    } else {
        instance.state = TaskState::UpForRetry;
        instance.retry_at = Some(now);
        instance.reason = Some("its process vanished without a result; started anew".to_owned());
    }
}

fn fail_if_overdue(run: &mut DagRun, now: Timestamp) {
    let (Some(limit), Some(started)) = (run.dag.dagrun_timeout_seconds, run.started) else { return };
    if now.since(started).as_secs_f64() <= limit {
        return;
    }
    for instance in run.tasks.values_mut().filter(|instance| !instance.state.is_final()) {
        // A task at work ends by itself; its result is not waited for.
        instance.state = TaskState::Failed;
        instance.ended = Some(now);
        instance.reason = Some("the run took longer than its time limit".to_owned());
    }
}

fn schedule(run: &mut DagRun, now: Timestamp) -> Vec<Command> {
    // States spread along the graph (a failure reaches the last task at once), so look until
    // nothing changes. Definition order is nearly always topological: few rounds.
    loop {
        let mut changed = false;
        for task in &run.dag.tasks {
            if run.tasks.get(&task.task_id).is_none_or(|instance| instance.state != TaskState::None) {
                continue;
            }
            let upstream: Vec<TaskState> = task
                .upstream
                .iter()
                .map(|id| run.tasks.get(id).map_or(TaskState::None, |instance| instance.state))
                .collect();
            if let Readiness::Set(state) = readiness(&task.trigger_rule, &upstream) {
                let blocker = task.upstream.iter().find(|id| {
                    run.tasks.get(*id).is_some_and(|i| i.state.is_final() && i.state != TaskState::Success)
                });
                let reason = blocker.map(|id| format!("because of `{id}`"));
                if let Some(instance) = run.tasks.get_mut(&task.task_id) {
                    instance.state = state;
                    instance.ended = Some(now);
                    instance.reason = reason;
                }
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let running = run.tasks.values().filter(|instance| instance.state == TaskState::Running).count();
    let mut room = (run.dag.max_active_tasks as usize).saturating_sub(running);
    let mut commands = Vec::new();
    for task in &run.dag.tasks {
        if room == 0 {
            break;
        }
        let upstream: Vec<TaskState> = task
            .upstream
            .iter()
            .map(|id| run.tasks.get(id).map_or(TaskState::None, |instance| instance.state))
            .collect();
        let Some(instance) = run.tasks.get_mut(&task.task_id) else { continue };
        let due = match instance.state {
            TaskState::None => readiness(&task.trigger_rule, &upstream) == Readiness::Run,
            TaskState::UpForRetry => instance.retry_at.is_none_or(|at| at <= now),
            _ => false,
        };
        if due {
            instance.state = TaskState::Running;
            instance.try_number += 1;
            instance.started = Some(now);
            instance.ended = None;
            instance.retry_at = None;
            instance.reason = None;
            commands.push(Command::Start { task_id: task.task_id.clone(), try_number: instance.try_number });
            room -= 1;
        }
    }
    commands
}

/// Ends a run in which nothing is at work, nothing waits to be repeated and nothing can begin: a
/// graph that waits for itself or for a task that it does not have.
fn end_deadlock(run: &mut DagRun, now: Timestamp) -> bool {
    let unfinished = run.tasks.values().filter(|instance| !instance.state.is_final());
    let states: Vec<TaskState> = unfinished.map(|instance| instance.state).collect();
    if states.is_empty() || states.iter().any(|state| *state != TaskState::None) {
        return false;
    }
    for instance in run.tasks.values_mut().filter(|instance| instance.state == TaskState::None) {
        instance.state = TaskState::UpstreamFailed;
        instance.ended = Some(now);
        instance.reason =
            Some("it can never begin: what it waits for waits for it, or is not in the graph".to_owned());
    }
    run.state = RunState::Failed;
    run.ended = Some(now);
    true
}

fn finish(run: &mut DagRun, now: Timestamp) {
    if !run.tasks.values().all(|instance| instance.state.is_final()) {
        return;
    }
    let is_leaf = |id: &str| !run.dag.tasks.iter().any(|task| task.upstream.iter().any(|up| up == id));
    let bad = run.dag.tasks.iter().any(|task| {
        let state = run.tasks.get(&task.task_id).map(|instance| instance.state);
        is_leaf(&task.task_id) && !matches!(state, Some(TaskState::Success | TaskState::Skipped))
    });
    run.state = if bad { RunState::Failed } else { RunState::Success };
    run.ended = Some(now);
}
