//! Sorting values into the bins of a stored profile, so that live values can be compared with the
//! reference without keeping either.
//!
//! The layout is the same for both sides of a comparison. Numeric: the profile's bins, then `below`,
//! `above` and `missing`. Categorical: the 50 most frequent categories, then `other` and `missing`.
//! `missing` also takes values that cannot be read as the column's kind.

use serde_json::Value;

use crate::profile::ColumnProfile;

/// Categories with a bin of their own.
const MAX_CATEGORY_BINS: usize = 50;

/// Counts of observations in the bins of a [`ColumnProfile`].
#[derive(Debug, Clone, PartialEq)]
pub struct BinnedCounts {
    bins: Bins,
    counts: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Bins {
    Numeric(Vec<f64>),
    Categorical(Vec<String>),
}

impl BinnedCounts {
    /// Empty counts in the bins of `profile`.
    #[must_use]
    pub fn new(profile: &ColumnProfile) -> Self {
        let (bins, len) = match profile {
            ColumnProfile::Numeric(profile) => {
                let len = profile.counts.len() + 3;
                (Bins::Numeric(profile.edges.clone()), len)
            }
            ColumnProfile::Categorical(profile) => {
                let names = profile.categories.iter().take(MAX_CATEGORY_BINS);
                let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
                let len = names.len() + 2;
                (Bins::Categorical(names), len)
            }
        };
        Self { bins, counts: vec![0; len] }
    }

    /// Counts one observation: a JSON scalar as a request carries it.
    pub fn observe(&mut self, value: &Value) {
        let missing = self.counts.len() - 1;
        let bin = match &self.bins {
            Bins::Numeric(edges) => match number(value) {
                None => missing,
                Some(number) => match numeric_bin(edges, number) {
                    Some(bin) => bin,
                    None if edges.first().is_some_and(|first| number < *first) => missing - 2,
                    None => missing - 1,
                },
            },
            Bins::Categorical(names) => match category(value) {
                None => missing,
                Some(text) => names.iter().position(|name| *name == text).unwrap_or(names.len()),
            },
        };
        self.counts[bin] += 1;
    }

    /// The counts, in the order of [`BinnedCounts::labels`].
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Observations counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What each bin holds, for people.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = match &self.bins {
            Bins::Numeric(edges) => {
                let bins = edges.windows(2).map(|pair| format!("{} to {}", pair[0], pair[1]));
                bins.chain(["below".to_owned(), "above".to_owned()]).collect()
            }
            Bins::Categorical(names) => names.iter().cloned().chain(["other".to_owned()]).collect(),
        };
        labels.push("missing".to_owned());
        labels
    }
}

pub(crate) fn reference_counts(profile: &ColumnProfile) -> Vec<u64> {
    match profile {
        ColumnProfile::Numeric(profile) => {
            let mut counts = profile.counts.clone();
            counts.extend([0, 0, profile.nulls + profile.not_finite]);
            counts
        }
        ColumnProfile::Categorical(profile) => {
            let listed = profile.categories.iter().map(|(_, count)| *count);
            let mut counts: Vec<u64> = listed.clone().take(MAX_CATEGORY_BINS).collect();
            counts.push(profile.other + listed.skip(MAX_CATEGORY_BINS).sum::<u64>());
            counts.push(profile.nulls);
            counts
        }
    }
}

/// The bin of `value` among `edges.len() - 1` bins; `None` outside them. Bins are closed on the left,
/// the last one on both sides.
pub(crate) fn numeric_bin(edges: &[f64], value: f64) -> Option<usize> {
    let (first, last) = (*edges.first()?, *edges.last()?);
    if !(value >= first && value <= last) {
        return None;
    }
    let bins = edges.len().checked_sub(1).filter(|bins| *bins > 0)?;
    let at_or_below = edges.partition_point(|edge| *edge <= value);
    Some(at_or_below.saturating_sub(1).min(bins - 1))
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    number.is_finite().then_some(number)
}

fn category(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
