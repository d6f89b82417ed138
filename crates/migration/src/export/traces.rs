//! Traces with their spans and assessments.

use super::tables::Table;
use super::write::ExportReport;
use crate::Result;
use crate::mlflow::{ARTIFACT_LOCATION, span_document};
use crate::report::Counts;
use mainspring_domain::traces::{Assessment, AssessmentSource, Judgement, TraceInfo};
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::traits::trace_figures::{
    CACHE_TOKENS, COST, COSTS, TOKEN_USAGE, TOKENS, trace_measures,
};
use mainspring_metadata_store::traits::{SpanRecord, TraceSearch};
use mainspring_metadata_store::{Cell, ForeignDatabase, ReadTx};
use serde_json::Value;

/// Traces that are read at a time.
const PAGE: usize = 200;
/// Tag and metadata that newer schemas keep in columns, besides tokens and costs.
const NAME: &str = "mlflow.traceName";
const SESSION: &str = "mlflow.trace.session";

/// The tables.
pub(super) struct Traces {
    info: Table,
    tags: Table,
    metadata: Table,
    measures: Table,
    spans: Table,
    assessments: Table,
    /// Whether the name, the session and the figures of traces have columns.
    in_columns: bool,
}

impl Traces {
    #[rustfmt::skip]
    pub(super) fn of(db: &ForeignDatabase, report: &mut ExportReport) -> Result<Self> {
        let in_columns = db.columns("trace_info")?.iter().any(|column| column == "trace_name");
        // What has no column has its place among tags and metadata.
        let mut elsewhere = Vec::new();
        let left_out = &mut report.left_out;
        Ok(Self {
            info: Table::of(db, "trace_info", &[
                "request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status", "client_request_id",
                "request_preview", "response_preview", "db_payload_generation", "trace_name", "session_id",
                TOKENS[0], TOKENS[1], TOKENS[2], CACHE_TOKENS[0], CACHE_TOKENS[1], CACHE_TOKENS[2],
                COSTS[0], COSTS[1], COSTS[2],
            ], if in_columns { left_out } else { &mut elsewhere })?,
            tags: Table::of(db, "trace_tags", &["request_id", "key", "value"], left_out)?,
            metadata: Table::of(db, "trace_request_metadata", &["request_id", "key", "value"], left_out)?,
            measures: Table::of(db, "trace_metrics", &["request_id", "key", "value"], &mut elsewhere)?,
            spans: Table::of(db, "spans", &[
                "trace_id", "span_id", "experiment_id", "parent_span_id", "name", "type", "status",
                "start_time_unix_nano", "end_time_unix_nano", "content", COSTS[0], COSTS[1], COSTS[2],
                "model_name", "model_provider",
            ], left_out)?,
            assessments: Table::of(db, "assessments", &[
                "assessment_id", "trace_id", "name", "assessment_type", "value", "error", "created_timestamp",
                "last_updated_timestamp", "source_type", "source_id", "span_id", "rationale", "overrides", "valid",
                "assessment_metadata", "experiment_id", "trace_timestamp_ms", "aggregate_value", "is_numeric_value",
            ], left_out)?,
            in_columns,
        })
    }

    /// Writes what waits: what is referred to first.
    fn flush(&mut self, db: &ForeignDatabase) -> Result<()> {
        let all = [
            &mut self.info,
            &mut self.tags,
            &mut self.metadata,
            &mut self.measures,
            &mut self.spans,
            &mut self.assessments,
        ];
        all.into_iter().try_for_each(|table| table.flush(db))
    }

    /// Writes the traces of an experiment.
    pub(super) fn write(
        &mut self,
        db: &ForeignDatabase,
        tx: &dyn ReadTx,
        experiment: i64,
        report: &mut ExportReport,
        progress: &mut dyn FnMut(&Counts),
    ) -> Result<()> {
        let mut offset = 0;
        loop {
            let search = TraceSearch { limit: PAGE, offset, ..TraceSearch::default() };
            let found = tx.search_traces(&[experiment], &search)?.items;
            for info in &found {
                self.one(db, info, report)?;
                for span in tx.spans(&info.id)? {
                    report.written.spans += 1;
                    self.span(db, info, &SpanRecord::of(span))?;
                }
            }
            self.flush(db)?;
            progress(&report.written);
            if found.len() < PAGE {
                return Ok(());
            }
            offset += PAGE;
        }
    }

