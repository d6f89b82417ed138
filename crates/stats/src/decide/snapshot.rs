//! What is known of an experiment at one look.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::estimate::Sample;
use crate::sequential::sign::SignTest;

/// What is known of an experiment at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Seconds since the start.
    pub seconds: u64,
    /// Units that were assigned to each arm and seen there; the champion first.
    pub units: Vec<u64>,
    /// Units that were seen in more than one arm; they are in none of the counts.
    pub seen_in_several: u64,
    /// Units of all arms at each look up to this one, which is the last. For
    /// [`Method::Looks`](super::Method::Looks) only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<u64>,
    /// Evidence by metric.
    pub metrics: BTreeMap<String, Evidence>,
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Each unit saw one arm. The champion first.
    Split(Vec<Arm>),
    /// All models answered the same requests: for each candidate the mean of its value minus the
    /// champion's.
    Paired(Vec<Sample>),
    /// The same with answers that are right or wrong: for each candidate the discordant requests.
    Signs(Vec<SignTest>),
}

/// What is known of a metric in one arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Estimate from the units whose outcome is known, those to which nothing happened among them: a
    /// metric of buyers only is a ratio of units' sums, not a mean with fewer units. The numbers of units
    /// are compared with the weights, because outcomes that are missing more in one arm bias everything.
    pub sample: Sample,
    /// Units whose outcome should be known by now: those exposed longer ago than the window.
    pub due: u64,
}
