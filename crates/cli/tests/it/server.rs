//! The server's start and its refusals.

use crate::support::{BINARY, Project, Server};
use std::process::Command;

#[test]
fn health_version_and_pages() {
    let project = Project::new();
    let server = Server::start(&project);
    let text = |path: &str| {
        ureq::get(format!("{}{path}", server.url)).call().unwrap().body_mut().read_to_string().unwrap()
    };
    assert_eq!(text("/health"), "OK");
    assert!(text("/").starts_with("<!doctype html>"));
    assert!(server.get("/api/v1/loop")["stages"].as_array().is_some_and(|stages| stages.len() == 7));
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let project = Project::new();
    let _server = Server::start(&project);
    let ended = project.run(&["server", "--port", "0"]);
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("is in use by another server"), "{}", ended.err);
}

#[test]
fn mistakes_in_the_project_are_refused_with_their_place() {
    let project = Project::new();
    project.write("mainspring.toml", "[project]\nname = \"x\"\n\n[model.m]\nrollout = \"rollout.yaml\"\n");
    project.write(
        "rollout.yaml",
        "kind: Rollout\nspec:\n  strategy:\n    canary:\n      steps:\n        - setWeight: 120\n",
    );
    let ended = project.run(&["server", "--port", "0"]);
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(ended.err, @r"
    error: rollout.yaml:6:22: SetWeight needs to be between 0 and 100
      hint: write the canary's share of the traffic in percent
    ");
    project.write("mainspring.toml", "[project]\nname = \"x\"\ndag = \"dags\"\n");
    let ended = project.run(&["server", "--port", "0"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("mainspring.toml:3:1"), "{}", ended.err);
}

#[test]
fn called_mlflow_it_takes_that_command_line() {
    let project = Project::new();
    let link = project.path().join("mlflow");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    let ended = Command::new(&link)
        .args(["server", "--host", "127.0.0.1", "--port", "not-a-port"])
        .current_dir(project.path())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let help = Command::new(&link).args(["server", "--help"]).output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in [
        "--backend-store-uri",
        "--read-replica-backend-store-uri",
        "--registry-store-uri",
        "--default-artifact-root",
        "--artifacts-only",
        "--artifacts-presigned-only",
        "--static-prefix",
        "--gunicorn-opts",
        "--waitress-opts",
        "--uvicorn-opts",
        "--dev",
        "--expose-prometheus",
        "--app-name",
        "--trace-archival-config",
        "--secrets-cache-ttl",
        "--secrets-cache-max-size",
        "--workspace-store-uri",
        "--enable-workspaces",
        "--disable-workspaces",
        "--workers",
        "--artifacts-destination",
        "--serve-artifacts",
        "--no-serve-artifacts",
        "--allowed-hosts",
        "--cors-allowed-origins",
        "--disable-security-middleware",
        "--x-frame-options",
    ] {
        assert!(help.contains(option), "{option} is not taken");
    }
}

#[test]
fn called_mlflow_it_works_on_the_server_that_the_environment_names() {
    let project = Project::new();
    let link = project.path().join("mlflow");
    std::os::unix::fs::symlink(BINARY, &link).unwrap();
    let server = Server::start(&project);
    let run = |arguments: &[&str]| {
        let output = Command::new(&link)
            .args(arguments)
            .env("MLFLOW_TRACKING_URI", &server.url)
            .current_dir(project.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let ok = |arguments: &[&str]| {
        let (code, out, err) = run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    };
    assert_eq!(ok(&["experiments", "create", "-n", "one"]), "Created experiment 'one' with id 1\n");
    insta::assert_snapshot!(ok(&["experiments", "search"]), @r"
    Experiment Id    Name     Artifact Location  
    ---------------  -------  -------------------
    0                Default  mlflow-artifacts:/0
    1                one      mlflow-artifacts:/1
    ");
    let made: serde_json::Value = ureq::post(format!("{}/api/2.0/mlflow/runs/create", server.url))
        .send_json(serde_json::json!({ "experiment_id": "1", "run_name": "first", "start_time": 1000 }))
        .unwrap()
        .body_mut()
        .read_json()
        .unwrap();
    let id = made["run"]["info"]["run_id"].as_str().unwrap();
    project.write("files/a/b.txt", "hello");
    ok(&["artifacts", "log-artifacts", "-l", "files", "-r", id]);
    ok(&["artifacts", "log-artifact", "-l", "files/a/b.txt", "-r", id, "-a", "more"]);
    let listed = ok(&["artifacts", "list", "-r", id, "-a", "a"]);
    assert_eq!(listed, "[{\n  \"path\": \"a/b.txt\",\n  \"is_dir\": false,\n  \"file_size\": 5\n}]\n");
    let to = ok(&["artifacts", "download", "-r", id, "-d", "got"]);
    assert_eq!(std::fs::read_to_string(format!("{}/more/b.txt", to.trim())).unwrap(), "hello");
    ok(&["artifacts", "download", "-u", &format!("runs:/{id}/a/b.txt"), "-d", "one"]);
    assert!(project.path().join("one/b.txt").exists());
    let runs = ok(&["runs", "list", "--experiment-id", "1"]);
    assert!(runs.contains(&format!("1970-01-01 00:00:01 UTC  first   {id}")), "{runs}");
    let described: serde_json::Value =
        serde_json::from_str(&ok(&["runs", "describe", "--run-id", id])).unwrap();
    assert_eq!(described["data"]["tags"]["mlflow.runName"], "first");
    assert!(ok(&["experiments", "csv", "-x", "1"]).contains(&format!("{id},1,RUNNING,")));
    ok(&["experiments", "rename", "-x", "1", "--new-name", "two"]);
    ok(&["experiments", "delete", "-x", "1"]);
    ok(&["experiments", "restore", "-x", "1"]);
    ok(&["runs", "delete", "--run-id", id]);
    ok(&["runs", "restore", "--run-id", id]);
    let (code, _, err) = run(&["gc", "--run-ids", id]);
    assert!(code == 1 && err.contains("not in `deleted` lifecycle stage"), "{err}");
    ok(&["runs", "delete", "--run-id", id]);
    let line = format!("Run with ID {id} would be permanently deleted.\n");
    assert_eq!(ok(&["gc", "--dry-run"]), line);
    let (_, _, err) = run(&["gc", "--older-than", "30d", "--run-ids", id]);
    assert!(err.contains("not older than the required age"), "{err}");
    assert_eq!(ok(&["gc", "--artifacts-destination", "x"]), line.replace("would be", "has been"));
    assert_eq!(run(&["runs", "describe", "--run-id", id]).0, 1);
    assert!(!project.path().join(format!(".mainspring/artifacts/1/{id}")).exists());
}

#[test]
fn artifacts_go_where_the_options_say() {
    let project = Project::new();
    let options = ["--artifacts-destination", "kept", "--default-artifact-root", "./shared"];
    let (server, _) = Server::start_with(&project, &options, 1);
    let put = format!("{}/api/2.0/mlflow-artifacts/artifacts/dir/a.txt", server.url);
    assert_eq!(ureq::put(&put).send("content").unwrap().status(), 200);
    assert_eq!(std::fs::read_to_string(project.path().join("kept/dir/a.txt")).unwrap(), "content");
    let location = |server: &Server| {
        let answer = server.get("/api/2.0/mlflow/experiments/get?experiment_id=0");
        answer["experiment"]["artifact_location"].as_str().unwrap().to_owned()
    };
    let shared = project.path().canonicalize().unwrap().join("shared/0");
    assert_eq!(location(&server), shared.to_str().unwrap());
    server.kill();
    // The place of an experiment stays, whatever later servers give to new ones.
    let (server, _) = Server::start_with(&project, &["--artifacts-destination", "kept"], 1);
    assert_eq!(location(&server), shared.to_str().unwrap());
    let mut got = ureq::get(&put.replace(put.split("/api").next().unwrap(), &server.url)).call().unwrap();
    assert_eq!(got.body_mut().read_to_string().unwrap(), "content");
    let ended = project.run(&["server", "--port", "0", "--no-serve-artifacts"]);
    assert!(ended.code != 0 && ended.err.contains("error:"), "{}", ended.err);
}

#[test]
fn what_other_machines_reach_asks_for_a_login() {
    let project = Project::new();
    project.write("mainspring.toml", "[project]\nname = \"x\"\n[access]\nlogin = true\n");
    let (server, said) = Server::start_saying(&project, 6);
    let secret = said.split("MAINSPRING_TOKEN=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let secret = secret.unwrap_or_else(|| panic!("no token in: {said}"));
    let environment = [("MAINSPRING_URL", server.url.as_str()), ("MAINSPRING_TOKEN", secret)];
    let anonymous = project.run_with(&["status"], &environment[..1]);
    assert_eq!((anonymous.code, anonymous.out.as_str()), (1, ""));
    assert!(anonymous.err.contains("asks for a login") && anonymous.err.contains("users token"));
    let run = |arguments: &[&str]| {
        let ended = project.run_with(arguments, &environment);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
        ended.out
    };
    run(&["users", "add", "rita", "--role", "reader"]);
    let rita = run(&["users", "token", "rita", "--label", "laptop"]);
    assert!(run(&["users"]).contains("rita"));
    let as_rita = [environment[0], ("MAINSPRING_TOKEN", rita.trim())];
    assert_eq!(project.run_with(&["status"], &as_rita).code, 0);
    let refused = project.run_with(&["users", "add", "eve"], &as_rita);
    assert!(refused.code == 1 && refused.err.contains("needs the role admin"), "{}", refused.err);
    // The token is shown once: a second start makes no other.
    server.kill();
    let (server, said) = Server::start_saying(&project, 1);
    assert!(!said.contains("MAINSPRING_TOKEN="));
    let again = [("MAINSPRING_URL", server.url.as_str()), ("MAINSPRING_TOKEN", secret)];
    assert_eq!(project.run_with(&["users"], &again).code, 0, "and the first is still taken");
}

#[test]
fn inference_without_a_model_is_explained() {
    let project = Project::new();
    let server = Server::start(&project);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .post(format!("{}/v2/models/nope/infer", server.url))
        .send_json(serde_json::json!({ "inputs": [{ "name": "x", "shape": [1], "datatype": "FP64", "data": [1.0] }] }))
        .unwrap();
    assert_eq!(answer.status(), 404);
    let body: serde_json::Value = answer.body_mut().read_json().unwrap();
    assert!(body["error"].as_str().is_some_and(|text| text.contains("mainspring deploy")), "{body}");
    for bad in ["", "{", "[]", "{\"inputs\": 3}"] {
        let answer = agent.post(format!("{}/v2/models/nope/infer", server.url)).send(bad).unwrap();
        assert_eq!(answer.status(), 400, "{bad}");
    }
}

#[test]
fn feedback_for_unknown_requests_is_kept_aside() {
    let project = Project::new();
    let server = Server::start(&project);
    let mut answer = ureq::post(format!("{}/v2/models/m/feedback", server.url))
        .send_json(serde_json::json!({ "request_id": "nobody", "label": 1 }))
        .unwrap();
    let body: serde_json::Value = answer.body_mut().read_json().unwrap();
    assert_eq!(body, serde_json::json!({ "matched": 0, "unknown": 1, "unknown_ids": ["nobody"] }));
    assert_eq!(server.get("/api/v1/monitors/m")["feedback_without_request"], 1);
}

#[test]
fn spans_of_calls_go_to_a_collector() {
    let (project, watched) = (Project::new(), Project::new());
    let collector = Server::start(&project);
    for protocol in ["http/protobuf", "http/json"] {
        let mut command = Command::new(BINARY);
        command
            .args(["server", "--port", "0"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-mlflow-experiment-id=0")
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_SERVICE_NAME", protocol);
        let (server, _) = Server::start_command(&mut command, &watched, 1);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.post(format!("{}/v2/models/nope/infer", server.url)).send("{}").unwrap();
        assert_eq!(answer.status(), 400);
        // What is left is sent at the end.
        server.stop();
    }
    let mut answer = ureq::post(format!("{}/api/3.0/mlflow/traces/search", collector.url))
        .send_json(serde_json::json!({ "locations": [
            { "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": "0" } }] }))
        .unwrap();
    let found: serde_json::Value = answer.body_mut().read_json().unwrap();
    let services = found["traces"].as_array().unwrap().iter().map(|trace| &trace["tags"]["service.name"]);
    assert_eq!(services.collect::<Vec<_>>(), ["http/json", "http/protobuf"], "{found}");
}

#[test]
fn a_collector_that_does_not_answer_holds_nothing_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(["server", "--port", "0"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", silent.local_addr().unwrap()));
    let (server, _) = Server::start_command(&mut command, &Project::new(), 1);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    assert_eq!(agent.post(format!("{}/v2/models/nope/infer", server.url)).send("{}").unwrap().status(), 400);
    let began = std::time::Instant::now();
    server.stop();
    // A service manager that waits for ten seconds would kill it otherwise.
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_way_of_exporting_spans_that_is_not_there_is_refused() {
    let project = Project::new();
    let variables =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let ended = project.run_with(&["server", "--port", "0"], &variables);
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(ended.err, @r"
    error: spans cannot be exported over `grpc`
     hint: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and the collector's port for HTTP, 4318 by default
    ");
}

#[test]
fn workspaces_are_there_when_they_are_asked_for() {
    let project = Project::new();
    let enabled = |server: &Server| -> serde_json::Value {
        let url = format!("{}/api/3.0/mlflow/server-info", server.url);
        let info: serde_json::Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
        info["workspaces_enabled"].clone()
    };
    for (options, expected) in [
        (&[][..], false),
        (&["--enable-workspaces"], true),
        (&["--enable-workspaces", "--disable-workspaces"], false),
    ] {
        let (server, _) = Server::start_with(&project, options, 1);
        assert_eq!(enabled(&server), expected, "{options:?}");
    }
    // The folder of workspaces is kept for them.
    let below = |folder: &str| format!("file://{}/{folder}", project.path().display());
    for (root, because) in [
        (below("workspaces"), "kept for the artifacts of workspaces"),
        (below("workspaces/team-a"), "kept for the artifacts of workspaces"),
        ("http://h/api/2.0/mlflow-artifacts/artifacts/exp".to_owned(), "a folder behind the server"),
        ("mlflow-artifacts:/exp".to_owned(), "a folder behind the server, which workspaces cannot have"),
    ] {
        let output = Command::new(BINARY)
            .args(["server", "--port", "0", "--enable-workspaces", "--default-artifact-root", &root])
            .current_dir(project.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(because), "{said}");
    }
}
