//! The ids in a request that say what it works on. All that are given count: whoever names two runs
//! must hold the role on both, so it does not matter which of them the route takes.

use axum::http::{HeaderMap, Uri};
use serde::Deserialize;

/// An id, as text or as a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(i64),
}

impl Id {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// One id or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Ids {
    Many(Vec<Id>),
    One(Id),
}

impl Ids {
    fn texts(self) -> Vec<String> {
        match self {
            Self::Many(ids) => ids.into_iter().map(Id::text).collect(),
            Self::One(id) => vec![id.text()],
        }
    }
}

/// A metric that may belong to a logged model.
#[derive(Debug, Deserialize)]
struct MetricIds {
    #[serde(default)]
    model_id: Option<Id>,
}

/// An experiment as a place of traces.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location {
    mlflow_experiment: Option<ExperimentId>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ExperimentId {
    experiment_id: Option<Id>,
}

impl Location {
    fn id(self) -> Option<String> {
        Some(self.mlflow_experiment?.experiment_id?.text())
    }
}

/// A trace that begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewTrace {
    trace_info: Option<NewTraceInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewTraceInfo {
    trace_location: Option<Location>,
}

#[derive(Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    trace: Option<NewTrace>,
    #[serde(default)]
    locations: Option<Vec<Location>>,
    #[serde(default)]
    trace_id: Option<Ids>,
    #[serde(default)]
    trace_ids: Option<Ids>,
    #[serde(default)]
    experiment_id: Option<Ids>,
    #[serde(default)]
    experiment_ids: Option<Ids>,
    #[serde(default)]
    run_id: Option<Ids>,
    #[serde(default)]
    run_uuid: Option<Ids>,
    #[serde(default)]
    run_ids: Option<Ids>,
    #[serde(default)]
    source_run_id: Option<Ids>,
    #[serde(default)]
    model_id: Option<Ids>,
    #[serde(default)]
    metrics: Option<Vec<MetricIds>>,
    #[serde(default)]
    name: Option<Id>,
    #[serde(default)]
    new_name: Option<Id>,
    #[serde(default)]
    source: Option<Id>,
}

/// What a request names.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) experiments: Vec<String>,
    pub(super) experiment_names: Vec<String>,
    pub(super) runs: Vec<String>,
    pub(super) traces: Vec<String>,
    pub(super) logged_models: Vec<String>,
    pub(super) models: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) paths: Vec<String>,
}

impl Named {
    /// Reads the query. Parameters that come twice count twice.
    pub(super) fn add_query(&mut self, uri: &Uri) {
        let pairs: Vec<(String, String)> = axum::extract::Query::try_from_uri(uri)
            .map(|axum::extract::Query(pairs)| pairs)
            .unwrap_or_default();
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            match key.as_str() {
                "experiment_id" | "experiment_ids" => self.experiments.push(value),
                "experiment_name" => self.experiment_names.push(value),
                "run_id" | "run_uuid" | "run_ids" => self.runs.push(value),
                "trace_id" | "trace_ids" | "request_id" => self.traces.push(value),
                "model_id" => self.logged_models.push(value),
                "name" => self.models.push(value),
                "path" => self.paths.push(value),
                _ => {}
            }
        }
    }

    /// Reads the headers that name what a request for traces is about.
    pub(super) fn add_headers(&mut self, headers: &HeaderMap) {
        let all =
            |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok().map(str::to_owned));
        self.experiments.extend(all("x-mlflow-experiment-id"));
        self.runs.extend(all("x-mlflow-run-id"));
    }

    /// Reads a JSON body; `false` when it is not understood.
    pub(super) fn add_body(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return false;
        }
        let Ok(body) = serde_json::from_slice::<Body>(bytes) else { return false };
        let all = |ids: Option<Ids>| ids.map(Ids::texts).unwrap_or_default().into_iter();
        let one = |id: Option<Id>| id.map(Id::text).into_iter();
        self.experiments.extend(all(body.experiment_id).chain(all(body.experiment_ids)));
        let runs = all(body.run_id).chain(all(body.run_uuid)).chain(all(body.run_ids));
        self.runs.extend(runs.chain(all(body.source_run_id)));
        let begun = body.trace.and_then(|trace| trace.trace_info?.trace_location);
        let places = body.locations.into_iter().flatten().chain(begun);
        self.experiments.extend(places.filter_map(Location::id));
        self.traces.extend(all(body.trace_id).chain(all(body.trace_ids)));
        self.logged_models.extend(all(body.model_id));
        self.logged_models.extend(body.metrics.into_iter().flatten().flat_map(|metric| one(metric.model_id)));
        self.models.extend(one(body.name).chain(one(body.new_name)));
        self.sources.extend(one(body.source));
        for list in [
            &mut self.experiments,
            &mut self.runs,
            &mut self.traces,
            &mut self.logged_models,
            &mut self.models,
        ] {
            list.retain(|id| !id.is_empty());
            list.sort();
            list.dedup();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Named;

    #[test]
    fn every_id_that_is_given_counts() {
        let mut named = Named::default();
        named.add_query(&"/x?run_id=a&run_id=b&run_uuid=c&path=7%2Fx".parse().unwrap());
        assert_eq!((named.runs.join(" "), named.paths.join(" ")), ("a b c".into(), "7/x".into()));
        let mut named = Named::default();
        assert!(named.add_body(
            br#"{"run_id": "a", "run_uuid": "b", "experiment_ids": [1, "2"], "experiment_id": null,
                 "metrics": [{"key": "m", "model_id": "m-1"}], "name": "n", "new_name": "k"}"#
        ));
        assert_eq!(named.runs, ["a", "b"]);
        assert_eq!(named.experiments, ["1", "2"]);
        assert_eq!((named.logged_models.join(" "), named.models.join(" ")), ("m-1".into(), "k n".into()));
        // What a reader of the body could take otherwise is not taken at all.
        for odd in [&br#"{"run_id": "a", "run_id": "b"}"#[..], b"\"{}\"", b"[]", b"{"] {
            assert!(!Named::default().add_body(odd), "{}", String::from_utf8_lossy(odd));
        }
    }
}
