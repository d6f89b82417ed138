//! Evidence from requests that all arms were asked: differences within each request.

use super::evidence::{arm, yes_or_no};
use super::metric::{Measure, Metric, Quantity};
use super::spec::AbSpec;
use super::told::{cut, quantity};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbMirrored;
use mainspring_stats::decide::{Arm, Evidence, Known, Signs};
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::{Sample, ratio};
use mainspring_stats::moments::Moments;
use mainspring_stats::sequential::sign::SignTest;
use std::cmp::Ordering;

/// Differences that vary by less than this share of their mean (squared) are alike but for rounding.
const ROUNDING: f64 = 1e-24;

/// The units of each arm that have pairs; the control has those of the candidate with the most.
pub(super) fn units(spec: &AbSpec, mirrored: &[AbMirrored]) -> Vec<u64> {
    let mut units: Vec<u64> = vec![0; spec.arms.len()];
    for (candidate, count) in units.iter_mut().enumerate().skip(1) {
        *count = of_arm(spec, mirrored, candidate).chunk_by(|a, b| a.unit == b.unit).count() as u64;
    }
    if let Some((control, rest)) = units.split_first_mut() {
        *control = rest.iter().copied().max().unwrap_or_default();
    }
    units
}

/// The pairs of a candidate, by unit.
fn of_arm<'a>(spec: &AbSpec, mirrored: &'a [AbMirrored], candidate: usize) -> Vec<&'a AbMirrored> {
    let version = |arm: usize| spec.arms.get(arm).and_then(|arm| arm.version);
    let (control, candidate) = (version(0), version(candidate));
    let pairs = mirrored.iter();
    pairs.filter(|pair| Some(pair.version) == candidate && Some(pair.control.version) == control).collect()
}

/// What the pairs of one unit say: values of control and candidate.
type Values = Vec<(f64, f64)>;

/// Whether what came of a pair counts by now.
fn is_due(pair: &AbMirrored, metric: &Metric, now: Timestamp) -> bool {
    now.since(pair.control.time) >= metric.window.unwrap_or_default()
}

/// Those pairs of a unit that count by now.
///
/// The sign test allows looks at any time as long as a coin that was seen stays as it fell, so what a unit
/// asks later cannot count for it: its pairs are those made within the window of its first one, judged
/// together when twice the window is over; without a window it is the first one alone.
fn due<'a>(
    pairs: &[&'a AbMirrored],
    metric: &Metric,
    wanted: Quantity,
    now: Timestamp,
) -> Vec<&'a AbMirrored> {
    let pairs = pairs.iter().copied();
    if !matches!(wanted, Quantity::Correct(_)) {
        return pairs.filter(|pair| is_due(pair, metric, now)).collect();
    }
    let Some(first) = pairs.clone().min_by_key(|pair| pair.control.time) else { return Vec::new() };
    match metric.window {
        None => vec![first],
        Some(window) if now.since(first.control.time) >= window.saturating_mul(2) => {
            pairs.filter(|pair| pair.control.time.since(first.control.time) <= window).collect()
        }
        Some(_) => Vec::new(),
    }
}

/// The cap of a metric among what all arms answered.
pub(super) fn cap(spec: &AbSpec, metric: &Metric, mirrored: &[AbMirrored], now: Timestamp) -> Option<f64> {
    let Measure::Prediction(wanted) = metric.measure else { return None };
    let pairs = (1..spec.arms.len()).flat_map(|candidate| of_arm(spec, mirrored, candidate));
    let answers =
        pairs.filter(|pair| is_due(pair, metric, now)).flat_map(|pair| [&pair.control, &pair.candidate]);
    metric.cap?.among(answers.filter_map(|served| quantity(wanted, served, metric.window)))
}

/// What pairs say of a metric, with values up to `cap`; none for what only events or a split can say.
pub(super) fn measure(
    spec: &AbSpec,
    metric: &Metric,
    cap: Option<f64>,
    mirrored: &[AbMirrored],
    now: Timestamp,
) -> Option<Evidence> {
    let Measure::Prediction(wanted) = metric.measure else { return None };
    let of = |served| quantity(wanted, served, metric.window).map(|value| cut(value, cap));
    let known = |candidate: usize| -> (Vec<Values>, Known) {
        let (mut units, mut known) = (Vec::new(), Known::default());
        for pairs in of_arm(spec, mirrored, candidate).chunk_by(|a, b| a.unit == b.unit) {
            let due = due(pairs, metric, wanted, now).into_iter();
            let due: Vec<Option<(f64, f64)>> =
                due.map(|pair| of(&pair.control).zip(of(&pair.candidate))).collect();
            let values: Values = due.iter().copied().flatten().collect();
            known.units_due += u64::from(!due.is_empty());
            known.units += u64::from(!due.is_empty() && values.len() == due.len());
            known.outcomes_due += due.len() as u64;
            known.outcomes += values.len() as u64;
            if !values.is_empty() {
                units.push(values);
            }
        }
        (units, known)
    };
    let candidates = (1..spec.arms.len()).map(known);
    Some(match wanted {
        Quantity::Correct(_) => {
            Evidence::Signs(candidates.map(|(units, known)| Signs { test: signs(&units), known }).collect())
        }
        _ => Evidence::Paired(candidates.map(|(units, known)| differences(wanted, &units, known)).collect()),
    })
}

/// The sign test takes each of its coins for independent, and requests of one unit are alike: a unit is
/// one coin, which falls to the side that was right more often.
fn signs(units: &[Values]) -> SignTest {
    let mut test = SignTest::default();
    for values in units {
        let ahead: f64 = values.iter().map(|(control, candidate)| candidate - control).sum();
        match ahead.total_cmp(&0.0) {
            Ordering::Less => test.add(1, 0),
            Ordering::Greater => test.add(0, 1),
            Ordering::Equal => {}
        }
    }
    test
}

fn differences(wanted: Quantity, units: &[Values], known: Known) -> Arm {
    // Requests of one unit are alike: units are what varies by chance.
    let sample = || -> Result<Sample, Undecided> {
        let mut moments = Moments::<2>::default();
        for values in units {
            let sum: f64 = values.iter().map(|(control, candidate)| candidate - control).sum();
            #[expect(clippy::cast_precision_loss, reason = "requests of one unit")]
            moments.push(&[sum, values.len() as f64])?;
        }
        let sample = ratio::ratio(&moments)?;
        let noise = sample.variance <= ROUNDING * sample.mean * sample.mean;
        let sample = if noise { Sample { variance: 0.0, ..sample } } else { sample };
        Ok(if wanted.is_yes_or_no() { yes_or_no(sample, 2.0) } else { sample })
    };
    arm(sample(), units.len() as u64, known)
}
