//! What a server leaves that is killed in the middle, and what the next one makes of it.

use crate::backend::{Lab, path};
use bytes::Bytes;
use mainspring_artifact_store::{ArtifactError, ArtifactStore};
use std::path::{Path, PathBuf};

fn kept(lab: &Lab, folder: &str) -> PathBuf {
    lab.dir.path().join(".mainspring").join(folder)
}

/// The only entry of the index.
fn entry(lab: &Lab) -> PathBuf {
    let shard = std::fs::read_dir(kept(lab, "index")).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(shard).unwrap().next().unwrap().unwrap().path()
}

fn again(lab: &Lab) -> ArtifactStore {
    ArtifactStore::local(lab.dir.path()).unwrap()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

async fn get(store: &ArtifactStore, name: &str) -> Result<Vec<u8>, ArtifactError> {
    store.open(&path(name)).await?.bytes(100).await
}

#[tokio::test]
async fn bytes_under_way_are_forgotten() {
    let lab = Lab::local();
    let mut upload = lab.store.upload().await.unwrap();
    upload.write(Bytes::from_static(b"half")).await.unwrap();
    // As if killed: the upload is never ended.
    assert!(!is_empty(&kept(&lab, "uploads")));
    let store = again(&lab);
    assert!(store.list(&path("")).await.unwrap().is_empty() && is_empty(&kept(&lab, "uploads")));
    drop(upload);
}

#[tokio::test]
async fn killed_before_the_artifact_had_its_name_nothing_is_seen() {
    let lab = Lab::local();
    let first = lab.put("a", b"first").await.unwrap();
    let second = lab.put("b", b"second").await.unwrap();
    // The note of an upload of `second` to `a`, whose bytes have their name by sum already.
    let note = std::fs::read_to_string(entry_of(&lab, "b")).unwrap().replace("\"b\"", "\"a\"");
    std::fs::write(kept(&lab, "pending").join("note"), note).unwrap();
    std::fs::write(kept(&lab, "pending").join("torn"), "{\"path\":").unwrap();
    let store = again(&lab);
    assert_eq!(get(&store, "a").await.unwrap(), b"first");
    assert!(is_empty(&kept(&lab, "pending")) && lab.has_blob(&second).await && lab.has_blob(&first).await);
}

/// The entry of a path, found by its text.
fn entry_of(lab: &Lab, name: &str) -> PathBuf {
    let shards = std::fs::read_dir(kept(lab, "index")).unwrap();
    shards
        .flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .find(|entry| {
            String::from_utf8_lossy(&std::fs::read(entry).unwrap()).contains(&format!("\"{name}\""))
        })
        .unwrap()
}

#[tokio::test]
async fn killed_before_the_bytes_are_used_they_are_freed() {
    let lab = Lab::local();
    let sum = lab.put("a", b"content").await.unwrap();
    std::fs::rename(entry(&lab), kept(&lab, "pending").join("note")).unwrap();
    std::fs::remove_file(lab.dir.path().join("a")).unwrap();
    let store = again(&lab);
    assert!(matches!(get(&store, "a").await, Err(ArtifactError::NotFound(_))));
    assert!(!lab.has_blob(&sum).await && is_empty(&kept(&lab, "pending")));
}

#[tokio::test]
async fn killed_after_the_artifact_had_its_name_it_is_whole() {
    let lab = Lab::local();
    lab.put("a", b"first").await.unwrap();
    let before = std::fs::read(entry(&lab)).unwrap();
    let first = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e";
    assert!(lab.has_blob(first).await);
    lab.put("a", b"second").await.unwrap();
    // The state between the artifact's new name and its new entry.
    std::fs::rename(entry(&lab), kept(&lab, "pending").join("note")).unwrap();
    let index = kept(&lab, "index");
    let shard = std::fs::read_dir(&index).unwrap().next().unwrap().unwrap().path();
    let key = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    std::fs::write(shard.join(&key[2..]), before).unwrap();
    let store = again(&lab);
    assert_eq!(get(&store, "a").await.unwrap(), b"second");
    assert!(is_empty(&kept(&lab, "pending")));
}

#[tokio::test]
async fn killed_while_deleting_the_rest_goes_at_the_next_start() {
    let lab = Lab::local();
    let one = lab.put("d/one", b"one").await.unwrap();
    let two = lab.put("d/two", b"two").await.unwrap();
    lab.put("kept", b"two").await.unwrap();
    // The state after the first step of a deletion.
    std::fs::write(kept(&lab, "trash").join("x.origin"), "d").unwrap();
    std::fs::rename(lab.dir.path().join("d"), kept(&lab, "trash").join("x")).unwrap();
    let store = again(&lab);
    assert!(is_empty(&kept(&lab, "trash")) && !lab.has_blob(&one).await && lab.has_blob(&two).await);
    assert_eq!(get(&store, "kept").await.unwrap(), b"two");
    // Something new under an old name is not judged by what was there.
    std::fs::create_dir(lab.dir.path().join("d")).unwrap();
    std::fs::write(lab.dir.path().join("d/one"), "foreign").unwrap();
    assert_eq!(get(&store, "d/one").await.unwrap(), b"foreign");
}
