//! The planner, one rule at a time.

use crate::graphs::{Play, dag, diamond, ended, handing_on, success_that_skips, task};
use mainspring_domain::pipelines::{AttemptResult, RunState, TaskSpec, TaskState};
use mainspring_pipelines::planner::Event;

#[test]
fn nothing_starts_before_the_run_begins() {
    let mut play = Play::queued(diamond());
    assert!(play.tick(60.0).is_empty());
    assert_eq!(play.run.state, RunState::Queued);
    assert_eq!(play.send(&Event::Begin), ["a"]);
    assert!(play.send(&Event::Begin).is_empty(), "a run begins once");
}

#[test]
fn a_line_runs_in_order() {
    let mut play = Play::begin(dag(vec![task("a", &[]), task("b", &["a"]), task("c", &["b"])]));
    assert_eq!(play.started, [("a".to_owned(), 1)]);
    assert_eq!(play.end_as("a", "success"), ["b"]);
    assert_eq!(play.end_as("b", "success"), ["c"]);
    assert!(play.end_as("c", "success").is_empty());
    assert_eq!(play.run.state, RunState::Success);
    assert_eq!(play.run.ended, Some(play.now));
}

#[test]
fn a_diamond_waits_for_both_sides() {
    let mut play = Play::begin(diamond());
    assert_eq!(play.end_as("a", "success"), ["b", "c"]);
    assert!(play.end_as("c", "success").is_empty());
    assert_eq!(play.end_as("b", "success"), ["d"]);
    play.end_as("d", "success");
    assert_eq!(play.run.state, RunState::Success);
}

#[test]
fn a_failure_reaches_everything_after_it_at_once() {
    let mut play = Play::begin(diamond());
    play.end_as("a", "failed");
    for id in ["b", "c", "d"] {
        assert_eq!(play.state(id), TaskState::UpstreamFailed);
    }
    assert_eq!(play.reason("b"), "because of `a`");
    assert_eq!(play.run.state, RunState::Failed);
}

#[test]
fn a_failure_on_one_side_lets_the_other_side_end() {
    let mut play = Play::begin(diamond());
    play.end_as("a", "success");
    play.end_as("b", "failed");
    assert_eq!((play.run.state, play.state("d")), (RunState::Running, TaskState::UpstreamFailed));
    play.end_as("c", "success");
    assert_eq!(play.run.state, RunState::Failed);
}

#[test]
fn only_the_leaves_decide_the_run() {
    let mut cleanup = task("cleanup", &["work"]);
    cleanup.trigger_rule = "all_done".to_owned();
    let mut play = Play::begin(dag(vec![task("work", &[]), cleanup]));
    assert_eq!(play.end_as("work", "failed"), ["cleanup"]);
    play.end_as("cleanup", "success");
    assert_eq!(play.run.state, RunState::Success);
}

#[test]
fn an_empty_graph_is_done_at_once() {
    let play = Play::begin(dag(Vec::new()));
    assert_eq!(play.run.state, RunState::Success);
}

/// Two tasks that end as told, and one after them; what became of the third.
fn after(rule: &str, first: &str, second: &str) -> TaskState {
    let mut third = task("third", &["first", "second"]);
    third.trigger_rule = rule.to_owned();
    let mut play = Play::begin(dag(vec![task("first", &[]), task("second", &[]), third]));
    for (id, state) in [("first", first), ("second", second)] {
        play.end_as(id, state);
    }
    if play.state("third") == TaskState::Running {
        play.end_as("third", "success");
    }
    assert!(play.run.state.is_final(), "{rule} {first} {second}: {:?}", play.run.tasks);
    play.state("third")
}

