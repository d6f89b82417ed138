//! A test's units in groups: by an attribute, and by when they came.

use super::evidence::{Collected, snapshot};
use super::spec::AbSpec;
use mainspring_domain::Timestamp;
use mainspring_stats::decide::Snapshot;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;

/// Values of an attribute that have a group of their own.
const MOST_GROUPS: usize = 12;
/// Groups of numbers of which there are many different ones: alike in units.
const BANDS: usize = 4;
/// Groups of units by the time when they came, alike in units.
const COHORTS: usize = 8;

/// A group of a test's units.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common, for people.
    pub name: String,
    /// When the first and the last of them came.
    pub came: (Timestamp, Timestamp),
    /// What is known of them.
    pub snapshot: Snapshot,
}

/// The time of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// When it began.
    pub started: Timestamp,
    /// Until when is known what happened.
    pub now: Timestamp,
}

/// The units by an attribute of theirs. Numbers of which there are many different ones are put into
/// bands with as many units each; beyond [`MOST_GROUPS`] values the rarest are one group. Units without
/// the attribute are in none.
#[must_use]
pub fn by_attribute<S: BuildHasher>(
    spec: &AbSpec,
    collected: Collected,
    attributes: &HashMap<String, Value, S>,
    time: Stretch,
) -> Vec<Group> {
    let value = |unit: &str| attributes.get(unit).filter(|value| plain(value));
    let held: Vec<(&str, &Value)> =
        collected.exposures.iter().filter_map(|one| Some((one.unit.as_str(), value(&one.unit)?))).collect();
    let numbers: Option<Vec<f64>> = held.iter().map(|(_, value)| value.as_f64()).collect();
    let counts = counts(&held);
    let bands = numbers.filter(|_| counts.len() > MOST_GROUPS).map(Bands::of);
    let own = if counts.len() > MOST_GROUPS { MOST_GROUPS - 1 } else { counts.len() };
    let places: HashMap<&str, usize> =
        counts.iter().take(own).enumerate().map(|(place, (word, _))| (word.as_str(), place)).collect();
    let group = |value: &Value| match (&bands, value.as_f64()) {
        (Some(bands), Some(number)) => bands.group(number),
        _ => {
            let word = word(value);
            match places.get(word.as_str()) {
                Some(place) => (*place, word),
                None => (own, "others".to_owned()),
            }
        }
    };
    let names = held.iter().map(|(unit, value)| ((*unit).to_owned(), group(value))).collect();
    groups(spec, collected, &names, time)
}

/// The units by the time when they came, the first ones first.
#[must_use]
pub fn by_arrival(spec: &AbSpec, collected: Collected, time: Stretch) -> Vec<Group> {
    let mut order: Vec<(Timestamp, String)> =
        collected.exposures.iter().map(|one| (one.first, one.unit.clone())).collect();
    order.sort_unstable();
    let each = order.len().div_ceil(COHORTS).max(1);
    let names = order.into_iter().enumerate().map(|(place, (_, unit))| {
        let number = place / each;
        (unit, (number, format!("{}", number + 1)))
    });
    groups(spec, collected, &names.collect(), time)
}

fn plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values with their numbers of units, the most frequent first.
fn counts(held: &[(&str, &Value)]) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (_, value) in held {
        *counts.entry(word(value)).or_default() += 1;
    }
    let mut by_count: Vec<(String, u64)> = counts.into_iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    by_count
}

/// Ranges of numbers with about as many units each.
struct Bands(Vec<f64>);

impl Bands {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let mut ends: Vec<f64> =
            (1..BANDS).filter_map(|band| values.get(band * values.len() / BANDS).copied()).collect();
        ends.dedup();
        // What lies below the smallest value holds nothing.
        ends.retain(|end| values.first().is_some_and(|least| end > least));
        Self(ends)
    }

    fn group(&self, value: f64) -> (usize, String) {
        let band = self.0.partition_point(|end| *end <= value);
        let low = band.checked_sub(1).and_then(|below| self.0.get(below));
        let name = match (low, self.0.get(band)) {
            (None, Some(high)) => format!("below {high}"),
            (Some(low), Some(high)) => format!("{low} to below {high}"),
            (Some(low), None) => format!("{low} and above"),
            (None, None) => "all".to_owned(),
        };
        (band, name)
    }
}

/// Place and name of each unit's group.
type Names = HashMap<String, (usize, String)>;

fn groups(spec: &AbSpec, mut collected: Collected, names: &Names, time: Stretch) -> Vec<Group> {
    let all: BTreeSet<&(usize, String)> = names.values().collect();
    let mut groups = Vec::with_capacity(all.len());
    for group in all {
        let within = |unit: &str| names.get(unit) == Some(group);
        let part = Collected {
            exposures: collected.exposures.iter().filter(|one| within(&one.unit)).cloned().collect(),
            served: collected.served.iter().filter(|one| within(&one.unit)).cloned().collect(),
            mirrored: collected.mirrored.iter().filter(|one| within(&one.unit)).cloned().collect(),
            // Those of other units are passed over.
            events: std::mem::take(&mut collected.events),
            answers: std::mem::take(&mut collected.answers),
        };
        let firsts = part.exposures.iter().map(|one| one.first);
        groups.push(Group {
            name: group.1.clone(),
            came: (firsts.clone().min().unwrap_or(time.started), firsts.max().unwrap_or(time.started)),
            snapshot: snapshot(spec, &part, time.started, time.now, Vec::new()),
        });
        (collected.events, collected.answers) = (part.events, part.answers);
    }
    groups
}
