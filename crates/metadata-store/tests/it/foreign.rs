//! Queries that somebody else wrote.

use mainspring_metadata_store::{
    Cell, ForeignDatabase, Kind, PostgresAddress, Select, SelectError, StoreError, Wanted,
};
use mainspring_test_support::PostgresSchema;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const COLUMNS: [Wanted<'static>; 3] = [
    Wanted { name: "unit", kind: Kind::Text, required: true },
    Wanted { name: "time", kind: Kind::Time, required: true },
    Wanted { name: "value", kind: Kind::Number, required: false },
];

fn asked(sql: &str) -> Select<'_> {
    let parameters = &[("from", 100.5), ("until", 200.0)];
    Select { sql, parameters, columns: &COLUMNS, max_rows: 5, time_limit: Duration::from_secs(30) }
}

type Answer = Result<Vec<Vec<Option<Cell>>>, SelectError>;

fn rows(db: &mut ForeignDatabase, select: &Select<'_>) -> Answer {
    db.select(select, |cells| Ok(Some(cells.to_vec())))
}

/// A SQLite database with a table `paid` of three rows.
fn sqlite() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    std::fs::write(&path, "").unwrap();
    let db = ForeignDatabase::open_sqlite_for_changes(&path).unwrap();
    let statements = [
        "CREATE TABLE paid (Unit TEXT, time REAL, value REAL)",
        "INSERT INTO paid VALUES ('a', 100.0, 1.0), ('b', 150.0, 2.5), ('c', 200.5, 4.0)",
    ];
    db.change(|db| statements.iter().try_for_each(|statement| db.execute_many(statement, &[Vec::new()])))
        .unwrap_or_else(|error: StoreError| panic!("{error}"));
    (folder, path)
}

fn ask(path: &Path, sql: &str) -> Answer {
    rows(&mut ForeignDatabase::open_sqlite(path).unwrap(), &asked(sql))
}

fn postgres() -> Option<ForeignDatabase> {
    let schema = PostgresSchema::new()?;
    let uri = schema.uri.replace(&format!("options=-csearch_path%3D{}&", schema.name), "");
    Some(ForeignDatabase::open_postgres(&PostgresAddress::parse(&uri).unwrap()).unwrap())
}

fn text(text: &str) -> Option<Cell> {
    Some(Cell::from(text))
}

#[test]
fn rows_come_by_the_names_of_columns() {
    let (_folder, path) = sqlite();
    let (b, c) = (
        vec![text("b"), Some(Cell::Real(150.0)), Some(Cell::Real(2.5))],
        vec![text("c"), Some(Cell::Real(200.5)), Some(Cell::Real(4.0))],
    );
    let answer =
        ask(&path, "SELECT value, unit, time FROM paid WHERE time >= :from ORDER BY unit;\n").unwrap();
    assert_eq!(answer, [b.clone(), c]);
    let answer = ask(&path, "SELECT *, ':x' FROM paid WHERE time BETWEEN :from AND :until -- all").unwrap();
    assert_eq!(answer, [b]);
    let answer = ask(&path, "WITH x AS (SELECT 7 AS unit, NULL AS time) SELECT * FROM x").unwrap();
    assert_eq!(answer, [[Some(Cell::Integer(7)), Some(Cell::Null), None]]);
}

#[test]
fn what_a_reader_has_against_a_row_names_the_row() {
    let (_folder, path) = sqlite();
    let mut db = ForeignDatabase::open_sqlite(&path).unwrap();
    let select = asked("SELECT * FROM paid ORDER BY unit");
    let seldom = |cells: &[Option<Cell>]| match &cells[0] {
        Some(Cell::Text(unit)) if unit == "a" => Ok(None),
        Some(Cell::Text(unit)) if unit == "b" => Ok(Some(unit.clone())),
        _ => Err("not this one".to_owned()),
    };
    let error = db.select(&select, seldom).unwrap_err();
    assert_eq!(error, SelectError::Row { number: 3, reason: "not this one".to_owned() });
}

