//! What holds for every graph and every course of events.

use crate::graphs::{Play, dag, ended, success_that_skips, task};
use mainspring_domain::pipelines::{DagRun, DagSpec, TaskState};
use mainspring_pipelines::planner::Event;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const RULES: [&str; 10] = [
    "all_success",
    "all_failed",
    "all_done",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
];

/// A graph of up to seven tasks. `mask` says which tasks each waits for: earlier ones only, or any.
fn graph(cycles: bool) -> impl Strategy<Value = DagSpec> {
    let one = (any::<u8>(), 0..RULES.len(), 0_u32..3, 0_u8..3);
    (prop::collection::vec(one, 1..8), 1_u32..4, prop::option::weighted(0.2, 1_u32..400)).prop_map(
        move |(tasks, active, limit)| {
            let count = tasks.len();
            let tasks = tasks.into_iter().enumerate().map(|(index, (mask, rule, retries, delay))| {
                let last = if cycles { count } else { index };
                let upstream: Vec<String> = (0..last)
                    .filter(|other| mask >> other & 1 == 1)
                    .map(|other| format!("t{other}"))
                    .collect();
                let mut task = task(&format!("t{index}"), &[]);
                task.upstream = upstream;
                task.trigger_rule = RULES[rule].to_owned();
                task.retries = retries;
                task.retry_delay_seconds = f64::from(delay) * 30.0;
                task
            });
            let mut dag = dag(tasks.collect());
            dag.max_active_tasks = active;
            dag.dagrun_timeout_seconds = limit.map(f64::from);
            dag
        },
    )
}

/// What may happen next: `which` of the tasks at work, and what becomes of it.
fn course() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0_usize..8, 0_u8..10), 0..60)
}

/// Lets one thing happen.
fn happen(play: &mut Play, (which, what): (usize, u8)) {
    let running = play.running();
    play.now = play.now + Duration::from_secs(7);
    let Some(task) = running.get(which % running.len().max(1)) else {
        play.now = play.now + Duration::from_secs(30);
        play.send(&Event::Tick);
        return;
    };
    match what {
        0..=3 => play.end_as(task, "success"),
        4 => play.end(task, success_that_skips(&["t1", "t3", "t5", "t6"])),
        5 => play.end_as(task, "skipped"),
        6 => play.end_as(task, "failed"),
        7 => play.end_as(task, "failed_no_retry"),
        8 => play.lose(task),
        _ => play.send(&Event::Tick),
    };
}

/// The given course, then failures only, until the run ends. Panics if it does not.
fn play_to_the_end(dag: DagSpec, course: &[(usize, u8)], mut look: impl FnMut(&mut Play)) -> Play {
    let mut play = Play::begin(dag);
    look(&mut play);
    for step in course.iter().copied().chain(std::iter::repeat_n((0, 6), 200)) {
        if play.run.state.is_final() {
            return play;
        }
        happen(&mut play, step);
        look(&mut play);
    }
    assert!(play.run.state.is_final(), "it never ends: {:?}", play.run.tasks);
    play
}

fn stored(run: &DagRun) -> DagRun {
    serde_json::from_str(&serde_json::to_string(run).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_run_ends(dag in graph(false), course in course()) {
        let play = play_to_the_end(dag, &course, |_| {});
        prop_assert!(play.run.tasks.values().all(|task| task.state.is_final()));
        prop_assert!(play.run.ended.is_some());
    }

    #[test]
    fn even_graphs_with_circles_end(dag in graph(true), course in course()) {
        play_to_the_end(dag, &course, |_| {});
    }

    #[test]
    fn no_attempt_is_started_twice(dag in graph(false), course in course()) {
        let play = play_to_the_end(dag, &course, |_| {});
        let distinct: BTreeSet<_> = play.started.iter().collect();
        prop_assert_eq!(distinct.len(), play.started.len());
        for (id, task) in &play.run.tasks {
            let tries: Vec<u32> = play.started.iter().filter(|(other, _)| other == id).map(|(_, n)| *n).collect();
            prop_assert_eq!(&tries, &(1..=task.try_number).collect::<Vec<_>>(), "{} counts up", id);
            let spec = play.run.dag.tasks.iter().find(|task| task.task_id == *id).unwrap();
            prop_assert!(task.try_number <= 1 + spec.retries + task.lost && task.lost <= 6);
        }
    }

    #[test]
    fn what_has_ended_stays(dag in graph(false), course in course()) {
        let mut ended: std::collections::BTreeMap<String, TaskState> = std::collections::BTreeMap::new();
        play_to_the_end(dag, &course, |play| {
            for (id, task) in &play.run.tasks {
                if let Some(state) = ended.get(id) {
                    assert_eq!(*state, task.state, "{id}");
                } else if task.state.is_final() {
                    ended.insert(id.clone(), task.state);
                }
            }
        });
    }

    #[test]
    fn limits_and_order_hold_at_every_moment(dag in graph(false), course in course()) {
        let limit = dag.max_active_tasks as usize;
        play_to_the_end(dag, &course, |play| {
            assert!(play.running().len() <= limit);
            for id in play.running() {
                let spec = play.run.dag.tasks.iter().find(|task| task.task_id == id).unwrap();
                if spec.trigger_rule == "all_success" {
                    assert!(spec.upstream.iter().all(|up| play.state(up) == TaskState::Success));
                }
            }
            let work_left = play.run.tasks.values().any(|task| {
                matches!(task.state, TaskState::Running | TaskState::UpForRetry)
            });
            assert!(play.run.state.is_final() || work_left, "a run that nothing moves: {:?}", play.run.tasks);
        });
    }

    #[test]
    fn a_restart_at_every_moment_changes_nothing(dag in graph(false), course in course()) {
        let straight = play_to_the_end(dag.clone(), &course, |_| {});
        let restarted = play_to_the_end(dag, &course, |play| play.run = stored(&play.run));
        prop_assert_eq!(straight.run, restarted.run);
        prop_assert_eq!(straight.started, restarted.started);
    }

    #[test]
    fn an_event_that_comes_twice_counts_once(dag in graph(false), course in course()) {
        play_to_the_end(dag, &course, |play| {
            // An end of a task that is not at work any more.
            let idle: Vec<String> = play
                .run
                .tasks
                .iter()
                .filter(|(_, task)| task.state != TaskState::Running)
                .map(|(id, _)| id.clone())
                .collect();
            for task_id in idle {
                let before = play.clone();
                let result = ended("success");
                play.send(&Event::Ended { task_id: task_id.clone(), result });
                assert_eq!(before.state(&task_id), play.state(&task_id));
                *play = before;
            }
        });
    }
}
