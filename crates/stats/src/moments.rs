//! Means, variances and covariances that are kept up to date and merged.
//!
//! The state of K columns is its count, means and central products, each with the rounding error of its
//! sums beside it (Welford 1962; Chan, Golub and LeVeque 1979; compensation by Neumaier 1974). A batch of
//! events costs O(K^2) to merge, whatever was before. Written and read through serde the state is
//! the same to the last bit, so that a restart changes no later result; merging the same parts in the
//! same order gives the same bits.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Undecided;
use crate::exact::Exact;

/// One column: the outcome of each unit.
pub type Univariate = Moments<1>;
/// Two columns: outcome and covariate of a regression adjustment, or numerator and denominator of a ratio.
pub type Bivariate = Moments<2>;
/// Numerator and denominator, then both before the experiment: a ratio with regression adjustment.
pub type Quadrivariate = Moments<4>;

/// A sum and the part of it that did not fit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sum {
    value: f64,
    rest: f64,
}

impl Sum {
    const ZERO: Self = Self { value: 0.0, rest: 0.0 };

    fn add(&mut self, other: f64) {
        let total = self.value + other;
        let rest = if self.value.abs() >= other.abs() {
            (self.value - total) + other
        } else {
            (other - total) + self.value
        };
        self.value = total;
        self.rest += rest;
    }

    fn get(self) -> f64 {
        self.value + self.rest
    }
}

/// Count, means and central products of K columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments<const K: usize> {
    n: u64,
    means: [Sum; K],
    /// Sums of (x_i - mean_i) (x_j - mean_j) for j <= i.
    products: [[Sum; K]; K],
}

impl<const K: usize> Default for Moments<K> {
    fn default() -> Self {
        Self { n: 0, means: [Sum::ZERO; K], products: [[Sum::ZERO; K]; K] }
    }
}

impl<const K: usize> Moments<K> {
    /// Adds one unit.
    ///
    /// # Errors
    ///
    /// [`Undecided::NotFinite`] for NaN or infinity; nothing is changed then.
    pub fn push(&mut self, row: &[f64; K]) -> Result<(), Undecided> {
        let mut one = Self { n: 1, ..Self::default() };
        for (mean, value) in one.means.iter_mut().zip(row) {
            mean.value = *value;
        }
        self.merge(&one)
    }

    /// The moments of a batch: two passes over the columns.
    ///
    /// # Errors
    ///
    /// [`Undecided::Lengths`] if the columns differ in length, [`Undecided::NotFinite`] for NaN, infinity
    /// or an overflow.
    pub fn from_columns(columns: [&[f64]; K]) -> Result<Self, Undecided> {
        let n = columns.first().map_or(0, |column| column.len());
        if columns.iter().any(|column| column.len() != n) {
            return Err(Undecided::Lengths);
        }
        let mut all = Self::default();
        // Blocks stay in the first cache between the passes.
        for start in (0..n).step_by(BLOCK) {
            let block = columns.map(|column| &column[start..n.min(start + BLOCK)]);
            all.merge(&Self::of_block(block))?;
        }
        Ok(all)
    }

    /// The moments of each of `arms` groups, of rows that name theirs: one pass over columns in any order.
    ///
    /// # Errors
    ///
    /// As [`Moments::from_columns`]; [`Undecided::Lengths`] also for a row of no group.
    pub fn by_arm(columns: [&[f64]; K], arm: &[u32], arms: usize) -> Result<Vec<Self>, Undecided> {
        if columns.iter().any(|column| column.len() != arm.len()) {
            return Err(Undecided::Lengths);
        }
        let mut all = vec![Self::default(); arms];
        let mut blocks: Vec<[Vec<f64>; K]> =
            (0..arms).map(|_| std::array::from_fn(|_| Vec::with_capacity(BLOCK))).collect();
        for (row, group) in arm.iter().enumerate() {
            let group = *group as usize;
            let block = blocks.get_mut(group).ok_or(Undecided::Lengths)?;
            for (buffer, column) in block.iter_mut().zip(&columns) {
                buffer.push(column[row]);
            }
            if block.first().is_some_and(|buffer| buffer.len() == BLOCK) {
                all[group].merge(&Self::of_block(block.each_ref().map(Vec::as_slice)))?;
                block.iter_mut().for_each(Vec::clear);
            }
        }
        for (moments, block) in all.iter_mut().zip(&blocks) {
            if block.first().is_some_and(|buffer| !buffer.is_empty()) {
                moments.merge(&Self::of_block(block.each_ref().map(Vec::as_slice)))?;
            }
        }
        Ok(all)
    }

    fn of_block(columns: [&[f64]; K]) -> Self {
        let n = columns.first().map_or(0, |column| column.len());
        let mut moments = Self { n: n as u64, ..Self::default() };
        let means = columns.map(|column| lanes(column.len(), |row| column[row]) / n as f64);
        let rests: [f64; K] = std::array::from_fn(|i| lanes(n, |row| columns[i][row] - means[i]) / n as f64);
        for i in 0..K {
            moments.means[i] = Sum { value: means[i], rest: rests[i] };
            for j in 0..=i {
                let product = lanes(n, |row| (columns[i][row] - means[i]) * (columns[j][row] - means[j]));
                // The shift by the rounding of the means costs n times the product of the rests.
                moments.products[i][j].value = product - n as f64 * rests[i] * rests[j];
            }
        }
        moments
    }

