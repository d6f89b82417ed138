//! Asks databases the queries of metrics.

use super::AbTests;
use super::look::collected_from;
use crate::{AutomationError, Config};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbPhase, MAX_METRIC_VALUE};
use mainspring_metadata_store::{Cell, ColumnKind, Select, SelectError, WantedColumn};
use mainspring_rollouts::ab::{AbSpec, Answers, Collected, QueryRow, WantedQuery};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Rows of one query.
const MAX_ROWS: usize = 1_000_000;
/// How long one query may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Tests whose queries are asked at a time.
pub(crate) const AT_A_TIME: usize = 2;
/// Bytes of a unit's name, as for events.
const MAX_UNIT: usize = 250;
/// The latest time in seconds since 1970 (in the year 5138): what is above was meant in milliseconds.
const MAX_SECONDS: f64 = 1e11;

const COLUMNS: [WantedColumn<'static>; 3] = [
    WantedColumn { name: "unit", kind: ColumnKind::Text, required: true },
    WantedColumn { name: "time", kind: ColumnKind::Time, required: true },
    WantedColumn { name: "value", kind: ColumnKind::Number, required: false },
];

/// The time that counts, both ends included.
#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

/// Why a query has no answer.
struct Failure {
    asked: WantedQuery,
    reason: String,
    hint: &'static str,
}

impl AbTests {
    /// Asks the queries of a phase of the test of this name for what is known at `now`.
    pub(super) async fn ask(
        &self,
        test: &str,
        phase: &AbPhase,
        spec: &AbSpec,
        now: Timestamp,
    ) -> Result<Answers, AutomationError> {
        let wanted = Collected::wanted_queries(spec);
        let span = Span { from: collected_from(phase, spec), until: now };
        if wanted.is_empty() {
            return Ok(Answers::default());
        }
        let gone = || AutomationError::AbState {
            test: test.to_owned(),
            message: "cannot be looked at: its queries were given up".to_owned(),
            hint: "look again".to_owned(),
        };
        let turn = Arc::clone(&self.asking).acquire_owned().await.map_err(|_| gone())?;
        let (config, project) = (Arc::clone(&self.releases.config), self.releases.project.clone());
        let (answer, answered) = oneshot::channel();
        // A thread of its own: one that waits for a slow database must not keep the server from its end.
        let ask = move || {
            let _turn = turn;
            // Who asked may be gone.
            let _ = answer.send(ask_all(&config, &project, &wanted, span));
        };
        std::thread::Builder::new().name("warehouse".to_owned()).spawn(ask).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(|failure| AutomationError::AbQuery {
            test: test.to_owned(),
            metric: failure.asked.metric,
            warehouse: failure.asked.query.source,
            reason: failure.reason,
            hint: failure.hint.to_owned(),
        })
    }
}

/// Asks all queries, those of one database on one connection.
fn ask_all(
    config: &Config,
    project: &Path,
    wanted: &[WantedQuery],
    span: Span,
) -> Result<Answers, Box<Failure>> {
    let mut answers = Answers::default();
    for of_one in wanted.chunk_by(|a, b| a.query.source == b.query.source) {
        let Some(first) = of_one.first() else { continue };
        let unknown = || Failure {
            asked: first.clone(),
            reason: "`mainspring.toml` has no such section".to_owned(),
            hint: "add [warehouse.NAME] and restart the server, or revise the test",
        };
        let warehouse = config.warehouse.get(&first.query.source).ok_or_else(unknown)?;
        let mut db = warehouse.open(project).map_err(|reason| Failure {
            asked: first.clone(),
            reason,
            hint: "see that it is where `mainspring.toml` says; the next look tries again",
        })?;
        for asked in of_one {
            let select = Select {
                sql: &asked.query.sql,
                parameters: &[("from", seconds(span.from)), ("until", seconds(span.until))],
                columns: if asked.values { &COLUMNS } else { &COLUMNS[..2] },
                max_rows: MAX_ROWS,
                time_limit: TIME_LIMIT,
            };
            let rows = db.select(&select, |cells| row(cells, span));
            let rows = rows.map_err(|error| Failure {
                asked: asked.clone(),
                reason: format!("its query failed: {error}"),
                hint: hint(&error),
            })?;
            answers.insert(asked.query.clone(), rows);
        }
    }
    Ok(answers)
}

