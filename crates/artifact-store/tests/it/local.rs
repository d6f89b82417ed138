//! What holds on a disk alone.

use crate::backend::{Lab, path};
use bytes::Bytes;
use mainspring_artifact_store::{ArtifactError, ArtifactStore};
use tempfile::TempDir;

#[tokio::test]
async fn artifacts_are_plain_files_under_their_own_names() {
    let lab = Lab::local();
    lab.put("dir/b.txt", b"1").await.unwrap();
    assert_eq!(std::fs::read(lab.dir.path().join("dir/b.txt")).unwrap(), b"1");
}

#[tokio::test]
async fn a_path_that_leads_out_is_refused_whatever_lies_on_disk() {
    let (lab, outside) = (Lab::local(), TempDir::new().unwrap());
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(outside.path(), lab.dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), lab.dir.path().join("file")).unwrap();
    assert!(lab.get("link/secret").await.is_err());
    assert!(lab.get("file").await.is_err());
    assert!(lab.put("link/new", b"x").await.is_err());
    assert!(lab.store.delete(&path("link/secret")).await.is_err());
    assert!(lab.store.list(&path("link")).await.unwrap().is_empty());
    assert!(lab.store.local_folder(&path("link")).await.is_err());
    lab.store.delete(&path("link")).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"]);
}

#[tokio::test]
async fn files_and_folders_do_not_replace_each_other() {
    let lab = Lab::local();
    lab.put("a/b", b"x").await.unwrap();
    assert!(matches!(lab.put("a", b"y").await, Err(ArtifactError::InvalidPath)));
    assert!(matches!(lab.put("a/b/c", b"y").await, Err(ArtifactError::InvalidPath)));
    assert!(matches!(lab.get("a").await, Err(ArtifactError::NotFound(_))));
    assert!(matches!(lab.put(&"n".repeat(300), b"y").await, Err(ArtifactError::InvalidPath)));
    let kept = lab.dir.path().join(".mainspring");
    for empty in ["uploads", "pending"] {
        assert_eq!(std::fs::read_dir(kept.join(empty)).unwrap().count(), 0, "{empty}");
    }
}

#[tokio::test]
async fn damage_is_healed_by_the_same_upload() {
    let lab = Lab::local();
    let sum = lab.put("a", b"content").await.unwrap();
    lab.damage(&sum, b"content", 0).await;
    assert!(matches!(lab.get("a").await, Err(ArtifactError::Damaged(_))));
    lab.put("a", b"content").await.unwrap();
    assert_eq!(lab.get("a").await.unwrap(), b"content");
    // A file that somebody cut off or replaced is damaged too.
    std::fs::write(lab.dir.path().join("a"), "cont").unwrap();
    assert!(matches!(lab.get("a").await, Err(ArtifactError::Damaged(_))));
    std::fs::remove_file(lab.dir.path().join("a")).unwrap();
    std::fs::write(lab.dir.path().join("a"), "CONTENT").unwrap();
    assert!(matches!(lab.get("a").await, Err(ArtifactError::Damaged(_))));
}

#[tokio::test]
async fn what_clients_write_is_only_read() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("a"), "theirs").unwrap();
    let store = ArtifactStore::local_read_only(dir.path()).unwrap();
    assert_eq!(store.open(&path("a")).await.unwrap().bytes(100).await.unwrap(), b"theirs");
    assert!(matches!(store.upload().await, Err(ArtifactError::ReadOnly)));
    assert!(matches!(store.delete(&path("a")).await, Err(ArtifactError::ReadOnly)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    // Except for a small file that a client asks the server to write beside its own.
    store.put(&path("d/b"), Bytes::from_static(b"ours")).await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("d/b")).unwrap(), b"ours");
}
