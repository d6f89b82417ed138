//! What the engine does by itself.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use mainspring_data_versioning::{Repo, State, VersioningError, head_of};

use crate::sandbox::{Sandbox, run};

#[test]
fn init_writes_and_stages_dvc_s_three_files() {
    let (sandbox, repo) = Sandbox::with_repo();
    let staged = run(&sandbox.root(), "git", &["diff", "--cached", "--name-only"]);
    assert_eq!(staged, ".dvc/.gitignore\n.dvc/config\n.dvcignore\n");
    assert_eq!(sandbox.read(".dvc/.gitignore"), "/config.local\n/tmp\n/cache\n");
    assert_eq!(sandbox.read(".dvc/config"), "");
    assert!(matches!(Repo::init(&sandbox.root(), false), Err(VersioningError::AlreadyARepository { .. })));
    fs::create_dir(sandbox.root().join("deep")).unwrap();
    assert_eq!(Repo::discover(&sandbox.root().join("deep")).unwrap().root(), repo.root());
    fs::create_dir(sandbox.beside("elsewhere")).unwrap();
    let elsewhere = sandbox.beside("elsewhere");
    assert!(matches!(Repo::discover(&elsewhere), Err(VersioningError::NotARepository { .. })));
    assert!(matches!(Repo::init(&elsewhere, false), Err(VersioningError::NotAGitRepository { .. })));
}

#[test]
fn a_month_is_added_committed_pushed_and_pulled_again() {
    let (sandbox, repo) = Sandbox::with_repo();
    let month = sandbox.write("data/flights-2013-01.csv", "a,b\n1,2\n");
    let [tracked] = repo.add(std::slice::from_ref(&month)).unwrap().try_into().unwrap();
    assert_eq!(tracked.path, Path::new("data/flights-2013-01.csv"));
    assert_eq!(tracked.size, 8);
    assert_eq!(
        sandbox.read("data/flights-2013-01.csv.dvc"),
        format!("outs:\n- md5: {}\n  size: 8\n  hash: md5\n  path: flights-2013-01.csv\n", tracked.md5)
    );
    assert_eq!(sandbox.read("data/.gitignore"), "/flights-2013-01.csv\n");
    let object =
        sandbox.root().join(format!(".dvc/cache/files/md5/{}/{}", &tracked.md5[..2], &tracked.md5[2..]));
    assert_eq!(fs::metadata(&object).unwrap().permissions().mode() & 0o777, 0o444);
    assert_eq!(repo.status().unwrap(), []);

    let commit = repo.commit(&tracked.to_commit, "January").unwrap();
    assert_eq!(repo.head(), Some(commit.clone()));
    assert_eq!(head_of(&sandbox.root()), Some(commit.clone()));
    assert_eq!(repo.commit(&tracked.to_commit, "nothing new").unwrap(), commit);
    let recorded = repo.tracked_at("main").unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!((recorded[0].path.as_str(), recorded[0].size), ("data/flights-2013-01.csv", Some(8)));
    assert_eq!(recorded[0].md5, tracked.md5);
    assert!(repo.tracked_at("--output=x").is_err());

    repo.add_remote("store", "../remote", true).unwrap();
    assert_eq!((repo.push(None).unwrap(), repo.push(Some("store")).unwrap()), (1, 0));
    fs::remove_file(&month).unwrap();
    fs::remove_dir_all(sandbox.root().join(".dvc/cache")).unwrap();
    assert_eq!(repo.status().unwrap()[0].state, State::Deleted);
    let pulled = repo.pull(None).unwrap();
    assert_eq!((pulled.fetched, pulled.written), (1, vec![tracked.path]));
    assert_eq!(fs::read_to_string(&month).unwrap(), "a,b\n1,2\n");
}

#[test]
fn changes_are_seen_and_unsaved_ones_are_kept() {
    let (sandbox, repo) = Sandbox::with_repo();
    let file = sandbox.write("a.csv", "one\n");
    let folder = sandbox.write("d/sub/x", "x").ancestors().nth(2).unwrap().to_path_buf();
    repo.add(&[file.clone(), folder]).unwrap();
    repo.add_remote("store", "../remote", true).unwrap();
    assert_eq!(repo.push(None).unwrap(), 3);
    sandbox.write("a.csv", "two\n");
    sandbox.write("d/new", "n");
    let states: Vec<State> = repo.status().unwrap().into_iter().map(|change| change.state).collect();
    assert_eq!(states, [State::Modified, State::Modified]);
    assert!(matches!(repo.pull(None), Err(VersioningError::WouldOverwrite { .. })));
    assert_eq!(sandbox.read("a.csv"), "two\n");
    repo.add(&[file]).unwrap();
    assert!(matches!(
        repo.pull(None),
        Err(VersioningError::MissingObject { .. }) | Err(VersioningError::WouldOverwrite { .. })
    ));
    assert_eq!(sandbox.read("d/new"), "n");
}

