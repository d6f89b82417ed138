//! A data folder to import into, and foreign stores.

use mainspring_artifact_store::ArtifactStore;
use mainspring_domain::{Actor, SystemClock};
use mainspring_metadata_store::{Backend, ForeignDatabase, Onlooker, ReadTx, Store, StoreError};
use mainspring_migration::{Copying, Location, Opened, Options, Report, Target, import_mlflow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A data folder.
pub(crate) struct Home {
    folder: TempDir,
}

pub(crate) fn options() -> Options {
    Options { copying: Copying::Copy, artifact_roots: Vec::new(), token: None, actor: Actor::user("tester") }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Imports with the usual options.
    pub(crate) fn import(&self, location: &Location) -> Report {
        self.import_with(location, &options(), &mut |_| ())
    }

    pub(crate) fn import_with(
        &self,
        location: &Location,
        options: &Options,
        progress: &mut dyn FnMut(&Report),
    ) -> Report {
        let runtime = Runtime::new().unwrap();
        let target = Target::Store(Opened {
            store: self.open(),
            artifacts: ArtifactStore::local(&self.path().join("artifacts")).unwrap(),
            runtime: runtime.handle().clone(),
        });
        import_mlflow(location, target, options, progress).unwrap()
    }

    /// Opens the store; the thread of one before may need a moment to let it go.
    fn open(&self) -> Store {
        loop {
            match Store::open(self.path(), Arc::new(SystemClock)) {
                Err(StoreError::Locked { .. }) => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    /// Only looks.
    pub(crate) fn dry(&self, location: &Location) -> Report {
        let target = Target::Look(self.look());
        import_mlflow(location, target, &options(), &mut |_| ()).unwrap()
    }

    pub(crate) fn look(&self) -> Option<Onlooker> {
        Onlooker::open(&Backend::Sqlite, self.path()).unwrap()
    }

    pub(crate) fn read<T>(&self, query: impl FnOnce(&dyn ReadTx) -> Result<T, StoreError>) -> T {
        self.look().unwrap().read(query).unwrap()
    }

    pub(crate) fn artifact(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path().join("artifacts").join(path)).unwrap()
    }
}

/// A file store in the making.
pub(crate) struct Files {
    folder: TempDir,
}

pub(crate) const RUN: &str = "0123456789abcdef0123456789abcdef";

impl Files {
    /// A store with experiment 7 and nothing in it.
    pub(crate) fn new() -> Self {
        let files = Self { folder: TempDir::new().unwrap() };
        files.experiment(7, "churn");
        files
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("mlruns")
    }

    pub(crate) fn location(&self) -> Location {
        Location::Files(self.root())
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn experiment(&self, id: i64, name: &str) {
        let path = self.folder.path().join("mlruns");
        std::fs::create_dir_all(&path).unwrap();
        let text = format!(
            "artifact_location: {}/{id}\ncreation_time: 1000\nexperiment_id: '{id}'\nlast_update_time: 2000\n\
             lifecycle_stage: active\nname: {name}\n",
            self.root().display()
        );
        self.write(&format!("{id}/meta.yaml"), text);
    }

    /// A run of experiment 7.
    pub(crate) fn run(&self, id: &str) {
        let text = format!(
            "artifact_uri: {}/7/{id}/artifacts\nend_time: 4000\nexperiment_id: '7'\nlifecycle_stage: active\n\
             run_id: {id}\nrun_name: 1e5\nstart_time: 3000\nstatus: 3\ntags: []\nuser_id: ada\n",
            self.root().display()
        );
        self.write(&format!("7/{id}/meta.yaml"), text);
    }
}

/// A SQLite file with the given statements.
pub(crate) fn database(folder: &Path, statements: &[&str]) -> PathBuf {
    let path = folder.join("mlflow.db");
    std::fs::write(&path, "").unwrap();
    let db = ForeignDatabase::open_sqlite_for_changes(&path).unwrap();
    db.change(|db| statements.iter().try_for_each(|statement| db.execute_many(statement, &[Vec::new()])))
        .unwrap_or_else(|error: StoreError| panic!("{error}"));
    path
}
