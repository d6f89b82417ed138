//! Graphs, runs and attempts.

use crate::{at, change, on_both, read};
use mainspring_domain::pipelines::{
    Attempt, AttemptState, Dag, DagRun, DagSpec, ImportError, RunState, Schedule,
};
use mainspring_test_support::TempStore;
use serde_json::Map;
use std::collections::BTreeMap;

on_both! {
    graphs_and_mistakes_are_replaced_by_name
    runs_are_found_by_graph_state_and_interval
    attempts_are_found_by_run_token_and_state
}

fn spec(dag_id: &str) -> DagSpec {
    DagSpec {
        dag_id: dag_id.into(),
        description: None,
        schedule: Some(Schedule::Interval { seconds: 60.0 }),
        start_date: None,
        end_date: None,
        catchup: false,
        max_active_runs: 1,
        max_active_tasks: 16,
        dagrun_timeout_seconds: None,
        tags: vec![],
        params: Map::new(),
        tasks: vec![],
    }
}

fn run(run_id: &str, dag_id: &str, run_type: &str, start: i64) -> DagRun {
    DagRun {
        run_id: run_id.into(),
        dag: spec(dag_id),
        file: "dags/a.py".into(),
        state: RunState::Queued,
        run_type: run_type.into(),
        reason: "because".into(),
        conf: Map::new(),
        interval_start: at(start),
        interval_end: at(start + 1),
        created: at(1),
        started: None,
        ended: None,
        tasks: BTreeMap::new(),
    }
}

async fn graphs_and_mistakes_are_replaced_by_name(world: TempStore) {
    let store = world.store();
    let dag = |dag_id: &str, paused| Dag { spec: spec(dag_id), file: "f".into(), paused, updated: at(1) };
    let mistake = |file: &str, message: &str| ImportError {
        file: file.into(),
        line: Some(3),
        message: message.into(),
        time: at(1),
    };
    change(&store, move |tx| {
        tx.put_dag(&dag("b", false))?;
        tx.put_dag(&dag("a", false))?;
        tx.put_dag(&dag("b", true))?;
        tx.put_dag(&dag("gone", true))?;
        tx.delete_dag("gone")?;
        tx.put_import_error(&mistake("y.py", "first"))?;
        tx.put_import_error(&mistake("y.py", "second"))?;
        tx.put_import_error(&mistake("x.py", "other"))?;
        tx.delete_import_error("x.py")
    })
    .await;
    let dags = read(&store, |tx| tx.dags()).await;
    assert_eq!(dags, [dag("a", false), dag("b", true)]);
    assert_eq!(read(&store, |tx| tx.dag("gone")).await, None);
    assert_eq!(read(&store, |tx| tx.import_errors()).await, [mistake("y.py", "second")]);
}

async fn runs_are_found_by_graph_state_and_interval(world: TempStore) {
    let store = world.store();
    change(&store, |tx| {
        for (id, dag, kind, start) in [
            ("r1", "a", "scheduled", 100),
            ("r2", "a", "scheduled", 50),
            ("r3", "a", "manual", 900),
            ("r4", "b", "scheduled", 10),
        ] {
            tx.put_dag_run(&run(id, dag, kind, start))?;
        }
        tx.put_dag_run(&DagRun { state: RunState::Success, ..run("r2", "a", "scheduled", 50) })
    })
    .await;
    let ids = |runs: Vec<DagRun>| runs.into_iter().map(|run| run.run_id).collect::<Vec<_>>().join(" ");
    assert_eq!(ids(read(&store, |tx| tx.dag_runs(Some("a"), 2)).await), "r3 r2");
    assert_eq!(ids(read(&store, |tx| tx.dag_runs(None, 9)).await), "r4 r3 r2 r1");
    assert_eq!(ids(read(&store, |tx| tx.open_dag_runs()).await), "r1 r3 r4");
    assert_eq!(read(&store, |tx| tx.last_scheduled_run("a")).await.unwrap().run_id, "r1");
    assert_eq!(read(&store, |tx| tx.dag_run("r2")).await.unwrap().state, RunState::Success);
}

async fn attempts_are_found_by_run_token_and_state(world: TempStore) {
    let store = world.store();
    let attempt = |id: &str, task: &str, number, started, state| Attempt {
        id: id.into(),
        run_id: "r".into(),
        dag_id: "a".into(),
        task_id: task.into(),
        try_number: number,
        state,
        token_sha256: format!("token of {id}"),
        commit: None,
        data_version: 0,
        started: at(started),
        ended: None,
        result: None,
    };
    change(&store, move |tx| {
        tx.put_attempt(&attempt("i1", "z", 1, 100, AttemptState::Running))?;
        tx.put_attempt(&attempt("i2", "y", 2, 300, AttemptState::Running))?;
        tx.put_attempt(&attempt("i3", "y", 1, 90, AttemptState::Ended))?;
        tx.put_attempt(&attempt("i4", "b", 1, 100, AttemptState::Running))?;
        tx.put_attempt(&attempt("i1", "z", 1, 100, AttemptState::Lost))
    })
    .await;
    let ids = |all: Vec<Attempt>| all.into_iter().map(|attempt| attempt.id).collect::<Vec<_>>().join(" ");
    assert_eq!(ids(read(&store, |tx| tx.attempts("r")).await), "i3 i4 i1 i2", "as they were started");
    let mut open = read(&store, |tx| tx.open_attempts()).await;
    open.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(ids(open), "i2 i4");
    assert_eq!(read(&store, |tx| tx.attempt("r", "y", 1)).await.unwrap().id, "i3");
    assert_eq!(read(&store, |tx| tx.attempt_by_token("token of i4")).await.unwrap().id, "i4");
    assert_eq!(read(&store, |tx| tx.attempt_by_token("")).await, None);
}
