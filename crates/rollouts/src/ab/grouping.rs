//! Values of an attribute, put into groups: for segments, which people look at, and strata, which
//! estimates are adjusted by.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Values of an attribute that have a group of their own.
const MOST_GROUPS: usize = 12;
/// Groups of numbers of which there are many different ones: alike in units.
const BANDS: usize = 4;

/// Groups by values. Which there are depends on the values alone, never on what units did.
pub(super) struct Grouping {
    bands: Option<Bands>,
    /// The values with a group of their own.
    places: HashMap<String, usize>,
}

impl Grouping {
    /// The groups of these values, one of each unit. Numbers of which there are many different ones are
    /// put into bands with as many units each; of many other values the rarest are one group.
    pub(super) fn of<'v>(values: impl Iterator<Item = &'v Value> + Clone) -> Self {
        let counts = counts(values.clone());
        let own = if counts.len() > MOST_GROUPS { MOST_GROUPS - 1 } else { counts.len() };
        let numbers: Option<Vec<f64>> = values.map(Value::as_f64).collect();
        let bands = numbers.filter(|_| counts.len() > MOST_GROUPS).map(Bands::of);
        let places = counts.into_iter().take(own).enumerate().map(|(place, (word, _))| (word, place));
        Self { bands, places: places.collect() }
    }

    /// Place and name of a value's group.
    pub(super) fn group(&self, value: &Value) -> (usize, String) {
        match (&self.bands, value.as_f64()) {
            (Some(bands), Some(number)) => bands.group(number),
            _ => {
                let word = word(value);
                match self.places.get(word.as_str()) {
                    Some(place) => (*place, word),
                    None => (self.places.len(), "others".to_owned()),
                }
            }
        }
    }
}

/// Whether a value can tell units apart: lists and objects cannot.
pub(super) fn plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// The value of an attribute as text; none for what cannot tell units apart.
#[must_use]
pub fn plain_text(value: &Value) -> Option<String> {
    plain(value).then(|| word(value))
}

/// A value as text: conditions compare it, and groups are called by it.
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values with their numbers of units, the most frequent first.
fn counts<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for value in values {
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
