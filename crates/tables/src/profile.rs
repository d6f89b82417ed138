//! What a table looked like: one summary per column, mergeable, small enough to store with a model.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bins::{self, BinnedCounts};
use crate::column::Column;
use crate::infer::Kind;
use crate::sketch::{DistinctSketch, QuantileSketch};
use crate::table::Table;

/// Numeric columns with at most this many distinct values get one bin for each.
const MAX_SINGLE_VALUES: usize = 20;
/// Categories counted exactly; values first seen when this many are known count as `other`.
const MAX_CATEGORIES: usize = 1_000;

/// The summary of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Version of this format: 1.
    pub version: u32,
    /// Rows seen.
    pub rows: u64,
    /// One summary per column, in the table's order.
    pub columns: Vec<ColumnProfile>,
}

/// The summary of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ColumnProfile {
    /// Numbers.
    Numeric(NumericProfile),
    /// Text and booleans.
    Categorical(CategoricalProfile),
}

/// The summary of a column of numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NumericProfile {
    /// The column.
    pub name: String,
    /// Finite values seen; the moments and counts are over these.
    pub count: u64,
    /// Null values.
    pub nulls: u64,
    /// NaN and infinite values.
    pub not_finite: u64,
    /// Arithmetic mean, 0 if there are no values.
    pub mean: f64,
    /// Sum of the squared deviations from the mean.
    pub m2: f64,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Bin edges, ascending: the deciles, or the middles between the distinct values if those are at
    /// most 20. Bin `i` is `[edges[i], edges[i + 1])`; the last one includes its upper edge.
    pub edges: Vec<f64>,
    /// Values in each bin. Exact for a profile of one table; after `merge`, the other table's values
    /// are placed by their quantile sketch.
    pub counts: Vec<u64>,
    /// Distinct values.
    pub distinct: DistinctSketch,
    /// Quantiles.
    pub quantiles: QuantileSketch,
    /// Distinct values and their counts, as long as there are at most 20.
    pub values: Option<Vec<(f64, u64)>>,
}

/// The summary of a column of categories.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CategoricalProfile {
    /// The column.
    pub name: String,
    /// Values seen that are not null.
    pub count: u64,
    /// Null values.
    pub nulls: u64,
    /// Categories with their counts, the most frequent first, at most 1,000.
    pub categories: Vec<(String, u64)>,
    /// Values of categories that are not listed.
    pub other: u64,
    /// Distinct values.
    pub distinct: DistinctSketch,
}

impl Profile {
    /// Summarises a table.
    #[must_use]
    pub fn of(table: &Table) -> Self {
        Self {
            version: 1,
            rows: table.rows() as u64,
            columns: table.columns().map(ColumnProfile::of).collect(),
        }
    }

    /// The summary of the column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name() == name)
    }

    /// Adds what `other` has seen. Columns are matched by name and kind; a column that only one side
    /// has, or has as another kind, is dropped, since its counts would not cover all rows.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.columns.retain_mut(|mine| match (mine, other) {
            (ColumnProfile::Numeric(mine), other) => match other.column(&mine.name) {
                Some(ColumnProfile::Numeric(theirs)) => {
                    mine.merge(theirs);
                    true
                }
                _ => false,
            },
            (ColumnProfile::Categorical(mine), other) => match other.column(&mine.name) {
                Some(ColumnProfile::Categorical(theirs)) => {
                    mine.merge(theirs);
                    true
                }
                _ => false,
            },
        });
    }
}

impl ColumnProfile {
    fn of(column: Column<'_>) -> Self {
        match column.kind() {
            Kind::Integer | Kind::Number => {
                Self::Numeric(NumericProfile::of_values(column.name(), || column.numbers()))
            }
            Kind::Boolean | Kind::Text => {
                Self::Categorical(CategoricalProfile::of_values(column.name(), column.texts()))
            }
        }
    }

    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric(profile) => &profile.name,
            Self::Categorical(profile) => &profile.name,
        }
    }

    /// Null values.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        match self {
            Self::Numeric(profile) => profile.nulls,
            Self::Categorical(profile) => profile.nulls,
        }
    }

    /// The profile's own values in the bins of [`BinnedCounts`]: the reference side of a drift
    /// distance.
    #[must_use]
    pub fn reference_counts(&self) -> Vec<u64> {
        bins::reference_counts(self)
    }

    /// Sorts new observations (JSON scalars) into the bins of [`BinnedCounts`]: the current side of a
    /// drift distance.
    #[must_use]
    pub fn counts_of<'a>(&self, values: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
        let mut counts = BinnedCounts::new(self);
        for value in values {
            counts.observe(value);
        }
        counts.counts().to_vec()
    }
}

