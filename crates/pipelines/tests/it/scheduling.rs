//! The scheduler with a real store and tasks in memory, through crashes.

use crate::graphs::{dag, diamond, ended, handing_on, task};
use crate::runner::FakeRunner;
use mainspring_domain::pipelines::{
    Attempt, AttemptState, Dag, DagRun, DagSpec, RunState, Schedule, TaskState,
};
use mainspring_domain::{Actor, Clock, Timestamp};
use mainspring_metadata_store::{Store, StoreError, token_sha256};
use mainspring_pipelines::{CreateRun, PipelineError, Scheduler, SchedulerSettings, create_run};
use mainspring_test_support::{FakeClock, TempStore};
use serde_json::Map;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long a run may take in a test.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    temp: TempStore,
    clock: Arc<FakeClock>,
    runner: Arc<FakeRunner>,
}

impl Bench {
    async fn new(dags: Vec<DagSpec>, runner: FakeRunner) -> Self {
        let clock = FakeClock::new();
        let temp = TempStore::new(Arc::<FakeClock>::clone(&clock));
        temp.store()
            .write(Actor::user("test"), move |tx| {
                let updated = tx.now();
                for spec in dags {
                    tx.put_dag(&Dag { spec, file: "dags/d.py".to_owned(), paused: false, updated })?;
                }
                tx.bookkeeping();
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        Self { temp, clock, runner: Arc::new(runner) }
    }

    fn store(&self) -> Store {
        self.temp.store()
    }

    async fn queue(&self, dag_id: &str) -> String {
        let request = CreateRun {
            dag_id: dag_id.to_owned(),
            run_type: "manual",
            reason: "a test".to_owned(),
            conf: Map::new(),
            interval: None,
        };
        self.store().write(Actor::user("test"), |tx| create_run(tx, request)).await.unwrap()
    }

    fn schedule(&self) -> JoinHandle<()> {
        let runner = Arc::clone(&self.runner);
        let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(&self.clock);
        let settings = SchedulerSettings { project: "/project".into() };
        tokio::spawn(Scheduler::new(self.store(), runner, clock, settings).run())
    }

    async fn run(&self, id: &str) -> DagRun {
        let id = id.to_owned();
        self.store()
            .read(move |tx| tx.dag_run(&id))
            .await
            .map_err(|error: StoreError| error)
            .unwrap()
            .unwrap()
    }

    async fn attempts(&self, run: &str) -> Vec<Attempt> {
        let run = run.to_owned();
        self.store().read(move |tx| tx.attempts(&run)).await.map_err(|error: StoreError| error).unwrap()
    }

    /// Waits until a run has ended, moving the clock a second with each look.
    async fn end_of(&self, id: &str) -> DagRun {
        let since = Instant::now();
        loop {
            let run = self.run(id).await;
            if run.state.is_final() {
                return run;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end: {:?}", run.tasks);
            self.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The server goes down: the scheduler is gone at once, the store is closed and opened anew.
    async fn crash(&mut self, scheduler: JoinHandle<()>) {
        scheduler.abort();
        assert!(scheduler.await.unwrap_err().is_cancelled());
        tokio::task::block_in_place(|| self.temp.reopen());
    }

    /// No attempt was really started twice, and the store knows each that was.
    async fn check_attempts(&self, run: &str) {
        let attempts = self.attempts(run).await;
        let world = self.runner.world();
        let ids: BTreeSet<&String> = world.started.iter().map(|(id, _, _)| id).collect();
        assert_eq!(ids.len(), world.started.len(), "an attempt was started twice");
        let tries: BTreeSet<(&String, u32)> = world.started.iter().map(|(_, task, n)| (task, *n)).collect();
        assert_eq!(tries.len(), world.started.len(), "a try was started twice: {:?}", world.started);
        for (id, task, _) in &world.started {
            let found = attempts.iter().find(|attempt| attempt.id == *id);
            assert!(found.is_some(), "an attempt of `{task}` was started that the store does not know");
        }
        for id in &world.refused {
            let found = attempts.iter().find(|attempt| attempt.id == *id);
            assert!(
                found.is_some_and(|attempt| attempt.state == AttemptState::Lost),
                "an attempt was kept from starting without being lost"
            );
        }
        assert!(attempts.iter().all(|attempt| attempt.state != AttemptState::Running));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_to_its_end() {
    let bench = Bench::new(vec![diamond()], FakeRunner::good(1)).await;
    let id = bench.queue("d").await;
    let scheduler = bench.schedule();
    let run = bench.end_of(&id).await;
    scheduler.abort();
    assert_eq!(run.state, RunState::Success);
    let tasks = bench.runner.tasks();
    assert_eq!((tasks[0].as_str(), tasks[3].as_str(), tasks.len()), ("a#1", "d#1", 4));
    bench.check_attempts(&id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_learns_what_came_before_and_is_known_by_its_token() {
    let line = dag(vec![task("a", &[]), task("b", &["a"])]);
    let bench = Bench::new(vec![line], FakeRunner::scripted(0, |_, _| handing_on("rows", 3))).await;
    let id = bench.queue("d").await;
    let scheduler = bench.schedule();
    bench.end_of(&id).await;
    scheduler.abort();
    let (context, token) = {
        let world = bench.runner.world();
        (world.contexts[1].clone(), world.tokens[1].clone())
    };
    assert_eq!(context["xcoms"], serde_json::json!({ "a": { "rows": 3 } }));
    assert_eq!(context["project_dir"], "/project");
    assert_eq!(context["dag_file"], "/project/dags/d.py");
    assert_eq!(context["run_id"], id.as_str());
    let hash = token_sha256(&token);
    let found: Result<_, StoreError> = bench.store().read(move |tx| tx.attempt_by_token(&hash)).await;
    let attempt = found.unwrap().unwrap();
    assert_eq!((attempt.task_id.as_str(), attempt.commit.as_deref()), ("b", Some("0123abc")));
    assert!(!serde_json::to_string(&attempt).unwrap().contains(&token), "the token itself is not stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_leaves_its_record() {
    let bench =
        Bench::new(vec![dag(vec![task("a", &[])])], FakeRunner::scripted(0, |_, _| ended("failed"))).await;
    let id = bench.queue("d").await;
    let scheduler = bench.schedule();
    bench.end_of(&id).await;
    scheduler.abort();
    let entries: Result<_, StoreError> = bench.store().read(|tx| tx.recent_events(&[], 100)).await;
    let mut actions: Vec<String> = entries.unwrap().into_iter().map(|event| event.action).collect();
    actions.reverse();
    assert_eq!(
        actions,
        ["dag_run.created", "dag_run.state_changed", "task.started", "task.ended", "dag_run.state_changed"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_record_and_start_starts_the_task_anew_once() {
    for call in 0..4 {
        let mut bench = Bench::new(vec![diamond()], FakeRunner::good(1)).await;
        bench.runner.world().crash = Some((call, false));
        let id = bench.queue("d").await;
        let scheduler = bench.schedule();
        bench.runner.crashed.notified().await;
        bench.crash(scheduler).await;
        let scheduler = bench.schedule();
        let run = bench.end_of(&id).await;
        scheduler.abort();
        assert_eq!(run.state, RunState::Success, "crash at start {call}");
        assert_eq!(bench.runner.world().started.len(), 4, "each task ran once");
        assert!(run.tasks.values().any(|task| task.lost > 0), "the attempt that never started is lost");
        bench.check_attempts(&id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_the_start_finds_the_task_at_work() {
    for call in 0..4 {
        let mut bench = Bench::new(vec![diamond()], FakeRunner::good(1)).await;
        bench.runner.world().crash = Some((call, true));
        let id = bench.queue("d").await;
        let scheduler = bench.schedule();
        bench.runner.crashed.notified().await;
        bench.crash(scheduler).await;
        let scheduler = bench.schedule();
        let run = bench.end_of(&id).await;
        scheduler.abort();
        assert_eq!(run.state, RunState::Success);
        // The other half of a pair may be lost with the crash; what was started is not.
        let world_size = bench.runner.world().started.len();
        assert_eq!(world_size, 4, "crash at start {call}: {:?}", bench.runner.tasks());
        bench.check_attempts(&id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_at_any_moment_do_not_stop_a_run() {
    let mut flaky = diamond();
    for task in &mut flaky.tasks {
        (task.retries, task.retry_delay_seconds) = (1, 1.0);
    }
    let runner = FakeRunner::scripted(1, |_, number| ended(if number == 1 { "failed" } else { "success" }));
    let mut bench = Bench::new(vec![flaky], runner).await;
    let id = bench.queue("d").await;
    // Pauses that meet the scheduler at different places of its round.
    for pause in (0..200).map(|n| Duration::from_millis(n * 37 % 113)) {
        let scheduler = bench.schedule();
        tokio::time::sleep(pause).await;
        bench.clock.advance(Duration::from_millis(300));
        bench.crash(scheduler).await;
        if bench.run(&id).await.state.is_final() {
            break;
        }
    }
    let scheduler = bench.schedule();
    let run = bench.end_of(&id).await;
    scheduler.abort();
    assert_eq!(run.state, RunState::Success, "{:?}", run.tasks);
    bench.check_attempts(&id).await;
    let lost: u32 = run.tasks.values().map(|task| task.lost).sum();
    assert_eq!(
        bench.runner.world().started.len(),
        8,
        "each task really ran twice, however often it was lost ({lost} times)"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queued_runs_wait_for_their_turn() {
    let mut narrow = dag(vec![task("a", &[])]);
    narrow.max_active_runs = 2;
    let other = DagSpec { dag_id: "other".to_owned(), ..dag(vec![task("a", &[])]) };
    let bench = Bench::new(vec![narrow, other], FakeRunner::good(3)).await;
    let mut ids = Vec::new();
    for dag_id in ["d", "d", "d", "d", "other"] {
        ids.push(bench.queue(dag_id).await);
        bench.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 5, "runs of the same moment have ids of their own");
    let scheduler = bench.schedule();
    let since = Instant::now();
    let mut most = 0;
    loop {
        let open: Result<Vec<DagRun>, StoreError> = bench.store().read(|tx| tx.open_dag_runs()).await;
        let open = open.unwrap();
        let active =
            open.iter().filter(|run| run.dag.dag_id == "d" && run.state == RunState::Running).count();
        most = most.max(active);
        assert!(active <= 2);
        if open.is_empty() {
            break;
        }
        assert!(since.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scheduler.abort();
    assert_eq!(most, 2, "as many as allowed ran together");
    let mut begun = Vec::new();
    for id in &ids[..4] {
        begun.push(bench.run(id).await.started.unwrap());
    }
    assert!(begun.is_sorted(), "first come, first served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_comes_when_it_is_due() {
    let mut flaky = dag(vec![task("a", &[])]);
    (flaky.tasks[0].retries, flaky.tasks[0].retry_delay_seconds) = (1, 30.0);
    let runner = FakeRunner::scripted(0, |_, number| ended(if number == 1 { "failed" } else { "success" }));
    let bench = Bench::new(vec![flaky], runner).await;
    let id = bench.queue("d").await;
    let scheduler = bench.schedule();
    let run = bench.end_of(&id).await;
    scheduler.abort();
    assert_eq!((run.state, run.tasks["a"].try_number), (RunState::Success, 2));
    let attempts = bench.attempts(&id).await;
    assert!(attempts[1].started.since(attempts[0].ended.unwrap()) >= Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_takes_too_long_is_ended() {
    let mut limited = dag(vec![task("a", &[])]);
    limited.dagrun_timeout_seconds = Some(5.0);
    let bench = Bench::new(vec![limited], FakeRunner::good(u32::MAX)).await;
    let id = bench.queue("d").await;
    let scheduler = bench.schedule();
    let run = bench.end_of(&id).await;
    scheduler.abort();
    assert_eq!((run.state, run.tasks["a"].state), (RunState::Failed, TaskState::Failed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_attempt_that_cannot_be_looked_at_does_not_stop_the_others() {
    let damaged = DagSpec { dag_id: "bad".to_owned(), ..dag(vec![task("damaged", &[])]) };
    let bench = Bench::new(vec![damaged, diamond()], FakeRunner::good(0)).await;
    bench.queue("bad").await;
    let good = bench.queue("d").await;
    let scheduler = bench.schedule();
    assert_eq!(bench.end_of(&good).await.state, RunState::Success);
    scheduler.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_attempt_that_cannot_start_does_not_take_others_with_it() {
    let wide = dag(vec![task("cannot_start", &[]), task("b", &[]), task("c", &[])]);
    let bench = Bench::new(vec![wide], FakeRunner::good(0)).await;
    let id = bench.queue("d").await;
    let scheduler = bench.schedule();
    let run = bench.end_of(&id).await;
    scheduler.abort();
    assert_eq!((run.tasks["b"].lost, run.tasks["c"].lost), (0, 0), "{:?}", run.tasks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_starts_each_interval_once() {
    let mut hourly = dag(vec![task("a", &[])]);
    hourly.schedule = Some(Schedule::Cron { expression: "0 * * * *".to_owned() });
    hourly.start_date = Some("2026-01-01T00:00:00Z".to_owned());
    hourly.catchup = true;
    let mut bench = Bench::new(vec![hourly], FakeRunner::good(0)).await;
    bench.clock.set(Timestamp::parse("2026-01-01T02:30:00Z").unwrap());
    for _ in 0..2 {
        let scheduler = bench.schedule();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        bench.crash(scheduler).await;
    }
    let runs: Result<Vec<DagRun>, StoreError> = bench.store().read(|tx| tx.dag_runs(Some("d"), 10)).await;
    let mut starts: Vec<String> = runs.unwrap().iter().map(|run| run.interval_start.to_string()).collect();
    starts.sort();
    assert_eq!(starts, ["2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z"]);
}

#[tokio::test]
async fn there_is_no_run_of_a_graph_that_does_not_exist() {
    let bench = Bench::new(Vec::new(), FakeRunner::good(0)).await;
    let request = CreateRun {
        dag_id: "nobody".to_owned(),
        run_type: "manual",
        reason: String::new(),
        conf: Map::new(),
        interval: None,
    };
    let refused = bench.store().write(Actor::user("test"), |tx| create_run(tx, request)).await;
    assert!(matches!(refused, Err(PipelineError::UnknownDag(name)) if name == "nobody"));
}
