//! Evidence from requests that all arms were asked: differences within each request.

use super::evidence::quantity;
use super::metric::{Measure, Metric, Quantity};
use super::spec::AbSpec;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbMirrored;
use mainspring_stats::decide::Evidence;
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::{Sample, ratio};
use mainspring_stats::moments::Moments;
use mainspring_stats::sequential::sign::SignTest;

/// The units of each arm that have pairs; the control has those of the candidate with the most.
pub(super) fn units(spec: &AbSpec, mirrored: &[AbMirrored]) -> Vec<u64> {
    let mut units: Vec<u64> = vec![0; spec.arms.len()];
    for (arm, count) in units.iter_mut().enumerate().skip(1) {
        let mut last = None;
        for pair in of_arm(spec, mirrored, arm) {
            if last != Some(&pair.unit) {
                *count += 1;
                last = Some(&pair.unit);
            }
        }
    }
    if let Some((control, rest)) = units.split_first_mut() {
        *control = rest.iter().copied().max().unwrap_or_default();
    }
    units
}

fn of_arm<'a>(spec: &AbSpec, mirrored: &'a [AbMirrored], arm: usize) -> impl Iterator<Item = &'a AbMirrored> {
    let version = spec.arms.get(arm).and_then(|arm| arm.version);
    mirrored.iter().filter(move |pair| Some(pair.version) == version)
}

/// What pairs say of a metric; none when they cannot say anything.
pub(super) fn measure(
    spec: &AbSpec,
    metric: &Metric,
    mirrored: &[AbMirrored],
    now: Timestamp,
) -> Option<Evidence> {
    let Measure::Prediction(wanted) = metric.measure else { return None };
    let due = |pair: &&AbMirrored| now.since(pair.control.time) >= metric.window.unwrap_or_default();
    let values = |pair: &AbMirrored| {
        let cut = |value: f64| metric.cap.map_or(value, |cap| value.min(cap));
        let of = |served| quantity(wanted, served, metric.window).map(cut);
        Some((of(&pair.control)?, of(&pair.candidate)?))
    };
    let arms = 1..spec.arms.len();
    if let Quantity::Correct(_) = wanted {
        let tests = arms.map(|arm| {
            let mut test = SignTest::default();
            for (control, candidate) in of_arm(spec, mirrored, arm).filter(due).filter_map(values) {
                test.add(u64::from(control > candidate), u64::from(candidate > control));
            }
            test
        });
        return Some(Evidence::Signs(tests.collect()));
    }
    let samples = arms.map(|arm| -> Result<Sample, Undecided> {
        // Requests of one unit are alike: units are what varies by chance.
        let mut moments = Moments::<2>::default();
        let mut unit: Option<(&str, f64, f64)> = None;
        for pair in of_arm(spec, mirrored, arm).filter(due) {
            let Some((control, candidate)) = values(pair) else { continue };
            let difference = candidate - control;
            unit = match unit {
                Some((name, sum, count)) if name == pair.unit => Some((name, sum + difference, count + 1.0)),
                before => {
                    if let Some((_, sum, count)) = before {
                        moments.push(&[sum, count])?;
                    }
                    Some((&pair.unit, difference, 1.0))
                }
            };
        }
        if let Some((_, sum, count)) = unit {
            moments.push(&[sum, count])?;
        }
        ratio::ratio(&moments)
    });
    samples.collect::<Result<Vec<_>, _>>().ok().map(Evidence::Paired)
}
