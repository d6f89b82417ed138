//! Workers in environments made from their models' requirements. Packages come from the index that pip uses.

use crate::model::Model;
use mainspring_serving::{ModelServer, StartError};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The interpreter that models are made with; where the environment names it, packages can be installed.
const PYTHON: &str = "MAINSPRING_TEST_SERVING";
/// A package that has no others and that no interpreter comes with.
const PACKAGE: &str = "iniconfig==2.1.0";

/// A worker that needs the package and tells where it runs.
const WORKER: &str = "
import os, runpy, sys
if os.path.exists(os.path.join(sys.argv[sys.argv.index('--model') + 1], 'needs')):
    import iniconfig
print('prefix', sys.prefix, flush=True)
runpy.run_path(FAKE, run_name='__main__')
";

/// A model whose folder says what it needs, with the interpreter `python3`.
fn model(requirements: &str) -> Model {
    let mut model = Model::new(&json!({}));
    let package = model.folder().join("mainspring");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("__init__.py"), "").unwrap();
    let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fake_worker.py");
    let worker = format!("FAKE = {}{WORKER}", Value::from(fake.to_str().unwrap()));
    std::fs::write(package.join("model_worker.py"), worker).unwrap();
    std::fs::write(model.folder().join("requirements.txt"), requirements).unwrap();
    model.settings.python = "python3".into();
    model.settings.environments = Some(model.folder().join("environments"));
    model.settings.load_timeout = Duration::from_secs(60);
    model
}

/// The folders of environments.
fn made(model: &Model) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(model.folder().join("environments")).unwrap();
    let mut folders: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn when_complete(environment: &Path) -> std::time::SystemTime {
    environment.join("complete").metadata().unwrap().modified().unwrap()
}

async fn refused(model: &Model) -> String {
    match model.try_start().await.err().unwrap() {
        StartError::Environment(reason) => reason,
        other => panic!("{other}"),
    }
}

#[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
fn no_index() -> bool {
    let absent = std::env::var_os(PYTHON).is_none();
    if absent {
        println!("skipped: set {PYTHON} where packages can be installed");
    }
    absent
}

#[tokio::test]
async fn versions_with_equal_requirements_share_an_environment_that_is_made_once() {
    if no_index() {
        return;
    }
    let model = model(PACKAGE);
    std::fs::write(model.folder().join("needs"), "").unwrap();
    let mut without = Model::new(&json!({}));
    without.settings = model.settings.clone();
    without.settings.environments = None;
    std::fs::write(without.folder().join("needs"), "").unwrap();
    let missing = without.try_start().await.err().unwrap();
    assert!(matches!(missing, StartError::Load(_)), "the interpreter has the package by itself: {missing}");
    // Two at once: one waits for the other.
    let (first, second) = tokio::join!(model.try_start(), model.try_start());
    assert!(first.unwrap().is_ready() && second.unwrap().is_ready());
    let [environment] = made(&model).try_into().unwrap();
    assert!(model.log().contains(&format!("prefix {}", environment.display())), "{}", model.log());
    let complete = when_complete(&environment);
    let another = Model::new(&json!({}));
    std::fs::write(another.folder().join("requirements.txt"), format!("# the same\n{PACKAGE}\n")).unwrap();
    let server = ModelServer::start("flights/2", another.folder(), model.settings.clone()).await.unwrap();
    assert!(server.is_ready());
    assert_eq!((made(&model), when_complete(&environment)), (vec![environment.clone()], complete));
    // What was not finished does not count.
    std::fs::remove_file(environment.join("complete")).unwrap();
    std::fs::write(environment.join("left behind"), "").unwrap();
    drop(model.start().await);
    assert!(environment.join("complete").exists() && !environment.join("left behind").exists());
}

#[tokio::test]
async fn a_requirement_that_cannot_be_had_says_what_pip_says() {
    if no_index() {
        return;
    }
    let model = model("iniconfig==0.0.999");
    let reason = refused(&model).await;
    assert!(reason.contains("No matching distribution found for iniconfig==0.0.999"), "{reason}");
    assert!(made(&model).is_empty(), "half an environment takes room for nothing");
}

#[tokio::test]
async fn an_environment_without_packages_is_that_of_the_interpreter() {
    let model = model("");
    let started = model.try_start().await;
    assert!(started.is_ok(), "{:?}", started.err());
    let [environment] = made(&model).try_into().unwrap();
    assert!(model.log().contains(&format!("prefix {}", environment.display())), "{}", model.log());
}

#[tokio::test]
async fn what_a_killed_server_left_at_work_is_waited_for() {
    let model = model("");
    drop(model.start().await);
    let [environment] = made(&model).try_into().unwrap();
    std::fs::remove_file(environment.join("complete")).unwrap();
    // As a program that makes an environment holds it, whose server is gone.
    let lock = File::options().append(true).open(environment.with_extension("lock")).unwrap();
    lock.try_lock().unwrap();
    let mut at_work = Command::new("sleep").arg("2").stdin(lock).spawn().unwrap();
    drop(model.start().await);
    assert!(at_work.try_wait().unwrap().is_some(), "nothing was made beside it");
    assert!(environment.join("complete").exists());
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_with_all_that_it_started() {
    let mut model = model("");
    let slow = model.folder().join("slow-python");
    let pid = model.folder().join("pid");
    // It says what it is, and hangs when it is to make an environment.
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -c ] && exec python3 \"$@\"\nsleep 300 &\necho $! > '{}'\nwait\n",
        pid.display()
    );
    std::fs::write(&slow, script).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&slow, executable).unwrap();
    model.settings.python = slow;
    model.settings.environment_timeout = Duration::from_secs(3);
    let reason = refused(&model).await;
    assert!(reason.contains("took too long"), "{reason}");
    let child: i64 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    crate::model::wait_until("the end of what it started", || !crate::model::is_alive(child)).await;
}

#[tokio::test]
async fn another_python_than_the_projects_is_looked_for() {
    let model = model("");
    let describe = |python: &str| {
        let text = format!("python: {python}\ndependencies:\n- -r requirements.txt\n");
        std::fs::write(model.folder().join("python_env.yaml"), text).unwrap();
    };
    describe("3.99.1");
    let reason = refused(&model).await;
    assert!(reason.contains("there is no `python3.99` on PATH"), "{reason}");
    describe("3.8.1");
    let reason = refused(&model).await;
    assert!(reason.contains("logged with Python 3.8, and workers need 3.11"), "{reason}");
    std::fs::write(model.folder().join("requirements.txt"), "--index-url https://example.org\n").unwrap();
    let reason = refused(&model).await;
    assert!(reason.contains("requirements.txt, line 1"), "{reason}");
}
