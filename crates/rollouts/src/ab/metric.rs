//! What a test measures.

use super::spec::duration;
use mainspring_expressions::yaml::{Fault, Mapping, Node};
use std::time::Duration;

/// A metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What is counted.
    pub measure: Measure,
    /// How long after a unit's first exposure its outcome is waited for, and counts. None counts all
    /// that is known.
    pub window: Option<Duration>,
    /// The largest value of a unit (of a request for quantiles) that counts as it is.
    pub cap: Option<f64>,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// A quantity of each prediction: its mean over requests, with units as what was randomised.
    Prediction(Quantity),
    /// A quantile of a quantity over requests, with units as what was randomised.
    Quantile(Quantity, f64),
    /// What events make of each unit.
    Event {
        /// The events' name.
        name: String,
        /// What counts of them.
        outcome: Outcome,
        /// The time before a unit's exposure in which the same events say how it would have done
        /// without the test (CUPED).
        before: Option<Duration>,
    },
    /// The sum of one kind of events by another.
    Ratio {
        /// The numerator's name.
        numerator: String,
        /// The denominator's name.
        denominator: String,
    },
}

/// A quantity of a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// 1 when the model failed, else 0.
    Error,
    /// Time in the model, in milliseconds.
    LatencyMs,
    /// The score.
    Score,
    /// The label or reward.
    Label,
    /// 1 when the score is on the label's side of a threshold, else 0.
    Correct(f64),
    /// The squared distance of score and label.
    Brier,
    /// The logarithmic loss of the score as a probability, cut at 1e-15.
    LogLoss,
    /// The distance of score and label.
    AbsoluteError,
}

impl Quantity {
    /// Whether it is 1 or 0 for each prediction.
    #[must_use]
    pub const fn is_yes_or_no(self) -> bool {
        matches!(self, Self::Error | Self::Correct(_))
    }

    /// Whether it needs the label.
    #[must_use]
    pub const fn needs_label(self) -> bool {
        !matches!(self, Self::Error | Self::LatencyMs | Self::Score)
    }
}

/// What counts of a unit's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Whether there is one: 1 or 0.
    Any,
    /// How many there are.
    Count,
    /// The sum of their values.
    Sum,
}

const KEYS: [&str; 9] =
    ["from", "event", "outcome", "per", "quantile", "threshold", "window", "cap", "cuped"];

const QUANTITIES: [(&str, Quantity); 8] = [
    ("error", Quantity::Error),
    ("latency_ms", Quantity::LatencyMs),
    ("score", Quantity::Score),
    ("label", Quantity::Label),
    ("correct", Quantity::Correct(0.5)),
    ("brier", Quantity::Brier),
    ("log_loss", Quantity::LogLoss),
    ("absolute_error", Quantity::AbsoluteError),
];

const OUTCOMES: [(&str, Outcome); 3] =
    [("any", Outcome::Any), ("count", Outcome::Count), ("sum", Outcome::Sum)];

/// Reads one metric.
pub(super) fn parse(name: &str, node: &Node) -> Result<Metric, Fault> {
    let map = node.map("a metric")?;
    map.deny_unknown("key of a metric", &KEYS)?;
    let measure = match (map.get("from"), map.get("event")) {
        (Some(from), None) => of_prediction(map, from)?,
        (None, Some(event)) => of_events(map, event)?,
        _ => {
            return Err(Fault::new(
                node.at,
                format!("the metric `{name}` needs either `from` or `event`"),
                "`from: latency_ms` measures predictions, `event: booked` what you report",
            ));
        }
    };
    let cap = map.get("cap").map(|node| node.number("cap")).transpose()?;
    Ok(Metric { name: name.to_owned(), measure, window: duration(map, "window")?, cap })
}

fn of_prediction(map: &Mapping, from: &Node) -> Result<Measure, Fault> {
    let mut quantity = from.one_of("quantity", &QUANTITIES)?;
    if let (Quantity::Correct(threshold), Some(node)) = (&mut quantity, map.get("threshold")) {
        *threshold = node.number("threshold")?;
    }
    for key in ["outcome", "per", "cuped"] {
        if let Some(node) = map.get(key) {
            return Err(Fault::new(
                node.at,
                format!("`{key}` goes with `event`, not with `from`"),
                "remove it",
            ));
        }
    }
    let Some(node) = map.get("quantile") else { return Ok(Measure::Prediction(quantity)) };
    let share = node.number("quantile")?;
    if share > 0.0 && share < 1.0 {
        return Ok(Measure::Quantile(quantity, share));
    }
    Err(Fault::new(node.at, "a quantile lies between 0 and 1", "write 0.95 for the 95th percentile"))
}

fn of_events(map: &Mapping, event: &Node) -> Result<Measure, Fault> {
    let name = event.text("event")?.to_owned();
    for key in ["quantile", "threshold"] {
        if let Some(node) = map.get(key) {
            return Err(Fault::new(
                node.at,
                format!("`{key}` goes with `from`, not with `event`"),
                "remove it",
            ));
        }
    }
    if let Some(per) = map.get("per") {
        return Ok(Measure::Ratio { numerator: name, denominator: per.text("per")?.to_owned() });
    }
    let outcome = match map.get("outcome") {
        Some(node) => node.one_of("outcome", &OUTCOMES)?,
        None => Outcome::Any,
    };
    Ok(Measure::Event { name, outcome, before: duration(map, "cuped")? })
}
