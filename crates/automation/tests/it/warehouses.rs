//! Metrics of A/B tests that databases are asked for.

use crate::ab::{chance, change, create, look, revise, test};
use crate::project::Project;
use mainspring_automation::AutomationError;
use mainspring_automation::ab::{AbTests, Asked, LookFailure};
use mainspring_domain::Clock as _;
use mainspring_domain::ab::AbStatus;
use mainspring_metadata_store::{Cell, ForeignDatabase, StoreError};
use mainspring_stats::decide::{Outcome, Waiting};
use std::path::{Path, PathBuf};

const PAID: &str =
    "SELECT user_id AS unit, paid_at AS time, amount AS value FROM orders WHERE paid_at >= :from";

/// A test of arms elsewhere whose goal is asked of a warehouse.
fn file(sql: &str, source: &str) -> String {
    format!(
        "name: better\narms: [{{name: a}}, {{name: b}}]\nassignment: {{seed: s}}\n\
         metrics:\n  paid: {{sql: \"{sql}\", source: {source}, outcome: sum}}\n\
         goals: [{{metric: paid, better: higher}}]\n\
         plan: {{planned_units: 2000, minimum_runtime: 0s, minimum_units: 10, look_every: 24h}}\n"
    )
}

/// A project with these warehouses, a SQLite one without rows among them.
async fn project(more: &str) -> (Project, PathBuf) {
    let mut project = Project::new();
    let sections = format!("[warehouse.dwh]\nuri = \"sqlite:///orders.db\"\n{more}[model.flights]");
    project.configure("[model.flights]", &sections);
    let path = project.file("orders.db", "");
    fill(&path, "CREATE TABLE orders (user_id TEXT, paid_at REAL, amount REAL)", &[Vec::new()]);
    project.start().await;
    (project, path)
}

fn fill(path: &Path, sql: &str, rows: &[Vec<Cell>]) {
    let db = ForeignDatabase::open_sqlite_for_changes(path).unwrap();
    db.change(|db| db.execute_many(sql, rows)).unwrap_or_else(|error: StoreError| panic!("{error}"));
}

/// Shows arms to units; gives which one each has seen.
async fn assign(project: &Project, units: u64) -> Vec<u16> {
    change(project, move |tx| {
        (0..units)
            .map(|n| {
                let assigned =
                    AbTests::assign(tx, "better", &Asked { unit: format!("u{n}"), ..Asked::default() })?;
                Ok(assigned.arm.map_or(0, |(arm, _)| arm))
            })
            .collect()
    })
    .await
    .unwrap()
}

async fn begin(project: &Project, text: String) {
    create(project, text).await.unwrap();
    change(project, |tx| AbTests::start(tx, "better")).await.unwrap();
}

async fn look_failed(project: &Project) -> Option<LookFailure> {
    project.running().ab.look_failed(&test(project).await)
}

