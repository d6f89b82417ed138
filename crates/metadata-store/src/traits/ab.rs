//! A/B tests and what is collected for them.

use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{
    AbCredit, AbDecision, AbExposure, AbInterleaved, AbMerged, AbMirrored, AbPhase, AbRequest, AbServed,
    AbTest, MetricEvent,
};
use serde_json::{Map, Value as JsonValue};
use std::collections::BTreeSet;

/// Reading tests.
pub trait AbRead {
    /// The newest tests, newest first.
    fn ab_tests(&self, limit: u32) -> Result<Vec<AbTest>>;
    /// Tests that run.
    fn running_ab_tests(&self) -> Result<Vec<AbTest>>;
    /// One test, by its id or its name.
    fn ab_test(&self, id_or_name: &str) -> Result<Option<AbTest>>;
    /// The phases of a test, in their order.
    fn ab_phases(&self, test: &str) -> Result<Vec<AbPhase>>;
    /// The phase at work.
    fn ab_phase(&self, test: &str) -> Result<Option<AbPhase>>;
    /// The units of a phase, in the order of their names.
    fn ab_exposures(&self, test: &str, phase: u32) -> Result<Vec<AbExposure>>;
    /// One unit of a phase.
    fn ab_exposure(&self, test: &str, phase: u32, unit: &str) -> Result<Option<AbExposure>>;
    /// The predictions of a phase, by unit and then by id.
    fn ab_served(&self, test: &str, phase: u32) -> Result<Vec<AbServed>>;
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
    /// What happened under a name within a stretch of time, by unit, then time, then id.
    fn metric_events(&self, name: &str, from: Timestamp, until: Timestamp) -> Result<Vec<MetricEvent>>;
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
