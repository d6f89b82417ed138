//! Traces, each with its spans and assessments in one piece.

use super::importer::{Importer, Step, is_id};
use crate::Result;
use crate::mlflow::{ARTIFACT_LOCATION, IN_STORE, SPANS_LOCATION};
use mainspring_domain::traces::TraceInfo;
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::traits::SpanRecord;
use mainspring_metadata_store::traits::trace_figures::trace_measures;
use mainspring_metadata_store::{StoreError, WriteTx};
use std::collections::HashSet;
use std::path::Path;

/// What a trace weighs beside its spans.
const TRACE: usize = 20;
/// What a span weighs.
const SPAN: usize = 5;

/// A trace as a source hands it over.
#[derive(Clone, Debug)]
pub(crate) struct SourceTrace {
    pub(crate) info: TraceInfo,
    /// Its spans, when the source keeps them with it and not in a file.
    pub(crate) spans: Vec<SpanRecord>,
    /// Runs that it was linked to.
    pub(crate) runs: Vec<String>,
}

impl Importer<'_> {
    /// Those of the traces that are still to be brought.
    pub(crate) fn wanted_traces(&mut self, ids: Vec<String>) -> Result<HashSet<String>> {
        let known = self.target.known_traces(ids.clone())?;
        self.report.already_there.traces += known.len() as u64;
        let mut wanted = HashSet::new();
        for id in ids {
            if known.contains(&id) {
                continue;
            }
            if is_id(&id) {
                wanted.insert(id);
            } else {
                self.report.left_out(id, "this is no id: letters, digits, `_` and `-` make one");
            }
        }
        Ok(wanted)
    }

    /// Brings a trace. `beside` is the folder where a file store keeps its artifacts.
    pub(crate) fn trace(&mut self, mut trace: SourceTrace, beside: Option<&Path>) -> Result<()> {
        let id = trace.info.id.clone();
        let Some(experiment) = self.experiment_here(trace.info.experiment) else {
            let why = format!("its experiment {} was not brought", trace.info.experiment);
            self.report.left_out(format!("trace {id}"), why);
            return Ok(());
        };
        trace.info.experiment = experiment;
        let to = format!("{experiment}/traces/{id}/artifacts");
        if let Some(location) = trace.info.tag(ARTIFACT_LOCATION).map(str::to_owned) {
            // Spans in the store leave nothing for the folder but attachments, so it is often absent.
            let absent = self.report.absent_folders;
            let brought = self.bring_files(&location, &to, beside)?;
            if trace.info.tag(SPANS_LOCATION) == Some(IN_STORE) {
                self.report.absent_folders = absent;
            }
            if let Some(location) = brought {
                set(&mut trace.info.tags, ARTIFACT_LOCATION, location);
            }
        }
        let brought = &mut self.report.brought;
        brought.traces += 1;
        brought.spans += trace.spans.len() as u64;
        brought.assessments += trace.info.assessments.len() as u64;
        let weight = TRACE
            + trace.info.tags.len()
            + trace.info.metadata.len()
            + trace.info.assessments.len()
            + SPAN * trace.spans.len();
        self.push(Step::Trace(Box::new(trace)), weight)
    }
}

/// Sets a pair, whether it is there or not.
pub(crate) fn set(pairs: &mut Vec<KeyValue>, key: &str, value: String) {
    match pairs.iter_mut().find(|pair| pair.key == key) {
        Some(pair) => pair.value = value,
        None => pairs.push(KeyValue { key: key.to_owned(), value }),
    }
}

/// Writes a trace; the caller records that there were some.
pub(super) fn write(tx: &mut dyn WriteTx, trace: &SourceTrace) -> std::result::Result<(), StoreError> {
    let id = &trace.info.id;
    tx.insert_trace(&trace.info)?;
    tx.set_trace_measures(id, &trace_measures(&trace.info.metadata))?;
    tx.put_spans(id, &trace.spans)?;
    trace.runs.iter().try_for_each(|run| tx.link_traces(run, std::slice::from_ref(id)))
}
