//! Traces, their spans, and what was said about them.

use super::tx::{SqlTx, gathered, place, to_text};
use crate::Result;
use crate::driver::{Row, ToValue as _, params};
use crate::traits::search::Page;
use crate::traits::{
    MetricGroup, MetricQuery, SpanRecord, TraceSearch, TraceSelection, TracesRead, TracesWrite,
};
use mainspring_domain::Timestamp;
use mainspring_domain::traces::{Assessment, Judgement, Span, TraceInfo, TraceState};
use mainspring_domain::tracking::KeyValue;
use mainspring_expressions::search::TraceComparison;
use serde_json::Value;
use std::collections::HashMap;

pub(super) const SELECT: &str =
    "SELECT e.id, e.experiment, e.started, e.duration, e.state, e.client_request_id,
    e.request_preview, e.response_preview,
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM trace_metadata t WHERE t.trace = e.id),
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM trace_tags t WHERE t.trace = e.id)
    FROM traces e";

/// The metadata that names a trace's session.
const SESSION: &str = "mlflow.trace.session";

pub(super) fn trace(row: &Row<'_>) -> Result<TraceInfo> {
    Ok(TraceInfo {
        id: row.get(0)?,
        experiment: row.get(1)?,
        started: Timestamp::from_millis(row.get(2)?),
        duration: row.get(3)?,
        state: TraceState::parse(row.text(4)?).unwrap_or_default(),
        client_request_id: row.get(5)?,
        request_preview: row.get(6)?,
        response_preview: row.get(7)?,
        metadata: gathered(row, 8)?,
        tags: gathered(row, 9)?,
        assessments: Vec::new(),
    })
}

impl SqlTx<'_> {
    /// Adds what was said about the traces.
    pub(super) fn with_assessments(&self, mut traces: Vec<TraceInfo>) -> Result<Vec<TraceInfo>> {
        let ids: Vec<&str> = traces.iter().map(|trace| trace.id.as_str()).collect();
        let all: Vec<Assessment> = self.documents(
            "SELECT a.document FROM assessments a WHERE a.trace IN (SELECT value FROM json_each(?1))
             ORDER BY a.created, a.id",
            [to_text(&ids)?],
        )?;
        let mut of_traces: HashMap<String, Vec<Assessment>> = HashMap::new();
        for assessment in all {
            of_traces.entry(assessment.trace.clone()).or_default().push(assessment);
        }
        for trace in &mut traces {
            trace.assessments = of_traces.remove(&trace.id).unwrap_or_default();
        }
        Ok(traces)
    }

    fn set_pairs(&self, sql: &str, trace: &str, pairs: &[KeyValue]) -> Result<()> {
        self.execute_many(
            sql,
            pairs.iter().map(|pair| [trace.to_value(), pair.key.to_value(), pair.value.to_value()]),
        )?;
        Ok(())
    }
}

