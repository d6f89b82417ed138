//! Bins as Evidently 0.7 and NannyML 0.13 choose them, so that a team that moves here finds its
//! numbers again. Nulls and non-finite values must have been removed.

use std::collections::BTreeMap;

use crate::drift::histogram;

/// Two histograms over the same bins: reference, current.
pub type CountPair = (Vec<u64>, Vec<u64>);

/// Evidently's bins for PSI, KL and Jensen-Shannon: with more than 20 distinct reference values
/// Sturges' equal-width bins over both samples together, otherwise one bin for each value.
#[must_use]
pub fn evidently_numeric(reference: &[f64], current: &[f64]) -> CountPair {
    if distinct(reference).len() <= 20 {
        return by_value(reference, current);
    }
    let both: Vec<f64> = reference.iter().chain(current).copied().collect();
    let edges = equal_width_edges(&both, sturges_width(&both));
    (histogram(reference, &edges), histogram(current, &edges))
}

/// Evidently's bins for the Hellinger distance: Sturges' bins over the set of distinct values.
#[must_use]
pub fn evidently_hellinger_numeric(reference: &[f64], current: &[f64]) -> CountPair {
    let both: Vec<f64> = reference.iter().chain(current).copied().collect();
    let values = distinct(&both);
    let edges = equal_width_edges(&values, sturges_width(&values));
    (histogram(reference, &edges), histogram(current, &edges))
}

/// NannyML's bins for Jensen-Shannon and Hellinger: Doane's bins over the reference alone, and one more
/// for current values outside.
#[must_use]
pub fn nannyml_numeric(reference: &[f64], current: &[f64]) -> CountPair {
    let edges = equal_width_edges(reference, doane_width(reference));
    let (mut r, mut c) = (histogram(reference, &edges), histogram(current, &edges));
    let outside = current.len() as u64 - c.iter().sum::<u64>();
    if outside > 0 {
        r.push(0);
        c.push(outside);
    }
    (r, c)
}

/// One bin for each category of either sample, in alphabetical order.
#[must_use]
pub fn categories<S: AsRef<str>>(reference: &[S], current: &[S]) -> CountPair {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for value in reference {
        counts.entry(value.as_ref()).or_default().0 += 1;
    }
    for value in current {
        counts.entry(value.as_ref()).or_default().1 += 1;
    }
    counts.into_values().unzip()
}

fn by_value(reference: &[f64], current: &[f64]) -> CountPair {
    let keys =
        |values: &[f64]| -> Vec<String> { values.iter().map(|value| (value + 0.0).to_string()).collect() };
    categories(&keys(reference), &keys(current))
}

fn distinct(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

fn sturges_width(values: &[f64]) -> f64 {
    let (low, high) = range(values);
    (high - low) / ((values.len() as f64).log2() + 1.0)
}

/// Doane's rule: Sturges' with an allowance for skewness.
fn doane_width(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() <= 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    if deviation <= 0.0 {
        return 0.0;
    }
    let skewness = values.iter().map(|value| ((value - mean) / deviation).powi(3)).sum::<f64>() / n;
    let spread = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    let (low, high) = range(values);
    (high - low) / (1.0 + n.log2() + (1.0 + skewness.abs() / spread).log2())
}

/// NumPy's `histogram_bin_edges` for a bin width: the number of bins is rounded up, then the range is
/// cut evenly; a constant sample gets one bin of width 1 around it.
fn equal_width_edges(values: &[f64], width: f64) -> Vec<f64> {
    if values.is_empty() {
        return Vec::new();
    }
    let (low, high) = range(values);
    let bins = if width > 0.0 { ((high - low) / width).ceil().max(1.0) as usize } else { 1 };
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..bins).map(|index| index as f64 * step + low).collect();
    edges.push(high);
    edges
}
