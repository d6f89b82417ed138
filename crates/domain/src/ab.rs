//! A/B tests: units (users, requests) are split among arms, and what happens to them is compared.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far a test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbStatus {
    /// Described, not started.
    Draft,
    /// Units are assigned and watched.
    Running,
    /// Ended; its last decision says how.
    Ended,
}

impl AbStatus {
    /// The shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }
}

/// A test as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbTest {
    /// Its id.
    pub id: String,
    /// Its name, unique among tests.
    pub name: String,
    /// The registered model whose route it splits; none when arms are only names for programs
    /// elsewhere.
    pub model: Option<String>,
    /// How far it is.
    pub status: AbStatus,
    /// The phase at work, from 1.
    pub phase: u32,
    /// Who described it.
    pub created_by: String,
    /// When it was described.
    pub created: Timestamp,
    /// When its first phase began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended, for people.
    pub outcome: Option<String>,
    /// The rollout of the winner.
    pub rollout: Option<String>,
}

/// A stretch of a test in which neither its weights nor its metrics change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbPhase {
    /// The test.
    pub test: String,
    /// Its number, from 1.
    pub number: u32,
    /// What the split hashes units with. Another seed for each phase, so that nobody is carried over.
    pub seed: String,
    /// The description of the test as it was then, in its file's words.
    pub spec_text: String,
    /// When it began.
    pub started: Timestamp,
    /// Why it began.
    pub reason: String,
    /// The weight of each arm that a bandit chose for it, from what was known at the end of the phase before;
    /// none for a phase with the weights of its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// The number of the decision with which the phase before ended, where a bandit chose the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
}

/// A request of a unit, answered by an arm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbRequest {
    /// The id of the prediction.
    pub request: String,
    /// The test.
    pub test: String,
    /// Its phase.
    pub phase: u32,
    /// Who asked.
    pub unit: String,
    /// The arm, from 0: the control.
    pub arm: u16,
    /// When.
    pub time: Timestamp,
}

/// A unit that was shown an arm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbExposure {
    /// Who.
    pub unit: String,
    /// The arm that it saw first.
    pub arm: u16,
    /// When it saw it first.
    pub first: Timestamp,
    /// How often it saw it.
    pub times: u64,
    /// Whether it was shown another arm as well.
    pub crossed: bool,
}

/// Something that happened to a unit and counts for metrics by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricEvent {
    /// Its id, by which a repeated one is known.
    pub id: String,
    /// Its name, such as `booked`.
    pub name: String,
    /// To whom it happened.
    pub unit: String,
    /// How much, at most [`MAX_METRIC_VALUE`] in size.
    pub value: f64,
    /// When it happened.
    pub time: Timestamp,
    /// The item of a list that it is about, such as the one that was clicked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ShownItem>,
}

/// The largest size of a value that is taken. Its square, and the sum of the squares of all units of a test, are
/// far from what a number can hold: with larger ones no variance could be computed, and one event would keep a test
/// from ever being decided.
pub const MAX_METRIC_VALUE: f64 = 1e100;

/// An item of a list that a unit was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownItem {
    /// The request that the list answered.
    pub request: String,
    /// The item, by the name that the rankings have for it.
    pub item: String,
}

/// A list into which the rankings of two arms were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbInterleaved {
    /// The test.
    pub test: String,
    /// Its phase.
    pub phase: u32,
    /// The request that it answers.
    pub request: String,
    /// Who asked.
    pub unit: String,
    /// When.
    pub time: Timestamp,
    /// Its items in order, with the arm that each of them counts for, if one does.
    pub list: Vec<(String, Option<u16>)>,
}

/// A request that a merged list answered, without the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbMerged {
    /// The request.
    pub request: String,
    /// Who asked.
    pub unit: String,
    /// When.
    pub time: Timestamp,
}

/// An event about an item that an arm put into a merged list.
#[derive(Clone, Debug, PartialEq)]
pub struct AbCredit {
    /// The request that the list answered.
    pub request: String,
    /// The arm.
    pub arm: u16,
    /// How much.
    pub value: f64,
    /// When it happened, as the sender says.
    pub time: Timestamp,
    /// When it came.
    pub received: Timestamp,
}

/// A prediction that was made for a unit of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct AbServed {
    /// Who asked.
    pub unit: String,
    /// The version that answered.
    pub version: u32,
    /// When it was answered.
    pub time: Timestamp,
    /// Time in the model, in microseconds.
    pub latency_us: i64,
    /// Whether the model failed.
    pub failed: bool,
    /// How often it had failed when the client tried again.
    pub failures: u64,
    /// The score.
    pub score: Option<f64>,
    /// The label or reward that came later, and when.
    pub label: Option<(f64, Timestamp)>,
}

/// A decision on a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AbDecision {
    /// The test.
    pub test: String,
    /// The phase.
    pub phase: u32,
    /// Its number within the test, from 1.
    pub number: u32,
    /// When.
    pub time: Timestamp,
    /// What was decided, with the plan and all that was known, to the last bit.
    pub decision: Value,
}

/// A request that the control answered and a candidate was asked as well.
#[derive(Clone, Debug, PartialEq)]
pub struct AbMirrored {
    /// Who asked.
    pub unit: String,
    /// The candidate's version.
    pub version: u32,
    /// What the control did.
    pub control: AbServed,
    /// What the candidate did.
    pub candidate: AbServed,
}

#[cfg(test)]
mod tests {
    use super::AbPhase;
    use serde_json::json;

    #[test]
    fn phases_that_were_stored_without_the_decision_before_keep_their_weights() {
        let stored = json!({ "test": "t", "number": 2, "seed": "t.2", "spec_text": "", "started": 0,
            "reason": "", "weights": [0.1, 0.9] });
        let phase: AbPhase = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!((phase.weights.as_deref(), phase.after), (Some(&[0.1, 0.9][..]), None));
        assert_eq!(serde_json::to_value(phase).unwrap(), stored);
    }
}
