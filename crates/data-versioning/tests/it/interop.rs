//! In turns with the real DVC, named by `MAINSPRING_TEST_DVC`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mainspring_data_versioning::{Repo, State};

use crate::sandbox::{Sandbox, run};

fn dvc() -> Option<String> {
    let dvc = std::env::var("MAINSPRING_TEST_DVC").ok();
    if dvc.is_none() {
        println!("SKIPPED: set MAINSPRING_TEST_DVC to a dvc 3.67 executable to compare with it");
    }
    dvc
}

/// Data of every kind that has bytes of its own: names that need quotes, nested and empty files, an
/// executable.
fn write_data(sandbox: &Sandbox) -> Vec<&'static str> {
    use std::os::unix::fs::PermissionsExt as _;
    let files = [
        "a.csv",
        "data/flights-2013-01.csv",
        "data/my file.csv",
        "123",
        "2020-01-01",
        "true",
        "ü.csv",
        "x[1].csv",
        "1e5",
    ];
    for name in files {
        sandbox.write(name, &format!("{name}\n"));
    }
    sandbox.write("empty.csv", "");
    let script = sandbox.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(script, fs::Permissions::from_mode(0o744)).unwrap();
    for name in ["d/a", "d/a.b", "d/a-/z", "d/ü", "d/sub/deep/x", "d/empty"] {
        sandbox.write(name, if name == "d/empty" { "" } else { name });
    }
    let mut outputs = files.to_vec();
    outputs.extend(["empty.csv", "run.sh", "d"]);
    outputs
}

/// Every file that the tools write, but for DVC's private state; modes of objects included.
fn snapshot(root: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let listed =
        run(root, "find", &[".", "-type", "f", "-not", "-path", "./.git/*", "-not", "-path", "./.dvc/tmp/*"]);
    listed
        .lines()
        .map(|name| {
            let path = root.join(name);
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            (name.to_owned(), (mode, fs::read(&path).unwrap()))
        })
        .collect()
}

#[test]
fn init_and_add_leave_the_same_bytes() {
    let Some(dvc) = dvc() else { return };
    let (ours, theirs) = (Sandbox::new(), Sandbox::new());
    let repo = Repo::init(&ours.root(), false).unwrap();
    run(&theirs.root(), &dvc, &["init", "--quiet"]);
    let outputs = write_data(&ours);
    write_data(&theirs);
    repo.add(&outputs.iter().map(|name| ours.root().join(name)).collect::<Vec<_>>()).unwrap();
    let mut arguments = vec!["add", "--quiet"];
    arguments.extend(&outputs);
    run(&theirs.root(), &dvc, &arguments);
    repo.add_remote("store", "../remote", true).unwrap();
    run(&theirs.root(), &dvc, &["remote", "add", "--quiet", "-d", "store", "../remote"]);
    let (left, right) = (snapshot(&ours.root()), snapshot(&theirs.root()));
    for (name, contents) in &right {
        let own = left.get(name);
        let text = |(mode, bytes): &(u32, Vec<u8>)| format!("{mode:o} {}", String::from_utf8_lossy(bytes));
        assert_eq!(own.map(text), Some(text(contents)), "{name}");
    }
    assert_eq!(left.len(), right.len());
}

#[test]
fn dvc_finds_our_work_up_to_date_and_pulls_what_we_pushed() {
    let Some(dvc) = dvc() else { return };
    let (sandbox, repo) = Sandbox::with_repo();
    let outputs = write_data(&sandbox);
    repo.add(&outputs.iter().map(|name| sandbox.root().join(name)).collect::<Vec<_>>()).unwrap();
    repo.add_remote("store", "../remote", true).unwrap();
    assert_eq!(run(&sandbox.root(), &dvc, &["status"]), "Data and pipelines are up to date.\n");
    assert!(repo.push(None).unwrap() > 10);
    assert_eq!(run(&sandbox.root(), &dvc, &["push"]), "Everything is up to date.\n");
    let before = snapshot(&sandbox.root());
    for name in &outputs {
        let path = sandbox.root().join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    run(&sandbox.root(), "rm", &["-rf", ".dvc/cache"]);
    run(&sandbox.root(), &dvc, &["pull", "--quiet"]);
    assert_eq!(snapshot(&sandbox.root()), before);
    assert_eq!(repo.status().unwrap(), []);
}

#[test]
fn we_find_dvc_s_work_up_to_date_and_pull_what_it_pushed() {
    let Some(dvc) = dvc() else { return };
    let sandbox = Sandbox::new();
    run(&sandbox.root(), &dvc, &["init", "--quiet"]);
    let repo = Repo::discover(&sandbox.root()).unwrap();
    let outputs = write_data(&sandbox);
    let mut arguments = vec!["add", "--quiet"];
    arguments.extend(&outputs);
    run(&sandbox.root(), &dvc, &arguments);
    run(&sandbox.root(), &dvc, &["remote", "add", "--quiet", "-d", "store", "../remote"]);
    assert_eq!(repo.status().unwrap(), []);
    run(&sandbox.root(), &dvc, &["push", "--quiet"]);
    assert_eq!(repo.push(None).unwrap(), 0);
    let before = snapshot(&sandbox.root());
    for name in &outputs {
        let path = sandbox.root().join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    run(&sandbox.root(), "rm", &["-rf", ".dvc/cache"]);
    assert_eq!(repo.pull(None).unwrap().written.len(), outputs.len());
    assert_eq!(snapshot(&sandbox.root()), before);
    assert_eq!(run(&sandbox.root(), &dvc, &["status"]), "Data and pipelines are up to date.\n");
    sandbox.write("a.csv", "changed\n");
    fs::remove_file(sandbox.root().join("123")).unwrap();
    let theirs = run(&sandbox.root(), &dvc, &["status", "--json"]);
    assert!(
        theirs.contains("\"a.csv\": \"modified\"") && theirs.contains("\"123\": \"deleted\""),
        "{theirs}"
    );
    let states: Vec<State> = repo.status().unwrap().into_iter().map(|change| change.state).collect();
    assert_eq!(states, [State::Deleted, State::Modified]);
}

#[test]
fn a_second_add_rewrites_as_dvc_does() {
    let Some(dvc) = dvc() else { return };
    let (ours, theirs) = (Sandbox::new(), Sandbox::new());
    let repo = Repo::init(&ours.root(), false).unwrap();
    run(&theirs.root(), &dvc, &["init", "--quiet"]);
    let record = "# by hand\nouts:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n  hash: md5\n  path: a.csv\n  desc: the first months\nmeta:\n  owner: flights\n";
    for sandbox in [&ours, &theirs] {
        sandbox.write("a.csv", "new\n");
        sandbox.write("a.csv.dvc", record);
    }
    repo.add(&[ours.root().join("a.csv")]).unwrap();
    run(&theirs.root(), &dvc, &["add", "--quiet", "a.csv"]);
    assert_eq!(ours.read("a.csv.dvc"), theirs.read("a.csv.dvc"));
}
