//! Distances between two samples of numbers, reference first.

/// Wasserstein-1 (earth mover's) distance: the area between the two distribution functions, in the
/// units of the values. `None` if a sample is empty or holds anything but finite numbers.
#[must_use]
pub fn wasserstein(reference: &[f64], current: &[f64]) -> Option<f64> {
    let [a, b] = [sorted(reference)?, sorted(current)?];
    let mut all: Vec<f64> = a.iter().chain(&b).copied().collect();
    all.sort_by(f64::total_cmp);
    let (mut i, mut j, mut area) = (0, 0, 0.0);
    for pair in all.windows(2) {
        while i < a.len() && a[i] <= pair[0] {
            i += 1;
        }
        while j < b.len() && b[j] <= pair[0] {
            j += 1;
        }
        let gap = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        area += gap * (pair[1] - pair[0]);
    }
    Some(area)
}

/// [`wasserstein`] in standard deviations of the reference (n in the denominator), which are taken as
/// at least 0.001, as Evidently does; 0.1 is its usual limit.
#[must_use]
pub fn normed_wasserstein(reference: &[f64], current: &[f64]) -> Option<f64> {
    let distance = wasserstein(reference, current)?;
    let n = reference.len() as f64;
    let mean = reference.iter().sum::<f64>() / n;
    let squares: f64 = reference.iter().map(|value| (value - mean).powi(2)).sum();
    Some(distance / (squares / n).sqrt().max(0.001))
}

/// Counts of `values` between ascending `edges`: bins closed on the left, the last one on both sides;
/// values outside and NaN are left out. One bin less than edges.
#[must_use]
pub fn histogram(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let bins = edges.len().saturating_sub(1);
    let mut counts = vec![0; bins];
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
        return counts;
    };
    for value in values.iter().filter(|value| *value >= first && *value <= last) {
        let bin = edges.partition_point(|edge| edge <= value).saturating_sub(1);
        if let Some(count) = counts.get_mut(bin.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }
    counts
}

fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}