impl NumericProfile {
    /// Summarises the values that `values` iterates over; it is called twice, once for the moments
    /// and edges, once for the exact counts in the bins.
    pub fn of_values<I: IntoIterator<Item = Option<f64>>>(name: &str, values: impl Fn() -> I) -> Self {
        let mut profile = Self { name: name.to_owned(), ..Self::default() };
        let mut singles: Option<BTreeMap<u64, u64>> = Some(BTreeMap::new());
        for value in values() {
            match value {
                None => profile.nulls += 1,
                Some(value) if !value.is_finite() => profile.not_finite += 1,
                Some(value) => {
                    let value = value + 0.0; // -0.0 counts as 0.0
                    profile.add(value);
                    if let Some(seen) = &mut singles {
                        *seen.entry(value.to_bits()).or_default() += 1;
                        if seen.len() > MAX_SINGLE_VALUES {
                            singles = None;
                        }
                    }
                }
            }
        }
        profile.values =
            singles.map(|seen| sorted(seen.into_iter().map(|(bits, n)| (f64::from_bits(bits), n))));
        profile.set_edges();
        profile.counts = vec![0; profile.edges.len().saturating_sub(1)];
        for value in values().into_iter().flatten() {
            if let Some(bin) = bins::numeric_bin(&profile.edges, value) {
                profile.counts[bin] += 1;
            }
        }
        profile
    }

    /// Sample variance (n - 1 in the denominator); `None` for fewer than two values.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| self.m2 / (self.count - 1) as f64)
    }

    /// Welford's update.
    fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.m2 += delta * (value - self.mean);
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        self.distinct.insert(&value.to_bits().to_le_bytes());
        self.quantiles.insert(value);
    }

    /// Adds what `other` has seen, moments by Chan's formula.
    pub fn merge(&mut self, other: &Self) {
        let total = self.count + other.count;
        if other.count > 0 {
            let delta = other.mean - self.mean;
            let share = other.count as f64 / total as f64;
            self.m2 += other.m2 + delta * delta * self.count as f64 * share;
            self.mean += delta * share;
        }
        self.count = total;
        self.nulls += other.nulls;
        self.not_finite += other.not_finite;
        self.min = [self.min, other.min].into_iter().flatten().reduce(f64::min);
        self.max = [self.max, other.max].into_iter().flatten().reduce(f64::max);
        self.distinct.merge(&other.distinct);
        self.quantiles.merge(&other.quantiles);
        self.values = match (self.values.take(), &other.values) {
            (Some(mine), Some(theirs)) => union(&mine, theirs),
            _ => None,
        };
        self.set_edges();
        self.counts = vec![0; self.edges.len().saturating_sub(1)];
        let weighted = self.values.clone().unwrap_or_else(|| self.quantiles.weighted());
        for (value, weight) in weighted {
            if let Some(bin) = bins::numeric_bin(&self.edges, value) {
                self.counts[bin] += weight;
            }
        }
    }

    fn set_edges(&mut self) {
        let (Some(min), Some(max)) = (self.min, self.max) else {
            self.edges.clear();
            return;
        };
        let inner: Vec<f64> = match &self.values {
            Some(values) => values.windows(2).map(|pair| pair[0].0.midpoint(pair[1].0)).collect(),
            None => self.quantiles.quantiles(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        };
        let mut edges = vec![min];
        edges.extend(inner.into_iter().filter(|edge| *edge > min && *edge < max));
        edges.push(max);
        edges[1..].sort_by(f64::total_cmp);
        let last = edges.len() - 1;
        let mut kept = vec![edges[0]];
        for edge in &edges[1..last] {
            if kept.last() != Some(edge) {
                kept.push(*edge);
            }
        }
        kept.push(edges[last]);
        self.edges = kept;
    }
}

impl CategoricalProfile {
    /// Summarises the given values.
    pub fn of_values<S: AsRef<str>>(name: &str, values: impl IntoIterator<Item = Option<S>>) -> Self {
        let mut profile = Self { name: name.to_owned(), ..Self::default() };
        let mut seen: HashMap<String, u64> = HashMap::new();
        for value in values {
            let Some(value) = value else {
                profile.nulls += 1;
                continue;
            };
            let value = value.as_ref();
            profile.count += 1;
            if let Some(count) = seen.get_mut(value) {
                *count += 1;
                continue;
            }
            profile.distinct.insert(value.as_bytes());
            if seen.len() < MAX_CATEGORIES {
                seen.insert(value.to_owned(), 1);
            } else {
                profile.other += 1;
            }
        }
        profile.categories = by_count(seen);
        profile
    }

    /// Adds what `other` has seen; beyond 1,000 categories the rarest become `other`.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.nulls += other.nulls;
        self.other += other.other;
        self.distinct.merge(&other.distinct);
        let mut counts: HashMap<String, u64> = std::mem::take(&mut self.categories).into_iter().collect();
        for (category, count) in &other.categories {
            *counts.entry(category.clone()).or_default() += count;
        }
        self.categories = by_count(counts);
        if self.categories.len() > MAX_CATEGORIES {
            let rare = self.categories.split_off(MAX_CATEGORIES);
            self.other += rare.iter().map(|(_, count)| count).sum::<u64>();
        }
    }
}

fn by_count(counts: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut categories: Vec<(String, u64)> = counts.into_iter().collect();
    categories.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    categories
}

fn sorted(values: impl Iterator<Item = (f64, u64)>) -> Vec<(f64, u64)> {
    let mut values: Vec<(f64, u64)> = values.collect();
    values.sort_by(|left, right| left.0.total_cmp(&right.0));
    values
}

fn union(left: &[(f64, u64)], right: &[(f64, u64)]) -> Option<Vec<(f64, u64)>> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for (value, count) in left.iter().chain(right) {
        *counts.entry(value.to_bits()).or_default() += count;
    }
    (counts.len() <= MAX_SINGLE_VALUES)
        .then(|| sorted(counts.into_iter().map(|(bits, count)| (f64::from_bits(bits), count))))
}
