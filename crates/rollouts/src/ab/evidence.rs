//! From what units say to what is known of each metric.

use super::collected::Collected;
use super::interleaved;
use super::ledger::{Ledger, Tally};
use super::metric::{Cap, Measure, Metric, Outcome};
use super::paired;
use super::spec::{AbSpec, Mode};
use super::strata::{self, Estimate};
use super::told::Told;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbExposure;
use mainspring_stats::decide::{Arm, Evidence, Known, Snapshot, Stratum};
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::strata::{Together, ratios};
use mainspring_stats::estimate::{Sample, covariate, quantile, ratio};
use mainspring_stats::exact::Exact;
use mainspring_stats::moments::Bivariate;
use mainspring_stats::totals::Totals;

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
    if spec.mode == Mode::Split {
        let mut ledger = Ledger::new(spec);
        ledger.tell(spec, collected, now);
        return ledger.snapshot(spec, &collected.attributes, (started, now), looks);
    }
    let in_several = |one: &&AbExposure| one.crossed || usize::from(one.arm) >= spec.arms.len();
    let seen_in_several = collected.exposures.iter().filter(in_several).count() as u64;
    let mut snapshot =
        Snapshot { seconds: now.since(started).as_secs(), seen_in_several, looks, ..Snapshot::default() };
    for metric in &spec.metrics {
        let (evidence, cap) = match spec.mode {
            Mode::Interleaved => (interleaved::measure(metric, collected, now), None),
            _ => {
                let cap = paired::cap(spec, metric, &collected.mirrored, now);
                (paired::measure(spec, metric, cap, &collected.mirrored, now), cap)
            }
        };
        let name = &metric.name;
        snapshot.metrics.extend(evidence.map(|evidence| (name.clone(), evidence)));
        if let (Some(Cap::Percentile { .. }), Some(cap)) = (metric.cap, cap) {
            snapshot.caps.insert(name.clone(), Exact(cap));
        }
    }
    snapshot.units = match spec.mode {
        Mode::Interleaved => interleaved::units(collected),
        _ => paired::units(spec, &collected.mirrored),
    };
    snapshot
}

/// An arm of which so many units have a value.
pub(super) fn arm(sample: Result<Sample, Undecided>, n: u64, known: Known) -> Arm {
    match sample {
        Ok(sample) => Arm { sample, undecided: None, known },
        Err(why) => Arm { sample: Sample { n, mean: 0.0, variance: 0.0 }, undecided: Some(why), known },
    }
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

/// What is known of a metric.
pub(super) struct Measured {
    pub(super) evidence: Evidence,
    /// None where units are not told apart.
    pub(super) strata: Vec<Stratum>,
    /// Above what values were cut, where that was found among them.
    pub(super) cap: Option<Exact>,
}

impl Measured {
    /// No arm can be computed.
    fn none(spec: &AbSpec, why: Undecided) -> Self {
        let arms = vec![arm(Err(why), 0, Known::default()); spec.arms.len()];
        Self { evidence: Evidence::Split(arms), strata: Vec::new(), cap: None }
    }

    /// Its query was not asked.
    pub(super) fn lacking(spec: &AbSpec) -> Self {
        Self::none(spec, Undecided::TooFew)
    }
}

/// What one unit says.
pub(super) struct One<'a> {
    pub(super) arm: usize,
    /// The place of its stratum, where units are told apart.
    pub(super) stratum: Option<usize>,
    pub(super) told: &'a Told,
}

/// What is known of a metric by what its units say, which `tallies` has added up by arm; arms that cannot
/// be computed say why. Units are gone through only for what sums cannot tell: quantiles, caps by
/// percentile, strata.
pub(super) fn measure<'a>(
    spec: &AbSpec,
    metric: &Metric,
    tallies: &[Tally],
    told: impl Iterator<Item = One<'a>> + Clone,
    strata: &[String],
) -> Measured {
    let measured = || -> Result<Measured, Undecided> {
        let cap = match metric.cap {
            Some(cap @ Cap::Percentile { .. }) => {
                cap.among(told.clone().flat_map(|one| one.told.capped()).copied())
            }
            Some(Cap::At(_)) | None => None,
        };
        let mut anew = Vec::new();
        if cap.is_some() {
            anew = vec![Tally::default(); tallies.len()];
            told.clone().for_each(|one| anew[one.arm].add(one.told, cap));
        }
        let tallies = if cap.is_some() { &anew } else { tallies };
        let arms = match &metric.measure {
            Measure::Quantile(_, share) => quantiles(tallies, told.clone(), *share),
            _ => estimated(metric, tallies)?,
        };
        // A quantile of all is no mean of those of strata.
        let strata = if matches!(metric.measure, Measure::Quantile(..)) { &[] } else { strata };
        let mut by_stratum = vec![vec![Tally::default(); tallies.len()]; strata.len()];
        if !strata.is_empty() {
            for one in told {
                let arms = one.stratum.and_then(|place| by_stratum.get_mut(place));
                arms.into_iter().for_each(|arms| arms[one.arm].add(one.told, cap));
            }
        }
        let strata = told_apart(spec, metric, strata, &by_stratum)?;
        Ok(Measured { evidence: Evidence::Split(arms), strata, cap: cap.map(Exact) })
    };
    measured().unwrap_or_else(|why| Measured::none(spec, why))
}

