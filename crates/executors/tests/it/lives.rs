//! Servers and supervisors that go away.

use crate::attempt::{Attempt, script, wait_for, wait_until_gone};
use mainspring_executors::{AttemptStatus, ExecutorError, LocalExecutor, supervise};
use std::process::Command;
use std::time::Duration;

fn kill(process: i32) {
    assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
}

#[test]
fn a_server_that_comes_after_finds_the_attempt_at_work_and_then_its_result() {
    let attempt =
        Attempt::start(r#"echo $$ > "$1/task"; while [ ! -e "$1/go" ]; do sleep 0.05; done; exit 7"#, |_| {});
    attempt.number("task");
    let root = attempt.folder.parent().unwrap().to_path_buf();
    let second = LocalExecutor::new("/no/such/binary".into(), root);
    for age in [0, 5, 3600] {
        assert_eq!(second.poll("a1", Duration::from_secs(age)).unwrap(), AttemptStatus::Running);
    }
    std::fs::write(attempt.folder.join("go"), "").unwrap();
    let found = wait_for("the end", || {
        Some(second.poll("a1", Duration::ZERO).unwrap()).filter(|status| *status != AttemptStatus::Running)
    });
    assert!(matches!(&found, AttemptStatus::Ended(result) if result.exit_code == Some(7)), "{found:?}");
    assert_eq!(attempt.poll(), found, "and the first server sees the same");
}

#[test]
fn an_attempt_whose_supervisor_is_killed_is_lost_and_its_task_ended() {
    let attempt = Attempt::start(
        r#"echo $PPID > "$1/supervisor"; sleep 300 & echo $! > "$1/child"; echo $$ > "$1/task"; wait"#,
        |_| {},
    );
    let (task, child) = (attempt.number("task"), attempt.number("child"));
    assert_eq!(attempt.poll(), AttemptStatus::Running);
    kill(attempt.number("supervisor"));
    let found =
        wait_for("the loss", || Some(attempt.poll()).filter(|status| *status != AttemptStatus::Running));
    assert_eq!(found, AttemptStatus::Lost);
    // The next attempt starts now; this one must not go on beside it.
    wait_until_gone(task);
    wait_until_gone(child);
    assert_eq!(attempt.poll(), AttemptStatus::Lost, "it stays lost");
}

#[test]
fn a_supervisor_that_never_comes_to_life_is_given_up_and_refuses_later() {
    let attempt = Attempt::unstarted("/bin/true".into());
    let spec = script(r#"echo ran > "$1/ran""#, &attempt.folder);
    attempt.executor.start("a1", &spec, &serde_json::json!({})).unwrap();
    let poll = |age| attempt.executor.poll("a1", Duration::from_millis(age)).unwrap();
    assert_eq!(poll(0), AttemptStatus::Running);
    assert_eq!(poll(9_999), AttemptStatus::Running, "it may still come");
    assert_eq!(poll(10_000), AttemptStatus::Lost);
    assert_eq!(poll(0), AttemptStatus::Lost, "what is given up stays so");
    assert!(matches!(supervise(&attempt.folder), Err(ExecutorError::GivenUp)));
    assert!(!attempt.folder.join("ran").exists(), "the task did not run");
    assert_eq!(poll(20_000), AttemptStatus::Lost);
}

#[test]
fn an_attempt_without_a_folder_is_lost_once_it_should_have_one() {
    let attempt = Attempt::unstarted("/bin/true".into());
    let poll = |age| attempt.executor.poll("a1", Duration::from_secs(age)).unwrap();
    assert_eq!(poll(1), AttemptStatus::Running);
    assert_eq!(poll(10), AttemptStatus::Lost);
}

#[test]
fn of_two_supervisors_one_runs_the_task() {
    let attempt = Attempt::start(r#"echo x >> "$1/runs"; sleep 0.5"#, |_| {});
    attempt.number_of_lines("runs");
    assert!(matches!(supervise(&attempt.folder), Err(ExecutorError::GivenUp)));
    attempt.result();
    assert_eq!(attempt.number_of_lines("runs"), 1);
}

#[test]
fn a_damaged_result_of_a_dead_supervisor_is_a_loss_and_no_error() {
    let attempt = Attempt::unstarted("/bin/true".into());
    std::fs::create_dir_all(&attempt.folder).unwrap();
    for file in ["claim", "lock", "result.json"] {
        std::fs::write(attempt.folder.join(file), "garbage").unwrap();
    }
    assert_eq!(attempt.poll(), AttemptStatus::Lost);
}

#[test]
fn a_noted_process_that_is_another_one_by_now_is_left_alone() {
    let mut bystander = Command::new("sleep").arg("300").spawn().unwrap();
    let attempt = Attempt::unstarted("/bin/true".into());
    std::fs::create_dir_all(&attempt.folder).unwrap();
    for (file, text) in
        [("claim", String::new()), ("lock", String::new()), ("group", format!("[{}, 1]", bystander.id()))]
    {
        std::fs::write(attempt.folder.join(file), text).unwrap();
    }
    assert_eq!(attempt.poll(), AttemptStatus::Lost);
    assert!(bystander.try_wait().unwrap().is_none(), "it has the number but not the start");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn many_attempts_at_once_do_not_mix() {
    let attempts: Vec<Attempt> =
        (0..12).map(|n| Attempt::start(&format!("echo {n}; sleep 0.2; exit {n}"), |_| {})).collect();
    for (n, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt.result().exit_code, i32::try_from(n).ok());
        assert_eq!(attempt.log(), format!("{n}\n"));
    }
}

impl Attempt {
    fn number_of_lines(&self, file: &str) -> usize {
        let path = self.folder.join(file);
        wait_for(file, || {
            std::fs::read_to_string(&path).ok().map(|text| text.lines().count()).filter(|n| *n > 0)
        })
    }
}