    /// From a count, sums, and sums of products, as a database query gives them; `products(i, j)` is
    /// the sum of x_i x_j. Loses what such sums have lost already.
    ///
    /// # Errors
    ///
    /// [`Undecided::NotFinite`] for NaN or infinity.
    pub fn from_sums(
        n: u64,
        sums: [f64; K],
        products: impl Fn(usize, usize) -> f64,
    ) -> Result<Self, Undecided> {
        let mut moments = Self { n, ..Self::default() };
        if n == 0 {
            return Ok(moments);
        }
        for i in 0..K {
            moments.means[i].value = sums[i] / n as f64;
            for j in 0..=i {
                let product = products(i, j) - sums[i] / n as f64 * sums[j];
                moments.products[i][j].value = if i == j { product.max(0.0) } else { product };
            }
        }
        moments.checked()
    }

    /// From a count, means, and central products: of columns i and j <= i the sum of the products of their
    /// distances from their means.
    ///
    /// # Errors
    ///
    /// [`Undecided::NotFinite`] for NaN or infinity.
    pub(crate) fn from_central(
        n: u64,
        means: [f64; K],
        products: impl Fn(usize, usize) -> f64,
    ) -> Result<Self, Undecided> {
        let mut moments = Self { n, ..Self::default() };
        for (i, mean) in means.into_iter().enumerate() {
            moments.means[i].value = mean;
            for j in 0..=i {
                moments.products[i][j].value = products(i, j);
            }
        }
        moments.checked()
    }

    /// Takes in the units of `other`, which are none of these.
    ///
    /// # Errors
    ///
    /// [`Undecided::NotFinite`] if a result is NaN or infinite; nothing is changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Undecided> {
        if other.n == 0 {
            return Ok(());
        }
        if self.n == 0 {
            *self = other.checked()?;
            return Ok(());
        }
        let mut merged = *self;
        merged.n = self.n.saturating_add(other.n);
        let (here, there) = (self.n as f64, other.n as f64);
        let share = there / (here + there);
        let differences: [f64; K] = std::array::from_fn(|i| {
            (other.means[i].value - self.means[i].value) + (other.means[i].rest - self.means[i].rest)
        });
        for i in 0..K {
            merged.means[i].add(differences[i] * share);
            for j in 0..=i {
                let product = &mut merged.products[i][j];
                product.add(other.products[i][j].value);
                product.add(differences[i] * differences[j] * (here * share));
                product.rest += other.products[i][j].rest;
            }
        }
        *self = merged.checked()?;
        Ok(())
    }

    fn checked(self) -> Result<Self, Undecided> {
        let finite = |sum: &Sum| sum.get().is_finite();
        let good = self.means.iter().all(finite) && self.products.iter().flatten().all(finite);
        if good { Ok(self) } else { Err(Undecided::NotFinite) }
    }

    /// Number of units.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Mean of column `i` (below K); 0 without units.
    #[must_use]
    pub fn mean(&self, i: usize) -> f64 {
        self.means[i].get()
    }

    /// Sum of column `i` (below K).
    #[must_use]
    pub fn sum(&self, i: usize) -> f64 {
        self.mean(i) * self.n as f64
    }

    /// Covariance of columns `i` and `j` with divisor n - 1; 0 below two units.
    #[must_use]
    pub fn covariance(&self, i: usize, j: usize) -> f64 {
        let product = self.products[i.max(j)][i.min(j)].get();
        if self.n < 2 { 0.0 } else { product / (self.n - 1) as f64 }
    }

    /// Variance of column `i` with divisor n - 1; 0 below two units, never negative.
    #[must_use]
    pub fn variance(&self, i: usize) -> f64 {
        self.covariance(i, i).max(0.0)
    }
}

/// Values of a block: three columns of them fit a first-level cache.
const BLOCK: usize = 1024;

/// A sum in eight lanes, which a compiler turns into vectors and which rounds less than one.
fn lanes(n: usize, value: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let whole = n - n % 8;
    for start in (0..whole).step_by(8) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += value(start + lane);
        }
    }
    for row in whole..n {
        sums[0] += value(row);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

#[derive(Serialize, Deserialize)]
struct Document {
    n: u64,
    /// Mean and rest of each column.
    means: Vec<[Exact; 2]>,
    /// Value and rest of each product with j <= i, row by row.
    products: Vec<[Exact; 2]>,
}

impl<const K: usize> Serialize for Moments<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |sum: &Sum| [Exact(sum.value), Exact(sum.rest)];
        let triangle = (0..K).flat_map(|i| self.products[i][..=i].iter());
        let (means, products) = (self.means.iter().map(pair).collect(), triangle.map(pair).collect());
        Document { n: self.n, means, products }.serialize(serializer)
    }
}

impl<'de, const K: usize> Deserialize<'de> for Moments<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(deserializer)?;
        if document.means.len() != K || document.products.len() != K * (K + 1) / 2 {
            return Err(D::Error::custom(format!("these are not the moments of {K} columns")));
        }
        let sum = |pair: &[Exact; 2]| Sum { value: pair[0].0, rest: pair[1].0 };
        let mut moments = Self { n: document.n, ..Self::default() };
        for (mean, pair) in moments.means.iter_mut().zip(&document.means) {
            *mean = sum(pair);
        }
        let places = (0..K).flat_map(|i| (0..=i).map(move |j| (i, j)));
        for ((i, j), pair) in places.zip(&document.products) {
            moments.products[i][j] = sum(pair);
        }
        moments.checked().map_err(D::Error::custom)
    }
}
