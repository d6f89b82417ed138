//! Units told apart by what was known of them before they saw an arm, so that estimates can be adjusted
//! by it.

use super::grouping::{Grouping, plain};
use mainspring_stats::decide::{FIRST_LOOK, Stratum};
use mainspring_stats::error::Undecided;
use mainspring_stats::estimate::Sample;
use mainspring_stats::estimate::strata::{Together, pooled};
use mainspring_stats::moments::Bivariate;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The strata of units.
#[derive(Default)]
pub(super) struct Strata {
    /// Their names, for people.
    pub(super) names: Vec<String>,
    /// The place of each unit's stratum among them.
    pub(super) places: Vec<usize>,
}

/// The strata of these units by their values of an attribute; those without one are a stratum of their
/// own.
pub(super) fn strata<'u>(units: impl Iterator<Item = &'u str>, values: &HashMap<String, Value>) -> Strata {
    let held: Vec<Option<&Value>> = units.map(|unit| values.get(unit).filter(|value| plain(value))).collect();
    let grouping = Grouping::of(held.iter().copied().flatten());
    let groups: Vec<Option<(usize, String)>> =
        held.iter().map(|value| value.map(|value| grouping.group(value))).collect();
    let mut places: BTreeMap<&(usize, String), usize> =
        groups.iter().flatten().map(|group| (group, 0)).collect();
    places.values_mut().enumerate().for_each(|(place, value)| *value = place);
    let mut names: Vec<String> = places.keys().map(|(_, name)| name.clone()).collect();
    let unknown = names.len();
    if groups.iter().any(Option::is_none) {
        names.push("unknown".to_owned());
    }
    let place = |group: &Option<(usize, String)>| {
        group.as_ref().and_then(|group| places.get(group).copied()).unwrap_or(unknown)
    };
    Strata { places: groups.iter().map(place).collect(), names }
}

/// Estimates by stratum and arm, from moments and the strata's units in all arms.
pub(super) type Estimate<'a> = &'a dyn Fn(&[Vec<Bivariate>], &[u64]) -> Result<Vec<Vec<Sample>>, Undecided>;

/// What strata say of a metric; none when they say no more than all units together: there is only one, or
/// nothing varies within them.
pub(super) fn judged(cells: Vec<Together<2>>, weights: &[f64], estimate: Estimate<'_>) -> Vec<Stratum> {
    let Ok(cells) = pooled(cells, weights, FIRST_LOOK) else { return Vec::new() };
    if cells.len() < 2 {
        return Vec::new();
    }
    let (names, moments): (Vec<String>, Vec<Vec<Bivariate>>) = cells.into_iter().unzip();
    let units: Vec<u64> = moments.iter().map(|arms| arms.iter().map(Bivariate::n).sum()).collect();
    let Ok(samples) = estimate(&moments, &units) else { return Vec::new() };
    let varies = |arm: usize| samples.iter().any(|arms| arms.get(arm).is_some_and(|arm| arm.variance > 0.0));
    if weights.iter().enumerate().any(|(arm, weight)| *weight > 0.0 && !varies(arm)) {
        return Vec::new();
    }
    names.into_iter().zip(samples).map(|(name, arms)| Stratum { name, arms }).collect()
}
