//! The artifact store on a real disk.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use mainspring_artifact_store::{ArtifactError, ArtifactPath, ArtifactStore, Entry};
use std::io::Read as _;
use tempfile::TempDir;

fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).unwrap()
}

async fn put(store: &ArtifactStore, name: &str, content: &str) -> Result<String, ArtifactError> {
    let mut upload = store.upload().await?;
    for piece in content.as_bytes().chunks(3) {
        upload.write(Bytes::copy_from_slice(piece)).await?;
    }
    Ok(upload.commit(&path(name)).await?.sha256)
}

async fn get(store: &ArtifactStore, name: &str) -> Result<String, ArtifactError> {
    let mut opened = store.open(&path(name)).await?;
    let mut text = String::new();
    opened.file.read_to_string(&mut text)?;
    assert_eq!(opened.size, text.len() as u64);
    Ok(text)
}

#[tokio::test]
async fn what_is_put_can_be_read_listed_and_deleted() {
    let dir = TempDir::new().unwrap();
    let store = ArtifactStore::local(dir.path()).unwrap();
    let hash = put(&store, "1/run/artifacts/model/MLmodel", "flavors:").await.unwrap();
    assert_eq!(hash, "ab4802ff9012619635d99339d4e03c92f89739dc25615b6f6c2ea5be97796371");
    put(&store, "1/run/artifacts/a.txt", "").await.unwrap();
    put(&store, "1/run/artifacts/a.txt", "second").await.unwrap();
    assert_eq!(get(&store, "1/run/artifacts/a.txt").await.unwrap(), "second");
    let listed = store.list(&path("1/run/artifacts")).await.unwrap();
    let expected =
        [Entry { name: "a.txt".into(), size: Some(6) }, Entry { name: "model".into(), size: None }];
    assert_eq!(listed, expected);
    assert!(store.list(&path("1/run/artifacts/a.txt")).await.unwrap().is_empty());
    assert!(store.list(&path("nowhere")).await.unwrap().is_empty());
    assert!(store.local_folder(&path("1/run/artifacts/model")).await.unwrap().join("MLmodel").is_file());
    store.delete(&path("1/run")).await.unwrap();
    assert!(matches!(get(&store, "1/run/artifacts/a.txt").await, Err(ArtifactError::NotFound(_))));
    assert!(matches!(store.delete(&path("1/run")).await, Err(ArtifactError::NotFound(_))));
}

#[tokio::test]
async fn a_path_that_leads_out_is_refused_whatever_lies_on_disk() {
    let (dir, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = ArtifactStore::local(dir.path()).unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let files = dir.path().join("files");
    std::os::unix::fs::symlink(outside.path(), files.join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), files.join("file")).unwrap();
    assert!(get(&store, "link/secret").await.is_err());
    assert!(get(&store, "file").await.is_err());
    assert!(put(&store, "link/new", "x").await.is_err());
    assert!(store.delete(&path("link/secret")).await.is_err());
    assert!(store.list(&path("link")).await.unwrap().is_empty());
    assert!(store.local_folder(&path("link")).await.is_err());
    store.delete(&path("link")).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"]);
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let store = ArtifactStore::local(dir.path()).unwrap();
    let mut upload = store.upload().await.unwrap();
    upload.write(Bytes::from_static(b"half")).await.unwrap();
    drop(upload);
    let uploads = dir.path().join("uploads");
    for _ in 0..200 {
        if std::fs::read_dir(&uploads).unwrap().next().is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the partial file is still there");
}

#[tokio::test]
async fn files_and_folders_do_not_replace_each_other() {
    let dir = TempDir::new().unwrap();
    let store = ArtifactStore::local(dir.path()).unwrap();
    put(&store, "a/b", "x").await.unwrap();
    assert!(matches!(put(&store, "a", "y").await, Err(ArtifactError::InvalidPath)));
    assert!(matches!(put(&store, "a/b/c", "y").await, Err(ArtifactError::InvalidPath)));
    assert!(matches!(get(&store, "a").await, Err(ArtifactError::NotFound(_))));
    assert!(matches!(put(&store, &"n".repeat(300), "y").await, Err(ArtifactError::InvalidPath)));
    assert_eq!(std::fs::read_dir(dir.path().join("uploads")).unwrap().count(), 0);
}
