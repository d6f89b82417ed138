//! Queries that somebody else wrote, on PostgreSQL.

use super::connection::PostgresConnection;
use super::named::numbered;
use crate::driver::row::Row;
use crate::driver::select::{Kind, Rows, Select, SelectError};
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;

/// Rows that one look at the connection takes.
const AHEAD: usize = 512;
/// The server ends a statement that takes too long. One that does not is given up so much later.
const GRACE: Duration = Duration::from_secs(5);
/// Characters of a text that are read: more than any name has.
const MAX_TEXT: usize = 300;

impl PostgresConnection {
    /// The rows of a query, each as `map` reads it from the places of the wanted columns, within a
    /// transaction for reading.
    pub(in crate::driver) fn select<T>(
        &self,
        select: &Select<'_>,
        mut map: impl FnMut(&Row<'_>, &[Option<usize>]) -> Result<Option<T>, String>,
    ) -> Result<Vec<T>, SelectError> {
        let (limit, until) = (select.time_limit, Instant::now() + select.time_limit + GRACE);
        let (sql, values) = numbered(select)?;
        let client = self.client();
        let timeout = format!("SET LOCAL statement_timeout = {}", limit.as_millis());
        self.wait_until(until, limit, client.batch_execute(&timeout))?;
        let all = self.wait_until(until, limit, client.prepare(&select.within("*", &sql)))?;
        let names: Vec<&str> = all.columns().iter().map(tokio_postgres::Column::name).collect();
        let (mut list, mut places) = (Vec::new(), Vec::new());
        for (wanted, place) in select.columns.iter().zip(select.places(&names)?) {
            let column = place.and_then(|place| all.columns().get(place));
            places.push(column.map(|column| {
                list.push(read_as(column.name(), column.type_(), wanted.kind));
                list.len() - 1
            }));
        }
        let statement = select.within(&list.join(", "), &sql);
        let statement = self.wait_until(until, limit, client.prepare(&statement))?;
        let answer = self.wait_until(until, limit, client.query_raw(&statement, &values))?;
        let mut chunks = pin!(answer.try_ready_chunks(AHEAD));
        let mut rows = Rows::new(select.max_rows);
        loop {
            let next = async { chunks.next().await.transpose().map_err(|error| error.1) };
            let Some(chunk) = self.wait_until(until, limit, next)? else { break };
            for row in &chunk {
                rows.push(map(&Row::Postgres(row), &places))?;
            }
        }
        Ok(rows.kept())
    }
}

/// A column in a type that is read here.
fn read_as(name: &str, kind: &Type, wanted: Kind) -> String {
    let column = format!("\"{}\"", name.replace('"', "\"\""));
    let is_whole = matches!(*kind, Type::INT2 | Type::INT4 | Type::INT8);
    let is_number = is_whole || matches!(*kind, Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC);
    let is_time = matches!(*kind, Type::TIMESTAMPTZ | Type::TIMESTAMP | Type::DATE);
    match wanted {
        Kind::Text if is_whole => format!("{column}::int8"),
        // A number with a fraction is no name, and its reader says so.
        Kind::Text if matches!(*kind, Type::FLOAT4 | Type::FLOAT8) => format!("{column}::float8"),
        Kind::Number | Kind::Time if is_number => format!("{column}::float8"),
        Kind::Number if *kind == Type::BOOL => column,
        Kind::Time if is_time => format!("extract(epoch FROM {column})::float8"),
        _ => format!("left({column}::text, {MAX_TEXT})"),
    }
}
