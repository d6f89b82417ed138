//! A/B tests and what is collected for them.

use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{
    AbCredit, AbDecision, AbExposure, AbInterleaved, AbMerged, AbMirrored, AbPhase, AbRequest, AbServed,
    AbTest, MetricEvent,
};
use serde_json::{Map, Value as JsonValue};
use std::collections::BTreeSet;

/// Units of a phase.
#[derive(Clone, Copy, Debug)]
pub enum AbUnits<'a> {
    /// All of them.
    All,
    /// From one name to another, both included.
    Between(&'a str, &'a str),
    /// Those of these names.
    Of(&'a [String]),
}

/// Reading tests.
pub trait AbRead {
    /// The newest tests, newest first.
    fn ab_tests(&self, limit: u32) -> Result<Vec<AbTest>>;
    /// The newest tests that have not started, newest first.
    fn draft_ab_tests(&self, limit: u32) -> Result<Vec<AbTest>>;
    /// Tests that run.
    fn running_ab_tests(&self) -> Result<Vec<AbTest>>;
    /// One test, by its id or its name.
    fn ab_test(&self, id_or_name: &str) -> Result<Option<AbTest>>;
    /// The phases of a test, in their order.
    fn ab_phases(&self, test: &str) -> Result<Vec<AbPhase>>;
    /// The phase at work.
    fn ab_phase(&self, test: &str) -> Result<Option<AbPhase>>;
    /// Units of a phase, in the order of their names.
    fn ab_exposures(&self, test: &str, phase: u32, units: AbUnits<'_>) -> Result<Vec<AbExposure>>;
    /// The first units of a phase after one, in the order of their names.
    fn ab_exposures_after(&self, test: &str, phase: u32, unit: &str, limit: u32) -> Result<Vec<AbExposure>>;
    /// The names of those units of which something came at `since` or later by the clocks of the servers: an
    /// exposure, a request, or an event under one of the names. Units of other tests may be among them, and
    /// units of which nothing came that is new.
    fn ab_changed_units(
        &self,
        test: &str,
        phase: u32,
        names: &[&str],
        since: Timestamp,
    ) -> Result<BTreeSet<String>>;
    /// One unit of a phase.
    fn ab_exposure(&self, test: &str, phase: u32, unit: &str) -> Result<Option<AbExposure>>;
    /// The names of those units of a phase that have a label whose number is above `after`.
    fn ab_labelled_units(&self, test: &str, phase: u32, after: i64) -> Result<BTreeSet<String>>;
    /// The predictions for units of a phase, by unit and then by id.
    fn ab_served(&self, test: &str, phase: u32, units: AbUnits<'_>) -> Result<Vec<AbServed>>;
    /// The requests of a phase that candidates were asked as well, by unit, request and version.
    fn ab_mirrored(&self, test: &str, phase: u32) -> Result<Vec<AbMirrored>>;
    /// The requests of a phase that merged lists answered, by unit, then time, then request.
    fn ab_merged(&self, test: &str, phase: u32) -> Result<Vec<AbMerged>>;
    /// The events under a name, until a time, about items that the arms put into the merged lists of a
    /// phase, by request, then time, then id. No more than a few lists are held at once.
    fn ab_credits(&self, test: &str, phase: u32, name: &str, until: Timestamp) -> Result<Vec<AbCredit>>;
    /// The merged list that answered a request.
    fn ab_interleaved_request(&self, test: &str, phase: u32, request: &str) -> Result<Option<AbInterleaved>>;
    /// An attribute of each unit of a phase, by name: what came with its assignment, else the feature of
    /// its first request; none for units that had it not.
    fn ab_attribute(&self, test: &str, phase: u32, name: &str) -> Result<Vec<(String, Option<JsonValue>)>>;
    /// The names of the attributes and features that `limit` units and as many requests of a phase have,
    /// those of the first units by name.
    fn ab_attribute_names(&self, test: &str, phase: u32, limit: u32) -> Result<BTreeSet<String>>;
    /// What happened to units under a name from a time on, by unit, then time, then id.
    fn metric_events(&self, name: &str, from: Timestamp, units: AbUnits<'_>) -> Result<Vec<MetricEvent>>;
    /// The decisions on a test in their order, thinned out evenly to about `limit`, the newest with them.
    fn ab_course(&self, test: &str, limit: u32) -> Result<Vec<AbDecision>>;
    /// The newest decisions on a test, newest first.
    fn ab_decisions(&self, test: &str, limit: u32) -> Result<Vec<AbDecision>>;
    /// One decision.
    fn ab_decision(&self, test: &str, number: u32) -> Result<Option<AbDecision>>;
}

/// Writing tests.
pub trait AbWrite {
    /// Inserts or replaces a test.
    fn put_ab_test(&mut self, test: &AbTest) -> Result<()>;
    /// Inserts or replaces a phase.
    fn put_ab_phase(&mut self, phase: &AbPhase) -> Result<()>;
    /// Adds a request; its unit counts as exposed. One that is there stays as it is.
    fn add_ab_request(&mut self, request: &AbRequest) -> Result<()>;
    /// Notes that a unit of a test's phase was shown an arm. Of its attributes those are kept with which it was first
    /// noted; none where its requests have them.
    fn expose(
        &mut self,
        phase: (&str, u32),
        unit: &str,
        arm: u16,
        time: Timestamp,
        attributes: Option<&Map<String, JsonValue>>,
    ) -> Result<()>;
    /// Adds a merged list. One that is there stays as it is.
    fn add_ab_interleaved(&mut self, interleaved: &AbInterleaved) -> Result<()>;
    /// Adds events, which came now; gives how many are new. One whose id is there already changes nothing, whatever else
    /// it says.
    fn add_metric_events(&mut self, events: &[MetricEvent]) -> Result<usize>;
    /// Adds a decision; its `number` is ignored and the new one given back.
    fn add_ab_decision(&mut self, decision: &AbDecision) -> Result<u32>;
}
