//! A test's units in groups: by an attribute, and by when they came.

use super::collected::Collected;
use super::evidence::snapshot;
use super::grouping::{Grouping, plain};
use super::spec::AbSpec;
use mainspring_domain::Timestamp;
use mainspring_stats::decide::Snapshot;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

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
/// bands with as many units each; of many other values the rarest are one group. Units without
/// the attribute are in none.
#[must_use]
pub fn by_attribute<S: BuildHasher>(
    spec: &AbSpec,
    collected: Collected,
    attributes: &HashMap<String, Value, S>,
    time: Stretch,
) -> Vec<Group> {
    let held: Vec<(&str, &Value)> = collected
        .exposures
        .iter()
        .filter_map(|one| Some((one.unit.as_str(), attributes.get(&one.unit).filter(|value| plain(value))?)))
        .collect();
    let grouping = Grouping::of(held.iter().map(|(_, value)| *value));
    let names = held.iter().map(|(unit, value)| ((*unit).to_owned(), grouping.group(value))).collect();
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
            merged: collected.merged.iter().filter(|one| within(&one.unit)).cloned().collect(),
            // Those of other units are passed over.
            credits: std::mem::take(&mut collected.credits),
            events: std::mem::take(&mut collected.events),
            answers: std::mem::take(&mut collected.answers),
            attributes: std::mem::take(&mut collected.attributes),
        };
        let firsts = part.exposures.iter().map(|one| one.first);
        groups.push(Group {
            name: group.1.clone(),
            came: (firsts.clone().min().unwrap_or(time.started), firsts.max().unwrap_or(time.started)),
            snapshot: snapshot(spec, &part, time.started, time.now, Vec::new()),
        });
        (collected.events, collected.answers) = (part.events, part.answers);
        (collected.attributes, collected.credits) = (part.attributes, part.credits);
    }
    groups
}
