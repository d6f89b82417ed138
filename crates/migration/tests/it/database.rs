//! SQL stores of other ages, and damaged ones.

use crate::support::{Home, RUN, database, options};
use mainspring_domain::tracking::{Lifecycle, RunStatus};
use mainspring_migration::{Location, MigrationError, Target, import_mlflow};
use tempfile::TempDir;

/// The first schema: no steps, no NaN, no data sets, no registry, no times of experiments.
const OLDEST: [&str; 9] = [
    "CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT,
                               lifecycle_stage TEXT)",
    "CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, source_type TEXT, user_id TEXT, status TEXT,
                        start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT, artifact_uri TEXT,
                        experiment_id INTEGER)",
    "CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT)",
    "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT)",
    "CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT)",
    "INSERT INTO experiments VALUES (0, 'Default', './mlruns/0', 'active'), (3, 'old', 's3://b/3', 'deleted')",
    "INSERT INTO runs VALUES ('0123456789abcdef0123456789abcdef', '', 'LOCAL', 'ada', 'FAILED', 5, NULL,
                              'deleted', 's3://b/3/r/artifacts', 3)",
    "INSERT INTO tags VALUES ('mlflow.runName', 'named by tag', '0123456789abcdef0123456789abcdef')",
    "INSERT INTO metrics VALUES ('m', 2, 10, '0123456789abcdef0123456789abcdef'),
                                ('m', 0.5, 11, '0123456789abcdef0123456789abcdef')",
];

#[test]
fn the_oldest_schema_is_read() {
    let (folder, home) = (TempDir::new().unwrap(), Home::new());
    let path = database(folder.path(), &OLDEST);
    let report = home.import(&Location::Sqlite(path));
    assert_eq!(report.left_out, []);
    let run = home.read(|tx| tx.run(RUN)).unwrap();
    assert_eq!((run.info.name.as_str(), run.info.status), ("named by tag", RunStatus::Failed));
    assert_eq!((run.info.lifecycle, run.info.end), (Lifecycle::Deleted, None));
    assert_eq!(home.read(|tx| tx.metric_history(RUN, "m", 10, 0)).len(), 2);
    assert_eq!(home.read(|tx| tx.experiment(3)).unwrap().lifecycle, Lifecycle::Deleted);
}

#[test]
fn damaged_rows_are_named_and_the_rest_is_brought() {
    let (folder, home) = (TempDir::new().unwrap(), Home::new());
    let mut statements = OLDEST.to_vec();
    statements.extend([
        "INSERT INTO runs VALUES ('bad-status', 'x', '', 'u', 'ODD', 5, NULL, 'active', '', 3)",
        "INSERT INTO runs VALUES ('../../x', 'x', '', 'u', 'FAILED', 5, NULL, 'active', 's3://x', 3)",
        "INSERT INTO runs VALUES ('bytes', x'ff00', '', 'u', 'FAILED', 5, NULL, 'active', 's3://x', 3)",
        "INSERT INTO runs VALUES ('lost', 'x', '', 'u', 'FAILED', 5, NULL, 'active', 's3://x', 99)",
        "INSERT INTO metrics VALUES ('m', 'text', 12, '0123456789abcdef0123456789abcdef')",
        "INSERT INTO experiments VALUES (4, x'ff', 's3://x', 'active')",
    ]);
    let path = database(folder.path(), &statements);
    let report = home.import(&Location::Sqlite(path));
    let places: Vec<&str> = report.left_out.iter().map(|one| one.place.as_str()).collect();
    assert_eq!(places.len(), 6, "{:?}", report.left_out);
    assert_eq!(report.brought.runs, 1);
    assert_eq!(home.read(|tx| tx.metric_history(RUN, "m", 10, 0)).len(), 2);
}