#[test]
fn trigger_rules_end_to_end() {
    use TaskState::{Skipped, Success, UpstreamFailed};
    let ends = [
        ("success", "success"),
        ("success", "skipped"),
        ("success", "failed"),
        ("skipped", "skipped"),
        ("failed", "skipped"),
        ("failed", "failed"),
    ];
    let table = [
        ("all_success", [Success, Skipped, UpstreamFailed, Skipped, UpstreamFailed, UpstreamFailed]),
        ("all_failed", [Skipped, Skipped, Skipped, Skipped, Skipped, Success]),
        ("all_done", [Success; 6]),
        ("one_success", [Success, Success, Success, Skipped, UpstreamFailed, UpstreamFailed]),
        ("one_failed", [Skipped, Skipped, Success, Skipped, Success, Success]),
        ("one_done", [Success, Success, Success, Skipped, Success, Success]),
        ("none_failed", [Success, Success, UpstreamFailed, Success, UpstreamFailed, UpstreamFailed]),
        (
            "none_failed_min_one_success",
            [Success, Success, UpstreamFailed, Skipped, UpstreamFailed, UpstreamFailed],
        ),
        ("none_skipped", [Success, Skipped, Success, Skipped, Skipped, Success]),
        ("always", [Success; 6]),
    ];
    for (rule, expected) in table {
        for ((first, second), expected) in ends.into_iter().zip(expected) {
            assert_eq!(after(rule, first, second), expected, "{rule} after {first}, {second}");
            // A skip and a failure spread at once, so of the two the first decides.
            let swapped = match (rule, first, second) {
                ("all_success", "failed", "skipped") => Skipped,
                _ => expected,
            };
            assert_eq!(after(rule, second, first), swapped, "{rule} after {second}, {first}");
        }
    }
}

#[test]
fn some_rules_do_not_wait_for_all() {
    for (rule, first) in [("one_success", "success"), ("one_failed", "failed"), ("one_done", "success")] {
        let mut third = task("third", &["first", "second"]);
        third.trigger_rule = rule.to_owned();
        let mut play = Play::begin(dag(vec![task("first", &[]), task("second", &[]), third]));
        assert_eq!(play.end_as("first", first), ["third"], "{rule}");
    }
}

fn retrying(change: impl FnOnce(&mut TaskSpec)) -> Play {
    let mut task = task("t", &[]);
    change(&mut task);
    Play::begin(dag(vec![task]))
}

#[test]
fn a_failed_attempt_is_repeated_after_its_delay() {
    let mut play = retrying(|task| (task.retries, task.retry_delay_seconds) = (2, 60.0));
    assert!(play.end_as("t", "failed").is_empty());
    assert_eq!(play.state("t"), TaskState::UpForRetry);
    assert!(play.tick(59.999).is_empty());
    assert_eq!(play.tick(0.001), ["t"]);
    play.end_as("t", "failed");
    assert_eq!(play.tick(60.0), ["t"]);
    play.end_as("t", "failed");
    assert_eq!(play.state("t"), TaskState::Failed);
    assert_eq!(play.started, [("t".to_owned(), 1), ("t".to_owned(), 2), ("t".to_owned(), 3)]);
    assert_eq!(play.run.state, RunState::Failed);
}

#[test]
fn a_repetition_that_succeeds_makes_good() {
    let mut play = retrying(|task| (task.retries, task.retry_delay_seconds) = (1, 0.0));
    play.end_as("t", "failed");
    assert_eq!(play.started.len(), 2, "a delay of nothing does not wait");
    play.end_as("t", "success");
    assert_eq!((play.state("t"), play.run.state), (TaskState::Success, RunState::Success));
    assert!(play.run.tasks["t"].reason.is_none());
}

#[test]
fn the_delay_doubles_up_to_its_limit() {
    let mut play = retrying(|task| {
        task.retries = 5;
        task.retry_delay_seconds = 10.0;
        task.retry_exponential_backoff = true;
        task.max_retry_delay_seconds = Some(50.0);
    });
    for expected in [10, 20, 40, 50, 50] {
        play.end_as("t", "failed");
        let at = play.run.tasks["t"].retry_at.unwrap();
        assert_eq!(at.since(play.now).as_secs(), expected);
        play.now = at;
        assert_eq!(play.send(&Event::Tick), ["t"]);
    }
}

