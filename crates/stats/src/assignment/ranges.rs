//! From a place to an arm.

/// The places of one arm: from the first, included, to the second, excluded.
pub type Range = [f64; 2];

/// `n` equal weights.
#[must_use]
pub fn equal_weights(n: usize) -> Vec<f64> {
    vec![1.0 / n as f64; n]
}

/// GrowthBook's ranges: each arm begins where the weights before it end, and takes `coverage` of its own.
///
/// As in the SDKs, coverage is cut to [0, 1], and weights of a wrong number or sum (beyond 1 +- 0.01)
/// are taken as equal.
#[must_use]
pub fn bucket_ranges(n: usize, coverage: f64, weights: Option<&[f64]>) -> Vec<Range> {
    let coverage = if coverage.is_nan() { 0.0 } else { coverage.clamp(0.0, 1.0) };
    let fits = |weights: &&[f64]| weights.len() == n && (0.99..=1.01).contains(&weights.iter().sum::<f64>());
    let weights = weights.filter(fits).map_or_else(|| equal_weights(n), <[f64]>::to_vec);
    let mut start = 0.0;
    weights
        .into_iter()
        .map(|weight| {
            let range = [start, start + coverage * weight];
            start += weight;
            range
        })
        .collect()
}

/// The first arm whose range holds the place; `None` if none does.
#[must_use]
pub fn choose_variation(place: f64, ranges: &[Range]) -> Option<usize> {
    ranges.iter().position(|[low, high]| place >= *low && place < *high)
}
