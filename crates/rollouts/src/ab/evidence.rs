//! From collected rows to what is known of each metric. The same rows in any order give the same bits:
//! they are taken by unit, and within a unit as they are given, which the store orders.

use super::interleaved;
use super::metric::{Cap, Measure, Metric, Origin, Outcome, Quantity};
use super::paired;
use super::queries::{Answers, WantedQuery};
use super::spec::{AbSpec, Mode};
use super::strata::{self, Estimate, Strata, strata};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{AbCredit, AbExposure, AbMerged, AbMirrored, AbServed, MetricEvent};
use mainspring_stats::decide::{Arm, Evidence, Known, Snapshot, Stratum};
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::strata::{Together, ratios};
use mainspring_stats::estimate::{Sample, covariate, quantile, ratio};
use mainspring_stats::exact::Exact;
use mainspring_stats::moments::Moments;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What was collected for a phase.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// Its units, by name.
    pub exposures: Vec<AbExposure>,
    /// Its predictions, by unit; none are needed where candidates answer in the shadow.
    pub served: Vec<AbServed>,
    /// Its requests that candidates were asked as well, by unit.
    pub mirrored: Vec<AbMirrored>,
    /// Events by name, each by unit and time; none are needed where lists are merged.
    pub events: BTreeMap<String, Vec<MetricEvent>>,
    /// What the metrics' queries gave.
    pub answers: Answers,
    /// Its requests that merged lists answered, by unit.
    pub merged: Vec<AbMerged>,
    /// By the name of the event: what happened to the arms' items of these lists, by request and time.
    pub credits: BTreeMap<String, Vec<AbCredit>>,
    /// Of units that have it: the attribute that tells strata apart.
    pub attributes: HashMap<String, Value>,
}

