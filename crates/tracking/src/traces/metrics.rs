//! Figures about traces, spans and assessments: how many, how long, how dear.

use crate::Result;
use crate::validation::invalid;
use mainspring_expressions::search::{MetricFilter, parse_metric_filter};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::{Dimension, Measured, MetricGroup, MetricQuery};

const MOST_AGGREGATIONS: usize = 50;
const MOST_FILTERS: usize = 100;

/// What figures are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Traces.
    Traces,
    /// Spans.
    Spans,
    /// Assessments.
    Assessments,
}

impl View {
    const fn name(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Spans => "SPANS",
            Self::Assessments => "ASSESSMENTS",
        }
    }
}

/// How the values of a group become one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregation {
    /// Their number.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// A percentile of them, from 0 to 100.
    Percentile(f64),
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Aggregation {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Percentile(_) => "PERCENTILE",
            Self::Min => "MIN",
            Self::Max => "MAX",
        }
    }

    /// The name of the figure in an answer: `AVG`, `P95.0`.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Percentile(percentile) => format!("P{percentile:?}"),
            other => other.name().to_owned(),
        }
    }
}

/// A question for figures.
#[derive(Clone, Debug)]
pub struct Query {
    /// What they are about.
    pub view: View,
    /// What is measured.
    pub metric: String,
    /// The figures that are asked for.
    pub aggregations: Vec<Aggregation>,
    /// By what they are told apart.
    pub dimensions: Vec<String>,
    /// What must hold, one comparison a text.
    pub filters: Vec<String>,
    /// The length of the intervals in which is measured, in seconds.
    pub interval_seconds: Option<i64>,
    /// The first millisecond that counts.
    pub from: Option<i64>,
    /// The last millisecond that counts.
    pub until: Option<i64>,
    /// How many groups to give at most.
    pub limit: usize,
}

/// The figures of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When its interval begins, in milliseconds since the Unix epoch.
    pub interval: Option<i64>,
    /// Its place in each dimension that was asked for.
    pub dimensions: Vec<(String, String)>,
    /// The figures by their names.
    pub values: Vec<(String, f64)>,
}

const COUNT: &[&str] = &["COUNT"];
const SPREAD: &[&str] = &["AVG", "MAX", "MIN", "PERCENTILE"];
const ALL: &[&str] = &["AVG", "MAX", "MIN", "PERCENTILE", "SUM"];

/// A metric: its name, what it measures, the figures and the dimensions that go with it.
struct Metric {
    name: &'static str,
    measured: Measured,
    aggregations: &'static [&'static str],
    dimensions: &'static [&'static str],
}

const fn metric(
    name: &'static str,
    measured: Measured,
    aggregations: &'static [&'static str],
    dimensions: &'static [&'static str],
) -> Metric {
    Metric { name, measured, aggregations, dimensions }
}

const TRACE_NAME: &[&str] = &["trace_name"];
const MODELS: &[&str] = &["span_model_name", "span_model_provider"];

const fn tokens(name: &'static str) -> Metric {
    metric(name, Measured::TraceMeasure(name), ALL, TRACE_NAME)
}

const fn cost(name: &'static str, place: usize) -> Metric {
    metric(name, Measured::SpanCost(place), ALL, MODELS)
}

const OF_TRACES: &[Metric] = &[
    metric("trace_count", Measured::Traces, COUNT, &["trace_name", "trace_status"]),
    metric("session_count", Measured::Sessions, COUNT, &[]),
    metric("latency", Measured::TraceDuration, SPREAD, TRACE_NAME),
    tokens("input_tokens"),
    tokens("output_tokens"),
    tokens("total_tokens"),
    tokens("cache_read_input_tokens"),
    tokens("cache_creation_input_tokens"),
];
const OF_SPANS: &[Metric] = &[
    metric(
        "span_count",
        Measured::Spans,
        COUNT,
        &["span_model_name", "span_model_provider", "span_name", "span_status", "span_type"],
    ),
    metric("latency", Measured::SpanDuration, SPREAD, &["span_name", "span_status"]),
    cost("input_cost", 0),
    cost("output_cost", 1),
    cost("total_cost", 2),
];
const OF_ASSESSMENTS: &[Metric] = &[
    metric("assessment_count", Measured::Assessments, COUNT, &["assessment_name", "assessment_value"]),
    metric("assessment_value", Measured::AssessmentValue, SPREAD, &["assessment_name"]),
];

const fn metrics(view: View) -> &'static [Metric] {
    match view {
        View::Traces => OF_TRACES,
        View::Spans => OF_SPANS,
        View::Assessments => OF_ASSESSMENTS,
    }
}

fn dimension(name: &str) -> Option<Dimension> {
    Some(match name {
        "trace_name" => Dimension::TraceName,
        "trace_status" => Dimension::TraceStatus,
        "span_name" => Dimension::SpanName,
        "span_type" => Dimension::SpanType,
        "span_status" => Dimension::SpanStatus,
        "span_model_name" => Dimension::SpanModel,
        "span_model_provider" => Dimension::SpanProvider,
        "assessment_name" => Dimension::AssessmentName,
        "assessment_value" => Dimension::AssessmentValue,
        _ => return None,
    })
}