#[test]
fn traces_come_from_columns_and_rows_whatever_is_damaged() {
    let (folder, home) = (TempDir::new().unwrap(), Home::new());
    let mut statements = OLDEST.to_vec();
    let good = r#"INSERT INTO spans VALUES ('tr-1', 'a', '{"trace_id": "qwSkfSWPzdxvuN2E6q+WQw==",
        "span_id": "WvE4m/rIyHo=", "name": "s", "start_time_unix_nano": 5, "end_time_unix_nano": 9,
        "attributes": {"mlflow.spanType": "\"LLM\""}}', 5)"#;
    statements.extend([
        "CREATE TABLE trace_info (request_id TEXT, experiment_id INTEGER, timestamp_ms INTEGER, status TEXT,
                                  trace_name TEXT, session_id TEXT, input_tokens INTEGER)",
        "CREATE TABLE trace_tags (request_id TEXT, key TEXT, value TEXT)",
        "CREATE TABLE spans (trace_id TEXT, span_id TEXT, content TEXT, start_time_unix_nano INTEGER)",
        "CREATE TABLE assessments (trace_id TEXT, assessment_id TEXT, name TEXT, assessment_type TEXT, value TEXT,
                                   created_timestamp INTEGER)",
        "INSERT INTO trace_info VALUES ('tr-1', 3, 7, 'OK', 'answer', 'chat', 12), ('../x', 3, 7, 'OK', '', '', 1)",
        "INSERT INTO trace_tags VALUES ('tr-1', 'mlflow.trace.spansLocation', 'TRACKING_STORE')",
        good,
        "INSERT INTO spans VALUES ('tr-1', 'b', '{', 6)",
        "INSERT INTO assessments VALUES ('tr-1', 'a-1', 'good', 'feedback', 'true', 1),
                                        ('tr-1', 'a-2', 'odd', 'poem', '1', 2)",
    ]);
    let path = database(folder.path(), &statements);
    let report = home.import(&Location::Sqlite(path.clone()));
    assert_eq!(report.left_out.len(), 3, "{:?}", report.left_out);
    let brought = report.brought;
    assert_eq!((brought.traces, brought.spans, brought.assessments), (1, 1, 1));
    let trace = home.read(|tx| tx.trace("tr-1")).unwrap();
    assert_eq!((trace.tag("mlflow.traceName"), trace.started.as_millis()), (Some("answer"), 7));
    assert_eq!(trace.metadata("mlflow.trace.session"), Some("chat"));
    assert_eq!(trace.metadata("mlflow.trace.tokenUsage"), Some(r#"{"input_tokens":12}"#));
    assert_eq!(home.read(|tx| tx.spans("tr-1"))[0].id, "5af1389bfac8c87a");
    let again = home.import(&Location::Sqlite(path));
    assert_eq!((again.brought.traces, again.already_there.traces), (0, 1));
}

#[test]
fn other_databases_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = database(folder.path(), &["CREATE TABLE things (a TEXT)"]);
    let refused = |location: &Location| {
        import_mlflow(location, Target::Look(None), &options(), &mut |_| ()).unwrap_err()
    };
    let error = refused(&Location::Sqlite(path.clone()));
    assert!(matches!(error, MigrationError::Usage { .. }), "{error}");
    std::fs::write(&path, "no database at all, but long enough to be looked at as one").unwrap();
    let error = refused(&Location::Sqlite(path));
    assert!(matches!(error, MigrationError::Source { .. }), "{error}");
}

#[test]
fn many_points_come_in_bounded_batches() {
    let (folder, home) = (TempDir::new().unwrap(), Home::new());
    let mut statements = OLDEST.to_vec();
    statements.push(
        "INSERT INTO metrics
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
         SELECT 'many', i * 0.5, i, '0123456789abcdef0123456789abcdef' FROM n",
    );
    let path = database(folder.path(), &statements);
    let mut last = 0;
    home.import_with(&Location::Sqlite(path), &options(), &mut |report| {
        assert!(report.brought.points - last <= 15_000, "{} after {last}", report.brought.points);
        last = report.brought.points;
    });
    assert_eq!(last, 60_002);
    let run = home.read(|tx| tx.run(RUN)).unwrap();
    let many = run.metrics.iter().find(|metric| metric.key == "many").unwrap();
    assert_eq!((many.value, many.timestamp.as_millis()), (30_000.0, 60_000));
}