impl Collected {
    /// The names of the events that a test's metrics count.
    #[must_use]
    pub fn wanted_events(spec: &AbSpec) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for metric in &spec.metrics {
            match &metric.measure {
                Measure::Event { origin: Origin::Events(name), .. } => names.push(name),
                Measure::Ratio { numerator, denominator } => names.extend([numerator.as_str(), denominator]),
                Measure::Event { origin: Origin::Query(_), .. }
                | Measure::Prediction(_)
                | Measure::Quantile(..) => {}
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The queries that a test's metrics ask, by database.
    #[must_use]
    pub fn wanted_queries(spec: &AbSpec) -> Vec<WantedQuery> {
        WantedQuery::of(&spec.metrics)
    }

    /// How long before the phase events count for a covariate.
    #[must_use]
    pub fn lookback(spec: &AbSpec) -> Duration {
        let before = |metric: &Metric| match metric.measure {
            Measure::Event { before, .. } => before,
            _ => None,
        };
        spec.metrics.iter().filter_map(before).max().unwrap_or_default()
    }
}

/// A unit that counts.
struct Unit<'a> {
    name: &'a str,
    arm: usize,
    first: Timestamp,
    /// The place of its stratum.
    stratum: usize,
}

/// An arm of which so many units have a value.
pub(super) fn arm(sample: Result<Sample, Undecided>, n: u64, known: Known) -> Arm {
    match sample {
        Ok(sample) => Arm { sample, undecided: None, known },
        Err(why) => Arm { sample: Sample { n, mean: 0.0, variance: 0.0 }, undecided: Some(why), known },
    }
}

/// What is known at `now` of a phase that began at `started`. `looks` are those that the plan has
/// counted so far.
#[must_use]
pub fn snapshot(
    spec: &AbSpec,
    collected: &Collected,
    started: Timestamp,
    now: Timestamp,
    looks: Vec<u64>,
) -> Snapshot {
    let arms = spec.arms.len();
    let mut units = vec![0; arms];
    let mut counted = Vec::with_capacity(collected.exposures.len());
    let mut seen_in_several = 0;
    for one in &collected.exposures {
        let arm = usize::from(one.arm);
        if one.crossed || arm >= arms {
            seen_in_several += 1;
            continue;
        }
        units[arm] += 1;
        counted.push(Unit { name: &one.unit, arm, first: one.first, stratum: 0 });
    }
    let told_apart = match &spec.strata {
        Some(_) => strata(counted.iter().map(|unit| unit.name), &collected.attributes),
        None => Strata::default(),
    };
    for (unit, place) in counted.iter_mut().zip(&told_apart.places) {
        unit.stratum = *place;
    }
    let scene = Scene { spec, units: &counted, strata: &told_apart.names, collected, now };
    let mut snapshot =
        Snapshot { seconds: now.since(started).as_secs(), seen_in_several, looks, ..Snapshot::default() };
    for metric in &spec.metrics {
        let (evidence, strata, cap) = match spec.mode {
            Mode::Split => {
                let Measured { arms, strata, cap } = scene.measure(metric);
                (Some(Evidence::Split(arms)), strata, cap)
            }
            Mode::Shadow => {
                let cap = paired::cap(spec, metric, &collected.mirrored, now);
                let evidence = paired::measure(spec, metric, cap, &collected.mirrored, now);
                (evidence, Vec::new(), cap)
            }
            Mode::Interleaved => (interleaved::measure(metric, collected, now), Vec::new(), None),
        };
        let name = &metric.name;
        snapshot.metrics.extend(evidence.map(|evidence| (name.clone(), evidence)));
        if !strata.is_empty() {
            snapshot.strata.insert(name.clone(), strata);
        }
        if let (Some(Cap::Percentile { .. }), Some(cap)) = (metric.cap, cap) {
            snapshot.caps.insert(name.clone(), Exact(cap));
        }
    }
    snapshot.units = match spec.mode {
        Mode::Split => units,
        Mode::Shadow => paired::units(spec, &collected.mirrored),
        Mode::Interleaved => interleaved::units(collected),
    };
    snapshot
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

/// A share of which all units say the same, such as no failure among thousands of requests, is not
/// certain: its error is taken as if one more unit had said yes, and one more no (Agresti and Caffo
/// 2000). Without this a guardrail on failures could not be compared until something fails. `sides` is
/// 1 for a share, and 2 for the difference of two models' answers, either of which may say yes.
#[expect(clippy::cast_precision_loss, reason = "a number of units")]
pub(super) fn yes_or_no(sample: Sample, sides: f64) -> Sample {
    if sample.variance > 0.0 || sample.n == 0 {
        return sample;
    }
    let share = 1.0 / (sample.n as f64 + 2.0);
    Sample { variance: sides * share * (1.0 - share), ..sample }
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

/// From which millisecond to which, both included, what happens to a unit counts.
type Spans<'a> = HashMap<&'a str, (i64, i64)>;

/// The sums of each unit of what happened to it within its span: unit, time, value.
fn add_up<'e>(
    all: impl Iterator<Item = (&'e str, Timestamp, f64)>,
    spans: &Spans<'_>,
) -> HashMap<&'e str, Sums> {
    let mut sums: HashMap<&str, Sums> = HashMap::new();
    for (unit, time, value) in all {
        let Some((from, until)) = spans.get(unit) else { continue };
        let time = time.as_millis();
        if time < *from || time > *until {
            continue;
        }
        sums.entry(unit).or_default().add(value);
    }
    sums
}

/// The requests of a unit that is due.
struct Requests<'a> {
    unit: &'a Unit<'a>,
    /// What is known of them.
    values: Vec<f64>,
    /// How many outcomes should be.
    due: u64,
}

/// What is known of a metric.
struct Measured {
    arms: Vec<Arm>,
    /// None where units are not told apart.
    strata: Vec<Stratum>,
    /// Above what values were cut.
    cap: Option<f64>,
}

/// A unit with what it did.
type Row<'a, const K: usize> = (&'a Unit<'a>, [f64; K]);

/// A value up to the cap.
pub(super) fn cut(value: f64, cap: Option<f64>) -> f64 {
    cap.map_or(value, |cap| value.min(cap))
}

/// The estimates of means.
#[expect(clippy::unnecessary_wraps, reason = "one of several estimates, of which others may fail")]
fn means(cells: &[Vec<Moments<1>>], _: &[u64]) -> Result<Vec<Vec<Sample>>, Undecided> {
    Ok(cells.iter().map(|arms| arms.iter().map(|arm| Sample::of(arm, 0)).collect()).collect())
}

/// The estimates of means with a covariate.
fn adjusted(cells: &[Vec<Moments<2>>], _: &[u64]) -> Result<Vec<Vec<Sample>>, Undecided> {
    cells.iter().map(|arms| covariate::adjusted(arms)).collect()
}

/// The estimates of ratios.
fn of_ratios(cells: &[Vec<Moments<2>>], units: &[u64]) -> Result<Vec<Vec<Sample>>, Undecided> {
    let mut samples = vec![Vec::new(); cells.len()];
    for arm in 0..cells.first().map_or(0, Vec::len) {
        let column: Vec<Moments<2>> = cells.iter().map(|arms| arms[arm]).collect();
        // An arm that nobody sees has no sums to divide.
        let none = vec![Sample { n: 0, mean: 0.0, variance: 0.0 }; cells.len()];
        let empty = column.iter().all(|moments| moments.n() == 0);
        let of_arm = if empty { none } else { ratios(&column, units)? };
        samples.iter_mut().zip(of_arm).for_each(|(arms, sample)| arms.push(sample));
    }
    Ok(samples)
}

struct Scene<'a> {
    spec: &'a AbSpec,
    units: &'a [Unit<'a>],
    /// The names of the strata; none where units are not told apart.
    strata: &'a [String],
    collected: &'a Collected,
    now: Timestamp,
}

