//! What is declared before an experiment starts.

use serde::{Deserialize, Serialize};

use crate::assignment::MAX_ARMS;
use crate::sequential::spending::Spending;
use crate::sequential::srm;

/// Goals and guardrails together at most.
pub const MAX_METRICS: usize = 64;

/// One week, so that every day of it is in.
const WEEK: u64 = 7 * 24 * 60 * 60;

/// What is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More, as of accuracy.
    Higher,
    /// Less, as of latency.
    Lower,
}

/// The scale on which arms are compared. There is no relative one: its sequential test breaks its
/// guarantee at low base rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The difference. Margins are in the metric's unit.
    Difference,
    /// The logarithm of the ratio, for positive metrics. Margins are shares: 0.05 is five percent.
    LogRatio,
}

/// A metric that a winner must improve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Its name in the snapshots.
    pub metric: String,
    /// What is better.
    pub direction: Direction,
    /// On which scale.
    pub scale: Scale,
}

/// A metric that a winner must not harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Its name in the snapshots.
    pub metric: String,
    /// What is better.
    pub direction: Direction,
    /// On which scale.
    pub scale: Scale,
    /// By how much a candidate may be worse.
    #[serde(with = "crate::exact")]
    pub margin: f64,
    /// Probability with which a harmful candidate passes, and with which a harmless one is stopped.
    #[serde(with = "crate::exact")]
    pub alpha: f64,
}

/// How goals are tested.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By confidence sequences (or, for pairs that are right or wrong, the sign e-process): look at will.
    Sequence,
    /// At counted looks, by alpha spending; a single look at the end is the fixed test.
    Looks(Spending),
}

/// What is declared before an experiment starts. Arm 0 is the champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What a winner improves: at least one of them, and none becomes worse.
    pub goals: Vec<Goal>,
    /// What a winner does not harm: all of them.
    pub guardrails: Vec<Guardrail>,
    /// Planned weights of the arms; the champion first.
    #[serde(with = "crate::exact::many")]
    pub weights: Vec<f64>,
    /// Probability of a false winner, over all goals and candidates together.
    #[serde(with = "crate::exact")]
    pub alpha: f64,
    /// How goals are tested.
    pub method: Method,
    /// Units of all arms (or pairs) that the planner asked for.
    pub planned_units: u64,
    /// Units of all arms at which the champion is kept if nothing was decided.
    pub maximum_units: u64,
    /// Units of each arm before there may be a winner.
    pub minimum_units: u64,
    /// Seconds before there may be a winner.
    pub minimum_seconds: u64,
    /// Share of a metric's units whose outcome must be known, 0 to 1.
    #[serde(with = "crate::exact")]
    pub maturity: f64,
    /// E-value of a sample ratio mismatch that stops the experiment.
    #[serde(with = "crate::exact")]
    pub srm_threshold: f64,
    /// Whether the arms are the same on purpose: there is no winner then.
    pub same_arms: bool,
    /// Whether weights follow results, phase by phase ([`allocate`](super::allocate)): this rule ends such
    /// an experiment for harm or a broken split alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub earning: bool,
}

/// Why a plan cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to improve.
    #[error("the plan has no goal; name at least one metric that a winner must improve")]
    NoGoal,
    /// Too much at once.
    #[error("the plan has more than {MAX_METRICS} metrics or {MAX_ARMS} arms")]
    TooMany,
    /// Wrong weights.
    #[error("weights must be at least two, not negative, and add up to 1; the champion's must be positive")]
    Weights,
    /// A probability outside its range.
    #[error("`{0}` must lie strictly between 0 and 0.5")]
    Alpha(String),
    /// A share outside its range.
    #[error("maturity must lie between 0 and 1")]
    Maturity,
    /// A margin below zero, or above what the scale allows.
    #[error("the margin of `{0}` must not be negative, and below 1 on the log-ratio scale")]
    Margin(String),
    /// Sizes in the wrong order.
    #[error("units must be positive, and the maximum not below the plan")]
    Units,
    /// A threshold that everything passes.
    #[error("the threshold of a sample ratio mismatch must be above 1 and finite")]
    Threshold,
    /// A metric in two roles.
    #[error("the metric `{0}` is named twice")]
    Twice(String),
}

impl Plan {
    /// A plan with the defaults: half and half, alpha 0.05, confidence sequences, a week at least, twice
    /// the planned units at most, 95 % of outcomes known, one false alarm of the split in a hundred.
    #[must_use]
    pub fn new(goal: Goal, planned_units: u64) -> Self {
        Self {
            goals: vec![goal],
            guardrails: Vec::new(),
            weights: vec![0.5, 0.5],
            alpha: 0.05,
            method: Method::Sequence,
            planned_units,
            maximum_units: planned_units.saturating_mul(2),
            minimum_units: super::FIRST_LOOK,
            minimum_seconds: WEEK,
            maturity: 0.95,
            srm_threshold: srm::FLAG,
            same_arms: false,
            earning: false,
        }
    }

    /// Names of the goals, then of the guardrails.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        let goals = self.goals.iter().map(|goal| goal.metric.as_str());
        goals.chain(self.guardrails.iter().map(|guardrail| guardrail.metric.as_str()))
    }

    /// Whether the plan can be followed.
    ///
    /// # Errors
    ///
    /// [`PlanError`], the first that is found.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.goals.is_empty() {
            return Err(PlanError::NoGoal);
        }
        if self.goals.len() + self.guardrails.len() > MAX_METRICS || self.weights.len() > MAX_ARMS {
            return Err(PlanError::TooMany);
        }
        let total: f64 = self.weights.iter().sum();
        let weights_hold = self.weights.len() >= 2
            && self.weights.iter().all(|weight| *weight >= 0.0)
            && self.weights[0] > 0.0
            && (total - 1.0).abs() <= 1e-6;
        if !weights_hold {
            return Err(PlanError::Weights);
        }
        let level = |name: &str, alpha: f64| {
            if alpha > 0.0 && alpha < 0.5 { Ok(()) } else { Err(PlanError::Alpha(name.to_owned())) }
        };
        level("alpha", self.alpha)?;
        for guardrail in &self.guardrails {
            level(&guardrail.metric, guardrail.alpha)?;
            let most = if guardrail.scale == Scale::LogRatio { 1.0 } else { f64::MAX };
            if !(guardrail.margin >= 0.0 && guardrail.margin < most) {
                return Err(PlanError::Margin(guardrail.metric.clone()));
            }
        }
        if !(0.0..=1.0).contains(&self.maturity) {
            return Err(PlanError::Maturity);
        }
        if self.planned_units == 0 || self.maximum_units < self.planned_units {
            return Err(PlanError::Units);
        }
        if !(self.srm_threshold > 1.0 && self.srm_threshold.is_finite()) {
            return Err(PlanError::Threshold);
        }
        let mut names: Vec<&str> = self.metrics().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(PlanError::Twice(pair[0].to_owned())),
            None => Ok(()),
        }
    }
}
