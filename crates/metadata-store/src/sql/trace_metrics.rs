//! Figures about traces, spans and assessments as SQL.
//!
//! Three layers: what is measured with its groups; the place of each value among those of its
//! group; the figures of each group. A quantile lies between the last value before its place and
//! the first one after it.

use super::search::Statement;
use super::tx::{SqlTx, place, to_text};
use crate::Result;
use crate::driver::{Row, Value};
use crate::traits::{Dimension, Measured, MetricGroup, MetricQuery};
use mainspring_expressions::search::MetricFilter;
use std::fmt::Write as _;

const NANOS: i64 = 1_000_000;

impl SqlTx<'_> {
    pub(super) fn measure_traces(
        &self,
        experiments: &[i64],
        query: &MetricQuery,
    ) -> Result<Vec<MetricGroup>> {
        let source = Source::of(&query.measured);
        let mut groups = Vec::new();
        if let Some(interval) = query.interval {
            groups.push(format!("({} / {interval}) * {interval}", source.clock));
        }
        groups.extend(query.dimensions.iter().map(|dimension| column(*dimension).to_owned()));
        let mut named = String::new();
        for (index, group) in groups.iter().enumerate() {
            let _ = write!(named, "{group} AS g{index}, ");
        }
        let mut inner =
            self.select(&format!("SELECT {named}{} AS v FROM traces e {}", source.value, source.join));
        let list = inner.bind(to_text(&self.experiments_in_sight(experiments)?)?);
        inner.and(&format!("e.experiment IN (SELECT value FROM json_each({list}))"));
        inner.and(&format!("{} IS NOT NULL", source.value));
        for group in &groups {
            inner.and(&format!("{group} IS NOT NULL"));
        }
        inner.time(source.filtered_by_span, query);
        for filter in &query.filters {
            let text = inner.metric_filter(filter);
            inner.and(&text);
        }
        let keys: Vec<String> = (0..groups.len()).map(|index| format!("g{index}")).collect();
        let keys = keys.join(", ");
        let (partition, by, lead) = if keys.is_empty() {
            (String::new(), String::new(), String::new())
        } else {
            (format!("PARTITION BY {keys}"), format!("GROUP BY {keys} ORDER BY {keys}"), format!("{keys}, "))
        };
        let mut outer = format!("SELECT {lead}{}", source.figures);
        for quantile in &query.quantiles {
            let at =
                format!("CAST({} AS DOUBLE PRECISION) * (total - 1)", inner.bind(Value::Real(*quantile)));
            let _ = write!(
                outer,
                ", CAST(max(CASE WHEN place - 1 <= {at} THEN v END) AS DOUBLE PRECISION), \
                 CAST(min(CASE WHEN place - 1 >= {at} THEN v END) AS DOUBLE PRECISION)"
            );
        }
        let limit = inner.bind(place(query.limit));
        let sql = format!(
            "{outer} FROM (SELECT m.*, row_number() OVER ({partition} ORDER BY v) AS place,
                                  count(*) OVER ({partition}) AS total
                           FROM ({}) AS m) AS ranked {by} LIMIT {limit}",
            inner.sql
        );
        self.rows(&sql, inner.values, |row| group(row, query))
    }
}

fn group(row: &Row<'_>, query: &MetricQuery) -> Result<MetricGroup> {
    let first = usize::from(query.interval.is_some());
    let figures = first + query.dimensions.len();
    let count: i64 = row.get(figures)?;
    let quantile = |(index, quantile): (usize, &f64)| {
        let low: Option<f64> = row.get(figures + 5 + 2 * index)?;
        let high: Option<f64> = row.get(figures + 6 + 2 * index)?;
        let (Some(low), Some(high)) = (low, high) else { return Ok(None) };
        #[expect(clippy::cast_precision_loss, reason = "there are not so many values")]
        let at = quantile * (count - 1) as f64;
        Ok(Some(low + at.fract() * (high - low)))
    };
    Ok(MetricGroup {
        interval: if first == 1 { row.get(0)? } else { None },
        dimensions: (first..figures).map(|index| row.get(index)).collect::<Result<_>>()?,
        count,
        sum: row.get(figures + 1)?,
        mean: row.get(figures + 2)?,
        min: row.get(figures + 3)?,
        max: row.get(figures + 4)?,
        quantiles: query.quantiles.iter().enumerate().map(quantile).collect::<Result<_>>()?,
    })
}

/// Count, sum, mean, smallest and largest value.
const FIGURES: &str = "count(v), CAST(sum(v) AS DOUBLE PRECISION), CAST(avg(v) AS DOUBLE PRECISION),
    CAST(min(v) AS DOUBLE PRECISION), CAST(max(v) AS DOUBLE PRECISION)";
