//! Stores of MLflow's, in and out again.

use crate::support::{BINARY, Project, Server, until};
use mainspring_metadata_store::{Backend, Onlooker};
use mainspring_test_support::PostgresSchema;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// An interpreter that has all of MLflow 3.18.
const MLFLOW: &str = "MAINSPRING_TEST_MLFLOW";
/// An interpreter that has MLflow 2.22.
const MLFLOW_2: &str = "MAINSPRING_TEST_MLFLOW_2";

/// A file store with as many runs, each with as many points.
fn store(project: &Project, runs: usize, points: usize) {
    project.write("mlruns/7/meta.yaml", "experiment_id: '7'\nname: churn\nlifecycle_stage: active\n");
    let mut lines = String::new();
    for step in 0..points {
        writeln!(lines, "{step} 0.5 {step}").unwrap();
    }
    for run in 0..runs {
        let id = format!("{run:032x}");
        project.write(&format!("mlruns/7/{id}/meta.yaml"), &format!("run_id: '{id}'\nstatus: 3\n"));
        project.write(&format!("mlruns/7/{id}/metrics/loss"), &lines);
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_store_is_imported_once() {
    let project = Project::new();
    store(&project, 2, 3);
    let dry = json(&project.run(&["import", "mlflow", "./mlruns", "--dry-run", "--json"]).out);
    assert_eq!((&dry["brought"]["runs"], &dry["dry_run"]), (&2.into(), &true.into()));
    assert!(!project.path().join(".mainspring/mainspring.db").exists());
    let first = project.run(&["import", "mlflow", "./mlruns"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("metric points  6        0"), "{}", first.out);
    let second = json(&project.run(&["import", "mlflow", "./mlruns", "--json"]).out);
    assert_eq!((&second["brought"]["runs"], &second["already_there"]["runs"]), (&0.into(), &2.into()));
    assert_eq!(project.run(&["audit", "verify"]).code, 0);
}

#[test]
fn a_running_server_is_in_the_way_of_an_import_and_not_of_a_look() {
    let project = Project::new();
    store(&project, 1, 1);
    let _server = Server::start(&project);
    let ended = project.run(&["import", "mlflow", "./mlruns"]);
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("hint: stop the server first"), "{}", ended.err);
    let dry = project.run(&["import", "mlflow", "./mlruns", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
}

#[test]
fn what_is_no_store_is_refused_with_a_hint() {
    let project = Project::new();
    for uri in ["./nothing", "mysql://h/d", "sqlite:///none.db"] {
        let ended = project.run(&["import", "mlflow", uri]);
        assert!(ended.code == 2 || ended.code == 3, "{uri}: {}", ended.err);
        assert!(ended.err.starts_with("error:"), "{}", ended.err);
    }
    assert_eq!(project.run(&["export", "mlflow", "sqlite:///none.db"]).code, 2);
}

#[test]
fn an_import_that_was_killed_goes_on() {
    const RUNS: usize = 30;
    const POINTS: usize = 4_000;
    let project = Project::new();
    store(&project, RUNS, POINTS);
    let data = project.path().join(".mainspring");
    let here = || {
        let look = Onlooker::open(&Backend::Sqlite, &data).ok().flatten()?;
        let found: Result<_, mainspring_metadata_store::StoreError> = look.read(|tx| {
            let mut found = (0, 0);
            for run in 0..RUNS {
                let id = format!("{run:032x}");
                found.0 += usize::from(tx.run_info(&id)?.is_some());
                found.1 += tx.metric_history(&id, "loss", usize::MAX, 0)?.len();
            }
            Ok(found)
        });
        found.ok()
    };
    let mut child = Command::new(BINARY)
        .args(["import", "mlflow", "./mlruns"])
        .current_dir(project.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("some runs", || here().filter(|(runs, _)| *runs > 1));
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, points) = here().unwrap();
    assert!(points < RUNS * POINTS, "it was killed too late to prove anything");
    let ended = project.run(&["import", "mlflow", "./mlruns"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(here().unwrap(), (RUNS, RUNS * POINTS));
    assert_eq!(project.run(&["audit", "verify"]).code, 0);
}

/// Runs the script that makes and shows stores.
fn script(python: &str, folder: &Path, arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/mlflow_store.py");
    let output = Command::new(python)
        .args(["-W", "ignore"])
        .arg(script)
        .args(arguments)
        .env("MLFLOW_ALLOW_FILE_STORE", "true")
        .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// The interpreters, or a word that they are not there.
#[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
fn interpreters() -> Option<(String, String)> {
    match (std::env::var(MLFLOW), std::env::var(MLFLOW_2)) {
        (Ok(new), Ok(old)) => Some((new, old)),
        _ => {
            println!("skipped: set {MLFLOW} and {MLFLOW_2} to interpreters with mlflow 3.18 and 2.22");
            None
        }
    }
}

fn assert_same(what: &str, a: &str, b: &str) {
    let mut differences = Vec::new();
    compare("", &json(a), &json(b), &mut differences);
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}

/// Where two documents differ. Newer clients show whole kinds of things that older ones do not know:
/// what only the second has at the top does not count.
fn compare(place: &str, a: &Value, b: &Value, differences: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let only_second = y.keys().filter(|key| !place.is_empty() && !x.contains_key(*key));
            for key in x.keys().chain(only_second) {
                compare(&format!("{place}/{key}"), &a[key], &b[key], differences);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (index, (x, y)) in x.iter().zip(y).enumerate() {
                compare(&format!("{place}/{index}"), x, y, differences);
            }
        }
        _ if a == b => {}
        _ => differences.push(format!("{place}: {a} --- and --- {b}")),
    }
}

/// Brings a store in, compares it through a client, writes it out and compares again. `more` says how
/// the source's own client shows it.
fn comes_through(maker: &str, python: &str, uri: &str, more: &[&str]) {
    let project = Project::new();
    let folder = project.path();
    script(maker, folder, &["make", uri]);
    let show = |python: &str, uri: &str, options: &[&str]| {
        script(python, folder, &[&["dump", uri], options].concat())
    };
    let mut import = vec!["import", "mlflow", uri, "--json"];
    if uri.starts_with("postgresql:") {
        // Nothing but its locations says where such a store has its files.
        import.extend(["--artifact-root", "mlruns"]);
    }
    let imported = project.run(&import);
    assert_eq!(imported.code, 0, "{}", imported.err);
    let report = json(&imported.out);
    assert_eq!(report["left_out"].as_array().unwrap().len(), 0, "{}", imported.out);
    let server = Server::start(&project);
    let options = ["--moved", "--latest"];
    assert_same("imported", &show(maker, uri, &options), &show(python, &server.url, &options));

    let upgraded = Command::new(python)
        .args(["-m", "mlflow", "db", "upgrade", "sqlite:///out.db"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(upgraded.status.success(), "{}", String::from_utf8_lossy(&upgraded.stderr));
    let exported = project.run(&["export", "mlflow", "sqlite:///out.db", "--json"]);
    assert_eq!(exported.code, 0, "{}", exported.err);
    let written = json(&exported.out);
    assert_eq!(written["left_out"].as_array().unwrap().len(), 0, "{}", exported.out);
    assert_eq!(written["written"]["points"], report["brought"]["points"]);
    for what in ["logged_models", "traces", "spans", "assessments"] {
        assert_eq!(written["written"][what], report["brought"][what], "{what}");
    }
    let options = [&["--nowhere"], more].concat();
    assert_same("exported", &show(maker, uri, &options), &show(python, "sqlite:///out.db", &options));

    // A server is a store as well. What was deleted of logged models cannot be seen in it.
    let other = Project::new();
    let copied = other.run(&["import", "mlflow", &server.url, "--json"]);
    assert_eq!(copied.code, 0, "{}", copied.err);
    let second = Server::start(&other);
    let options = ["--moved", "--latest"];
    assert_same("copied", &show(python, &server.url, &options), &show(python, &second.url, &options));
}

#[test]
fn a_database_of_the_real_mlflow_comes_through() {
    if let Some((new, _)) = interpreters() {
        comes_through(&new, &new, "sqlite:///made.db", &[]);
    }
}

#[test]
fn a_postgresql_store_of_the_real_mlflow_comes_through() {
    let (Some((new, _)), Some(schema)) = (interpreters(), PostgresSchema::new()) else { return };
    script(&new, Path::new("/"), &["schema", &schema.uri, &schema.name]);
    comes_through(&new, &new, &schema.uri, &[]);
}

#[test]
fn a_file_store_of_the_real_mlflow_comes_through() {
    if let Some((new, _)) = interpreters() {
        // Its client shows only the latest point of a logged model's metric.
        comes_through(&new, &new, "./mlruns", &["--latest"]);
    }
}

#[test]
fn a_file_store_of_mlflow_2_comes_through() {
    if let Some((new, old)) = interpreters() {
        comes_through(&old, &new, "./mlruns", &[]);
    }
}
