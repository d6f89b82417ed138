//! Traces of an experiment, one request for the spans of each.

use super::api::Api;
use super::source::where_known;
use super::wire::{OneTrace, Traces};
use crate::Result;
use crate::import::{Importer, SourceTrace};
use crate::mlflow::trace::{self, IN_STORE, Info, SPANS_LOCATION};
use mainspring_metadata_store::traits::SpanRecord;
use serde_json::json;

const SEARCH: &str = "/api/3.0/mlflow/traces/search";
const GET: &str = "/api/3.0/mlflow/traces/get";

pub(super) fn read(api: &Api, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let place = json!({
        "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": experiment.to_string() },
    });
    let body = json!({ "locations": [place], "max_results": 500 });
    where_known(api.pages(SEARCH, body, |page: Traces| {
        let mut found: Vec<Info> = Vec::new();
        for document in page.traces {
            match serde_json::from_value(document) {
                Ok(info) => found.push(info),
                Err(error) => {
                    importer.report.left_out(format!("experiment {experiment}: traces"), error.to_string());
                }
            }
        }
        let wanted = importer.wanted_traces(found.iter().map(|info| info.trace_id.clone()).collect())?;
        for info in found.into_iter().filter(|info| wanted.contains(&info.trace_id)) {
            one(api, info, experiment, importer)?;
        }
        Ok(())
    }))
}

fn one(api: &Api, info: Info, experiment: i64, importer: &mut Importer<'_>) -> Result<()> {
    let (info, unreadable) = info.into_info(experiment);
    let place = format!("trace {}", info.id);
    for why in unreadable {
        importer.report.left_out(place.clone(), why);
    }
    let mut spans = Vec::new();
    if info.tag(SPANS_LOCATION) == Some(IN_STORE) {
        let whole: OneTrace = api.get(GET, &[("trace_id", &info.id), ("allow_partial", "true")])?;
        for document in whole.trace.spans {
            match trace::span(document) {
                Ok(span) => spans.push(SpanRecord::of(span)),
                Err(why) => importer.report.left_out(place.clone(), why),
            }
        }
    }
    importer.trace(SourceTrace { info, spans, runs: Vec::new() }, None)
}