const fn hint(error: &SelectError) -> &'static str {
    match error {
        SelectError::Unavailable(_) => "see that it runs; the next look tries again",
        SelectError::Refused(_) => "try the query in the database's own client, then revise the test",
        SelectError::Parameter(_) => "a query may name `:from` and `:until`; other values are written out",
        SelectError::MissingColumn { .. } => "name its columns with AS: unit, time and value",
        SelectError::TooManyRows(_) => {
            "bound the time by `:from` and `:until`, take only units of the test, or add up by unit and day"
        }
        SelectError::TimedOut(_) => {
            "bound the time by `:from` and `:until`, add an index, or select from a table that is kept ready"
        }
        SelectError::Row { .. } => "leave such rows out, or give their columns the right type with CAST",
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970")]
fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// A row of a query; none for one at a time that does not count. What is wrong with it is said without
/// showing it: it may be about a person.
fn row(cells: &[Option<Cell>], span: Span) -> Result<Option<QueryRow>, String> {
    let cell = |index: usize| cells.get(index).and_then(Option::as_ref);
    let unit = match cell(0) {
        Some(Cell::Text(unit)) if (1..=MAX_UNIT).contains(&unit.len()) => unit.clone(),
        Some(Cell::Integer(number)) => number.to_string(),
        Some(Cell::Text(_)) => return Err(format!("`unit` does not have 1 to {MAX_UNIT} bytes")),
        other => return Err(format!("`unit` is {}, not a text or a whole number", kind(other))),
    };
    let time = time(cell(1))?;
    let value = match cells.get(2) {
        None | Some(None) => 1.0,
        Some(Some(cell)) => value(cell)?,
    };
    Ok((span.from <= time && time <= span.until).then_some(QueryRow { unit, time, value }))
}

fn time(cell: Option<&Cell>) -> Result<Timestamp, String> {
    let wanted = "seconds since 1970, or a text like 2026-02-01 10:00:00 in UTC";
    let seconds = match cell {
        #[expect(clippy::cast_precision_loss, reason = "a time")]
        Some(Cell::Integer(seconds)) => *seconds as f64,
        Some(Cell::Real(seconds)) => *seconds,
        Some(Cell::Text(text)) => {
            return Timestamp::parse(text).ok_or_else(|| format!("`time` is another text than {wanted}"));
        }
        other => return Err(format!("`time` is {}, not {wanted}", kind(other))),
    };
    if !seconds.is_finite() || seconds.abs() > MAX_SECONDS {
        return Err("`time` is too large for seconds since 1970; milliseconds are divided by 1000".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within bounds")]
    Ok(Timestamp::from_millis((seconds * 1000.0).round() as i64))
}

fn value(cell: &Cell) -> Result<f64, String> {
    match cell {
        #[expect(clippy::cast_precision_loss, reason = "a measurement")]
        Cell::Integer(value) => Ok(*value as f64),
        Cell::Real(value) if value.abs() <= MAX_METRIC_VALUE => Ok(*value),
        Cell::Real(value) if value.is_finite() => Err(format!(
            "`value` is beyond {MAX_METRIC_VALUE:e} in size, so that no variance could be computed"
        )),
        other => Err(format!("`value` is {}, not a finite number", kind(Some(other)))),
    }
}

const fn kind(cell: Option<&Cell>) -> &'static str {
    match cell {
        None | Some(Cell::Null) => "NULL",
        Some(Cell::Integer(_)) => "a whole number",
        Some(Cell::Real(value)) if value.is_finite() => "a number with a fraction",
        Some(Cell::Real(_)) => "NaN or infinite",
        Some(Cell::Text(_)) => "a text",
        Some(Cell::Unreadable) => "bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, row};
    use mainspring_domain::Timestamp;
    use mainspring_metadata_store::Cell;
    use mainspring_rollouts::ab::QueryRow;

    const SPAN: Span =
        Span { from: Timestamp::from_millis(1_000), until: Timestamp::from_millis(2_000_000_000_000) };

    fn read(unit: Cell, time: Cell, value: Option<Cell>) -> Result<Option<QueryRow>, String> {
        row(&[Some(unit), Some(time), value], SPAN)
    }

    #[test]
    fn times_are_seconds_or_texts() {
        let noon = 1_769_947_200_250;
        for time in [
            Cell::Real(1_769_947_200.25),
            Cell::from("2026-02-01T12:00:00.250Z"),
            Cell::from("2026-02-01T13:00:00.25+01:00"),
            Cell::from("2026-02-01 12:00:00.250"),
            Cell::from("2026-02-01T12:00:00.250"),
        ] {
            let read = read(Cell::from("u"), time.clone(), None).unwrap().unwrap();
            assert_eq!((read.time.as_millis(), read.value), (noon, 1.0), "{time:?}");
        }
        for time in [Cell::Null, Cell::from("soon"), Cell::from(noon), Cell::Real(f64::NAN), Cell::Unreadable]
        {
            let refused = read(Cell::from("u"), time.clone(), None).unwrap_err();
            assert!(refused.starts_with("`time` is "), "{time:?}: {refused}");
        }
    }

    #[test]
    fn rows_outside_the_time_do_not_count() {
        for (time, counts) in [(0.999, false), (1.0, true), (2e9, true), (2_000_000_000.001, false)] {
            assert_eq!(read(Cell::from("u"), Cell::Real(time), None).unwrap().is_some(), counts, "{time}");
        }
    }

    #[test]
    fn units_and_values_that_say_nothing_are_refused() {
        let value = |value: Cell| read(Cell::from(17), Cell::from(5), Some(value));
        let good = value(Cell::from(3)).unwrap().unwrap();
        assert_eq!((good.unit.as_str(), good.value), ("17", 3.0));
        assert_eq!(value(Cell::Null).unwrap_err(), "`value` is NULL, not a finite number");
        assert_eq!(value(Cell::from("secret")).unwrap_err(), "`value` is a text, not a finite number");
        for large in [1e100, -1e100] {
            assert_eq!(value(Cell::Real(large)).unwrap().unwrap().value, large);
            let refused = value(Cell::Real(large * 1.000_000_1)).unwrap_err();
            assert!(refused.starts_with("`value` is beyond 1e100 in size"), "{refused}");
        }
        assert!(value(Cell::Real(f64::INFINITY)).unwrap_err().contains("NaN or infinite"));
        for unit in [Cell::Null, Cell::Real(1.5), Cell::from(""), Cell::from("x".repeat(251).as_str())] {
            let refused = read(unit.clone(), Cell::from(5), None).unwrap_err();
            assert!(refused.starts_with("`unit` "), "{unit:?}: {refused}");
        }
    }
}
