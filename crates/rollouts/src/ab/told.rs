//! What one unit says of a metric.

use super::collected::Collected;
use super::metric::{Cap, Measure, Metric, Origin, Outcome, Quantity, Query};
use super::spec::AbSpec;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbExposure, AbServed};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What a unit says of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// Of its requests: the sum of their values, how many are known, and how many should be.
    Requests { sum: f64, known: u32, due: u32 },
    /// The same with each value, where a sum is not enough.
    Each { values: Box<[f64]>, due: u32 },
    /// What happened to it, and what had happened before, 0 where that is not asked.
    Happened([f64; 2]),
    /// Numerator and denominator of what happened to it.
    Ratio([f64; 2]),
}

impl Told {
    /// The values that a cap by percentile is found among.
    pub(super) fn capped(&self) -> &[f64] {
        match self {
            Self::Each { values, .. } => values,
            Self::Happened(values) | Self::Ratio(values) => &values[..1],
            // Of these each value is kept where there is such a cap.
            Self::Requests { .. } => &[],
        }
    }
}

/// Whether a metric needs each value of requests.
fn needs_each(metric: &Metric) -> bool {
    matches!(metric.measure, Measure::Quantile(..)) || matches!(metric.cap, Some(Cap::Percentile { .. }))
}

/// The largest value that counts as it is, where that does not hang on other values.
const fn fixed_cap(metric: &Metric) -> Option<f64> {
    match metric.cap {
        Some(Cap::At(cap)) => Some(cap),
        Some(Cap::Percentile { .. }) | None => None,
    }
}

/// When a unit may say something else although nothing new is known of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wake(pub(super) Option<Timestamp>);

impl Wake {
    pub(super) fn at(&mut self, time: Timestamp) {
        self.0 = Some(self.0.map_or(time, |first| first.min(time)));
    }
}

/// What happened to a unit: when, and how much.
type Happened = Vec<(Timestamp, f64)>;
type ByUnit<'a> = HashMap<&'a str, Happened>;

fn by_unit<'a>(rows: impl Iterator<Item = (&'a str, Timestamp, f64)>) -> ByUnit<'a> {
    let mut all = ByUnit::new();
    for (unit, time, value) in rows {
        all.entry(unit).or_default().push((time, value));
    }
    all
}

/// What was collected, by unit.
pub(super) struct Sources<'a> {
    spec: &'a AbSpec,
    now: Timestamp,
    served: HashMap<&'a str, Vec<&'a AbServed>>,
    events: BTreeMap<&'a str, ByUnit<'a>>,
    answers: BTreeMap<&'a Query, ByUnit<'a>>,
}

impl<'a> Sources<'a> {
    pub(super) fn of(spec: &'a AbSpec, collected: &'a Collected, now: Timestamp) -> Self {
        let mut served: HashMap<&str, Vec<&AbServed>> = HashMap::new();
        for one in &collected.served {
            served.entry(&one.unit).or_default().push(one);
        }
        let events = collected.events.iter().map(|(name, events)| {
            let rows = events.iter().map(|event| (event.unit.as_str(), event.time, event.value));
            (name.as_str(), by_unit(rows))
        });
        let answers = collected.answers.iter().map(|(query, rows)| {
            (query, by_unit(rows.iter().map(|row| (row.unit.as_str(), row.time, row.value))))
        });
        Self { spec, now, served, events: events.collect(), answers: answers.collect() }
    }

    /// Whether a metric's query was not asked, which is not the same as one without rows.
    pub(super) fn lacks(&self, metric: &Metric) -> bool {
        match &metric.measure {
            Measure::Event { origin: Origin::Query(query), .. } => !self.answers.contains_key(query),
            _ => false,
        }
    }

    /// What a unit says of a metric; none as long as it is not due.
    pub(super) fn tell(&self, metric: &Metric, unit: &AbExposure, wake: &mut Wake) -> Option<Told> {
        let due = unit.first + metric.window.unwrap_or_default();
        if due > self.now {
            wake.at(due);
            return None;
        }
        let sums = |happened: Option<&Happened>, wake: &mut Wake| match metric.window {
            Some(window) => added(happened, unit.first, unit.first + window),
            None => {
                let later =
                    happened.into_iter().flatten().map(|(time, _)| *time).filter(|time| *time > self.now);
                later.min().into_iter().for_each(|time| wake.at(time));
                added(happened, unit.first, self.now)
            }
        };
        let cap = fixed_cap(metric);
        Some(match &metric.measure {
            Measure::Prediction(wanted) | Measure::Quantile(wanted, _) => {
                self.of_requests(metric, *wanted, unit, wake)
            }
            Measure::Event { origin, outcome, before } => {
                let happened = self.happened(origin, &unit.unit);
                let during = sums(happened, wake).by(*outcome);
                let earlier = before.map_or(0.0, |before| {
                    let until = Timestamp::from_millis(unit.first.as_millis() - 1);
                    added(happened, unit.first - before, until).by(*outcome)
                });
                Told::Happened([during, earlier].map(|value| cut(value, cap)))
            }
            Measure::Ratio { numerator, denominator } => {
                let [above, below] = [numerator, denominator].map(|name| {
                    let happened = self.events.get(name.as_str()).and_then(|all| all.get(unit.unit.as_str()));
                    sums(happened, wake).by(Outcome::Sum)
                });
                Told::Ratio([cut(above, cap), below])
            }
        })
    }

