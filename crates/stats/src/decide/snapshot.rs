//! What is known of an experiment at one look.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

use crate::error::Undecided;
use crate::estimate::Sample;
use crate::exact::Exact;
use crate::sequential::sign::SignTest;

/// What is known of an experiment at one look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Seconds since the start.
    pub seconds: u64,
    /// Units that were assigned to each arm and seen there; the champion first.
    pub units: Vec<u64>,
    /// Units that were seen in more than one arm; they are in none of the counts.
    pub seen_in_several: u64,
    /// Units whose outcome was known at each look that the plan counts, up to this one. For
    /// [`Method::Looks`](super::Method::Looks) only; [`count_look`](super::count_look) adds to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<u64>,
    /// Whether the plan counts this look: it is the last of `looks` then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts: bool,
    /// Evidence by metric.
    pub metrics: BTreeMap<String, Evidence>,
    /// Of metrics whose units are told apart: the strata, whose effects make that of the metric
    /// ([`strata`](crate::estimate::strata)).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub strata: BTreeMap<String, Vec<Stratum>>,
    /// Above which value values counted as it, by metric, where that was found among the values. It is in
    /// the evidence already; here it says so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caps: BTreeMap<String, Exact>,
}

/// Units that have something in common which was known before they saw an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stratum {
    /// What they have in common, for people.
    pub name: String,
    /// Their estimates; the champion's first.
    pub arms: Vec<Sample>,
}

/// What is known of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Each unit saw one arm. The champion first.
    Split(Vec<Arm>),
    /// All models answered the same requests: for each candidate the mean of its value minus the
    /// champion's.
    Paired(Vec<Arm>),
    /// The same with answers that are right or wrong: for each candidate the discordant units.
    Signs(Vec<Signs>),
}

/// How much of a metric is known in one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Units whose outcome should be known by now: those exposed longer ago than the window.
    pub units_due: u64,
    /// Those of them of which all that is due is known. The numbers of units are compared with the
    /// weights, because outcomes that are missing more in one arm bias everything.
    pub units: u64,
    /// Outcomes that should be known by now: labels of requests, for instance.
    pub outcomes_due: u64,
    /// Those of them that are known.
    pub outcomes: u64,
}

impl Known {
    /// All that is due of so many units with one outcome each.
    #[must_use]
    pub const fn all(units: u64) -> Self {
        Self { units_due: units, units, outcomes_due: units, outcomes: units }
    }
}

impl AddAssign for Known {
    fn add_assign(&mut self, other: Self) {
        self.units_due += other.units_due;
        self.units += other.units;
        self.outcomes_due += other.outcomes_due;
        self.outcomes += other.outcomes;
    }
}

impl SubAssign for Known {
    fn sub_assign(&mut self, other: Self) {
        self.units_due -= other.units_due;
        self.units -= other.units;
        self.outcomes_due -= other.outcomes_due;
        self.outcomes -= other.outcomes;
    }
}

/// What is known of a metric in one arm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Estimate from the units whose outcome is known, those to which nothing happened among them: a
    /// metric of buyers only is a ratio of units' sums, not a mean with fewer units.
    pub sample: Sample,
    /// Why there is no estimate; the sample means nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<Undecided>,
    /// How much of it is known.
    pub known: Known,
}

impl Arm {
    /// An arm of which everything is known.
    #[must_use]
    pub const fn of(sample: Sample) -> Self {
        Self { sample, undecided: None, known: Known::all(sample.n) }
    }

    /// The estimate.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn estimate(&self) -> Result<Sample, Undecided> {
        self.undecided.map_or(Ok(self.sample), Err)
    }
}

/// Right and wrong answers of a candidate and the champion to the same requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    /// Units for which only one of them was right (was so more often).
    pub test: SignTest,
    /// How much is known.
    pub known: Known,
}
