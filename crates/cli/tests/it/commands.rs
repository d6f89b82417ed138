//! Commands that need no server.

use crate::support::Project;

const CONTRACT: &str = "apiVersion: v3.1.0
kind: DataContract
id: trips
name: Trips
version: 1.0.0
status: active
schema:
  - name: trips
    physicalType: csv
    properties:
      - name: id
        logicalType: integer
        required: true
        unique: true
      - name: speed
        logicalType: number
        logicalTypeOptions: { minimum: 0, maximum: 300 }
";

#[test]
fn init_makes_a_project_once() {
    let project = Project::new();
    for name in ["mainspring.toml", ".dvc/config", ".dvc/.gitignore", ".dvcignore"] {
        assert!(project.path().join(name).exists(), "{name}");
    }
    let again = project.run(&["init"]);
    assert_eq!(again.code, 2);
    insta::assert_snapshot!(again.err, @"error: there is a mainspring.toml already; nothing was changed");
}

#[test]
fn init_needs_a_git_repository() {
    let folder = tempfile::tempdir().unwrap();
    let project = Project::repository();
    let ended = project.run(&["init", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("is not the root of a Git repository"), "{}", ended.err);
    assert!(ended.err.contains("hint: run `git init` there first"), "{}", ended.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_example_is_complete() {
    let project = Project::repository();
    assert_eq!(project.run(&["init", "--example", "flights"]).code, 0);
    for name in ["dags/flights_training.py", "train.py", "contracts/flights.odcs.yaml", "rollout.yaml"] {
        assert!(project.path().join(name).exists(), "{name}");
    }
}

#[test]
fn validate_says_what_is_wrong_and_where() {
    let project = Project::new();
    project.write("trips.odcs.yaml", CONTRACT);
    project.write("good.csv", "id,speed\n1,50\n2,120.5\n");
    project.write("bad.csv", "id,speed\n1,50\n1,900\n");
    assert_eq!(project.run(&["validate", "trips.odcs.yaml", "good.csv"]).code, 0);
    let bad = project.run(&["validate", "trips.odcs.yaml", "bad.csv"]);
    assert_eq!(bad.code, 1, "{}", bad.err);
    assert!(bad.out.contains("900") && bad.out.contains("bad.csv"), "{}", bad.out);
    let json = project.run(&["validate", "trips.odcs.yaml", "bad.csv", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["verdict"], "fail");
    assert_eq!(project.run(&["validate", "nowhere.yaml", "good.csv"]).code, 2);
}

#[test]
fn a_malformed_contract_is_refused_with_its_place() {
    let project = Project::new();
    project.write("trips.odcs.yaml", &CONTRACT.replace("required: true", "requird: true"));
    project.write("good.csv", "id,speed\n1,50\n");
    let ended = project.run(&["validate", "trips.odcs.yaml", "good.csv"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("trips.odcs.yaml:13:"), "{}", ended.err);
}

#[test]
fn commands_without_a_server_say_how_to_start_one() {
    let project = Project::new();
    for arguments in [&["status"][..], &["models"], &["why", "x/1"], &["rollouts"], &["deploy", "x/1"]] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--url", "http://127.0.0.1:9"]);
        let ended = project.run(&arguments);
        assert_eq!(ended.code, 3, "{arguments:?}");
        assert!(ended.err.contains("hint: start the server with `mainspring server`"), "{}", ended.err);
    }
}

#[test]
fn odd_arguments_are_explained() {
    let project = Project::new();
    let ended = project.run(&["deploy", "flights"]);
    insta::assert_snapshot!(ended.err, @r"
    error: `flights` names no version
     hint: write models:/NAME/VERSION, for example models:/flights/2
    ");
    assert_eq!(ended.code, 2);
    let ended = project.run(&["status", "--url", "ftp://example.test"]);
    assert_eq!(ended.code, 2);
}
