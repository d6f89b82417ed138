//! Servers that share a PostgreSQL database.

use crate::support::{BINARY, Project, Server, until};
use mainspring_test_support::PostgresSchema;
use serde_json::{Value, json};
use std::process::Command;

const VARIABLE: &str = "MAINSPRING_BACKEND_STORE_URI";

fn start(project: &Project, schema: &PostgresSchema, lines: usize) -> (Server, String) {
    let arguments = ["server", "--port", "0", "--backend-store-uri", &schema.uri];
    Server::start_command(Command::new(BINARY).args(arguments), project, lines)
}

fn call(server: &Server, path: &str, body: Value) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(format!("{}{path}", server.url)).send_json(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

fn mlflow(server: &Server, path: &str, body: Value) -> Value {
    let (status, answer) = call(server, &format!("/api/2.0/mlflow/{path}"), body);
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test]
fn two_servers_are_one_for_the_api_and_one_of_them_leads() {
    let Some(schema) = PostgresSchema::new() else { return };
    let (here, there) = (Project::new(), Project::new());
    let (first, said) = start(&here, &schema, 1);
    assert!(said.contains("postgresql://") && !said.contains("options="), "{said}");
    let (second, said) = start(&there, &schema, 2);
    assert!(said.contains("takes over when it ends"), "{said}");
    let leads = |server: &Server| server.get("/api/v1/loop")["leads"].as_bool().unwrap();
    assert!(leads(&first) && !leads(&second));

    let run = mlflow(&first, "runs/create", json!({ "experiment_id": "0", "start_time": 1 }));
    let run = run["run"]["info"]["run_id"].as_str().unwrap();
    let metric = |value| json!({ "run_id": run, "key": "auc", "value": value, "timestamp": 1, "step": 0 });
    mlflow(&second, "runs/log-metric", metric(0.75));
    let found =
        mlflow(&first, "runs/search", json!({ "experiment_ids": ["0"], "filter": "metrics.auc > 0.7" }));
    assert_eq!(found["runs"][0]["info"]["run_id"], run);
    mlflow(&second, "registered-models/create", json!({ "name": "flights" }));
    let (status, answer) =
        call(&first, "/api/2.0/mlflow/registered-models/create", json!({ "name": "flights" }));
    assert_eq!((status, &answer["error_code"]), (400, &json!("RESOURCE_ALREADY_EXISTS")));
    let tag = json!({ "run_id": run, "key": "nul", "value": "a\u{0}b" });
    let (status, answer) = call(&first, "/api/2.0/mlflow/runs/set-tag", tag);
    assert_eq!((status, &answer["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{answer}");

    // What only the leading server does is refused by the other one, in words.
    let (status, answer) = call(&second, "/api/v1/dags/import", json!({}));
    assert_eq!(status, 409, "{answer}");
    assert_eq!(call(&first, "/api/v1/dags/import", json!({})).0, 200);
    first.kill();
    until("the other one to lead", || leads(&second).then_some(()));
    assert_eq!(call(&second, "/api/v1/dags/import", json!({})).0, 200);

    let verified = here.run_with(&["audit", "verify"], &[(VARIABLE, &schema.uri)]);
    assert_eq!(verified.code, 0, "{}", verified.err);
    assert!(verified.out.contains("chain unbroken"), "{}", verified.out);
}

#[test]
fn tasks_do_not_see_the_way_to_the_database() {
    let Some(schema) = PostgresSchema::new() else { return };
    let project = Project::new();
    project.write(
        "dags/curious.py",
        r#"
import os
from datetime import datetime
from airflow import DAG
from airflow.operators.python import PythonOperator

seen = [name for name, value in os.environ.items() if "postgresql://" in value and not name.startswith("MAINSPRING_TEST_")]
with DAG("curious", schedule_interval=None, start_date=datetime(2024, 1, 1), description=f"{seen}") as dag:
    PythonOperator(
        task_id="look",
        python_callable=lambda: [name for name, value in os.environ.items() if "postgresql://" in value and not name.startswith("MAINSPRING_TEST_")],
    )
"#,
    );
    let mut command = Command::new(BINARY);
    command.args(["server", "--port", "0"]).env(VARIABLE, &schema.uri);
    let (server, said) = Server::start_command(&mut command, &project, 1);
    assert!(said.contains("postgresql://"), "{said}");
    let ended = project.run(&["run", "dags/curious.py", "--url", &server.url, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let run: Value = serde_json::from_str(&ended.out).unwrap();
    let id = run["run_id"].as_str().unwrap();
    let run = server.get(&format!("/api/v1/runs/{id}"));
    let look = &run["attempts"][0]["result"]["outcome"];
    assert_eq!(look["xcoms"]["return_value"], json!([]), "{run}");
    assert_eq!(server.get("/api/v1/dags")["dags"][0]["spec"]["description"], "[]");
}

#[test]
fn called_mlflow_it_takes_the_uri_that_mlflow_takes() {
    let Some(schema) = PostgresSchema::new() else { return };
    let project = Project::new();
    let link = project.path().join("mlflow");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    let uri = schema.uri.replacen("postgresql://", "postgresql+psycopg2://", 1);
    let mut command = Command::new(link);
    command.args(["server", "--port", "0", "--workers", "4", "--backend-store-uri", &uri]);
    let (server, said) = Server::start_command(&mut command, &project, 2);
    assert!(said.contains("--workers is not used") && !said.contains("--backend-store-uri"), "{said}");
    mlflow(&server, "experiments/create", json!({ "name": "one" }));
    let (_second, _) = start(&Project::new(), &schema, 2);
}

#[test]
fn other_addresses_are_refused_without_showing_a_password() {
    let project = Project::new();
    for (uri, expected) in [
        ("mysql://ada:secret@127.0.0.1/x", "is not the URI of a PostgreSQL database"),
        ("postgresql://ada:secret@127.0.0.1/x?sslmode=maybe", "sslmode `maybe` is unknown"),
        ("postgresql://ada:secret@127.0.0.1:1/x", "cannot be reached"),
    ] {
        let ended = project.run_with(&["server", "--port", "0"], &[(VARIABLE, uri)]);
        assert!(ended.code > 1 && ended.err.contains(expected), "{}", ended.err);
        assert!(!ended.err.contains("secret"), "{}", ended.err);
    }
}