/// Names as a list of Python's.
fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("[{}]", names.join(", "))
}

/// Those of `asked` that are not allowed, as a list.
fn others(asked: impl Iterator<Item = String>, allowed: &[&str]) -> Option<String> {
    let mut others: Vec<String> = asked.filter(|name| !allowed.contains(&name.as_str())).collect();
    others.sort();
    others.dedup();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    (!others.is_empty()).then(|| list(&others))
}

/// Asks for figures about experiments.
///
/// # Errors
/// When the question does not make sense.
pub fn query(tx: &dyn ReadTx, experiments: &[i64], query: &Query) -> Result<Vec<Point>> {
    let asked = checked(query)?;
    let groups = tx.trace_metrics(experiments, &asked)?;
    Ok(groups.into_iter().filter_map(|group| point(query, group)).collect())
}

fn checked(query: &Query) -> Result<MetricQuery> {
    let known = metrics(query.view);
    let Some(metric) = known.iter().find(|metric| metric.name == query.metric) else {
        let names: Vec<&str> = known.iter().map(|metric| metric.name).collect();
        return invalid(format!("metric_name must be one of {}, got '{}'", list(&names), query.metric));
    };
    let asked = query.aggregations.iter().map(|aggregation| aggregation.name().to_owned());
    if let Some(others) = others(asked, metric.aggregations) {
        return invalid(format!(
            "Found invalid aggregation_type(s): {others}. Supported aggregation types: {}",
            list(metric.aggregations)
        ));
    }
    if let Some(others) = others(query.dimensions.iter().cloned(), metric.dimensions) {
        return invalid(format!(
            "Found invalid dimension(s): {others}. Supported dimensions: {}",
            list(metric.dimensions)
        ));
    }
    if query.aggregations.len() > MOST_AGGREGATIONS || query.filters.len() > MOST_FILTERS {
        return invalid(format!(
            "At most {MOST_AGGREGATIONS} aggregations and {MOST_FILTERS} filters can be given."
        ));
    }
    let interval = match query.interval_seconds.filter(|seconds| *seconds != 0) {
        None => None,
        Some(_) if query.from.is_none() || query.until.is_none() => {
            return invalid("start_time_ms and end_time_ms are required if time_interval_seconds is set");
        }
        Some(seconds) => match seconds.checked_mul(1000).filter(|millis| *millis > 0) {
            Some(millis) => Some(millis),
            None => return invalid(format!("time_interval_seconds must be positive, got {seconds}")),
        },
    };
    let mut dimensions: Vec<Dimension> = Vec::new();
    for name in &query.dimensions {
        dimensions.extend(dimension(name).filter(|dimension| !dimensions.contains(dimension)));
    }
    let filters = query.filters.iter().map(|text| filter(query.view, text)).collect::<Result<_>>()?;
    let quantiles = query.aggregations.iter().filter_map(|aggregation| match aggregation {
        Aggregation::Percentile(percentile) => Some(percentile / 100.0),
        _ => None,
    });
    Ok(MetricQuery {
        measured: metric.measured.clone(),
        dimensions,
        filters,
        interval,
        from: query.from,
        until: query.until,
        quantiles: quantiles.collect(),
        limit: query.limit,
    })
}

fn filter(view: View, text: &str) -> Result<MetricFilter> {
    let filter = parse_metric_filter(text)?;
    let (what, only) = match &filter {
        MetricFilter::SpanName(_) | MetricFilter::SpanType(_) | MetricFilter::SpanStatus(_) => {
            ("span", View::Spans)
        }
        MetricFilter::AssessmentName(_) | MetricFilter::AssessmentKind(_) => {
            ("assessment", View::Assessments)
        }
        MetricFilter::TraceStatus(_) | MetricFilter::TraceTag(..) | MetricFilter::TraceMetadata(..) => {
            return Ok(filter);
        }
    };
    if view != only {
        return invalid(format!(
            "Filtering by {what} is only supported for {} view type, got {}",
            only.name(),
            view.name()
        ));
    }
    Ok(filter)
}

/// The figures of a group; none for a group without any.
fn point(query: &Query, group: MetricGroup) -> Option<Point> {
    let mut quantiles = group.quantiles.iter();
    let mut values = Vec::new();
    for aggregation in &query.aggregations {
        #[expect(clippy::cast_precision_loss, reason = "there are not so many of anything")]
        let value = match aggregation {
            Aggregation::Count => Some(group.count as f64),
            Aggregation::Sum => group.sum,
            Aggregation::Avg => group.mean,
            Aggregation::Percentile(_) => quantiles.next().copied().flatten(),
            Aggregation::Min => group.min,
            Aggregation::Max => group.max,
        };
        values.extend(value.map(|value| (aggregation.label(), value)));
    }
    let mut names: Vec<&String> = Vec::new();
    for name in &query.dimensions {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let dimensions = names.into_iter().cloned().zip(group.dimensions).collect();
    (!values.is_empty()).then_some(Point { interval: group.interval, dimensions, values })
}