impl Scene<'_> {
    fn arms(&self) -> usize {
        self.spec.arms.len()
    }

    /// What is known of a metric; arms that cannot be computed say why.
    fn measure(&self, metric: &Metric) -> Measured {
        let window = metric.window.unwrap_or_default();
        let due: Vec<&Unit<'_>> =
            self.units.iter().filter(|unit| self.now.since(unit.first) >= window).collect();
        let measured = match &metric.measure {
            Measure::Prediction(wanted) => self.by_request(metric, *wanted, &due),
            Measure::Quantile(wanted, share) => Ok(self.quantiles(metric, *wanted, *share, &due)),
            Measure::Event { origin, outcome, before } => {
                self.by_event(metric, origin, *outcome, *before, &due)
            }
            Measure::Ratio { numerator, denominator } => self.by_ratio(metric, numerator, denominator, &due),
        };
        let none = |why| vec![arm(Err(why), 0, Known::default()); self.arms()];
        measured.unwrap_or_else(|why| Measured { arms: none(why), strata: Vec::new(), cap: None })
    }

    /// The moments of each arm.
    fn moments<const K: usize>(&self, rows: &[Row<'_, K>]) -> Result<Vec<Moments<K>>, Undecided> {
        let mut arms = vec![Moments::default(); self.arms()];
        rows.iter().try_for_each(|(unit, values)| arms[unit.arm].push(values))?;
        Ok(arms)
    }

    /// What the strata say.
    fn told_apart<const K: usize>(
        &self,
        rows: &[Row<'_, K>],
        estimate: Estimate<'_, K>,
    ) -> Result<Vec<Stratum>, Undecided> {
        let arms = || vec![Moments::default(); self.arms()];
        let mut cells: Vec<Together<K>> = self.strata.iter().map(|name| (name.clone(), arms())).collect();
        for (unit, values) in rows {
            if let Some((_, arms)) = cells.get_mut(unit.stratum) {
                arms[unit.arm].push(values)?;
            }
        }
        Ok(strata::judged(cells, &self.spec.plan.weights, estimate))
    }

    /// What each unit's requests say, for units that are due, with the cap of values. Those of another version than the arm's,
    /// under an id that was used twice, say nothing of it.
    fn requests<'s>(
        &'s self,
        metric: &'s Metric,
        wanted: Quantity,
        due: &[&'s Unit<'s>],
    ) -> (Vec<Requests<'s>>, Option<f64>) {
        let served = &self.collected.served;
        let mut next = 0;
        let requests = due.iter().map(|unit| {
            let version = self.spec.arms.get(unit.arm).and_then(|arm| arm.version);
            while served.get(next).is_some_and(|one| one.unit.as_str() < unit.name) {
                next += 1;
            }
            let mut requests = Requests { unit, values: Vec::new(), due: 0 };
            while let Some(one) = served.get(next).filter(|one| one.unit == unit.name) {
                next += 1;
                // What waits for labels counts once they have had their time; all else counts within
                // the time after the first exposure.
                let counts = metric.window.is_none_or(|window| match wanted.needs_label() {
                    true => self.now.since(one.time) >= window,
                    false => one.time.since(unit.first) <= window,
                });
                if !counts || version.is_some_and(|version| version != one.version) {
                    continue;
                }
                // A client that tries again must not take its failures out of the account.
                let failures = if wanted == Quantity::Error { one.failures } else { 0 };
                let values = quantity(wanted, one, metric.window).into_iter();
                requests.values.extend(values.chain((0..failures).map(|_| 1.0)));
                requests.due += 1 + failures;
            }
            requests
        });
        let mut requests: Vec<Requests<'s>> = requests.collect();
        let values = requests.iter().flat_map(|one| one.values.iter().copied());
        let cap = metric.cap.and_then(|cap| cap.among(values));
        for value in requests.iter_mut().flat_map(|one| &mut one.values) {
            *value = cut(*value, cap);
        }
        (requests, cap)
    }

    /// What is known of requests, by arm.
    fn known(&self, requests: &[Requests<'_>]) -> Vec<Known> {
        let mut all = vec![Known::default(); self.arms()];
        for one in requests {
            let (known, values) = (&mut all[one.unit.arm], one.values.len() as u64);
            known.units_due += 1;
            known.units += u64::from(values > 0 && values == one.due);
            // Who was seen has at least one, also when it was lost.
            known.outcomes_due += one.due.max(1);
            known.outcomes += values;
        }
        all
    }

    fn by_request(
        &self,
        metric: &Metric,
        wanted: Quantity,
        due: &[&Unit<'_>],
    ) -> Result<Measured, Undecided> {
        let (requests, cap) = self.requests(metric, wanted, due);
        let with_values = requests.iter().filter(|one| !one.values.is_empty());
        #[expect(clippy::cast_precision_loss, reason = "requests of one unit")]
        let sums = |one: &Requests<'_>| [one.values.iter().sum(), one.values.len() as f64];
        let rows: Vec<Row<'_, 2>> = with_values.map(|one| (one.unit, sums(one))).collect();
        let sample = |moments: &Moments<2>| match wanted.is_yes_or_no() {
            true => ratio::ratio(moments).map(|sample| yes_or_no(sample, 1.0)),
            false => ratio::ratio(moments),
        };
        let arms = self.moments(&rows)?;
        let arms = arms.iter().zip(self.known(&requests));
        Ok(Measured {
            arms: arms.map(|(moments, known)| arm(sample(moments), moments.n(), known)).collect(),
            strata: self.told_apart(&rows, &of_ratios)?,
            cap,
        })
    }

    /// Quantiles over requests. Requests of one unit are alike, so the error is that of a share of
    /// requests by unit, in the measure of that of as many units with a request each.
    ///
    /// Strata have no part in it: a quantile of all is no mean of those of strata.
    fn quantiles(&self, metric: &Metric, wanted: Quantity, share: f64, due: &[&Unit<'_>]) -> Measured {
        let (requests, cap) = self.requests(metric, wanted, due);
        let known = self.known(&requests);
        let mut by_arm: Vec<Vec<Vec<f64>>> = vec![Vec::new(); self.arms()];
        for one in requests.into_iter().filter(|one| !one.values.is_empty()) {
            by_arm[one.unit.arm].push(one.values);
        }
        let arms = by_arm.iter().zip(known);
        let arms = arms.map(|(units, known)| arm(clustered(units, share), units.len() as u64, known));
        Measured { arms: arms.collect(), strata: Vec::new(), cap }
    }

    /// The sums of what happened to a unit from one millisecond to another, both included, by unit.
    fn sums(&self, origin: &Origin, spans: &Spans<'_>) -> Result<HashMap<&str, Sums>, Undecided> {
        match origin {
            Origin::Events(name) => Ok(self.sums_of_events(name, spans)),
            Origin::Query(query) => {
                // A query that was not asked is not one without rows.
                let rows = self.collected.answers.of(query).ok_or(Undecided::TooFew)?;
                Ok(add_up(rows.iter().map(|row| (row.unit.as_str(), row.time, row.value)), spans))
            }
        }
    }

    fn sums_of_events(&self, name: &str, spans: &Spans<'_>) -> HashMap<&str, Sums> {
        let events = self.collected.events.get(name).into_iter().flatten();
        add_up(events.map(|event| (event.unit.as_str(), event.time, event.value)), spans)
    }

    /// The time in which a metric's events count, by unit.
    fn spans<'u>(metric: &Metric, due: &[&'u Unit<'u>]) -> Spans<'u> {
        let length = metric.window.map_or(i64::MAX, millis);
        let span = |unit: &&'u Unit<'u>| {
            let first = unit.first.as_millis();
            (unit.name, (first, first.saturating_add(length)))
        };
        due.iter().map(span).collect()
    }

    fn by_event(
        &self,
        metric: &Metric,
        origin: &Origin,
        outcome: Outcome,
        before: Option<Duration>,
        due: &[&Unit<'_>],
    ) -> Result<Measured, Undecided> {
        // A share of units of which all say the same is not certain.
        let sample = |sample: Sample| match outcome {
            Outcome::Any => Arm::of(yes_or_no(sample, 1.0)),
            Outcome::Count | Outcome::Sum => Arm::of(sample),
        };
        let counted = |sums: &HashMap<&str, Sums>, unit: &Unit<'_>| {
            sums.get(unit.name).copied().unwrap_or_default().by(outcome)
        };
        let during = self.sums(origin, &Self::spans(metric, due))?;
        let cap = metric.cap.and_then(|cap| cap.among(due.iter().map(|unit| counted(&during, unit))));
        let Some(before) = before else {
            let row = |unit: &&'_ Unit<'_>| [cut(counted(&during, unit), cap)];
            let rows: Vec<Row<'_, 1>> = due.iter().map(|unit| (*unit, row(unit))).collect();
            let arms = self.moments(&rows)?;
            let arms = arms.iter().map(|arm| sample(Sample::of(arm, 0))).collect();
            return Ok(Measured { arms, strata: self.told_apart(&rows, &means)?, cap });
        };
        let earlier = due
            .iter()
            .map(|unit| {
                let first = unit.first.as_millis();
                (unit.name, (first.saturating_sub(millis(before)), first - 1))
            })
            .collect();
        let earlier = self.sums(origin, &earlier)?;
        let row = |unit: &&'_ Unit<'_>| [&during, &earlier].map(|sums| cut(counted(sums, unit), cap));
        let rows: Vec<Row<'_, 2>> = due.iter().map(|unit| (*unit, row(unit))).collect();
        let arms = covariate::adjusted(&self.moments(&rows)?)?.into_iter().map(sample).collect();
        Ok(Measured { arms, strata: self.told_apart(&rows, &adjusted)?, cap })
    }

    fn by_ratio(
        &self,
        metric: &Metric,
        numerator: &str,
        denominator: &str,
        due: &[&Unit<'_>],
    ) -> Result<Measured, Undecided> {
        let spans = Self::spans(metric, due);
        let (above, below) =
            (self.sums_of_events(numerator, &spans), self.sums_of_events(denominator, &spans));
        let sum =
            |sums: &HashMap<&str, Sums>, unit: &Unit<'_>| sums.get(unit.name).map_or(0.0, |sums| sums.value);
        let cap = metric.cap.and_then(|cap| cap.among(due.iter().map(|unit| sum(&above, unit))));
        let row = |unit: &&'_ Unit<'_>| [cut(sum(&above, unit), cap), sum(&below, unit)];
        let rows: Vec<Row<'_, 2>> = due.iter().map(|unit| (*unit, row(unit))).collect();
        let arms = self.moments(&rows)?;
        let arms = arms.iter().map(|sums| arm(ratio::ratio(sums), sums.n(), Known::all(sums.n())));
        Ok(Measured { arms: arms.collect(), strata: self.told_apart(&rows, &of_ratios)?, cap })
    }
}

/// A quantile of the values of all units, with the error of units.
fn clustered(units: &[Vec<f64>], share: f64) -> Result<Sample, Undecided> {
    let all: Vec<f64> = units.iter().flatten().copied().collect();
    let plain = quantile::quantile_of(&all, share)?;
    let mut below = Moments::<2>::default();
    for values in units {
        let count = values.iter().filter(|value| **value <= plain.mean).count();
        #[expect(clippy::cast_precision_loss, reason = "requests of one unit")]
        below.push(&[count as f64, values.len() as f64])?;
    }
    let clustered = ratio::ratio(&below)?;
    let n = clustered.n;
    #[expect(clippy::cast_precision_loss, reason = "numbers of units and requests")]
    let (units, requests) = (n as f64, all.len() as f64);
    let alike = clustered.variance / units / (share * (1.0 - share) / requests);
    // The variance of the estimate stays, told for units in place of requests.
    Ok(Sample { n, mean: plain.mean, variance: plain.variance * alike.max(1.0) * units / requests })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
