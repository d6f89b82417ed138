//! The two backends: a folder, and a bucket of a real S3 server.

use bytes::Bytes;
use mainspring_artifact_store::{ArtifactError, ArtifactPath, ArtifactStore};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// The program `moto_server`.
const MOTO: &str = "MAINSPRING_TEST_MOTO";
/// The bucket that the tests share; each uses a prefix of its own.
const BUCKET: &str = "artifacts";

/// A store that goes away with its test.
pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) store: ArtifactStore,
    prefix: Option<String>,
    /// The bucket seen from where the store keeps bytes.
    blobs: Option<ArtifactStore>,
}

struct Moto {
    _server: Mutex<Stopped>,
    endpoint: String,
}

/// A process that ends with the tests.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The S3 server, started once; none when it is not named.
fn moto() -> Option<&'static Moto> {
    static SERVER: OnceLock<Option<Moto>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let program = std::env::var_os(MOTO)?;
        // The watchdog ends the server when the tests end, however they do: it reads their pipe.
        let mut child = Command::new("sh")
            .args(["-c", "\"$0\" -H 127.0.0.1 -p 0 2>&1 & pid=$!; cat >/dev/null; kill $pid"])
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let endpoint = loop {
            let line = lines.next().expect("the S3 server says where it is").unwrap();
            if let Some((_, address)) = line.split_once("Running on ") {
                break address.trim().to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Some(Moto { _server: Mutex::new(Stopped(child)), endpoint })
    });
    server.as_ref()
}

impl Lab {
    pub(crate) fn local() -> Self {
        let dir = TempDir::new().unwrap();
        let store = ArtifactStore::local(dir.path()).unwrap();
        Self { dir, store, prefix: None, blobs: None }
    }

    /// Every backend that can be tested here.
    #[expect(clippy::print_stdout, reason = "a test says what it leaves out")]
    pub(crate) async fn all() -> Vec<Self> {
        let mut labs = vec![Self::local()];
        match Self::s3().await {
            Some(lab) => labs.push(lab),
            None => println!("skipped for S3: set {MOTO} to the program moto_server"),
        }
        labs
    }

    pub(crate) async fn s3() -> Option<Self> {
        let moto = moto()?;
        let dir = TempDir::new().unwrap();
        let prefix = format!("p{}", uuid::Uuid::new_v4().simple());
        let settings = mainspring_artifact_store::S3Settings {
            endpoint: Some(moto.endpoint.clone()),
            credentials: Some(("test".into(), "test".into())),
        };
        let uri = format!("s3://{BUCKET}/{prefix}");
        make_bucket(&moto.endpoint).await;
        let store = ArtifactStore::s3(&uri, dir.path(), &settings).unwrap();
        let blobs =
            ArtifactStore::s3(&format!("{uri}/.mainspring/blobs"), &dir.path().join("blobs"), &settings)
                .unwrap();
        Some(Self { dir, store, prefix: Some(prefix), blobs: Some(blobs) })
    }

    pub(crate) fn is_local(&self) -> bool {
        self.prefix.is_none()
    }

    /// Where the bytes with a sum are kept: on disk.
    pub(crate) fn blob_file(&self, sum: &str) -> PathBuf {
        self.dir.path().join(".mainspring/blobs").join(&sum[..2]).join(&sum[2..])
    }

    /// The URL of an object of the store.
    fn object(&self, rest: &str) -> String {
        let prefix = self.prefix.as_deref().unwrap();
        format!("{}/{BUCKET}/{prefix}/{rest}", moto().unwrap().endpoint)
    }

    /// Whether the bytes with a sum are kept.
    pub(crate) async fn has_blob(&self, sum: &str) -> bool {
        if self.is_local() {
            return self.blob_file(sum).exists();
        }
        // Nobody may read it without a signature, but whether it is there shows.
        http("GET", &self.object(&format!(".mainspring/blobs/{sum}")), b"").await.0 != 404
    }

    /// Changes a byte of the bytes with a sum behind the store's back.
    pub(crate) async fn damage(&self, sum: &str, bytes: &[u8], at: usize) {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        if self.is_local() {
            std::fs::write(self.blob_file(sum), bytes).unwrap();
            return;
        }
        let url = self.blobs.as_ref().unwrap().write_url(&path(sum), Duration::from_secs(60)).await.unwrap();
        assert_eq!(http("PUT", &url.unwrap(), &bytes).await.0, 200);
    }

    /// Puts something under an artifact's own name as a client would that knows no server.
    pub(crate) async fn put_foreign(&self, name: &str, content: &[u8]) {
        if self.is_local() {
            let file = self.dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
            return;
        }
        assert_eq!(http("PUT", &self.object(name), content).await.0, 200);
    }

    pub(crate) async fn put(&self, name: &str, content: &[u8]) -> Result<String, ArtifactError> {
        let mut upload = self.store.upload().await?;
        for piece in content.chunks(100_000) {
            upload.write(Bytes::copy_from_slice(piece)).await?;
        }
        Ok(upload.commit(&path(name)).await?.sha256)
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Vec<u8>, ArtifactError> {
        self.store.open(&path(name)).await?.bytes(1 << 30).await
    }

    /// What is listed, as `name` or `name/`.
    pub(crate) async fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.store.list(&path(folder)).await.unwrap();
        let name = |entry: mainspring_artifact_store::Entry| match entry.size {
            Some(size) => format!("{} {size}", entry.name),
            None => format!("{}/", entry.name),
        };
        entries.into_iter().map(name).collect()
    }
}

async fn make_bucket(endpoint: &str) {
    static MADE: Mutex<bool> = Mutex::new(false);
    let url = format!("{endpoint}/{BUCKET}");
    if !std::mem::replace(&mut *MADE.lock().unwrap_or_else(PoisonError::into_inner), true) {
        http("PUT", &url, b"").await;
    }
    // Another test may be making it.
    while http("GET", &url, b"").await.0 != 200 {
        tokio::task::yield_now().await;
    }
}

/// A plain request; gives status and body.
pub(crate) async fn http(method: &str, url: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let (method, url, body) = (method.to_owned(), url.to_owned(), body.to_vec());
    let sent = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder().method(method.as_str()).uri(&url).body(body).unwrap();
        let mut response = agent.run(request).unwrap();
        (response.status().as_u16(), response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap())
    });
    sent.await.unwrap()
}

pub(crate) fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).unwrap()
}