/// What a guarded SQLite database refuses.
#[test]
fn sqlite_can_do_nothing_but_read() {
    let (_folder, path) = sqlite();
    let before = std::fs::read(&path).unwrap();
    let other = path.with_file_name("other.db");
    for sql in [
        "INSERT INTO paid VALUES ('d', 1, 1) RETURNING Unit, time".to_owned(),
        "DELETE FROM paid RETURNING Unit, time".to_owned(),
        format!("ATTACH '{}' AS other", other.display()),
        "PRAGMA query_only = 0".to_owned(),
        "SELECT 1 AS unit, 2 AS time; DELETE FROM paid".to_owned(),
        "SELECT 1 AS unit, 2 AS time) ; DELETE FROM paid; --".to_owned(),
        "SELECT 1 AS unit, 2 AS time FROM pragma_table_info('paid')".to_owned(),
        "SELECT load_extension('x') AS unit, 1 AS time".to_owned(),
        "SELECT 1 AS unit, zeroblob(100000000) AS time".to_owned(),
        "EXPLAIN SELECT 1".to_owned(),
        String::new(),
    ] {
        let refused = ask(&path, &sql);
        assert!(matches!(refused, Err(SelectError::Refused(_))), "{sql}: {refused:?}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(!other.exists());
}

/// What goes wrong on both engines alike.
fn refuses_alike(db: &mut dyn FnMut(&Select<'_>) -> Answer) {
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6) \
                   SELECT i AS unit, i AS time FROM n";
    assert_eq!(db(&asked(numbers)), Err(SelectError::TooManyRows(5)));
    assert_eq!(db(&Select { max_rows: 6, ..asked(numbers) }).unwrap().len(), 6);
    assert_eq!(
        db(&asked("SELECT 1 AS unit, 2 AS at, 3 AS value")),
        Err(SelectError::MissingColumn { name: "time".to_owned(), found: "unit, at, value".to_owned() })
    );
    assert_eq!(
        db(&asked("SELECT 1 AS unit, :since AS time")),
        Err(SelectError::Parameter(":since".to_owned()))
    );
    assert!(matches!(db(&asked("SELECT unit, time FROM nowhere")), Err(SelectError::Refused(_))));
    let began = Instant::now();
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i > 0) \
                   SELECT COUNT(*) AS unit, 1 AS time FROM n";
    let limit = Duration::from_millis(300);
    assert_eq!(db(&Select { time_limit: limit, ..asked(endless) }), Err(SelectError::TimedOut(limit)));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn sqlite_says_what_is_wrong() {
    let (_folder, path) = sqlite();
    refuses_alike(&mut |select| rows(&mut ForeignDatabase::open_sqlite(&path).unwrap(), select));
}

#[test]
fn postgres_says_what_is_wrong() {
    if postgres().is_none() {
        return;
    }
    // A transaction ends with its first error.
    refuses_alike(&mut |select| rows(&mut postgres().unwrap(), select));
}

#[test]
fn postgres_gives_its_types_in_common_ones() {
    let Some(mut db) = postgres() else { return };
    let mut ask = |columns: &str| {
        let answer = rows(&mut db, &asked(&format!("SELECT {columns}")));
        answer.unwrap_or_else(|error| panic!("{columns}: {error}")).remove(0)
    };
    let day = Some(Cell::Real(1_769_904_000.0));
    assert_eq!(
        ask("'u1' AS unit, timestamptz '2026-02-01 01:00:00.25+01' AS \"TIME\", 12.5 AS value"),
        [text("u1"), Some(Cell::Real(1_769_904_000.25)), Some(Cell::Real(12.5))]
    );
    assert_eq!(
        ask("7::int2 AS unit, timestamp '2026-02-01' AS time, true AS value"),
        [Some(Cell::Integer(7)), day.clone(), Some(Cell::Integer(1))]
    );
    assert_eq!(
        ask("12345678901234567890 AS unit, date '2026-02-01' AS time"),
        [text("12345678901234567890"), day.clone(), None]
    );
    assert_eq!(
        ask("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS unit, 1769904000 AS time, 'x' AS value"),
        [text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), day, text("x")]
    );
    assert_eq!(
        ask("0.5::float8 AS unit, '2026-02-01' AS time, NULL::int AS value"),
        [Some(Cell::Real(0.5)), text("2026-02-01"), Some(Cell::Null)]
    );
    assert_eq!(
        ask("repeat('x', 1000) AS unit, :until - :from AS time, 1::money AS value"),
        [text(&"x".repeat(300)), Some(Cell::Real(99.5)), text("$1.00")]
    );
    let twice = rows(&mut db, &asked("SELECT 1 AS unit, 2 AS unit, 3 AS time"));
    assert!(matches!(&twice, Err(SelectError::Refused(why)) if why.contains("ambiguous")), "{twice:?}");
}

#[test]
fn postgres_can_do_nothing_but_read() {
    if postgres().is_none() {
        return;
    }
    for sql in [
        "CREATE TEMP TABLE t (unit int)",
        "WITH d AS (DELETE FROM pg_class RETURNING 1) SELECT 1 AS unit, 1 AS time",
        "SELECT 1 AS unit, 1 AS time; COMMIT",
        "SELECT 1 AS unit, 1 AS time) AS asked; COMMIT; --",
        "COMMIT",
        "SELECT set_config('transaction_read_only', 'off', false) AS unit, 1 AS time",
    ] {
        let refused = rows(&mut postgres().unwrap(), &asked(sql));
        assert!(matches!(refused, Err(SelectError::Refused(_))), "{sql}: {refused:?}");
    }
}
