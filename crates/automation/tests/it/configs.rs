//! Configurations that are refused, as a person reads it.

use mainspring_automation::Config;
use std::path::Path;
use std::time::Duration;

fn refused(text: &str) -> String {
    Config::parse(&format!("[project]\nname = \"x\"\n{text}"), Path::new("mainspring.toml"))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_missing_project() {
    let error = Config::parse("[[watch]]\npath = \"in\"\npattern = \"*\"\n", Path::new("mainspring.toml"))
        .unwrap_err();
    insta::assert_snapshot!(error.to_string(), @r"
    mainspring.toml:1:1: missing field `project`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn no_toml() {
    insta::assert_snapshot!(refused("[[watch\n"), @r"
    mainspring.toml:3:8: unclosed array table, expected `]]`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn an_unknown_table() {
    insta::assert_snapshot!(refused("[[watches]]\npath = \"in\"\n"), @r"
    mainspring.toml:3:3: unknown field `watches`, expected one of `project`, `watch`, `trigger`, `model`, `monitor`, `serving`, `warehouse`, `access`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn an_unknown_event() {
    insta::assert_snapshot!(refused("[[trigger]]\non = \"data.arives\"\ndag = \"d\"\n"), @r"
    mainspring.toml:4:6: unknown variant `data.arives`, expected `data.arrived`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn a_bad_duration() {
    insta::assert_snapshot!(refused("[[watch]]\npath = \"in\"\npattern = \"*\"\nsettle = \"soon\"\n"), @r"
    mainspring.toml:6:10: `soon` is not a duration like `30s`, `5m`, `1h30m`, `500ms`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn a_number_for_a_duration() {
    insta::assert_snapshot!(refused("[[watch]]\npath = \"in\"\npattern = \"*\"\nsettle = 2\n"), @r"
    mainspring.toml:6:10: invalid type: integer `2`, expected a string
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn a_folder_outside() {
    insta::assert_snapshot!(refused("[[watch]]\npath = \"/etc\"\npattern = \"*\"\n"), @r"
    mainspring.toml:4:8: `/etc` must be a path inside the project
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn a_pattern_with_a_folder() {
    insta::assert_snapshot!(
        refused("[[watch]]\npath = \"in\"\npattern = \"*.csv\"\n[[watch]]\npath = \"in\"\npattern = \"a/*.csv\"\n"),
        @r#"
    mainspring.toml:8:1: the pattern `a/*.csv` is not a file name
      hint: write for example `pattern = "flights-*.csv"` and the folder in `path`
    "#
    );
}

#[test]
fn a_window_that_says_nothing() {
    let text = "# the window is below\n[monitor.a]\nlabel = \"y\"\nwindow = 500\n[monitor.b]\nlabel = \"y\"\nwindow = 3\n";
    insta::assert_snapshot!(refused(text), @r"
    mainspring.toml:9:1: monitor.b: a window of 3 labels says nothing
      hint: use at least 50, better 1000
    ");
}

#[test]
fn too_many_workers() {
    let text = "[model.a]\nrollout = \"r.yaml\"\nworkers = 2\n[model.b]\nrollout = \"r.yaml\"\nworkers = 0\n";
    insta::assert_snapshot!(refused(text), @r"
    mainspring.toml:8:1: model.b: 0 workers are not possible
      hint: use 1 to 16
    ");
}

#[test]
fn a_model_without_rollout() {
    insta::assert_snapshot!(refused("[model.a]\nrequire = [\"battery\"]\n"), @r"
    mainspring.toml:3:1: missing field `rollout`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
}

#[test]
fn an_environment_that_nobody_makes() {
    let model = "[model.a]\nrollout = \"r.yaml\"\n[model.a.serving]\n";
    insta::assert_snapshot!(refused(&format!("{model}environment = \"conda\"\n")), @r"
    mainspring.toml:6:15: unknown variant `conda`, expected `project` or `model`
      hint: compare with the file that `mainspring init --example flights` writes
    ");
    insta::assert_snapshot!(refused(&format!("{model}environment_timeout = \"3h\"\n")), @r"
    mainspring.toml:6:1: model.a.serving: this value of `environment_timeout` is not possible
      hint: use up to 2h
    ");
}

#[test]
fn two_triggers_on_one_event() {
    let text =
        "[[trigger]]\non = \"data.arrived\"\ndag = \"a\"\n[[trigger]]\non = \"data.arrived\"\ndag = \"b\"\n";
    insta::assert_snapshot!(refused(text), @r"
    mainspring.toml:7:1: several triggers for one event are not supported yet
      hint: keep one [[trigger]]; its graph can branch
    ");
}

#[test]
fn what_is_left_out_has_a_sensible_value() {
    let text = "[project]\nname = \"x\"\n[[watch]]\npath = \"in\"\npattern = \"*\"\n[model.m]\nrollout = \"r.yaml\"\n\
                [monitor.m]\nlabel = \"y\"\nwindow = 100\n";
    let config = Config::parse(text, Path::new("mainspring.toml")).unwrap();
    assert_eq!(
        (config.project.dags.as_path(), config.watch[0].settle),
        (Path::new("dags"), Duration::from_secs(2))
    );
    assert_eq!((config.model["m"].workers, config.monitor["m"].cooldown), (1, Duration::from_secs(3600)));
}

#[test]
fn a_folder_without_a_file_is_a_project_of_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("my \"lab\"");
    std::fs::create_dir(&folder).unwrap();
    let config = Config::load(&folder).unwrap();
    assert_eq!((config.project.name.as_str(), config.watch.len()), ("my \"lab\"", 0));
}