#[test]
fn absurd_delays_and_retries_harm_nothing() {
    for delay in [f64::MAX, f64::INFINITY, f64::NAN, -5.0] {
        let mut play = retrying(|task| {
            (task.retries, task.retry_delay_seconds, task.retry_exponential_backoff) =
                (u32::MAX, delay, true);
        });
        play.lose("t");
        play.end_as("t", "failed");
        let state = play.state("t");
        assert!(matches!(state, TaskState::UpForRetry | TaskState::Running), "{delay}: {state:?}");
    }
}

#[test]
fn a_failure_that_repetition_cannot_mend_is_final() {
    let mut play = retrying(|task| task.retries = 3);
    play.end_as("t", "failed_no_retry");
    assert_eq!(play.state("t"), TaskState::Failed);
}

#[test]
fn a_repetition_does_not_start_what_comes_after() {
    let mut first = task("first", &[]);
    first.retries = 1;
    let mut cleanup = task("cleanup", &["first"]);
    cleanup.trigger_rule = "one_failed".to_owned();
    let mut play = Play::begin(dag(vec![first, cleanup]));
    assert!(play.end_as("first", "failed").is_empty());
    assert_eq!(play.state("cleanup"), TaskState::None);
}

#[test]
fn what_an_attempt_says_must_fit_how_it_ended() {
    let success_with_code = |exit_code| AttemptResult { exit_code, ..ended("success") };
    let cases = [
        (ended("success"), TaskState::Success, ""),
        (success_with_code(Some(1)), TaskState::Failed, "ended with exit code 1"),
        (success_with_code(None), TaskState::Failed, "ended without an exit code"),
        (AttemptResult { outcome: None, ..ended("success") }, TaskState::Failed, "ended with exit code 0"),
        (
            AttemptResult { timed_out: true, ..ended("success") },
            TaskState::Failed,
            "killed: it took longer than its time limit",
        ),
        (AttemptResult { signal: Some(9), ..ended("success") }, TaskState::Failed, "ended by signal 9"),
        (ended("skipped"), TaskState::Skipped, "skipped itself"),
        (ended("nonsense"), TaskState::Failed, "ended with exit code 0"),
    ];
    for (result, state, reason) in cases {
        let mut play = Play::begin(dag(vec![task("t", &[])]));
        play.end("t", result.clone());
        assert_eq!((play.state("t"), play.reason("t")), (state, reason), "{result:?}");
    }
}

#[test]
fn an_attempt_that_took_too_long_may_be_repeated() {
    let mut play = retrying(|task| (task.retries, task.retry_delay_seconds) = (1, 0.0));
    play.end("t", AttemptResult { timed_out: true, signal: Some(15), outcome: None, ..ended("failed") });
    assert_eq!(play.running(), ["t"]);
}

#[test]
fn a_lost_attempt_is_started_anew_without_using_up_retries() {
    let mut play = retrying(|task| (task.retries, task.retry_delay_seconds) = (1, 0.0));
    assert_eq!(play.lose("t"), ["t"]);
    assert_eq!(play.lose("t"), ["t"]);
    assert_eq!(play.end_as("t", "failed"), ["t"], "its one retry is still there");
    play.end_as("t", "failed");
    assert_eq!(play.state("t"), TaskState::Failed);
    assert_eq!(play.started.len(), 4);
}

#[test]
fn an_attempt_that_is_always_lost_fails_in_the_end() {
    let mut play = retrying(|task| task.retries = 10);
    for _ in 0..5 {
        assert_eq!(play.lose("t"), ["t"]);
    }
    assert!(play.lose("t").is_empty());
    assert_eq!((play.state("t"), play.run.state), (TaskState::Failed, RunState::Failed));
    assert_eq!(play.reason("t"), "its process vanished 6 times");
}

#[test]
fn a_task_passes_over_others() {
    let mut join = task("join", &["left", "right"]);
    join.trigger_rule = "none_failed_min_one_success".to_owned();
    let tasks = vec![task("branch", &[]), task("left", &["branch"]), task("right", &["branch"]), join];
    let mut play = Play::begin(dag(tasks));
    assert_eq!(play.end("branch", success_that_skips(&["right"])), ["left"]);
    assert_eq!((play.state("right"), play.reason("right")), (TaskState::Skipped, "passed over by `branch`"));
    assert_eq!(play.end_as("left", "success"), ["join"]);
    play.end_as("join", "success");
    assert_eq!(play.run.state, RunState::Success);
}