impl TracesRead for SqlTx<'_> {
    fn trace(&self, id: &str) -> Result<Option<TraceInfo>> {
        let found = self.rows_in_sight(&format!("{SELECT} WHERE e.id = ?1"), id, trace)?;
        Ok(self.with_assessments(found)?.pop())
    }

    fn trace_experiment(&self, id: &str) -> Result<Option<i64>> {
        self.row_in_sight("SELECT e.experiment FROM traces e WHERE e.id = ?1", id, |row| row.get(0))
    }

    fn has_trace_out_of_sight(&self, id: &str) -> Result<bool> {
        self.is_out_of_sight("traces", id)
    }

    fn traces(&self, ids: &[String]) -> Result<Vec<TraceInfo>> {
        let sql = format!("{SELECT} WHERE e.id IN (SELECT value FROM json_each(?1))");
        let found = self.rows_in_sight(&sql, &to_text(ids)?, trace)?;
        self.with_assessments(found)
    }

    fn search_traces(&self, experiments: &[i64], search: &TraceSearch) -> Result<Page<TraceInfo>> {
        self.find_traces(experiments, search)
    }

    fn count_traces(&self, experiments: &[i64], lists: &[&[TraceComparison]]) -> Result<i64> {
        self.count_found_traces(experiments, lists)
    }

    fn spans(&self, trace: &str) -> Result<Vec<Span>> {
        self.documents(
            "SELECT content FROM spans WHERE trace = ?1 ORDER BY parent IS NOT NULL, started, id",
            [trace],
        )
    }

    fn span_volume(&self, trace: &str) -> Result<(i64, i64)> {
        let sql = "SELECT count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM spans WHERE trace = ?1";
        Ok(self.row(sql, [trace], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default())
    }

    fn assessment(&self, trace: &str, id: &str) -> Result<Option<Assessment>> {
        if self.within.is_some() && self.trace_experiment(trace)?.is_none() {
            return Ok(None);
        }
        self.document("SELECT document FROM assessments WHERE trace = ?1 AND id = ?2", [trace, id])
    }

    fn assessed_trace(&self, assessment: &str) -> Result<Option<String>> {
        self.row("SELECT trace FROM assessments WHERE id = ?1", [assessment], |row| row.get(0))
    }

    fn trace_metrics(&self, experiments: &[i64], query: &MetricQuery) -> Result<Vec<MetricGroup>> {
        self.measure_traces(experiments, query)
    }
}

