//! What holds on every backend.

use crate::backend::{Lab, http, path};
use mainspring_artifact_store::ArtifactError;
use std::time::Duration;

/// More than two pieces, and no two alike.
fn large() -> Vec<u8> {
    (0..(5 << 19) + 7_u32).flat_map(u32::to_le_bytes).take((5 << 19) + 7).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_can_be_read_listed_and_deleted() {
    for lab in Lab::all().await {
        let sum = lab.put("1/run/artifacts/model/MLmodel", b"flavors:").await.unwrap();
        assert_eq!(sum, "ab4802ff9012619635d99339d4e03c92f89739dc25615b6f6c2ea5be97796371");
        lab.put("1/run/artifacts/a.txt", b"").await.unwrap();
        assert_eq!(lab.get("1/run/artifacts/a.txt").await.unwrap(), b"");
        lab.put("1/run/artifacts/a.txt", b"second").await.unwrap();
        lab.put("1/run/artifacts/a.txt=1 ü", b"other").await.unwrap();
        assert_eq!(lab.get("1/run/artifacts/a.txt").await.unwrap(), b"second");
        assert_eq!(lab.get("1/run/artifacts/a.txt=1 ü").await.unwrap(), b"other");
        assert_eq!(lab.names("1/run/artifacts").await, ["a.txt 6", "a.txt=1 ü 5", "model/"]);
        assert_eq!(lab.names("").await, ["1/"]);
        assert!(lab.names("1/run/artifacts/a.txt").await.is_empty() && lab.names("nowhere").await.is_empty());
        let folder = lab.store.local_folder(&path("1/run/artifacts/model")).await.unwrap();
        assert_eq!(std::fs::read(folder.join("MLmodel")).unwrap(), b"flavors:");
        lab.store.delete(&path("1/run")).await.unwrap();
        for gone in ["1/run/artifacts/a.txt", "1/run/artifacts/model/MLmodel", "1/run", ""] {
            assert!(matches!(lab.get(gone).await, Err(ArtifactError::NotFound(_))), "{gone}");
        }
        assert!(matches!(lab.store.delete(&path("1/run")).await, Err(ArtifactError::NotFound(_))));
        assert!(lab.store.delete(&path("")).await.is_err());
        assert!(!lab.has_blob(&sum).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_artifacts_are_kept_once_and_freed_with_the_last() {
    for lab in Lab::all().await {
        let bytes = large();
        let sum = lab.put("a/one", &bytes).await.unwrap();
        assert_eq!(lab.put("b/two", &bytes).await.unwrap(), sum);
        // The same again under the same name is no third use.
        lab.put("b/two", &bytes).await.unwrap();
        if lab.is_local() {
            use std::os::unix::fs::MetadataExt as _;
            let links = std::fs::metadata(lab.dir.path().join("a/one")).unwrap();
            assert_eq!(links.nlink(), 3, "one, two and the name by sum");
            assert_eq!(links.ino(), std::fs::metadata(lab.dir.path().join("b/two")).unwrap().ino());
        }
        lab.put("a/one", b"new").await.unwrap();
        assert!(lab.has_blob(&sum).await);
        assert_eq!(lab.get("b/two").await.unwrap(), bytes);
        lab.store.delete(&path("b")).await.unwrap();
        assert!(!lab.has_blob(&sum).await);
        assert_eq!(lab.get("a/one").await.unwrap(), b"new");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_cut_exactly() {
    for lab in Lab::all().await {
        let bytes = large();
        lab.put("x", &bytes).await.unwrap();
        let size = bytes.len();
        let piece = 1 << 20;
        for range in [0..1, 5..piece, piece - 1..piece + 1, 3..2 * piece + 9, size - 1..size, 7..7, 0..size] {
            let artifact = lab.store.open(&path("x")).await.unwrap();
            let mut pieces = artifact.read(range.start as u64..range.end as u64);
            let mut got = Vec::new();
            while let Some(piece) = pieces.next().await {
                got.extend_from_slice(&piece.unwrap());
            }
            assert!(got == bytes[range.clone()], "{range:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_byte_never_leaves_the_store() {
    for lab in Lab::all().await {
        let bytes = large();
        let sum = lab.put("m/x", &bytes).await.unwrap();
        let small = lab.put("m/small", b"small").await.unwrap();
        lab.damage(&sum, &bytes, (1 << 20) + 5).await;
        lab.damage(&small, b"small", 2).await;
        assert!(matches!(lab.get("m/small").await, Err(ArtifactError::Damaged(_))));
        let mut pieces = lab.store.open(&path("m/x")).await.unwrap().read(0..bytes.len() as u64);
        // The piece before is sound; the damaged one is an error, and nothing comes after it.
        assert!(pieces.next().await.unwrap().unwrap() == bytes[..1 << 20]);
        let damaged = pieces.next().await.unwrap().unwrap_err();
        assert!(damaged.to_string().contains("'m/x' is damaged"), "{damaged}");
        assert!(pieces.next().await.is_none());
        // A range of sound pieces can still be read.
        let mut pieces = lab.store.open(&path("m/x")).await.unwrap().read((2 << 20)..(2 << 20) + 3);
        assert!(pieces.next().await.unwrap().is_ok());
        let folder = lab.store.local_folder(&path("m")).await;
        assert!(matches!(folder, Err(ArtifactError::Damaged(_))), "{folder:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_put_there_themselves_is_served_and_can_be_replaced() {
    for lab in Lab::all().await {
        lab.put_foreign("7/own.txt", b"theirs").await;
        assert_eq!(lab.names("7").await, ["own.txt 6"]);
        assert_eq!(lab.get("7/own.txt").await.unwrap(), b"theirs");
        lab.put("7/own.txt", b"through the server").await.unwrap();
        assert_eq!(lab.get("7/own.txt").await.unwrap(), b"through the server");
        assert_eq!(lab.names("7").await, ["own.txt 18"]);
        lab.put_foreign("7/other.txt", b"x").await;
        lab.store.delete(&path("7")).await.unwrap();
        assert!(lab.names("7").await.is_empty() && lab.names("").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_upload_is_not_seen() {
    for lab in Lab::all().await {
        let mut upload = lab.store.upload().await.unwrap();
        upload.write(bytes::Bytes::from_static(b"half")).await.unwrap();
        drop(upload);
        assert!(lab.names("").await.is_empty());
        let other = lab.store.upload().await.unwrap();
        assert!(matches!(other.commit(&path(".mainspring/x")).await, Err(ArtifactError::InvalidPath)));
        assert!(lab.store.list(&path(".mainspring")).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_become_one_artifact() {
    let live = Duration::from_secs(60);
    for lab in Lab::all().await {
        let parts = [vec![1_u8; 5 << 20], vec![2; 5 << 20], vec![3; 9]];
        let upload = lab.store.begin_parts(&path("1/big"), 3, live).await.unwrap();
        assert!(lab.names("").await.is_empty());
        let mut tags = Vec::new();
        for (number, bytes) in (1..).zip(&parts) {
            let tag = match &upload.urls {
                Some(urls) => {
                    let agent = ureq::agent();
                    let (url, bytes) = (urls[number as usize - 1].clone(), bytes.clone());
                    let sent = tokio::task::spawn_blocking(move || agent.put(&url).send(&bytes[..]).unwrap());
                    sent.await.unwrap().headers()["etag"].to_str().unwrap().to_owned()
                }
                None => {
                    let mut part = lab.store.upload().await.unwrap();
                    part.write(bytes.clone().into()).await.unwrap();
                    part.commit_part(&path("1/big"), &upload.id, number).await.unwrap()
                }
            };
            tags.push((number, tag));
        }
        let join = |to: &str, tags: &[(u32, String)]| {
            let (store, to, tags, id) = (lab.store.clone(), path(to), tags.to_vec(), upload.id.clone());
            async move { store.join_parts(&to, &id, tags).await }
        };
        if lab.is_local() {
            // Real S3 holds this too; the test server looks at the id alone.
            assert!(matches!(join("1/other", &tags).await, Err(ArtifactError::Multipart(_))));
        }
        let wrong = [(1, "\"0\"".to_owned()), tags[1].clone(), tags[2].clone()];
        assert!(matches!(join("1/big", &wrong).await, Err(ArtifactError::Multipart(_))));
        assert!(matches!(join("1/big", &[]).await, Err(ArtifactError::Multipart(_))));
        tags.reverse();
        join("1/big", &tags).await.unwrap();
        assert!(lab.get("1/big").await.unwrap() == parts.concat());
        if lab.is_local() {
            // S3 may say yes again for a while.
            assert!(matches!(join("1/big", &tags).await, Err(ArtifactError::Multipart(_))));
        }
        let given_up = lab.store.begin_parts(&path("1/no"), 1, live).await.unwrap();
        lab.store.drop_parts(&path("1/no"), &given_up.id).await.unwrap();
        assert_eq!(lab.names("1").await, ["big 10485769"]);
        assert!(lab.store.begin_parts(&path("1/no"), 10_001, live).await.is_err());
        assert!(lab.store.begin_parts(&path("1/no"), 0, live).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_the_bucket_are_good_for_one_method_and_one_object() {
    let Some(lab) = Lab::s3().await else { return };
    let live = Duration::from_secs(60);
    lab.put("1/a", b"content").await.unwrap();
    let (size, url) = lab.store.read_url(&path("1/a"), live).await.unwrap();
    assert_eq!((size, http("GET", &url.clone().unwrap(), b"").await), (7, (200, b"content".to_vec())));
    assert!(url.unwrap().contains("X-Amz-Expires=60"));
    let url = lab.store.write_url(&path("1/b"), live).await.unwrap().unwrap();
    assert_eq!(http("PUT", &url, b"direct").await.0, 200);
    assert_eq!(lab.get("1/b").await.unwrap(), b"direct");
    // What is uploaded directly takes the place of what came through the server, and the reverse.
    let url = lab.store.write_url(&path("1/a"), live).await.unwrap().unwrap();
    http("PUT", &url, b"newer").await;
    assert_eq!(lab.get("1/a").await.unwrap(), b"newer");
    assert_eq!(lab.names("1").await, ["a 5", "b 6"]);
    let local = Lab::local();
    local.put("1/a", b"content").await.unwrap();
    assert_eq!(local.store.read_url(&path("1/a"), live).await.unwrap(), (7, None));
}