fn moments(tallies: &[Tally]) -> Result<Vec<Bivariate>, Undecided> {
    tallies.iter().map(|tally| tally.totals.moments()).collect()
}

/// The arms of a metric.
fn estimated(metric: &Metric, tallies: &[Tally]) -> Result<Vec<Arm>, Undecided> {
    let moments = moments(tallies)?;
    let all = moments.iter().zip(tallies);
    let divided = all.map(|(moments, tally)| (ratio::ratio(moments), moments.n(), tally.known));
    Ok(match &metric.measure {
        Measure::Event { outcome, before, .. } => {
            let samples = match before {
                None => moments.iter().map(|moments| Sample::of(moments, 0)).collect(),
                Some(_) => covariate::adjusted(&moments)?,
            };
            // A share of units of which all say the same is not certain.
            let sample = |sample| match outcome {
                Outcome::Any => Arm::of(yes_or_no(sample, 1.0)),
                Outcome::Count | Outcome::Sum => Arm::of(sample),
            };
            samples.into_iter().map(sample).collect()
        }
        Measure::Prediction(wanted) if wanted.is_yes_or_no() => divided
            .map(|(sample, n, known)| arm(sample.map(|sample| yes_or_no(sample, 1.0)), n, known))
            .collect(),
        _ => divided.map(|(sample, n, known)| arm(sample, n, known)).collect(),
    })
}

/// What the strata say.
fn told_apart(
    spec: &AbSpec,
    metric: &Metric,
    names: &[String],
    tallies: &[Vec<Tally>],
) -> Result<Vec<Stratum>, Undecided> {
    let cells: Result<Vec<Together<2>>, Undecided> =
        names.iter().zip(tallies).map(|(name, arms)| Ok((name.clone(), moments(arms)?))).collect();
    let estimate: Estimate<'_> = match &metric.measure {
        Measure::Event { before: None, .. } => &means,
        Measure::Event { before: Some(_), .. } => &adjusted,
        _ => &of_ratios,
    };
    Ok(strata::judged(cells?, &spec.plan.weights, estimate))
}

/// The estimates of means.
#[expect(clippy::unnecessary_wraps, reason = "one of several estimates, of which others may fail")]
fn means(cells: &[Vec<Bivariate>], _: &[u64]) -> Result<Vec<Vec<Sample>>, Undecided> {
    Ok(cells.iter().map(|arms| arms.iter().map(|arm| Sample::of(arm, 0)).collect()).collect())
}

/// The estimates of means with a covariate.
fn adjusted(cells: &[Vec<Bivariate>], _: &[u64]) -> Result<Vec<Vec<Sample>>, Undecided> {
    cells.iter().map(|arms| covariate::adjusted(arms)).collect()
}

/// The estimates of ratios.
fn of_ratios(cells: &[Vec<Bivariate>], units: &[u64]) -> Result<Vec<Vec<Sample>>, Undecided> {
    let mut samples = vec![Vec::new(); cells.len()];
    for arm in 0..cells.first().map_or(0, Vec::len) {
        let column: Vec<Bivariate> = cells.iter().map(|arms| arms[arm]).collect();
        // An arm that nobody sees has no sums to divide.
        let none = vec![Sample { n: 0, mean: 0.0, variance: 0.0 }; cells.len()];
        let empty = column.iter().all(|moments| moments.n() == 0);
        let of_arm = if empty { none } else { ratios(&column, units)? };
        samples.iter_mut().zip(of_arm).for_each(|(arms, sample)| arms.push(sample));
    }
    Ok(samples)
}

/// Quantiles over requests. Requests of one unit are alike, so the error is that of a share of
/// requests by unit, in the measure of that of as many units with a request each.
fn quantiles<'a>(tallies: &[Tally], told: impl Iterator<Item = One<'a>>, share: f64) -> Vec<Arm> {
    let mut by_arm: Vec<Vec<&[f64]>> = vec![Vec::new(); tallies.len()];
    for one in told {
        if let Told::Each { values, .. } = one.told
            && !values.is_empty()
        {
            by_arm[one.arm].push(values);
        }
    }
    let arms = by_arm.iter().zip(tallies);
    arms.map(|(units, tally)| arm(clustered(units, share), units.len() as u64, tally.known)).collect()
}

/// A quantile of the values of all units, with the error of units.
fn clustered(units: &[&[f64]], share: f64) -> Result<Sample, Undecided> {
    let all: Vec<f64> = units.iter().copied().flatten().copied().collect();
    let plain = quantile::quantile_of(&all, share)?;
    let mut below = Totals::<2>::default();
    for values in units {
        let count = values.iter().filter(|value| **value <= plain.mean).count();
        #[expect(clippy::cast_precision_loss, reason = "requests of one unit")]
        below.add(&[count as f64, values.len() as f64]);
    }
    let clustered = ratio::ratio(&below.moments()?)?;
    let n = clustered.n;
    #[expect(clippy::cast_precision_loss, reason = "numbers of units and requests")]
    let (units, requests) = (n as f64, all.len() as f64);
    let alike = clustered.variance / units / (share * (1.0 - share) / requests);
    // The variance of the estimate stays, told for units in place of requests.
    Ok(Sample { n, mean: plain.mean, variance: plain.variance * alike.max(1.0) * units / requests })
}