impl TracesWrite for SqlTx<'_> {
    fn insert_trace(&mut self, trace: &TraceInfo) -> Result<()> {
        self.execute(
            "INSERT INTO traces (id, experiment, started, duration, state, client_request_id,
                                 request_preview, response_preview)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                trace.id,
                trace.experiment,
                trace.started.as_millis(),
                trace.duration,
                trace.state.as_str(),
                trace.client_request_id,
                trace.request_preview,
                trace.response_preview
            ],
        )?;
        self.set_trace_tags(&trace.id, &trace.tags)?;
        self.set_trace_metadata(&trace.id, &trace.metadata)?;
        trace.assessments.iter().try_for_each(|assessment| self.put_assessment(assessment))
    }

    fn update_trace(&mut self, trace: &TraceInfo) -> Result<()> {
        self.execute(
            "UPDATE traces SET started = ?2, duration = ?3, state = ?4, client_request_id = ?5,
                               request_preview = ?6, response_preview = ?7
             WHERE id = ?1",
            params![
                trace.id,
                trace.started.as_millis(),
                trace.duration,
                trace.state.as_str(),
                trace.client_request_id,
                trace.request_preview,
                trace.response_preview
            ],
        )?;
        Ok(())
    }

    fn set_trace_tags(&mut self, trace: &str, tags: &[KeyValue]) -> Result<()> {
        self.set_pairs(
            "INSERT INTO trace_tags (trace, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value",
            trace,
            tags,
        )
    }

    fn delete_trace_tag(&mut self, trace: &str, key: &str) -> Result<bool> {
        Ok(self.execute("DELETE FROM trace_tags WHERE trace = ?1 AND key = ?2", [trace, key])? > 0)
    }

    fn set_trace_metadata(&mut self, trace: &str, metadata: &[KeyValue]) -> Result<()> {
        self.set_pairs(
            "INSERT INTO trace_metadata (trace, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value",
            trace,
            metadata,
        )
    }

    fn set_trace_measures(&mut self, trace: &str, measures: &[(String, f64)]) -> Result<()> {
        for (key, value) in measures {
            self.execute(
                "INSERT INTO trace_measures (trace, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value",
                params![trace, key, value],
            )?;
        }
        Ok(())
    }

    fn put_spans(&mut self, trace: &str, spans: &[SpanRecord]) -> Result<()> {
        for record in spans {
            let span = &record.span;
            let content = to_text(span)?;
            self.execute(
                "INSERT INTO spans (trace, id, parent, name, type, status, started, ended, model_name,
                                    model_provider, input_cost, output_cost, total_cost, size, content)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                 ON CONFLICT (trace, id) DO UPDATE SET
                     parent = excluded.parent, name = excluded.name, type = excluded.type,
                     status = excluded.status, started = excluded.started, ended = excluded.ended,
                     model_name = excluded.model_name, model_provider = excluded.model_provider,
                     input_cost = excluded.input_cost, output_cost = excluded.output_cost,
                     total_cost = excluded.total_cost, size = excluded.size, content = excluded.content",
                params![
                    trace,
                    span.id,
                    span.parent,
                    span.name,
                    record.span_type,
                    span.status.as_str(),
                    span.start,
                    span.end,
                    record.model_name,
                    record.model_provider,
                    record.costs[0],
                    record.costs[1],
                    record.costs[2],
                    place(content.len()),
                    content
                ],
            )?;
        }
        Ok(())
    }

    fn put_assessment(&mut self, assessment: &Assessment) -> Result<()> {
        let value = match &assessment.judgement {
            Judgement::Feedback { value, .. } | Judgement::Expectation { value } => value.clone(),
            Judgement::Issue { name } => Value::from(name.clone()),
        };
        let for_session = assessment.metadata.contains_key(SESSION);
        self.execute(
            "INSERT INTO assessments (id, trace, kind, name, value, number, is_number, for_session, valid,
                                      created, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET
                 name = excluded.name, value = excluded.value, number = excluded.number,
                 is_number = excluded.is_number, for_session = excluded.for_session,
                 valid = excluded.valid, document = excluded.document",
            params![
                assessment.id,
                assessment.trace,
                assessment.judgement.kind(),
                assessment.name,
                to_text(&value)?,
                counts_as(&value),
                value.is_number(),
                for_session,
                assessment.valid,
                assessment.created.as_millis(),
                to_text(assessment)?
            ],
        )?;
        Ok(())
    }

    fn delete_assessment(&mut self, trace: &str, id: &str) -> Result<bool> {
        Ok(self.execute("DELETE FROM assessments WHERE trace = ?1 AND id = ?2", [trace, id])? > 0)
    }

    fn delete_traces(&mut self, experiment: i64, selection: &TraceSelection) -> Result<usize> {
        if self.experiments_in_sight(&[experiment])?.is_empty() {
            return Ok(0);
        }
        let ids: Vec<String> = match selection {
            TraceSelection::Ids(ids) => self.rows(
                "SELECT id FROM traces
                 WHERE experiment = ?1 AND id IN (SELECT value FROM json_each(?2))",
                params![experiment, to_text(ids)?],
                |row| row.get(0),
            )?,
            TraceSelection::Until { time, most } => self.rows(
                "SELECT id FROM traces WHERE experiment = ?1 AND started <= ?2
                 ORDER BY started, id LIMIT ?3",
                params![experiment, time.as_millis(), most.map_or(i64::MAX, place)],
                |row| row.get(0),
            )?,
        };
        let list = to_text(&ids)?;
        self.execute("DELETE FROM trace_runs WHERE trace IN (SELECT value FROM json_each(?1))", [&list])?;
        self.execute("DELETE FROM traces WHERE id IN (SELECT value FROM json_each(?1))", [&list])
    }

    fn link_traces(&mut self, run: &str, traces: &[String]) -> Result<()> {
        self.execute_many(
            "INSERT INTO trace_runs (run, trace) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            traces.iter().map(|trace| [run.to_value(), trace.to_value()]),
        )?;
        Ok(())
    }

    fn link_prompts(&mut self, trace: &str, prompts: &[String]) -> Result<()> {
        self.execute_many(
            "INSERT INTO trace_prompts (trace, prompt) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            prompts.iter().map(|prompt| [trace.to_value(), prompt.to_value()]),
        )?;
        Ok(())
    }
}

/// What a judgement counts as in averages: numbers as themselves, yes and no as 1 and 0.
fn counts_as(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "yes" => Some(1.0),
            "no" => Some(0.0),
            _ => None,
        },
        _ => None,
    }
}