const DISTINCT: &str = "count(DISTINCT v), CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION),
    CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION)";

/// Where what is measured lies.
struct Source {
    join: String,
    value: &'static str,
    /// When it happened, in milliseconds.
    clock: &'static str,
    /// Whether its own time and not that of the trace decides whether it counts.
    filtered_by_span: bool,
    figures: &'static str,
}

impl Source {
    fn of(measured: &Measured) -> Self {
        const SPANS: &str = "JOIN spans s ON s.trace = e.id";
        const SPAN_CLOCK: &str = "(s.started / 1000000)";
        const ASSESSMENTS: &str = "JOIN assessments a ON a.trace = e.id AND a.valid";
        let (join, value, clock) = match measured {
            Measured::Traces => ("", "1", "e.started"),
            Measured::Sessions => (
                "",
                "(SELECT t.value FROM trace_metadata t WHERE t.trace = e.id AND t.key = 'mlflow.trace.session')",
                "e.started",
            ),
            Measured::TraceDuration => ("", "e.duration", "e.started"),
            Measured::TraceMeasure(_) => ("", "m.value", "e.started"),
            Measured::Spans => (SPANS, "1", SPAN_CLOCK),
            Measured::SpanDuration => (SPANS, "((s.ended - s.started) / 1000000)", SPAN_CLOCK),
            Measured::SpanCost(0) => (SPANS, "s.input_cost", SPAN_CLOCK),
            Measured::SpanCost(1) => (SPANS, "s.output_cost", SPAN_CLOCK),
            Measured::SpanCost(_) => (SPANS, "s.total_cost", SPAN_CLOCK),
            Measured::Assessments => (ASSESSMENTS, "1", "e.started"),
            Measured::AssessmentValue => (ASSESSMENTS, "a.number", "e.started"),
        };
        let join = match measured {
            Measured::TraceMeasure(key) => {
                format!("JOIN trace_measures m ON m.trace = e.id AND m.key = '{key}'")
            }
            _ => join.to_owned(),
        };
        let figures = if *measured == Measured::Sessions { DISTINCT } else { FIGURES };
        let filtered_by_span = matches!(measured, Measured::SpanCost(_));
        Self { join, value, clock, filtered_by_span, figures }
    }
}

const fn column(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::TraceName => {
            "(SELECT t.value FROM trace_tags t WHERE t.trace = e.id AND t.key = 'mlflow.traceName')"
        }
        Dimension::TraceStatus => "e.state",
        Dimension::SpanName => "s.name",
        Dimension::SpanType => "s.type",
        Dimension::SpanStatus => "s.status",
        Dimension::SpanModel => "s.model_name",
        Dimension::SpanProvider => "s.model_provider",
        Dimension::AssessmentName => "a.name",
        Dimension::AssessmentValue => "a.value",
    }
}

impl Statement {
    fn time(&mut self, by_span: bool, query: &MetricQuery) {
        let (column, factor) = if by_span { ("s.started", NANOS) } else { ("e.started", 1) };
        if let Some(from) = query.from {
            let from = self.bind(from.saturating_mul(factor));
            self.and(&format!("{column} >= {from}"));
        }
        if let Some(until) = query.until {
            // The whole of the last millisecond counts.
            let end = self.bind(until.saturating_add(1).saturating_mul(factor));
            self.and(&format!("{column} < {end}"));
        }
    }

    fn metric_filter(&mut self, filter: &MetricFilter) -> String {
        match filter {
            MetricFilter::TraceStatus(value) => self.same("e.state", value),
            MetricFilter::SpanName(value) => self.same("s.name", value),
            MetricFilter::SpanType(value) => self.same("s.type", value),
            MetricFilter::SpanStatus(value) => self.same("s.status", value),
            MetricFilter::AssessmentName(value) => self.same("a.name", value),
            MetricFilter::AssessmentKind(value) => self.same("a.kind", value),
            MetricFilter::TraceTag(key, value) => self.has("trace_tags", key, value),
            MetricFilter::TraceMetadata(key, value) => {
                let made = self.has("trace_metadata", key, value);
                if key != "mlflow.sourceRun" {
                    return made;
                }
                let linked = self.same("r.run", value);
                format!("({made} OR EXISTS (SELECT 1 FROM trace_runs r WHERE r.trace = e.id AND {linked}))")
            }
        }
    }

    fn same(&mut self, column: &str, value: &str) -> String {
        format!("{column} = {}", self.bind(value.to_owned()))
    }

    fn has(&mut self, table: &str, key: &str, value: &str) -> String {
        let (key, value) = (self.bind(key.to_owned()), self.bind(value.to_owned()));
        format!(
            "EXISTS (SELECT 1 FROM {table} t WHERE t.trace = e.id AND t.key = {key} AND t.value = {value})"
        )
    }
}
