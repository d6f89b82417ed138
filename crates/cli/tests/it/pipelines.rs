//! DAG files on a real server, with real processes.

use crate::support::{Project, Server, until};
use serde_json::Value;

const GOOD: &str = r#"
from datetime import datetime
from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator

def double(ti):
    return 2 * int(ti.xcom_pull(task_ids="first"))

with DAG("good", schedule_interval=None, start_date=datetime(2024, 1, 1)) as dag:
    first = BashOperator(task_id="first", bash_command="echo 21")
    second = PythonOperator(task_id="second", python_callable=double)
    first >> second
"#;

const BAD_TASKS: &str = r#"
import os, sys, time
from datetime import datetime, timedelta
from airflow import DAG
from airflow.operators.python import PythonOperator

def raises():
    raise ValueError("no flights today")

def floods():
    for _ in range(3000):
        sys.stdout.write("x" * 10_000)

def loops():
    while True:
        time.sleep(0.1)

with DAG("bad_tasks", schedule_interval=None, start_date=datetime(2024, 1, 1)) as dag:
    PythonOperator(task_id="raises", python_callable=raises)
    PythonOperator(task_id="floods", python_callable=floods)
    PythonOperator(task_id="loops", python_callable=loops, execution_timeout=timedelta(seconds=2))
    PythonOperator(task_id="dies", python_callable=lambda: os.kill(os.getpid(), 9))
    PythonOperator(task_id="fine", python_callable=lambda: "ok")
"#;

const SLOW: &str = r#"
import time
from datetime import datetime
from pathlib import Path
from airflow import DAG
from airflow.operators.python import PythonOperator

def work(name):
    with Path("ran.txt").open("a") as file:
        file.write(name + "\n")
    time.sleep(1.5)

with DAG("slow", schedule_interval=None, start_date=datetime(2024, 1, 1)) as dag:
    last = None
    for name in ["one", "two", "three"]:
        task = PythonOperator(task_id=name, python_callable=work, op_args=[name])
        if last is not None:
            last >> task
        last = task
"#;

fn task<'a>(run: &'a Value, id: &str) -> &'a Value {
    run["tasks"].as_array().unwrap().iter().find(|task| task["task_id"] == id).unwrap()
}

#[test]
fn run_follows_a_graph_to_its_end() {
    let project = Project::new();
    project.write("dags/good.py", GOOD);
    let server = Server::start(&project);
    let ended = project.run(&["run", "dags/good.py", "--url", &server.url, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let run: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(run["state"], "success");
    let second = run["attempts"].as_array().unwrap().iter().find(|a| a["task_id"] == "second").unwrap();
    assert_eq!(second["result"]["outcome"]["xcoms"]["return_value"], 42);
}

#[test]
fn a_task_that_misbehaves_harms_only_itself() {
    let project = Project::new();
    project.write("dags/bad.py", BAD_TASKS);
    let server = Server::start(&project);
    let ended = project.run(&["run", "dags/bad.py", "--url", &server.url, "--json"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let run: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(task(&run, "fine")["state"], "success");
    assert_eq!(task(&run, "floods")["state"], "success");
    assert!(task(&run, "raises")["reason"].as_str().unwrap().contains("no flights today"));
    assert!(task(&run, "loops")["reason"].as_str().unwrap().contains("time limit"));
    assert!(task(&run, "dies")["reason"].as_str().unwrap().contains("signal 9"));
    let flood = run["attempts"].as_array().unwrap().iter().find(|a| a["task_id"] == "floods").unwrap();
    assert_eq!(flood["result"]["log_truncated"], true);
    assert_eq!(
        flood["result"]["log_bytes"],
        30_000_000_u64 + flood["result"]["log_bytes"].as_u64().unwrap() % 10_000
    );
}

#[test]
fn a_file_with_a_mistake_is_refused_with_its_line() {
    let project = Project::new();
    project.write("dags/broken.py", "from airflow import DAG\n\nraise RuntimeError('half written')\n");
    let server = Server::start(&project);
    let ended = project.run(&["run", "dags/broken.py", "--url", &server.url]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("dags/broken.py:3") && ended.err.contains("half written"), "{}", ended.err);
}

#[test]
fn a_killed_server_goes_on_where_it_was_and_runs_no_task_twice() {
    let project = Project::new();
    project.write("dags/slow.py", SLOW);
    let mut server = Server::start(&project);
    until("the file to be read", || {
        let dags = server.get("/api/v1/dags");
        (!dags["dags"].as_array().unwrap().is_empty()).then_some(())
    });
    let mut answer =
        ureq::post(format!("{}/api/v1/dags/slow/runs", server.url)).send_json(serde_json::json!({})).unwrap();
    let created: Value = answer.body_mut().read_json().unwrap();
    let run_id = created["run_id"].as_str().unwrap().to_owned();
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_millis(900));
        server.kill();
        server = Server::start(&project);
    }
    let run = until("the run to end", || {
        let run = server.get(&format!("/api/v1/runs/{run_id}"));
        matches!(run["state"].as_str(), Some("success" | "failed")).then_some(run)
    });
    assert_eq!(run["state"], "success", "{run}");
    let ran = std::fs::read_to_string(project.path().join("ran.txt")).unwrap();
    assert_eq!(ran, "one\ntwo\nthree\n");
    // A kill between the record of an attempt and its start loses the attempt, which has then run nothing.
    let ended = run["attempts"].as_array().unwrap().iter().filter(|attempt| attempt["state"] == "ended");
    assert_eq!(ended.count(), 3, "{}", run["attempts"]);
    let audit = project.run(&["audit", "verify"]);
    assert_eq!(audit.code, 0, "{}", audit.out);
}
