//! Reading DAG files with a real interpreter. What a file does harms nothing but itself.

use mainspring_domain::Actor;
use mainspring_domain::pipelines::{Dag, ImportError};
use mainspring_metadata_store::StoreError;
use mainspring_pipelines::{ImportSettings, import_folder};
use mainspring_test_support::{FakeClock, TempStore};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

const GOOD: &str = "
from airflow import DAG
from airflow.operators.python import PythonOperator

with DAG('ID', schedule_interval=None, start_date=None, catchup=False) as dag:
    first = PythonOperator(task_id='first', python_callable=print)
    second = PythonOperator(task_id='second', python_callable=print, retries=2)
    first >> second
";

struct Folder {
    directory: TempDir,
    temp: TempStore,
    seen: HashMap<PathBuf, (u64, SystemTime)>,
}

impl Folder {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("dags")).unwrap();
        Self { directory, temp: TempStore::new(FakeClock::new()), seen: HashMap::new() }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.directory.path().join("dags").join(name), content).unwrap();
    }

    fn good(&self, name: &str, id: &str) {
        self.put(name, GOOD.replace("ID", id));
    }

    async fn import(&mut self) -> bool {
        let settings = ImportSettings {
            project: self.directory.path().to_path_buf(),
            dags: "dags".into(),
            python: "python3".into(),
            python_path: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python"),
            scratch: self.directory.path().join("scratch"),
        };
        import_folder(&self.temp.store(), &settings, &mut self.seen).await.unwrap()
    }

    async fn dags(&self) -> Vec<Dag> {
        self.temp.store().read(|tx| tx.dags()).await.map_err(|error: StoreError| error).unwrap()
    }

    async fn ids(&self) -> Vec<String> {
        self.dags().await.into_iter().map(|dag| dag.spec.dag_id).collect()
    }

    async fn errors(&self) -> Vec<ImportError> {
        self.temp.store().read(|tx| tx.import_errors()).await.map_err(|error: StoreError| error).unwrap()
    }

    /// Imports one file that must be refused; its error.
    async fn refused(content: impl AsRef<[u8]>) -> ImportError {
        let mut folder = Self::new();
        folder.put("bad.py", content);
        folder.good("good.py", "good");
        folder.import().await;
        assert_eq!(folder.ids().await, ["good"], "the file beside it is read");
        let mut errors = folder.errors().await;
        assert_eq!((errors.len(), errors[0].file.as_str()), (1, "dags/bad.py"));
        errors.remove(0)
    }
}

#[tokio::test]
async fn a_file_is_read_once_and_again_when_it_changes() {
    let mut folder = Folder::new();
    folder.good("a.py", "a");
    assert!(folder.import().await);
    assert!(!folder.import().await, "nothing has changed");
    let dag = folder.dags().await.remove(0);
    assert_eq!((dag.file.as_str(), dag.spec.tasks.len()), ("dags/a.py", 2));
    assert_eq!(
        (dag.spec.tasks[1].upstream.as_slice(), dag.spec.tasks[1].retries),
        (["first".to_owned()].as_slice(), 2)
    );
    folder.put("a.py", GOOD.replace("ID", "a").replace("retries=2", "retries=5"));
    assert!(folder.import().await);
    assert_eq!(folder.dags().await[0].spec.tasks[1].retries, 5);
}

#[tokio::test]
async fn what_is_gone_is_forgotten() {
    let mut folder = Folder::new();
    folder.good("a.py", "a");
    folder.good("b.py", "b");
    folder.import().await;
    assert_eq!(folder.ids().await, ["a", "b"]);
    std::fs::remove_file(folder.directory.path().join("dags/a.py")).unwrap();
    folder.good("b.py", "renamed");
    folder.import().await;
    assert_eq!(folder.ids().await, ["renamed"]);
}

#[tokio::test]
async fn a_paused_graph_stays_paused_when_its_file_changes() {
    let mut folder = Folder::new();
    folder.good("a.py", "a");
    folder.import().await;
    let mut dag = folder.dags().await.remove(0);
    dag.paused = true;
    folder
        .temp
        .store()
        .write(Actor::user("ada"), move |tx| {
            tx.bookkeeping();
            tx.put_dag(&dag)
        })
        .await
        .map_err(|error: StoreError| error)
        .unwrap();
    folder.put("a.py", format!("{}\n# a remark\n", GOOD.replace("ID", "a")));
    folder.import().await;
    assert!(folder.dags().await[0].paused);
}

#[tokio::test]
async fn a_file_that_raises_is_refused_with_its_line() {
    let error = Folder::refused("x = 1\ny = 2\nraise ValueError('no data')\n").await;
    assert_eq!((error.line, error.message.as_str()), (Some(3), "ValueError: no data"));
}

#[tokio::test]
async fn a_file_that_is_no_python_is_refused() {
    let error = Folder::refused("def f(:\n").await;
    assert_eq!(error.line, Some(1));
    assert!(error.message.starts_with("SyntaxError"), "{error:?}");
    Folder::refused([0_u8, 159, 146, 150, 255]).await;
}

#[tokio::test]
async fn a_file_that_ends_the_interpreter_is_refused() {
    for content in [
        "import os; os._exit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import sys; sys.exit(0)",
    ] {
        let error = Folder::refused(content).await;
        assert!(!error.message.is_empty(), "{error:?}");
    }
}

#[tokio::test]
async fn a_file_that_prints_without_measure_is_read_all_the_same() {
    let mut folder = Folder::new();
    let noise = "import sys\nfor _ in range(2000):\n    print('x' * 10000)\n    print('x' * 10000, file=sys.stderr)\n";
    folder.put("loud.py", format!("{noise}{}", GOOD.replace("ID", "loud")));
    folder.import().await;
    assert_eq!((folder.ids().await, folder.errors().await), (vec!["loud".to_owned()], Vec::new()));
}

#[tokio::test]
async fn a_rule_that_nobody_knows_and_a_circle_are_refused() {
    let rule = GOOD.replace("retries=2", "trigger_rule='all_green'");
    let error = Folder::refused(rule).await;
    assert!(error.message.contains("all_green"), "{error:?}");
    let circle = format!("{GOOD}    second >> first\n");
    let error = Folder::refused(circle).await;
    assert!(error.message.to_lowercase().contains("cycle"), "{error:?}");
}

#[tokio::test]
async fn a_mistake_that_is_mended_is_forgotten_and_a_graph_outlives_a_mistake() {
    let mut folder = Folder::new();
    folder.good("a.py", "a");
    folder.import().await;
    folder.put("a.py", "raise ValueError('half saved')");
    folder.import().await;
    assert_eq!((folder.ids().await, folder.errors().await.len()), (vec!["a".to_owned()], 1));
    folder.good("a.py", "a");
    folder.import().await;
    assert!(folder.errors().await.is_empty());
    folder.put("a.py", "raise ValueError('again')");
    folder.import().await;
    std::fs::remove_file(folder.directory.path().join("dags/a.py")).unwrap();
    folder.import().await;
    assert!(folder.errors().await.is_empty() && folder.ids().await.is_empty());
}

#[tokio::test]
async fn no_folder_is_no_error() {
    let mut folder = Folder::new();
    std::fs::remove_dir(folder.directory.path().join("dags")).unwrap();
    assert!(!folder.import().await);
}
