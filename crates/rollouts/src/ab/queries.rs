//! Which queries a test's metrics ask, and their rows.

use super::metric::{Measure, Metric, Origin, Outcome, Query};
use mainspring_domain::Timestamp;
use std::collections::BTreeMap;

/// A query that is to be asked before a test can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedQuery {
    /// The query.
    pub query: Query,
    /// The first metric that asks it, for errors.
    pub metric: String,
    /// Whether the column `value` counts.
    pub values: bool,
}

impl WantedQuery {
    /// The queries of these metrics, by database; each of them once.
    pub(super) fn of(metrics: &[Metric]) -> Vec<Self> {
        let mut wanted: Vec<Self> = Vec::new();
        for metric in metrics {
            let Measure::Event { origin: Origin::Query(query), outcome, .. } = &metric.measure else {
                continue;
            };
            let values = *outcome == Outcome::Sum;
            match wanted.iter_mut().find(|known| known.query == *query) {
                Some(known) => known.values |= values,
                None => wanted.push(Self { query: query.clone(), metric: metric.name.clone(), values }),
            }
        }
        wanted.sort_by(|a, b| a.query.cmp(&b.query));
        wanted
    }
}

/// A row of a query: something that happened to a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRow {
    /// To whom.
    pub unit: String,
    /// When.
    pub time: Timestamp,
    /// How much.
    pub value: f64,
}

/// What queries gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(BTreeMap<Query, Vec<QueryRow>>);

impl Answers {
    /// Takes the rows of a query, and brings them into one order, whatever order they came in.
    pub fn insert(&mut self, query: Query, mut rows: Vec<QueryRow>) {
        rows.sort_unstable_by(|a, b| {
            a.unit.cmp(&b.unit).then(a.time.cmp(&b.time)).then(a.value.total_cmp(&b.value))
        });
        self.0.insert(query, rows);
    }

    /// Whether no query was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The queries that were asked, with their rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Query, &[QueryRow])> {
        self.0.iter().map(|(query, rows)| (query, rows.as_slice()))
    }
}
