//! What a test measures.

use super::spec::duration;
use mainspring_expressions::yaml::{self, Fault, Mapping, Node, Value};
use mainspring_stats::intervals::quantile;
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
    /// The largest value of a unit (of a request with `from`) that counts as it is.
    pub cap: Option<Cap>,
}

/// The largest value that counts as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cap {
    /// This one.
    At(f64),
    /// A percentile of the values of all arms together, by linear interpolation.
    Percentile {
        /// As a share.
        share: f64,
        /// Whether values of zero are left out of it.
        ignore_zeros: bool,
    },
}

impl Cap {
    /// The cap among these values; none without values.
    pub(super) fn among(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        match self {
            Self::At(value) => Some(value),
            Self::Percentile { share, ignore_zeros } => {
                let values: Vec<f64> = values.filter(|value| !ignore_zeros || *value != 0.0).collect();
                quantile(&values, share)
            }
        }
    }

    fn parse(map: &Mapping, measure: &Measure) -> Result<Option<Self>, Fault> {
        let ignore_zeros = map.get("ignore_zeros").map(|node| node.boolean("ignore_zeros")).transpose()?;
        let percentile = map.get("cap").filter(|node| matches!(node.value, Value::Text(_)));
        let Some(node) = percentile else {
            if let Some(node) = map.get("ignore_zeros") {
                return Err(Fault::new(node.at, "`ignore_zeros` goes with a cap by percentile", "remove it"));
            }
            return map.get("cap").map(|node| node.number("cap").map(Self::At)).transpose();
        };
        let text = node.text("cap")?;
        let percent = text.strip_prefix('p').and_then(|number| number.parse::<f64>().ok());
        let Some(percent) = percent.filter(|percent| *percent > 0.0 && *percent < 100.0) else {
            return Err(Fault::new(
                node.at,
                format!("`{text}` is no cap"),
                "write a number, or a percentile such as `p99`",
            ));
        };
        let refused = match measure {
            Measure::Quantile(..) => Some("a quantile does not care how large the largest values are"),
            Measure::Prediction(quantity) if quantity.is_yes_or_no() => Some("its values are 0 and 1"),
            Measure::Event { outcome: Outcome::Any, .. } => Some("its values are 0 and 1"),
            _ => None,
        };
        if let Some(why) = refused {
            return Err(Fault::new(node.at, format!("there is nothing to cap here: {why}"), "remove `cap`"));
        }
        Ok(Some(Self::Percentile { share: percent / 100.0, ignore_zeros: ignore_zeros.unwrap_or(false) }))
    }
}

/// What is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// A quantity of each prediction: its mean over requests, with units as what was randomised.
    Prediction(Quantity),
    /// A quantile of a quantity over requests, with units as what was randomised.
    Quantile(Quantity, f64),
    /// What happens to units, made into one number of each.
    Event {
        /// Where it is told.
        origin: Origin,
        /// What counts of it.
        outcome: Outcome,
        /// The time before a unit's exposure in which the same origin says how it would have done
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

/// Where it is told what happens to units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By events of this name.
    Events(String),
    /// By the rows of a query.
    Query(Query),
}

/// A query whose rows are what happened to units: columns `unit`, `time` and perhaps `value`. `:from`
/// and `:until` in it stand for the time that counts, in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// The database that is asked, by its name in the project's configuration.
    pub source: String,
    /// The statement.
    pub sql: String,
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

const KEYS: [&str; 12] = [
    "from",
    "event",
    "sql",
    "source",
    "outcome",
    "per",
    "quantile",
    "threshold",
    "window",
    "cap",
    "ignore_zeros",
    "cuped",
];

/// The longest query, in bytes.
const MAX_SQL: usize = 20_000;

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
    if let (Some(source), None) = (map.get("source"), map.get("sql")) {
        return Err(Fault::new(source.at, "`source` goes with `sql`", "add the query, or remove it"));
    }
    let measure = match (map.get("from"), map.get("event"), map.get("sql")) {
        (Some(from), None, None) => of_prediction(map, from)?,
        (None, Some(event), None) => of_events(map, event)?,
        (None, None, Some(sql)) => of_query(map, sql)?,
        _ => {
            return Err(Fault::new(
                node.at,
                format!("the metric `{name}` needs one of `from`, `event` and `sql`"),
                "`from: latency_ms` measures predictions, `event: booked` what you report, `sql` what a \
                 database knows",
            ));
        }
    };
    let cap = Cap::parse(map, &measure)?;
    Ok(Metric { name: name.to_owned(), measure, window: duration(map, "window")?, cap })
}