#[test]
fn a_corrupted_object_is_refused() {
    let (sandbox, repo) = Sandbox::with_repo();
    let file = sandbox.write("a.csv", "one\n");
    let tracked = repo.add(std::slice::from_ref(&file)).unwrap();
    repo.add_remote("store", "../remote", true).unwrap();
    repo.push(None).unwrap();
    let object =
        sandbox.beside("remote").join(format!("files/md5/{}/{}", &tracked[0].md5[..2], &tracked[0].md5[2..]));
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&object, "bad\n").unwrap();
    fs::remove_dir_all(sandbox.root().join(".dvc/cache")).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(matches!(repo.pull(None), Err(VersioningError::Corrupted { .. })));
    assert!(!file.exists());
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let (sandbox, repo) = Sandbox::with_repo();
    fs::write(sandbox.beside("secret"), "s").unwrap();
    symlink(sandbox.beside("secret"), sandbox.root().join("link")).unwrap();
    fs::create_dir(sandbox.beside("outside")).unwrap();
    symlink(sandbox.beside("outside"), sandbox.root().join("linked")).unwrap();
    fs::write(sandbox.beside("outside").join("x"), "x").unwrap();
    for bad in ["../secret", "link", "linked/x", ".git/config", ".dvc/config"] {
        let refused = repo.add(&[sandbox.root().join(bad)]);
        assert!(matches!(refused, Err(VersioningError::Escapes { .. })), "{bad}: {refused:?}");
    }
    let missing = repo.add(&[sandbox.root().join("nothing")]);
    assert!(matches!(missing, Err(VersioningError::Missing { .. })));
    // A .dvc file that would write through the link.
    let record = "outs:\n- md5: 9dd4e461268c8034f5c8564e155c67a6\n  size: 1\n  hash: md5\n  path: linked/y\n";
    sandbox.write("evil.dvc", record);
    assert!(matches!(repo.status(), Err(VersioningError::Escapes { .. })));
    sandbox.write("evil.dvc", &record.replace("linked/y", "../y"));
    assert!(matches!(repo.status(), Err(VersioningError::Escapes { .. })));
}

#[test]
fn overlaps_tracked_files_and_foreign_locks_are_refused() {
    let (sandbox, repo) = Sandbox::with_repo();
    let inner = sandbox.write("d/x", "x");
    repo.add(&[sandbox.root().join("d")]).unwrap();
    assert!(matches!(repo.add(&[inner]), Err(VersioningError::Overlaps { .. })));
    let code = sandbox.write("train.py", "pass\n");
    run(&sandbox.root(), "git", &["add", "train.py"]);
    assert!(matches!(repo.add(&[code]), Err(VersioningError::TrackedByGit { .. })));
    let lock = fs::File::open(sandbox.root().join(".dvc/tmp/lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(repo.status(), Err(VersioningError::Locked { .. })));
    lock.unlock().unwrap();
    assert_eq!(repo.status().unwrap(), []);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let (sandbox, repo) = Sandbox::with_repo();
    sandbox.write("old.dvc", "outs:\n- md5: 9dd4e461268c8034f5c8564e155c67a6\n  size: 1\n  path: x\n");
    assert!(matches!(repo.status(), Err(VersioningError::Unsupported { .. })));
    fs::remove_file(sandbox.root().join("old.dvc")).unwrap();
    assert!(matches!(repo.push(None), Err(VersioningError::NoRemote { name: None })));
    assert!(matches!(repo.push(Some("x")), Err(VersioningError::NoRemote { name: Some(_) })));
    repo.add_remote("x", "s3://bucket/data", false).unwrap();
    assert!(matches!(repo.push(Some("x")), Err(VersioningError::Unsupported { .. })));
    let directory: PathBuf = sandbox.write("d/x", "x").parent().unwrap().into();
    sandbox.write(".dvcignore", "*.tmp\n");
    assert!(matches!(repo.add(&[directory]), Err(VersioningError::Unsupported { .. })));
}
