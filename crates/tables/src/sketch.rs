//! Mergeable summaries of a stream of values in bounded memory.

use serde::{Deserialize, Serialize};

/// Values kept per level of a [`QuantileSketch`].
const LEVEL_CAPACITY: usize = 200;
/// Hashes kept by a [`DistinctSketch`].
const DISTINCT_CAPACITY: usize = 256;

/// Approximate quantiles of finite numbers, after the compactor scheme of Munro and Paterson that KLL
/// refines; deterministic, so equal streams give equal sketches.
///
/// A value at level `h` stands for `2^h` values. A full level of `k` = 200 is sorted and every second
/// value moves up, the odd and the even ones in turn. Each compaction shifts a rank by at most `2^h`,
/// hence the rank error over `n` values is at most `n * log2(n / k) / k`; taking turns makes it about
/// ten times smaller on ordinary data. Memory: `k * log2(n / k)` numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct QuantileSketch {
    levels: Vec<Vec<f64>>,
    odd: bool,
}

impl QuantileSketch {
    /// Adds a finite value; others are ignored.
    pub fn insert(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.levels.is_empty() {
            self.levels.push(Vec::with_capacity(LEVEL_CAPACITY));
        }
        self.levels[0].push(value);
        self.compact();
    }

    /// Adds everything that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        for (height, level) in other.levels.iter().enumerate() {
            if self.levels.len() <= height {
                self.levels.push(Vec::new());
            }
            self.levels[height].extend_from_slice(level);
        }
        self.compact();
    }

    /// The kept values with the number of values each stands for, in ascending order.
    #[must_use]
    pub fn weighted(&self) -> Vec<(f64, u64)> {
        let mut items: Vec<(f64, u64)> = self
            .levels
            .iter()
            .enumerate()
            .flat_map(|(height, level)| level.iter().map(move |value| (*value, 1 << height)))
            .collect();
        items.sort_by(|left, right| left.0.total_cmp(&right.0));
        items
    }

    /// The values below which the given shares (0 to 1, ascending) lie; empty if nothing was seen.
    #[must_use]
    pub fn quantiles(&self, shares: &[f64]) -> Vec<f64> {
        let items = self.weighted();
        let total: u64 = items.iter().map(|(_, weight)| weight).sum();
        let mut quantiles = Vec::with_capacity(shares.len());
        let (mut seen, mut index) = (0, 0);
        for share in shares {
            let rank = share * total as f64;
            while index + 1 < items.len() && ((seen + items[index].1) as f64) < rank {
                seen += items[index].1;
                index += 1;
            }
            if let Some((value, _)) = items.get(index) {
                quantiles.push(*value);
            }
        }
        quantiles
    }

    fn compact(&mut self) {
        let mut height = 0;
        while height < self.levels.len() {
            if self.levels[height].len() >= LEVEL_CAPACITY {
                let mut level = std::mem::take(&mut self.levels[height]);
                level.sort_by(f64::total_cmp);
                if level.len() % 2 == 1
                    && let Some(left_over) = level.pop()
                {
                    self.levels[height].push(left_over);
                }
                let promoted = level.into_iter().skip(usize::from(self.odd)).step_by(2);
                self.odd = !self.odd;
                if self.levels.len() == height + 1 {
                    self.levels.push(Vec::with_capacity(LEVEL_CAPACITY));
                }
                self.levels[height + 1].extend(promoted);
            }
            height += 1;
        }
    }
}

/// Approximate number of distinct values: the 256 smallest hashes (bottom-k, Bar-Yossef et al. 2002).
/// Exact up to 255 distinct values; beyond, the standard error is about 6 %.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DistinctSketch {
    /// Ascending, without repetitions.
    hashes: Vec<u64>,
}

impl DistinctSketch {
    /// Adds a value, given as its bytes.
    pub fn insert(&mut self, value: &[u8]) {
        self.insert_hash(hash(value));
    }

    /// Adds everything that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        for hash in &other.hashes {
            self.insert_hash(*hash);
        }
    }

    /// The estimated number of distinct values.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        match self.hashes.last() {
            Some(largest) if self.hashes.len() == DISTINCT_CAPACITY => {
                let share = *largest as f64 / u64::MAX as f64;
                ((DISTINCT_CAPACITY - 1) as f64 / share).round() as u64
            }
            _ => self.hashes.len() as u64,
        }
    }

    fn insert_hash(&mut self, hash: u64) {
        let full = self.hashes.len() == DISTINCT_CAPACITY;
        if full && self.hashes.last().is_some_and(|largest| hash > *largest) {
            return;
        }
        if let Err(place) = self.hashes.binary_search(&hash) {
            self.hashes.insert(place, hash);
            self.hashes.truncate(DISTINCT_CAPACITY);
        }
    }
}

/// FNV-1a with the final mix of SplitMix64: stable across builds, unlike the standard library's hash.
fn hash(bytes: &[u8]) -> u64 {
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_permutation_are_near_and_weights_add_up() {
        let n = 100_003_u64;
        let (mut left, mut right) = (QuantileSketch::default(), QuantileSketch::default());
        for i in 0..n {
            let value = (i * 7_919 % n) as f64;
            if i < n / 3 { left.insert(value) } else { right.insert(value) }
        }
        left.merge(&right);
        let total: u64 = left.weighted().iter().map(|(_, weight)| weight).sum();
        assert_eq!(total, n);
        for (share, quantile) in [0.1, 0.5, 0.9].iter().zip(left.quantiles(&[0.1, 0.5, 0.9])) {
            assert!((quantile / n as f64 - share).abs() < 0.01, "{share}: {quantile}");
        }
    }

    #[test]
    fn distinct_is_exact_when_small_and_near_when_large() {
        let mut sketch = DistinctSketch::default();
        for i in 0..1_000_u32 {
            sketch.insert(&(i % 200).to_le_bytes());
        }
        assert_eq!(sketch.estimate(), 200);
        for i in 0..50_000_u32 {
            sketch.insert(&i.to_le_bytes());
        }
        let error = (sketch.estimate() as f64 / 50_000.0 - 1.0).abs();
        assert!(error < 0.2, "{error}");
    }

    proptest::proptest! {
        #[test]
        fn merging_keeps_the_total(a in proptest::collection::vec(-1e9..1e9, 0..900), b in proptest::collection::vec(-1e9..1e9, 0..900)) {
            let (mut left, mut right) = (QuantileSketch::default(), QuantileSketch::default());
            a.iter().for_each(|value| left.insert(*value));
            b.iter().for_each(|value| right.insert(*value));
            left.merge(&right);
            let total: u64 = left.weighted().iter().map(|(_, weight)| weight).sum();
            proptest::prop_assert_eq!(total as usize, a.len() + b.len());
        }
    }
}
