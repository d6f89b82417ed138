//! Tasks in memory, behind the protocol that a real executor keeps.

use crate::graphs::ended;
use mainspring_domain::pipelines::AttemptResult;
use mainspring_pipelines::{StartRequest, TaskRunner, TaskStatus};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// How long an attempt may be unknown before it is given up, as the local executor has it.
const GIVE_UP: Duration = Duration::from_secs(10);

/// What the world outside the scheduler looks like. It outlives the scheduler.
#[derive(Default)]
pub(crate) struct World {
    /// Attempts that were really started: id, task, try.
    pub(crate) started: Vec<(String, String, u32)>,
    /// Attempts that were given up before they started.
    given_up: Vec<String>,
    /// Attempts that were started although they had been given up.
    pub(crate) refused: Vec<String>,
    /// The tokens that attempts were given.
    pub(crate) tokens: Vec<String>,
    /// What tasks were told.
    pub(crate) contexts: Vec<serde_json::Value>,
    /// Looks at each attempt so far.
    looks: HashMap<String, u32>,
    /// The start, counted from 0, at which the server goes down, and whether the task is off by then.
    pub(crate) crash: Option<(usize, bool)>,
    /// Calls of `start` so far.
    calls: usize,
}

type Script = dyn Fn(&str, u32) -> AttemptResult + Send + Sync;

pub(crate) struct FakeRunner {
    world: Mutex<World>,
    /// Looks that an attempt takes.
    length: u32,
    script: Box<Script>,
    pub(crate) crashed: tokio::sync::Notify,
}

impl FakeRunner {
    /// Tasks that all succeed.
    pub(crate) fn good(length: u32) -> Self {
        Self::scripted(length, |_, _| ended("success"))
    }

    /// Tasks that end as the script says, by task and how often it has really run, this time included.
    pub(crate) fn scripted(
        length: u32,
        script: impl Fn(&str, u32) -> AttemptResult + Send + Sync + 'static,
    ) -> Self {
        let crashed = tokio::sync::Notify::new();
        Self { world: Mutex::default(), length, script: Box::new(script), crashed }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The tasks that were started, in order.
    pub(crate) fn tasks(&self) -> Vec<String> {
        self.world().started.iter().map(|(_, task, number)| format!("{task}#{number}")).collect()
    }
}

impl TaskRunner for FakeRunner {
    fn start(&self, request: &StartRequest) -> Result<(), String> {
        let mut world = self.world();
        let task = request.context["task_id"].as_str().unwrap().to_owned();
        let number = u32::try_from(request.context["try_number"].as_u64().unwrap()).unwrap();
        let call = world.calls;
        world.calls += 1;
        world.tokens.push(request.token.clone());
        world.contexts.push(request.context.clone());
        if world.given_up.contains(&request.attempt_id) {
            world.refused.push(request.attempt_id.clone());
            return Ok(());
        }
        let crash = world.crash.filter(|(at, _)| *at == call);
        if crash.is_none_or(|(_, off)| off) {
            world.started.push((request.attempt_id.clone(), task.clone(), number));
        }
        if crash.is_some() {
            self.crashed.notify_one();
        }
        if task == "cannot_start" { Err("no such program".to_owned()) } else { Ok(()) }
    }

    fn poll(&self, attempt_id: &str, age: Duration) -> Result<TaskStatus, String> {
        let mut world = self.world();
        let Some(place) = world.started.iter().position(|(id, _, _)| id == attempt_id) else {
            if age < GIVE_UP {
                return Ok(TaskStatus::Running);
            }
            world.given_up.push(attempt_id.to_owned());
            return Ok(TaskStatus::Lost);
        };
        let task = world.started[place].1.clone();
        let number = world.started[..=place].iter().filter(|(_, other, _)| *other == task).count();
        let looks = world.looks.entry(attempt_id.to_owned()).or_insert(0);
        *looks += 1;
        if task == "damaged" {
            return Err("its folder cannot be read".to_owned());
        }
        if *looks <= self.length {
            Ok(TaskStatus::Running)
        } else {
            Ok(TaskStatus::Ended((self.script)(&task, u32::try_from(number).unwrap())))
        }
    }

    fn revision(&self) -> Option<String> {
        Some("0123abc".to_owned())
    }
}