#[test]
fn passing_over_does_not_touch_what_ran_or_does_not_exist() {
    let mut play = Play::begin(dag(vec![task("branch", &[]), task("other", &[]), task("third", &[])]));
    play.end_as("other", "success");
    play.end("branch", success_that_skips(&["other", "third", "nobody"]));
    assert_eq!((play.state("other"), play.state("third")), (TaskState::Success, TaskState::Running));
}

#[test]
fn everything_passed_over_is_a_good_end() {
    let mut play =
        Play::begin(dag(vec![task("stop", &[]), task("next", &["stop"]), task("last", &["next"])]));
    play.end("stop", success_that_skips(&["next"]));
    assert_eq!((play.state("last"), play.run.state), (TaskState::Skipped, RunState::Success));
}

#[test]
fn tasks_hand_on_values() {
    let mut play = Play::begin(dag(vec![task("a", &[]), task("b", &["a"])]));
    play.end("a", handing_on("rows", 3));
    assert_eq!(play.run.tasks["a"].xcoms["rows"], 3);
}

#[test]
fn no_more_tasks_run_than_allowed() {
    let mut wide = dag((0..5).map(|n| task(&format!("t{n}"), &[])).collect());
    wide.max_active_tasks = 2;
    let mut play = Play::begin(wide);
    assert_eq!(play.running(), ["t0", "t1"]);
    assert!(play.tick(1.0).is_empty());
    assert_eq!(play.end_as("t1", "success"), ["t2"]);
    assert_eq!(play.end_as("t0", "failed"), ["t3"]);
}

#[test]
fn a_task_that_waits_for_its_repetition_leaves_its_place_to_others() {
    let mut first = task("first", &[]);
    (first.retries, first.retry_delay_seconds) = (1, 60.0);
    let mut narrow = dag(vec![first, task("second", &[])]);
    narrow.max_active_tasks = 1;
    let mut play = Play::begin(narrow);
    assert_eq!(play.end_as("first", "failed"), ["second"]);
    assert!(play.tick(60.0).is_empty(), "the place is taken");
    assert_eq!(play.end_as("second", "success"), ["first"]);
}

#[test]
fn a_run_that_takes_too_long_fails() {
    let mut limited = diamond();
    limited.dagrun_timeout_seconds = Some(100.0);
    let mut play = Play::begin(limited);
    play.end_as("a", "success");
    play.tick(100.0);
    assert_eq!(play.run.state, RunState::Running);
    play.tick(0.001);
    assert_eq!(play.run.state, RunState::Failed);
    assert_eq!(play.state("a"), TaskState::Success);
    for id in ["b", "c", "d"] {
        assert_eq!(play.state(id), TaskState::Failed);
        assert_eq!(play.reason(id), "the run took longer than its time limit");
    }
    let end = play.run.clone();
    assert!(play.end_as("b", "success").is_empty(), "a late result starts nothing");
    assert_eq!(play.run, end);
}

#[test]
fn a_graph_that_waits_for_itself_ends() {
    for tasks in
        [vec![task("a", &["b"]), task("b", &["a"])], vec![task("a", &["a"])], vec![task("a", &["nobody"])]]
    {
        let play = Play::begin(dag(tasks));
        assert_eq!((play.run.state, play.state("a")), (RunState::Failed, TaskState::UpstreamFailed));
        assert!(play.reason("a").contains("never begin"));
    }
}

#[test]
fn events_of_tasks_that_are_not_at_work_change_nothing() {
    let mut play = Play::begin(diamond());
    let before = play.run.clone();
    for task in ["d", "nobody"] {
        assert!(play.end_as(task, "success").is_empty());
        assert!(play.lose(task).is_empty());
    }
    assert_eq!(play.run, before);
}
