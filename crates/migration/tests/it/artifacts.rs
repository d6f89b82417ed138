//! Which files are taken, and which are not.

use crate::support::{Files, Home, RUN, options};
use mainspring_migration::{Copying, Options};
use tempfile::TempDir;

/// Gives the run another artifact location.
fn relocate(files: &Files, location: &str) {
    files.run(RUN);
    let path = files.root().join("7").join(RUN).join("meta.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let own = format!("artifact_uri: {}/7/{RUN}/artifacts", files.root().display());
    assert!(text.contains(&own));
    std::fs::write(&path, text.replace(&own, &format!("artifact_uri: {location}"))).unwrap();
}

fn uri(home: &Home) -> String {
    home.read(|tx| tx.run_info(RUN)).unwrap().artifact_uri
}

#[test]
fn locations_elsewhere_stay() {
    let (files, home) = (Files::new(), Home::new());
    relocate(&files, "s3://bucket/7/run");
    let report = home.import(&files.location());
    assert_eq!(uri(&home), "s3://bucket/7/run");
    assert_eq!(report.kept_locations["s3"], 1);
}

#[test]
fn all_locations_stay_when_asked() {
    let (files, home) = (Files::new(), Home::new());
    files.run(RUN);
    files.write(&format!("7/{RUN}/artifacts/a"), "a");
    let options = Options { copying: Copying::Reference, ..options() };
    let report = home.import_with(&files.location(), &options, &mut |_| ());
    assert_eq!(uri(&home), format!("{}/7/{RUN}/artifacts", files.root().display()));
    assert_eq!((report.brought.files, report.kept_locations["file"]), (0, 1));
}

#[test]
fn folders_outside_are_taken_only_when_they_are_named() {
    let (files, outside) = (Files::new(), TempDir::new().unwrap());
    let folder = outside.path().canonicalize().unwrap();
    std::fs::write(folder.join("secret"), "x").unwrap();
    relocate(&files, &format!("file://{}", folder.display()));
    let home = Home::new();
    let report = home.import(&files.location());
    assert!(report.left_out[0].why.contains("--artifact-root"), "{:?}", report.left_out);
    assert_eq!(report.brought.files, 0);
    let home = Home::new();
    let options = Options { artifact_roots: vec![folder], ..options() };
    let report = home.import_with(&files.location(), &options, &mut |_| ());
    assert_eq!((report.brought.files, report.left_out.len()), (1, 0));
    assert_eq!(home.artifact(&format!("7/{RUN}/artifacts/secret")), b"x");
}

#[test]
fn links_are_not_followed() {
    let (files, outside, home) = (Files::new(), TempDir::new().unwrap(), Home::new());
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    files.run(RUN);
    files.write(&format!("7/{RUN}/artifacts/a"), "a");
    let folder = files.root().join("7").join(RUN);
    std::os::unix::fs::symlink(outside.path(), folder.join("artifacts/folder")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.join("artifacts/file")).unwrap();
    let report = home.import(&files.location());
    assert_eq!((report.brought.files, report.left_out.len()), (1, 2), "{:?}", report.left_out);
}

#[test]
fn a_store_that_was_moved_keeps_its_files() {
    let (files, home) = (Files::new(), Home::new());
    relocate(&files, &format!("/old/mlruns/7/{RUN}/artifacts"));
    files.write(&format!("7/{RUN}/artifacts/a b"), "a");
    let report = home.import(&files.location());
    assert_eq!(report.brought.files, 1);
    assert_eq!(home.artifact(&format!("7/{RUN}/artifacts/a b")), b"a");
}

#[test]
fn files_behind_a_proxy_are_taken_from_its_folder() {
    let (files, served) = (Files::new(), TempDir::new().unwrap());
    relocate(&files, &format!("mlflow-artifacts:/7/{RUN}/artifacts"));
    let folder = served.path().join("7").join(RUN).join("artifacts");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a"), "a").unwrap();
    let home = Home::new();
    let report = home.import(&files.location());
    assert!(report.left_out[0].why.contains("--artifact-root"), "{:?}", report.left_out);
    let home = Home::new();
    let options = Options { artifact_roots: vec![served.path().to_path_buf()], ..options() };
    let report = home.import_with(&files.location(), &options, &mut |_| ());
    assert_eq!((report.brought.files, report.left_out.len()), (1, 0));
}
