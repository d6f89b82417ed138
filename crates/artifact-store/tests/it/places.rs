//! Which places a server reads.

use crate::backend::path;
use mainspring_artifact_store::{ArtifactError, ArtifactSettings, Artifacts};
use std::path::Path;
use tempfile::TempDir;

fn open(
    dir: &Path,
    destination: Option<&str>,
    root: Option<&str>,
    serve: bool,
) -> Result<Artifacts, ArtifactError> {
    Artifacts::open(&ArtifactSettings {
        destination: destination.map(str::to_owned),
        default_root: root.map(str::to_owned),
        serve,
        base: dir.to_path_buf(),
        data_dir: dir.to_path_buf(),
    })
}

#[tokio::test]
async fn nothing_outside_the_roots_is_read_whatever_a_location_says() {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("shared");
    std::fs::create_dir_all(root.join("1")).unwrap();
    std::fs::write(root.join("1/a b"), "theirs").unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(dir.path(), root.join("out")).unwrap();
    let uri = format!("file://{}", root.display());
    let artifacts = open(dir.path(), None, Some(&uri), true).unwrap();
    let read = |uri: String| {
        let artifacts = artifacts.clone();
        async move {
            let place = artifacts.locate(&uri)?;
            place.store.open(&place.path).await?.bytes(100).await
        }
    };
    assert_eq!(read(format!("{uri}/1/a%20b")).await.unwrap(), b"theirs");
    assert_eq!(read(format!("{}/1/a b", root.display())).await.unwrap(), b"theirs");
    for outside in [
        "file:///etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        format!("{uri}/../secret"),
        format!("{uri}/%2e%2e/secret"),
        format!("{uri}/%252e%252e/secret"),
        format!("{uri}/..%2fsecret"),
        format!("{uri}/out/secret"),
        format!("{uri}x"),
        format!("{}/secret", dir.path().display()),
        "file://otherhost/etc/passwd".to_owned(),
        "file:etc/passwd".to_owned(),
        "etc/passwd".to_owned(),
        "mlflow-artifacts:/../secret".to_owned(),
        "s3://bucket/x".to_owned(),
        "http://127.0.0.1/x".to_owned(),
        "runs:/x/y".to_owned(),
        format!("{uri}/1/a\0"),
        format!("{uri}/#/1"),
        String::new(),
    ] {
        let got = read(outside.clone()).await;
        assert!(got.is_err(), "{outside:?}: {got:?}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_with_the_remedy() {
    let dir = TempDir::new().unwrap();
    let refused =
        |destination, root, serve| open(dir.path(), destination, root, serve).unwrap_err().to_string();
    assert!(refused(Some("hdfs://x/y"), None, true).contains("s3://bucket/prefix"));
    assert!(refused(Some("s3://"), None, true).contains("names no bucket"));
    assert!(refused(None, None, false).contains("--default-artifact-root"));
    let unserved = open(dir.path(), None, Some("shared"), false).unwrap();
    assert!(matches!(unserved.own(), Err(ArtifactError::NotServed)));
    assert_eq!(unserved.default_root(), dir.path().join("shared").to_str().unwrap());
    assert!(!dir.path().join("artifacts").exists());
}

#[test]
fn the_proxy_may_be_named_by_its_url() {
    let dir = TempDir::new().unwrap();
    let url = "http://h:1/api/2.0/mlflow-artifacts/artifacts/team";
    let artifacts = open(dir.path(), Some("kept"), Some(url), true).unwrap();
    let place = artifacts.locate(&format!("{url}/1/run/artifacts")).unwrap();
    assert!(place.own && place.path == path("team/1/run/artifacts"));
    assert!(artifacts.locate("http://h:2/api/2.0/mlflow-artifacts/artifacts/team/1").is_err());
    assert!(dir.path().join("kept/.mainspring").is_dir());
}