    fn happened(&self, origin: &Origin, unit: &str) -> Option<&Happened> {
        match origin {
            Origin::Events(name) => self.events.get(name.as_str()),
            Origin::Query(query) => self.answers.get(query),
        }?
        .get(unit)
    }

    /// What its requests say. Those of another version than the arm's, under an id that was used twice,
    /// say nothing of it.
    fn of_requests(&self, metric: &Metric, wanted: Quantity, unit: &AbExposure, wake: &mut Wake) -> Told {
        let version = self.spec.arms.get(usize::from(unit.arm)).and_then(|arm| arm.version);
        let cap = fixed_cap(metric);
        let (mut values, mut due): (Vec<f64>, u32) = (Vec::new(), 0);
        for one in self.served.get(unit.unit.as_str()).into_iter().flatten() {
            // What waits for labels counts once they have had their time; all else counts within the
            // time after the first exposure.
            let counts = metric.window.is_none_or(|window| match wanted.needs_label() {
                true => {
                    let due = one.time + window;
                    if due > self.now {
                        wake.at(due);
                    }
                    due <= self.now
                }
                false => one.time.since(unit.first) <= window,
            });
            if !counts || version.is_some_and(|version| version != one.version) {
                continue;
            }
            // A client that tries again must not take its failures out of the account.
            let failures = if wanted == Quantity::Error { one.failures } else { 0 };
            values.extend(quantity(wanted, one, metric.window).map(|value| cut(value, cap)));
            values.extend((0..failures).map(|_| cut(1.0, cap)));
            due = due.saturating_add(1).saturating_add(u32::try_from(failures).unwrap_or(u32::MAX));
        }
        if needs_each(metric) {
            return Told::Each { values: values.into(), due };
        }
        Told::Requests { sum: values.iter().sum(), known: count(&values), due }
    }
}

/// So many values.
pub(super) fn count(values: &[f64]) -> u32 {
    u32::try_from(values.len()).unwrap_or(u32::MAX)
}

/// What happened from one millisecond to another, both included.
fn added(happened: Option<&Happened>, from: Timestamp, until: Timestamp) -> Sums {
    let mut sums = Sums::default();
    let within = |time: Timestamp| time >= from && time <= until;
    happened.into_iter().flatten().filter(|(time, _)| within(*time)).for_each(|(_, value)| sums.add(*value));
    sums
}

/// A value up to the cap.
pub(super) fn cut(value: f64, cap: Option<f64>) -> f64 {
    cap.map_or(value, |cap| value.min(cap))
}

/// The number that a quantity is for one prediction; none when it cannot be told. A label that came
/// later than `window` after the prediction does not count: earlier predictions would have had more
/// time for theirs.
pub(super) fn quantity(quantity: Quantity, served: &AbServed, window: Option<Duration>) -> Option<f64> {
    let in_time = |time: Timestamp| window.is_none_or(|window| time.since(served.time) <= window);
    let label = || served.label.filter(|(_, time)| in_time(*time)).map(|(label, _)| label);
    let value = match quantity {
        Quantity::Error => f64::from(u8::from(served.failed)),
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a request")]
        Quantity::LatencyMs => (!served.failed).then_some(served.latency_us as f64 / 1000.0)?,
        Quantity::Score => served.score?,
        Quantity::Label => label()?,
        Quantity::Correct(threshold) => {
            let positive = label()? >= threshold;
            match served.score {
                Some(score) => f64::from(u8::from((score >= threshold) == positive)),
                // Who does not answer is not right. Left out, a candidate that fails on what is hard
                // would look better.
                None if served.failed => 0.0,
                None => return None,
            }
        }
        Quantity::Brier => (served.score? - label()?).powi(2),
        Quantity::AbsoluteError => (served.score? - label()?).abs(),
        Quantity::LogLoss => {
            let p = served.score?.clamp(1e-15, 1.0 - 1e-15);
            let label = label()?;
            -(label * p.ln() + (1.0 - label) * (1.0 - p).ln())
        }
    };
    value.is_finite().then_some(value)
}

/// What happened, added up.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    value: f64,
    count: f64,
}

impl Sums {
    pub(super) fn add(&mut self, value: f64) {
        self.value += value;
        self.count += 1.0;
    }

    /// The outcome that is asked for.
    pub(super) fn by(self, outcome: Outcome) -> f64 {
        match outcome {
            Outcome::Any => f64::from(u8::from(self.count > 0.0)),
            Outcome::Count => self.count,
            Outcome::Sum => self.value,
        }
    }
}
