//! Traces, their spans, and what was said about them.

use super::search::Page;
use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::traces::{Assessment, Span, TraceInfo};
use mainspring_domain::tracking::KeyValue;
use mainspring_expressions::search::{MetricFilter, TraceComparison, TraceOrder};

/// A search of traces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceSearch {
    /// What must hold, all together.
    pub conditions: Vec<TraceComparison>,
    /// The order; the latest begun come first where it does not decide.
    pub order: Vec<TraceOrder>,
    /// How many to give at most.
    pub limit: usize,
    /// How many to skip.
    pub offset: usize,
}

/// A span as it is stored: with what is searched and counted.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// The span.
    pub span: Span,
    /// What kind of step it is, such as `TOOL`.
    pub span_type: Option<String>,
    /// The language model that was asked.
    pub model_name: Option<String>,
    /// Who offers it.
    pub model_provider: Option<String>,
    /// The cost of what was asked, of what was answered, and of both.
    pub costs: [Option<f64>; 3],
}

/// Which traces are to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceSelection {
    /// Those with these ids.
    Ids(Vec<String>),
    /// Those that began until a time, the oldest first.
    Until {
        /// The time.
        time: Timestamp,
        /// How many at most.
        most: Option<usize>,
    },
}

/// What a figure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Traces.
    Traces,
    /// Sessions: groups of traces.
    Sessions,
    /// How many milliseconds traces took.
    TraceDuration,
    /// A figure of traces by its key, such as their tokens.
    TraceMeasure(&'static str),
    /// Spans.
    Spans,
    /// How many milliseconds spans took.
    SpanDuration,
    /// A cost of spans: of what was asked (0), of what was answered (1), or both (2).
    SpanCost(usize),
    /// Assessments.
    Assessments,
    /// The values of assessments, where they count as numbers.
    AssessmentValue,
}

/// By what figures are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The trace's name.
    TraceName,
    /// How the trace ended.
    TraceStatus,
    /// The span's name.
    SpanName,
    /// The span's type.
    SpanType,
    /// How the span ended.
    SpanStatus,
    /// The language model.
    SpanModel,
    /// Who offers the language model.
    SpanProvider,
    /// The assessment's name.
    AssessmentName,
    /// The assessment's value, as JSON text.
    AssessmentValue,
}

/// A question for figures.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricQuery {
    /// What is measured.
    pub measured: Measured,
    /// By what it is told apart.
    pub dimensions: Vec<Dimension>,
    /// What must hold of it, all together.
    pub filters: Vec<MetricFilter>,
    /// The length of the intervals in which it is measured, in milliseconds.
    pub interval: Option<i64>,
    /// The first millisecond that counts.
    pub from: Option<i64>,
    /// The last millisecond that counts.
    pub until: Option<i64>,
    /// The quantiles that are asked for, from 0 to 1.
    pub quantiles: Vec<f64>,
    /// How many groups to give at most.
    pub limit: usize,
}

/// The figures of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricGroup {
    /// When its interval begins, in milliseconds since the Unix epoch.
    pub interval: Option<i64>,
    /// Its place in each dimension.
    pub dimensions: Vec<String>,
    /// How many values there are.
    pub count: i64,
    /// Their sum.
    pub sum: Option<f64>,
    /// Their mean.
    pub mean: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The quantiles that were asked for, between two values by their distance.
    pub quantiles: Vec<Option<f64>>,
}

/// Reading traces.
pub trait TracesRead {
    /// One trace, without its spans.
    fn trace(&self, id: &str) -> Result<Option<TraceInfo>>;
    /// The experiment of a trace.
    fn trace_experiment(&self, id: &str) -> Result<Option<i64>>;
    /// Whether a trace lies in another workspace than the one that this transaction sees.
    fn has_trace_out_of_sight(&self, id: &str) -> Result<bool>;
    /// Traces by their ids, in no particular order; those that do not exist are left out.
    fn traces(&self, ids: &[String]) -> Result<Vec<TraceInfo>>;
    /// Traces of experiments by condition; the latest begun first unless told.
    fn search_traces(&self, experiments: &[i64], search: &TraceSearch) -> Result<Page<TraceInfo>>;
    /// How many traces of experiments fulfil each of several lists of conditions. The conditions on
    /// spans within a list must hold for one span, those of two lists for perhaps two.
    fn count_traces(&self, experiments: &[i64], lists: &[&[TraceComparison]]) -> Result<i64>;
    /// The spans of a trace, the root first and then in the order in which they began.
    fn spans(&self, trace: &str) -> Result<Vec<Span>>;
    /// How many spans a trace has, and their size in bytes.
    fn span_volume(&self, trace: &str) -> Result<(i64, i64)>;
    /// One assessment of a trace.
    fn assessment(&self, trace: &str, id: &str) -> Result<Option<Assessment>>;
    /// The trace of an assessment.
    fn assessed_trace(&self, assessment: &str) -> Result<Option<String>>;
    /// Figures about traces of experiments, group by group in their order.
    fn trace_metrics(&self, experiments: &[i64], query: &MetricQuery) -> Result<Vec<MetricGroup>>;
}

/// Writing traces.
pub trait TracesWrite {
    /// Adds a trace with its tags, metadata and assessments.
    fn insert_trace(&mut self, trace: &TraceInfo) -> Result<()>;
    /// Writes when a trace began, how long it took, how it ended, the id that its program gave and
    /// its previews.
    fn update_trace(&mut self, trace: &TraceInfo) -> Result<()>;
    /// Sets tags of a trace.
    fn set_trace_tags(&mut self, trace: &str, tags: &[KeyValue]) -> Result<()>;
    /// Removes a tag of a trace; says whether it was there.
    fn delete_trace_tag(&mut self, trace: &str, key: &str) -> Result<bool>;
    /// Sets metadata of a trace.
    fn set_trace_metadata(&mut self, trace: &str, metadata: &[KeyValue]) -> Result<()>;
    /// Sets figures of a trace, such as its tokens.
    fn set_trace_measures(&mut self, trace: &str, measures: &[(String, f64)]) -> Result<()>;
    /// Writes spans of a trace; those that are there already are replaced.
    fn put_spans(&mut self, trace: &str, spans: &[SpanRecord]) -> Result<()>;
    /// Writes an assessment, perhaps over the one of the same id.
    fn put_assessment(&mut self, assessment: &Assessment) -> Result<()>;
    /// Removes an assessment; says whether it was there.
    fn delete_assessment(&mut self, trace: &str, id: &str) -> Result<bool>;
    /// Deletes traces of an experiment with all that belongs to them; gives their number.
    fn delete_traces(&mut self, experiment: i64, selection: &TraceSelection) -> Result<usize>;
    /// Links traces, which need not exist yet, to a run.
    fn link_traces(&mut self, run: &str, traces: &[String]) -> Result<()>;
    /// Links a trace to versions of prompts, each as `name/version`.
    fn link_prompts(&mut self, trace: &str, prompts: &[String]) -> Result<()>;
}
