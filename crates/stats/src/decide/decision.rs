//! What a decision says, and what it carries.

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::snapshot::Snapshot;
use crate::error::Undecided;
use crate::estimate::Effect;

/// Version of the rule; a decision of another version is not replayed by this one.
pub const VERSION: u32 = 2;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Nothing is decided.
    Continue {
        /// What is waited for.
        waiting: Waiting,
    },
    /// This arm replaces the champion.
    Winner {
        /// The arm, from 1.
        arm: usize,
    },
    /// The champion stays and the experiment ends.
    KeepChampion {
        /// Why.
        because: Because,
    },
    /// The experiment ends without a result.
    Stop {
        /// Why.
        because: Because,
    },
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// The minimum of time.
    Time,
    /// The minimum of units in each arm.
    Units,
    /// Outcomes that are due.
    Outcomes,
    /// A metric that cannot be compared yet.
    Undecided,
    /// A guardrail that is neither shown to hold nor violated.
    Guardrail,
    /// A look that the plan counts.
    Look,
    /// A difference in a goal.
    Evidence,
    /// The maximum of units over all phases: weights follow results, and this rule names no winner.
    Earning,
}

/// Why an experiment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// Units are not split as planned.
    SampleRatioMismatch,
    /// Known outcomes are not split as planned: they are missing more in one arm.
    OutcomeRatioMismatch,
    /// Every candidate that has weight violates a guardrail or is worse in a goal; also where none has weight.
    Harm,
    /// The maximum of units, or the last of the counted looks, was reached without a winner.
    MaximumReached,
}

/// What a metric plays in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To be improved.
    Goal,
    /// Not to be harmed.
    Guardrail,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A goal is shown to be improved, a guardrail to hold.
    Better,
    /// A goal is shown to be worse, a guardrail to be violated.
    Worse,
    /// Neither is shown.
    Open,
    /// It cannot be computed.
    Undecided(Undecided),
}

/// One metric of one candidate against the champion. Positive is better, whatever the direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The metric.
    pub metric: String,
    /// Its role.
    pub role: Role,
    /// The candidate, from 1.
    pub arm: usize,
    /// The gain; `None` for pairs that are right or wrong, and where it cannot be computed.
    pub effect: Option<Effect>,
    /// Ends of the always-valid interval at the plan's (guardrail: at its own) level; none for goals
    /// between looks that the plan counts.
    #[serde(with = "crate::exact::maybe")]
    pub low: Option<f64>,
    /// The upper one.
    #[serde(with = "crate::exact::maybe")]
    pub high: Option<f64>,
    /// Always-valid p-value of no difference, not adjusted for other metrics.
    #[serde(with = "crate::exact::maybe")]
    pub p: Option<f64>,
    /// The gain that a guardrail must exceed; 0 for goals.
    #[serde(with = "crate::exact")]
    pub limit: f64,
    /// What it says, adjusted for all goals and candidates.
    pub verdict: Verdict,
}

/// Something that a person should look at. It changes no outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// A difference of more than 8 standard errors: first look for a mistake.
    TooGood(String),
    /// More than one unit in a hundred was seen in several arms.
    SeenInSeveral,
    /// Two arms that are the same differ in this metric.
    SameArmsDiffer(String),
}

/// A decision with all its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Version of the rule.
    pub version: u32,
    /// What happens.
    pub outcome: Outcome,
    /// What was compared.
    pub comparisons: Vec<Comparison>,
    /// ln of the largest e-value of a wrong split.
    #[serde(with = "crate::exact")]
    pub srm_log_e: f64,
    /// What a person should look at.
    pub warnings: Vec<Warning>,
    /// The plan.
    pub plan: Plan,
    /// What was known.
    pub snapshot: Snapshot,
}

impl Decision {
    /// Whether the rule, given the same inputs, decides the same to the last bit.
    #[must_use]
    pub fn replays(&self) -> bool {
        // As text, which tells all numbers apart and NaN not from itself.
        let again = super::decide(&self.plan, &self.snapshot);
        self.version == VERSION && again.is_ok_and(|again| format!("{again:?}") == format!("{self:?}"))
    }
}

/// One look of an experiment, for charts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Seconds since the start.
    pub seconds: u64,
    /// Units of all arms.
    pub units: u64,
    /// Units as a share of the planned.
    #[serde(with = "crate::exact")]
    pub information: f64,
    /// ln of the largest e-value of a wrong split.
    #[serde(with = "crate::exact")]
    pub srm_log_e: f64,
    /// Effects with the always-valid intervals, which are the boundaries.
    pub comparisons: Vec<Comparison>,
}