    fn one(&mut self, db: &ForeignDatabase, info: &TraceInfo, report: &mut ExportReport) -> Result<()> {
        report.written.traces += 1;
        report.written.assessments += info.assessments.len() as u64;
        if let Some(location) = info.tag(ARTIFACT_LOCATION) {
            report.location(location);
        }
        let measures = trace_measures(&info.metadata);
        let figure = |key: &str, whole: bool| {
            let found = measures.iter().find(|(name, _)| name == key);
            found.map_or(Cell::Null, |(_, value)| if whole { truncated(*value) } else { Cell::Real(*value) })
        };
        let tokens = |key: &str| figure(key, true);
        let cost = |key: &str| figure(key, false);
        let id = || Cell::from(info.id.as_str());
        self.info.add(
            db,
            [
                id(),
                Cell::Integer(info.experiment),
                Cell::Integer(info.started.as_millis()),
                info.duration.map_or(Cell::Null, Cell::Integer),
                Cell::from(info.state.as_str()),
                Cell::optional(info.client_request_id.as_deref()),
                Cell::optional(info.request_preview.as_deref()),
                Cell::optional(info.response_preview.as_deref()),
                // The generation of payloads that has these columns.
                Cell::Integer(2),
                Cell::optional(info.tag(NAME)),
                Cell::optional(info.metadata(SESSION)),
                tokens(TOKENS[0]),
                tokens(TOKENS[1]),
                tokens(TOKENS[2]),
                tokens(CACHE_TOKENS[0]),
                tokens(CACHE_TOKENS[1]),
                tokens(CACHE_TOKENS[2]),
                cost(COSTS[0]),
                cost(COSTS[1]),
                cost(COSTS[2]),
            ],
        )?;
        let in_columns = self.in_columns;
        let kept = |pair: &&KeyValue| {
            !(in_columns && [NAME, SESSION, TOKEN_USAGE, COST].contains(&pair.key.as_str()))
        };
        let row = |pair: &KeyValue| [id(), Cell::from(pair.key.as_str()), Cell::from(pair.value.as_str())];
        info.tags.iter().filter(kept).try_for_each(|tag| self.tags.add(db, row(tag)))?;
        info.metadata.iter().filter(kept).try_for_each(|pair| self.metadata.add(db, row(pair)))?;
        if !in_columns {
            for (key, value) in &measures {
                self.measures.add(db, [id(), Cell::from(key.as_str()), Cell::Real(*value)])?;
            }
        }
        info.assessments.iter().try_for_each(|said| self.assessments.add(db, assessment(info, said)))
    }

    fn span(&mut self, db: &ForeignDatabase, info: &TraceInfo, record: &SpanRecord) -> Result<()> {
        let (span, costs) = (&record.span, record.costs.map(|cost| cost.map_or(Cell::Null, Cell::Real)));
        let [input, output, total] = costs;
        self.spans.add(
            db,
            [
                Cell::from(info.id.as_str()),
                Cell::from(span.id.as_str()),
                Cell::Integer(info.experiment),
                Cell::optional(span.parent.as_deref()),
                Cell::from(span.name.as_str()),
                Cell::optional(record.span_type.as_deref()),
                Cell::from(span.status.as_str()),
                Cell::Integer(span.start),
                span.end.map_or(Cell::Null, Cell::Integer),
                Cell::from(span_document(span).to_string().as_str()),
                input,
                output,
                total,
                Cell::optional(record.model_name.as_deref()),
                Cell::optional(record.model_provider.as_deref()),
            ],
        )
    }
}

/// A number of tokens.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn truncated(value: f64) -> Cell {
    Cell::Integer(value as i64)
}

fn assessment(info: &TraceInfo, said: &Assessment) -> [Cell; 19] {
    let json = |value: &Value| Cell::from(value.to_string().as_str());
    let (value, error) = match &said.judgement {
        Judgement::Feedback { value, error } => (json(value), error.as_ref()),
        Judgement::Expectation { value } => (json(value), None),
        Judgement::Issue { name } => (json(&Value::from(name.clone())), None),
    };
    let error = error.map(|error| {
        serde_json::json!({
            "error_code": error.code, "error_message": error.message, "stack_trace": error.stack_trace,
        })
    });
    let number = match &said.judgement {
        Judgement::Feedback { value, .. } => match value {
            Value::Bool(yes) => Some(f64::from(u8::from(*yes))),
            Value::Number(number) => number.as_f64(),
            _ => None,
        },
        Judgement::Expectation { .. } | Judgement::Issue { .. } => None,
    };
    let numeric = matches!(&said.judgement, Judgement::Feedback { value: Value::Number(_), .. });
    let metadata = (!said.metadata.is_empty()).then(|| serde_json::json!(said.metadata));
    [
        Cell::from(said.id.as_str()),
        Cell::from(info.id.as_str()),
        Cell::from(said.name.as_str()),
        Cell::from(said.judgement.kind()),
        value,
        error.as_ref().map_or(Cell::Null, json),
        Cell::Integer(said.created.as_millis()),
        Cell::Integer(said.updated.as_millis()),
        Cell::from(match said.source {
            AssessmentSource::Unspecified => "SOURCE_TYPE_UNSPECIFIED",
            AssessmentSource::Human => "HUMAN",
            AssessmentSource::LlmJudge => "LLM_JUDGE",
            AssessmentSource::Code => "CODE",
        }),
        Cell::optional(said.source_id.as_deref()),
        Cell::optional(said.span.as_deref()),
        Cell::optional(said.rationale.as_deref()),
        Cell::optional(said.overrides.as_deref()),
        Cell::Integer(i64::from(said.valid)),
        metadata.as_ref().map_or(Cell::Null, json),
        Cell::Integer(info.experiment),
        Cell::Integer(info.started.as_millis()),
        number.map_or(Cell::Null, Cell::Real),
        Cell::Integer(i64::from(numeric)),
    ]
}
