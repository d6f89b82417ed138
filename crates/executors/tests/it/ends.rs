//! How attempts end, and what is kept of them.

use crate::attempt::{Attempt, wait_until_gone};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

#[test]
fn a_task_says_what_became_of_it() {
    let (attempt, result) = Attempt::run(
        r#"echo hello; echo oops >&2; echo '{"state": "success", "xcoms": {"rows": 3}, "skip": ["x"]}' > "$1/outcome.json""#,
    );
    assert_eq!((result.exit_code, result.signal, result.timed_out), (Some(0), None, false));
    let outcome = result.outcome.unwrap();
    assert_eq!((outcome.state.as_str(), outcome.skip), ("success", vec!["x".to_owned()]));
    assert_eq!(outcome.xcoms["rows"], 3);
    assert_eq!(attempt.log(), "hello\noops\n");
    assert_eq!((result.log_bytes, result.log_truncated), (11, false));
}

#[test]
fn an_exit_code_is_kept() {
    let (_, result) = Attempt::run("exit 3");
    assert_eq!((result.exit_code, result.signal, result.outcome), (Some(3), None, None));
}

#[test]
fn a_signal_is_kept() {
    let (_, result) = Attempt::run("kill -SEGV $$");
    assert_eq!((result.exit_code, result.signal), (None, Some(11)));
}

#[test]
fn a_program_that_does_not_exist_is_a_failure_with_a_reason() {
    let attempt = Attempt::start("", |spec| spec.program = "/no/such/python".into());
    let result = attempt.result();
    assert_eq!((result.exit_code, result.outcome), (Some(127), None));
    assert!(attempt.log().contains("/no/such/python"), "{}", attempt.log());
}

#[test]
fn what_a_task_used_is_measured() {
    let (_, result) = Attempt::run("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    assert!(result.cpu_seconds > 0.01, "{}", result.cpu_seconds);
    assert!(result.max_rss > 100_000, "{}", result.max_rss);
}

#[test]
fn environment_directory_and_input_are_as_told() {
    let attempt = Attempt::start("echo \"$GREETING\"; pwd; cat; echo done", |spec| {
        spec.environment.insert("GREETING".into(), "good morning".into());
        spec.directory = "/usr".into();
    });
    attempt.result();
    assert_eq!(attempt.log(), "good morning\n/usr\ndone\n");
}

#[test]
fn the_folder_is_closed_to_others() {
    let (attempt, _) = Attempt::run("true");
    let mode = std::fs::metadata(&attempt.folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the attempt's token is in it");
    assert!(attempt.folder.join("context.json").exists());
}

#[test]
fn the_time_limit_ends_the_task_with_its_children_and_grandchildren() {
    let attempt = Attempt::start(
        r#"echo $$ > "$1/task"; sh -c 'sleep 300 & echo $! > "$1/grandchild"; wait' sh "$1" & echo $! > "$1/child"; wait"#,
        |spec| spec.timeout_seconds = Some(0.7),
    );
    let family = ["task", "child", "grandchild"].map(|file| attempt.number(file));
    let result = attempt.result();
    assert!(result.timed_out);
    assert_eq!(result.exit_code, None);
    for process in family {
        wait_until_gone(process);
    }
}

#[test]
fn a_task_that_ignores_the_polite_signal_is_killed() {
    let since = Instant::now();
    let attempt =
        Attempt::start(r#"trap '' TERM; echo $$ > "$1/task"; while true; do sleep 0.1; done"#, |spec| {
            spec.timeout_seconds = Some(0.3);
        });
    let task = attempt.number("task");
    let result = attempt.result();
    assert!(result.timed_out);
    assert_eq!(result.signal, Some(9));
    assert!(since.elapsed() < Duration::from_secs(20));
    wait_until_gone(task);
}

#[test]
fn a_task_may_say_its_last_word_when_its_time_is_up() {
    let attempt = Attempt::start(
        r#"trap 'echo cleaning up; exit 1' TERM; echo $$ > "$1/task"; while true; do sleep 0.05; done"#,
        |spec| spec.timeout_seconds = Some(0.5),
    );
    let result = attempt.result();
    assert_eq!((result.timed_out, result.exit_code), (true, Some(1)));
    assert!(attempt.log().ends_with("cleaning up\n"), "{}", attempt.log());
}

#[test]
fn what_a_task_leaves_running_goes_with_it() {
    let (attempt, result) = Attempt::run(r#"sleep 300 & echo $! > "$1/left"; exit 0"#);
    assert_eq!(result.exit_code, Some(0));
    wait_until_gone(attempt.number("left"));
}

#[test]
fn a_task_that_prints_without_end_keeps_its_log_within_the_limit() {
    let attempt = Attempt::start(
        "head -c 100000000 /dev/zero; echo '{\"state\": \"success\"}' > \"$1/outcome.json\"",
        |spec| {
            spec.log_limit = 1_000_000;
        },
    );
    let result = attempt.result();
    assert_eq!((result.exit_code, result.log_bytes, result.log_truncated), (Some(0), 100_000_000, true));
    assert_eq!(result.outcome.unwrap().state, "success", "printing is no failure");
    let size = std::fs::metadata(attempt.folder.join("log")).unwrap().len();
    assert!((1_000_000..1_000_200).contains(&size), "{size}");
    let tail = attempt.executor.log_tail("a1", 100).unwrap();
    assert!(tail.contains("[log cut: 100000000 bytes were printed, 1000000 are kept]"), "{tail}");
}

#[test]
fn an_outcome_that_is_no_outcome_counts_as_none() {
    for (what, said) in [
        (r#"echo '{"state": ' > "$1/outcome.json""#, "cannot be read"),
        (r#"echo '{"sate": "success"}' > "$1/outcome.json""#, "state"),
        (r#"head -c 300 /dev/urandom > "$1/outcome.json""#, "cannot be read"),
        (r#"head -c 5000000 /dev/zero > "$1/outcome.json""#, "more than"),
        (r#"mkdir "$1/outcome.json""#, "not a file"),
        (r#"mkfifo "$1/outcome.json""#, "not a file"),
        (r#"ln -s /dev/zero "$1/outcome.json""#, "not a file"),
    ] {
        let (attempt, result) = Attempt::run(what);
        assert_eq!((result.exit_code, result.outcome), (Some(0), None), "{what}");
        assert!(attempt.log().contains(said), "{what}: {}", attempt.log());
    }
}

#[test]
fn a_task_that_writes_into_its_own_result_fools_nobody() {
    let (_, result) = Attempt::run(r#"echo garbage > "$1/result.json"; sleep 0.3; exit 4"#);
    assert_eq!(result.exit_code, Some(4), "the supervisor's word counts");
}

#[test]
fn the_end_of_a_log_is_read_within_bounds() {
    let (attempt, _) = Attempt::run("printf '0123456789'");
    assert_eq!(attempt.executor.log_tail("a1", 4).unwrap(), "6789");
    assert_eq!(attempt.executor.log_tail("a1", 400).unwrap(), "0123456789");
    assert_eq!(attempt.executor.log_tail("nobody", 400).unwrap(), "");
}
