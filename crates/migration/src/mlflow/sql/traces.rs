//! Traces of an experiment, a page at a time by id.

use super::tables::{Cells, Tables, places};
use crate::Result;
use crate::import::{Importer, SourceTrace, set};
use crate::mlflow::trace::{self, Failure};
use mainspring_domain::Timestamp;
use mainspring_domain::traces::{Assessment, Judgement, TraceInfo, TraceState};
use mainspring_metadata_store::Cell;
use mainspring_metadata_store::traits::SpanRecord;
use mainspring_metadata_store::traits::trace_figures::{CACHE_TOKENS, COST, COSTS, TOKEN_USAGE, TOKENS};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Traces of one page.
const PAGE: usize = 100;

const COLUMNS: [&str; 18] = [
    "request_id",
    "timestamp_ms",
    "execution_time_ms",
    "status",
    "client_request_id",
    "request_preview",
    "response_preview",
    "trace_name",
    "session_id",
    TOKENS[0],
    TOKENS[1],
    TOKENS[2],
    CACHE_TOKENS[0],
    CACHE_TOKENS[1],
    CACHE_TOKENS[2],
    COSTS[0],
    COSTS[1],
    COSTS[2],
];

pub(super) fn read(tables: &Tables, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let mut after = String::new();
    loop {
        let mut page = Vec::new();
        let mut last = None;
        let rest = format!("WHERE experiment_id = ?1 AND request_id > ?2 ORDER BY request_id LIMIT {PAGE}");
        let values = [Cell::from(experiment), Cell::from(after.as_str())];
        tables.rows("trace_info", &COLUMNS, &rest, &values, |cells| {
            if let Some(id) = cells.text(0) {
                last = Some(id.to_owned());
                page.push((info(experiment, id, cells), in_columns(cells)));
            }
            Ok(())
        })?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        let wanted = importer.wanted_traces(page.iter().map(|(info, _)| info.id.clone()).collect())?;
        page.retain(|(info, _)| wanted.contains(&info.id));
        if !page.is_empty() {
            bring(tables, page, importer)?;
        }
    }
}

fn info(experiment: i64, id: &str, cells: Cells<'_>) -> TraceInfo {
    TraceInfo {
        id: id.to_owned(),
        experiment,
        started: Timestamp::from_millis(cells.int(1).unwrap_or_default()),
        duration: cells.int(2),
        state: cells.text(3).and_then(TraceState::parse).unwrap_or_default(),
        client_request_id: cells.owned(4),
        request_preview: cells.owned(5),
        response_preview: cells.owned(6),
        metadata: Vec::new(),
        tags: Vec::new(),
        assessments: Vec::new(),
    }
}