/// Refuses keys that do not go with `with`.
fn deny(map: &Mapping, keys: &[&str], goes_with: &str, with: &str) -> Result<(), Fault> {
    match keys.iter().find_map(|key| map.get(key).map(|node| (key, node))) {
        None => Ok(()),
        Some((key, node)) => {
            Err(Fault::new(node.at, format!("`{key}` goes with {goes_with}, not with `{with}`"), "remove it"))
        }
    }
}

fn of_prediction(map: &Mapping, from: &Node) -> Result<Measure, Fault> {
    let mut quantity = from.one_of("quantity", &QUANTITIES)?;
    if let (Quantity::Correct(threshold), Some(node)) = (&mut quantity, map.get("threshold")) {
        *threshold = node.number("threshold")?;
    }
    deny(map, &["outcome", "cuped"], "`event` or `sql`", "from")?;
    deny(map, &["per"], "`event`", "from")?;
    let Some(node) = map.get("quantile") else { return Ok(Measure::Prediction(quantity)) };
    let share = node.number("quantile")?;
    if share > 0.0 && share < 1.0 {
        return Ok(Measure::Quantile(quantity, share));
    }
    Err(Fault::new(node.at, "a quantile lies between 0 and 1", "write 0.95 for the 95th percentile"))
}

fn of_events(map: &Mapping, event: &Node) -> Result<Measure, Fault> {
    let name = event.text("event")?.to_owned();
    deny(map, &["quantile", "threshold"], "`from`", "event")?;
    if let Some(per) = map.get("per") {
        return Ok(Measure::Ratio { numerator: name, denominator: per.text("per")?.to_owned() });
    }
    of_units(map, Origin::Events(name))
}

fn of_query(map: &Mapping, node: &Node) -> Result<Measure, Fault> {
    deny(map, &["quantile", "threshold"], "`from`", "sql")?;
    deny(map, &["per"], "`event`", "sql")?;
    let sql = node.text("sql")?.to_owned();
    if sql.len() > MAX_SQL || sql.contains('\0') {
        return Err(Fault::new(
            node.at,
            format!("a query has at most {MAX_SQL} bytes, and no character NUL"),
            "make it a view of the database, and select from that",
        ));
    }
    let first: String = code(&sql).chars().take_while(char::is_ascii_alphabetic).collect();
    if !["select", "with"].contains(&first.to_ascii_lowercase().as_str()) {
        return Err(Fault::new(
            node.at,
            "`sql` is not a query",
            "write `SELECT user_id AS unit, paid_at AS time, amount AS value FROM ...`",
        ));
    }
    let source = map.require("source", "a metric with `sql`")?.text("source")?.to_owned();
    of_units(map, Origin::Query(Query { source, sql }))
}

/// A statement without the comments before it.
fn code(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let after = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(line), _) => line.split_once('\n'),
            (_, Some(comment)) => comment.split_once("*/"),
            _ => return rest,
        };
        rest = after.map_or("", |(_, after)| after.trim_start());
    }
}

fn of_units(map: &Mapping, origin: Origin) -> Result<Measure, Fault> {
    let outcome = match map.get("outcome") {
        Some(node) => node.one_of("outcome", &OUTCOMES)?,
        None => Outcome::Any,
    };
    Ok(Measure::Event { origin, outcome, before: duration(map, "cuped")? })
}

/// Refuses a metric that asks a database which there is not.
pub(super) fn check_source(node: &Node, known: &[&str]) -> Result<(), Fault> {
    let Some(node) = node.map("a metric")?.get("source") else { return Ok(()) };
    let source = node.text("source")?;
    if known.contains(&source) {
        return Ok(());
    }
    let mut fault = yaml::unknown(node.at, "source", source, known);
    if known.is_empty() {
        fault.hint = format!("add [warehouse.{source}] to `mainspring.toml`, and restart the server");
    }
    Err(fault)
}
