//! What was collected for a phase of a test.

use super::metric::{Measure, Metric, Origin};
use super::queries::{Answers, WantedQuery};
use super::spec::AbSpec;
use mainspring_domain::ab::{AbCredit, AbExposure, AbMerged, AbMirrored, AbServed, MetricEvent};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What was collected for a phase.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// Its units, by name.
    pub exposures: Vec<AbExposure>,
    /// Its predictions, by unit; none are needed where candidates answer in the shadow.
    pub served: Vec<AbServed>,
    /// Its requests that candidates were asked as well, by unit.
    pub mirrored: Vec<AbMirrored>,
    /// Events by name, each by unit and time; none are needed where lists are merged.
    pub events: BTreeMap<String, Vec<MetricEvent>>,
    /// What the metrics' queries gave.
    pub answers: Answers,
    /// Its requests that merged lists answered, by unit.
    pub merged: Vec<AbMerged>,
    /// By the name of the event: what happened to the arms' items of these lists, by request and time.
    pub credits: BTreeMap<String, Vec<AbCredit>>,
    /// Of units that have it: the attribute that tells strata apart.
    pub attributes: HashMap<String, Value>,
}

impl Collected {
    /// The names of the events that a test's metrics count.
    #[must_use]
    pub fn wanted_events(spec: &AbSpec) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for metric in &spec.metrics {
            match &metric.measure {
                Measure::Event { origin: Origin::Events(name), .. } => names.push(name),
                Measure::Ratio { numerator, denominator } => names.extend([numerator.as_str(), denominator]),
                Measure::Event { origin: Origin::Query(_), .. }
                | Measure::Prediction(_)
                | Measure::Quantile(..) => {}
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The queries that a test's metrics ask, by database.
    #[must_use]
    pub fn wanted_queries(spec: &AbSpec) -> Vec<WantedQuery> {
        WantedQuery::of(&spec.metrics)
    }

    /// How long before the phase events count for a covariate.
    #[must_use]
    pub fn lookback(spec: &AbSpec) -> Duration {
        let before = |metric: &Metric| match metric.measure {
            Measure::Event { before, .. } => before,
            _ => None,
        };
        spec.metrics.iter().filter_map(before).max().unwrap_or_default()
    }
}