async fn refused(project: &Project) -> String {
    let error = project.running().ab.look("better").await.unwrap_err();
    assert!(matches!(error, AutomationError::AbQuery { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_is_found_by_what_a_database_knows() {
    let (project, path) = project("").await;
    begin(&project, file(PAID, "dwh")).await;
    let arms = assign(&project, 2400).await;
    let now = f64::from(u32::try_from(project.clock.now().as_millis() / 1000).unwrap());
    let mut rows = Vec::new();
    for (n, arm) in (0_u64..).zip(arms) {
        let amount = 10.0 + chance(n) + f64::from(arm);
        rows.push(vec![Cell::from(format!("u{n}").as_str()), Cell::Real(now), Cell::Real(amount)]);
        // What was paid before the test, or by others, does not count.
        rows.push(vec![Cell::from(format!("u{n}").as_str()), Cell::Real(now - 5.0), Cell::Real(1e6)]);
        rows.push(vec![Cell::from(format!("x{n}").as_str()), Cell::Real(now), Cell::Real(1e6)]);
    }
    let insert = "INSERT INTO orders VALUES (?1, ?2, ?3)";
    fill(&path, insert, &rows[..600]);
    assert!(matches!(look(&project).await, Outcome::Continue { .. }), "most of it is missing");
    fill(&path, insert, &rows[600..]);
    assert_eq!(look(&project).await, Outcome::Winner { arm: 1 });
    assert_eq!(test(&project).await.status, AbStatus::Ended);
    let cohorts = project.running().ab.novelty("better").await.unwrap().remove(0).groups;
    assert!(
        cohorts.iter().all(|group| group.effect.is_ok_and(|effect| effect.estimate > 0.5)),
        "{cohorts:?}"
    );
    std::fs::remove_file(path).unwrap();
    assert!(project.running().ab.novelty("better").await.is_err(), "groups are asked for anew");
    let id = test(&project).await.id;
    let decisions = project.read(move |tx| tx.ab_decisions(&id, 10)).await;
    assert!(decisions.len() >= 2);
    for number in decisions.iter().map(|decision| decision.number) {
        let same = project.store().read(move |tx| AbTests::replays(tx, "better", number)).await.unwrap();
        assert!(same, "decision {number} needs the database");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_is_shown_and_ends_nothing() {
    let (project, path) = project("[warehouse.other]\nuri_env = \"MAINSPRING_TEST_NOT_SET\"\n").await;
    begin(&project, file(PAID, "dwh")).await;
    assign(&project, 100).await;
    let nothing = Outcome::Continue { waiting: Waiting::Undecided };
    assert_eq!(look(&project).await, nothing, "nobody has paid");
    assert_eq!(look_failed(&project).await, None);
    fill(&path, "INSERT INTO orders VALUES ('u1', 'yesterday', 5.0)", &[Vec::new()]);
    // A text is not less than a number.
    let error = refused(&project).await;
    assert!(
        error
            .contains("metric `paid`, warehouse `dwh`: its query failed: row 1: `time` is another text than"),
        "{error}"
    );
    assert!(!error.contains("yesterday"), "{error}");
    let failure = look_failed(&project).await.unwrap();
    assert_eq!((failure.time, failure.phase), (project.clock.now(), 1));
    assert!(error.starts_with(&failure.message) && failure.hint.unwrap().contains("CAST"));
    assert_eq!(test(&project).await.status, AbStatus::Running);
    fill(&path, "DELETE FROM orders", &[Vec::new()]);
    look(&project).await;
    assert_eq!(look_failed(&project).await, None, "a look has succeeded");
    for (sql, source, message) in [
        ("SELECT * FROM nowhere", "dwh", "its query failed: the database refuses it: no such table: nowhere"),
        ("SELECT user_id AS unit FROM orders", "dwh", "it has no column `time`; it has unit"),
        ("SELECT 'u1' AS unit, :since AS time", "dwh", "it has the parameter `:since`, which is not given"),
        (
            "SELECT 'u1' AS unit, :until AS time, 'x' AS value",
            "dwh",
            "`value` is a text, not a finite number",
        ),
        ("SELECT 'u1' AS unit, 1.7e12 AS time", "dwh", "`time` is too large for seconds since 1970"),
        ("SELECT 'u1' AS unit, 1 AS time; DELETE FROM orders", "dwh", "the database refuses it: "),
        (
            "SELECT 1",
            "other",
            "the variable `MAINSPRING_TEST_NOT_SET` of the server's environment is not set",
        ),
    ] {
        let (revised, _) = revise(&project, file(sql, source)).await.unwrap();
        assert_eq!(look_failed(&project).await.map(|failure| failure.phase), None, "a new phase begins");
        let error = refused(&project).await;
        assert!(error.contains(message), "{sql}: {error}");
        assert!(!error.contains("orders.db") && error.contains("\n  hint: "), "{error}");
        assert_eq!(look_failed(&project).await.map(|failure| failure.phase), Some(revised.phase));
    }
    std::fs::remove_file(path).unwrap();
    revise(&project, file("SELECT 1", "dwh")).await.unwrap();
    assert!(refused(&project).await.contains("warehouse `dwh`: its file cannot be opened: No such file"));
    assert_eq!(test(&project).await.status, AbStatus::Running);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_outside_the_project_is_not_asked() {
    let (project, path) = project("").await;
    let outside = path.parent().unwrap().with_file_name("outside.db");
    std::fs::rename(&path, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    begin(&project, file(PAID, "dwh")).await;
    assert!(refused(&project).await.contains("its file lies outside the project"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_that_is_not_configured_is_refused() {
    let (project, _) = project("").await;
    let error = create(&project, file(PAID, "dwhs")).await.unwrap_err().to_string();
    assert!(error.contains("test:5:") && error.contains("did you mean `dwh`?"), "{error}");
    create(&project, file(PAID, "dwh")).await.unwrap();
    let error = revise(&project, file(PAID, "crm")).await.unwrap_err().to_string();
    assert!(error.contains("unknown source `crm`; expected one of dwh"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_engines_give_the_same_evidence() {
    if std::env::var("MAINSPRING_TEST_POSTGRES").is_err() {
        println!("skipped: set MAINSPRING_TEST_POSTGRES to the address of a PostgreSQL server");
        return;
    }
    let (project, path) = project("[warehouse.pg]\nuri_env = \"MAINSPRING_TEST_POSTGRES\"\n").await;
    let rows = "'u' || (n * 7 % 300) AS unit, :until AS time, (n * 7919 % 1000) / 8.0 AS value";
    let of = |source: &str, numbers: &str| {
        format!("{{sql: \"SELECT {rows} FROM {numbers}\", source: {source}, outcome: sum}}")
    };
    let text = format!(
        "name: better\narms: [{{name: a}}, {{name: b}}]\nmetrics:\n  lite: {}\n  pg: {}\n\
         goals: [{{metric: pg, better: higher}}]\nplan: {{planned_units: 2000, look_every: 24h}}\n",
        of("dwh", "numbers"),
        of("pg", "generate_series(0, 1999) AS n")
    );
    let numbers: Vec<Vec<Cell>> = (0..2000).map(|n| vec![Cell::Integer(n)]).collect();
    fill(&path, "CREATE TABLE numbers (n INTEGER)", &[Vec::new()]);
    fill(&path, "INSERT INTO numbers VALUES (?1)", &numbers);
    begin(&project, text).await;
    assign(&project, 300).await;
    let decision = project.running().ab.look("better").await.unwrap();
    let metrics = &decision.decision["snapshot"]["metrics"];
    assert_eq!(metrics["lite"], metrics["pg"]);
    let mean = metrics["pg"]["split"][0]["sample"]["mean"].clone();
    assert!(mean.to_string().trim_matches('"').parse::<f64>().is_ok_and(|mean| mean > 200.0), "{metrics}");
}
