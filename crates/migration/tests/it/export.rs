//! Filling a store that MLflow has made. Whether MLflow reads it is asked of MLflow itself, in the tests
//! of the binary.

use crate::support::{Files, Home, RUN, database};
use mainspring_metadata_store::{Cell, ForeignDatabase};
use mainspring_migration::export_mlflow;
use tempfile::TempDir;

/// Tables as an older schema has them: without logged models and data sets.
const OLDER: [&str; 12] = [
    "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT,
                               lifecycle_stage TEXT)",
    "CREATE TABLE experiment_tags (experiment_id INTEGER, key TEXT, value TEXT)",
    "CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, source_type TEXT, source_name TEXT,
                        entry_point_name TEXT, user_id TEXT, status TEXT, start_time INTEGER, end_time INTEGER,
                        deleted_time INTEGER, source_version TEXT, lifecycle_stage TEXT, artifact_uri TEXT,
                        experiment_id INTEGER)",
    "CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT)",
    "CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT)",
    "CREATE TABLE metrics (run_uuid TEXT, key TEXT, timestamp INTEGER, step INTEGER, value REAL, is_nan INTEGER)",
    "CREATE TABLE latest_metrics (run_uuid TEXT, key TEXT, timestamp INTEGER, step INTEGER, value REAL,
                                  is_nan INTEGER)",
    "CREATE TABLE registered_models (name TEXT, creation_time INTEGER, last_updated_time INTEGER,
                                     description TEXT)",
    "CREATE TABLE registered_model_tags (name TEXT, key TEXT, value TEXT)",
    "CREATE TABLE model_versions (name TEXT, version INTEGER, creation_time INTEGER, last_updated_time INTEGER,
                                  description TEXT, user_id TEXT, current_stage TEXT, source TEXT, run_id TEXT,
                                  run_link TEXT, status TEXT)",
    "CREATE TABLE model_version_tags (name TEXT, version INTEGER, key TEXT, value TEXT)",
    "INSERT INTO experiments VALUES (0, 'Default', '/somewhere', 'active')",
];

fn imported() -> Home {
    let (files, home) = (Files::new(), Home::new());
    files.run(RUN);
    files.write(&format!("7/{RUN}/metrics/loss"), "10 0.5 1\n12 nan 3\n");
    files.write(&format!("7/{RUN}/params/lr"), "0.1");
    home.import(&files.location());
    home
}

#[test]
fn what_the_schema_cannot_hold_is_named() {
    let (home, folder) = (imported(), TempDir::new().unwrap());
    let path = database(folder.path(), &OLDER);
    let uri = format!("sqlite:///{}", path.display());
    let report = export_mlflow(&uri, &home.look().unwrap(), &mut |_| ()).unwrap();
    assert_eq!((report.written.experiments, report.written.runs, report.written.points), (2, 1, 2));
    let places: Vec<&str> = report.left_out.iter().map(|one| one.place.as_str()).collect();
    for place in ["experiments.creation_time", "datasets", "logged_models", "model_versions.storage_location"]
    {
        assert!(places.contains(&place), "{place} of {places:?}");
    }
    let db = ForeignDatabase::open_sqlite(&path).unwrap();
    let mut rows = Vec::new();
    let sql = "SELECT key, value, is_nan FROM metrics ORDER BY step";
    db.rows(sql, &[], 3, |cells| {
        rows.push(cells.to_vec());
        Ok::<_, mainspring_metadata_store::StoreError>(())
    })
    .unwrap();
    assert_eq!(rows[0], [Cell::from("loss"), Cell::Real(0.5), Cell::from(0)]);
    assert_eq!(rows[1], [Cell::from("loss"), Cell::Real(0.0), Cell::from(1)]);
}

#[test]
fn only_an_empty_store_is_filled() {
    let (home, folder) = (imported(), TempDir::new().unwrap());
    let export = |uri: &str| export_mlflow(uri, &home.look().unwrap(), &mut |_| ());
    let missing = format!("sqlite:///{}/none.db", folder.path().display());
    assert!(export(&missing).unwrap_err().hint().unwrap().contains("mlflow db upgrade"));
    let path = database(folder.path(), &OLDER);
    let uri = format!("sqlite:///{}", path.display());
    export(&uri).unwrap();
    let again = export(&uri).unwrap_err();
    assert!(again.to_string().contains("is not empty"), "{again}");
    assert!(export("mysql://h/d").is_err());
}