/// What newer schemas keep in columns, and clients know as tags and metadata.
struct InColumns {
    name: Option<String>,
    metadata: Vec<(&'static str, String)>,
}

fn in_columns(cells: Cells<'_>) -> InColumns {
    let object = |keys: &[&str], first: usize, whole: bool| {
        let mut told = Map::new();
        for (place, key) in keys.iter().enumerate() {
            let value = match whole {
                true => cells.int(first + place).map(Value::from),
                false => cells.real(first + place).map(Value::from),
            };
            if let Some(value) = value {
                told.insert((*key).to_owned(), value);
            }
        }
        (!told.is_empty()).then(|| Value::Object(told).to_string())
    };
    let tokens: Vec<&str> = TOKENS.iter().chain(&CACHE_TOKENS).copied().collect();
    let metadata = [
        ("mlflow.trace.session", cells.owned(8)),
        (TOKEN_USAGE, object(&tokens, 9, true)),
        (COST, object(&COSTS, 15, false)),
    ];
    InColumns {
        name: cells.owned(7),
        metadata: metadata.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
    }
}

fn bring(tables: &Tables, page: Vec<(TraceInfo, InColumns)>, importer: &mut Importer<'_>) -> Result<()> {
    let ids: Vec<Cell> = page.iter().map(|(info, _)| Cell::from(info.id.as_str())).collect();
    let mut tags = tables.pairs("trace_tags", ["request_id", "key", "value"], &ids)?;
    let mut metadata = tables.pairs("trace_request_metadata", ["request_id", "key", "value"], &ids)?;
    let mut said = assessments(tables, &ids, importer)?;
    let mut runs = runs(tables, &ids)?;
    for (mut info, columns) in page {
        info.tags = tags.remove(&info.id).unwrap_or_default();
        info.metadata = metadata.remove(&info.id).unwrap_or_default();
        info.assessments = said.remove(&info.id).unwrap_or_default();
        if let Some(name) = columns.name {
            set(&mut info.tags, "mlflow.traceName", name);
        }
        for (key, value) in columns.metadata {
            set(&mut info.metadata, key, value);
        }
        let spans = spans(tables, &info.id, importer)?;
        let runs = runs.remove(&info.id).unwrap_or_default();
        importer.trace(SourceTrace { info, spans, runs }, None)?;
    }
    Ok(())
}

fn spans(tables: &Tables, trace: &str, importer: &mut Importer<'_>) -> Result<Vec<SpanRecord>> {
    let mut spans = Vec::new();
    let rest = "WHERE trace_id = ?1 ORDER BY start_time_unix_nano";
    tables.rows("spans", &["span_id", "content"], rest, &[Cell::from(trace)], |cells| {
        let content = cells.text(1).unwrap_or_default();
        let document = serde_json::from_str(content).map_err(|error| error.to_string());
        match document.and_then(trace::span) {
            Ok(span) => spans.push(SpanRecord::of(span)),
            Err(why) => {
                let place = format!("trace {trace}: span {}", cells.text(0).unwrap_or_default());
                importer.report.left_out(place, why);
            }
        }
        Ok(())
    })?;
    Ok(spans)
}

/// The runs that traces were linked to, beside the one that they were made in.
fn runs(tables: &Tables, ids: &[Cell]) -> Result<HashMap<String, Vec<String>>> {
    let mut runs: HashMap<String, Vec<String>> = HashMap::new();
    let rest = format!(
        "WHERE source_type = 'trace' AND destination_type = 'run' AND source_id IN ({})",
        places(ids)
    );
    tables.rows("entity_associations", &["source_id", "destination_id"], &rest, ids, |cells| {
        if let (Some(trace), Some(run)) = (cells.text(0), cells.text(1)) {
            runs.entry(trace.to_owned()).or_default().push(run.to_owned());
        }
        Ok(())
    })?;
    Ok(runs)
}

const ASSESSMENTS: [&str; 15] = [
    "trace_id",
    "assessment_id",
    "name",
    "assessment_type",
    "value",
    "error",
    "created_timestamp",
    "last_updated_timestamp",
    "source_type",
    "source_id",
    "span_id",
    "rationale",
    "overrides",
    "valid",
    "assessment_metadata",
];

fn assessments(
    tables: &Tables,
    ids: &[Cell],
    importer: &mut Importer<'_>,
) -> Result<HashMap<String, Vec<Assessment>>> {
    let mut said: HashMap<String, Vec<Assessment>> = HashMap::new();
    let rest = format!("WHERE trace_id IN ({}) ORDER BY created_timestamp", places(ids));
    tables.rows("assessments", &ASSESSMENTS, &rest, ids, |cells| {
        let trace = cells.text_or_empty(0);
        match assessment(&trace, cells) {
            Ok(assessment) => said.entry(trace).or_default().push(assessment),
            Err(why) => importer.report.left_out(format!("trace {trace}: assessments"), why),
        }
        Ok(())
    })?;
    Ok(said)
}

fn assessment(trace: &str, cells: Cells<'_>) -> std::result::Result<Assessment, String> {
    fn document<T: serde::de::DeserializeOwned>(
        cells: Cells<'_>,
        column: usize,
    ) -> std::result::Result<Option<T>, String> {
        let text = cells.text(column).filter(|text| !text.is_empty());
        text.map(|text| serde_json::from_str(text).map_err(|error| error.to_string())).transpose()
    }
    let value: Value = document(cells, 4)?.unwrap_or_default();
    let error: Option<Failure> = document(cells, 5)?;
    let judgement = match cells.text(3) {
        Some("feedback") => Judgement::Feedback { value, error: error.map(Into::into) },
        Some("expectation") => Judgement::Expectation { value },
        Some("issue") => Judgement::Issue { name: value.as_str().map(str::to_owned) },
        other => return Err(format!("`{}` is no kind of assessment", other.unwrap_or_default())),
    };
    let created = Timestamp::from_millis(cells.int(6).unwrap_or_default());
    Ok(Assessment {
        id: cells.owned(1).ok_or("it has no id")?,
        trace: trace.to_owned(),
        name: cells.text_or_empty(2),
        judgement,
        source: cells.text(8).and_then(trace::source).unwrap_or_default(),
        source_id: cells.owned(9),
        created,
        updated: cells.int(7).map_or(created, Timestamp::from_millis),
        rationale: cells.owned(11),
        metadata: document(cells, 14)?.unwrap_or_default(),
        span: cells.owned(10),
        overrides: cells.owned(12),
        valid: cells.int(13) != Some(0),
    })
}
