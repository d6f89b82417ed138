//! Moments of rows that can be taken away again.
//!
//! Sums and sums of products are kept without any rounding, in fixed point over the whole range of `f64`
//! (Kulisch 1971; the digits with room for carries are those of Neal 2015, arXiv:1505.05571). So what they
//! say depends on which rows are there, to the last bit, and not on the order in which rows came and
//! went. A row costs O(K^2), however many there are.

use libm::ldexp;
use num_bigint::{BigInt, Sign};

use crate::error::Undecided;
use crate::moments::Moments;

/// Bits of a digit; each has as many again for carries.
const DIGIT: usize = 32;
/// What the lowest bit stands for, as a power of two: the smallest number of `f64`.
const LOWEST: i32 = -1074;
/// From the lowest bit to 2^1024, and 2^78 times as much.
const DIGITS: usize = 68;
/// So many changes of a digit by less than 2^32 cannot overflow it.
const MOST_CHANGES: u32 = 1 << 30;

/// A sum without rounding.
#[derive(Debug, Clone, PartialEq)]
struct Exactly {
    /// From the lowest up, each with a sign of its own.
    digits: [i64; DIGITS],
    /// Changes since carries were last passed on.
    changes: u32,
}

impl Default for Exactly {
    fn default() -> Self {
        Self { digits: [0; DIGITS], changes: 0 }
    }
}

impl Exactly {
    /// Adds a finite number.
    fn add(&mut self, value: f64) {
        const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
        if value == 0.0 {
            return;
        }
        let bits = value.to_bits();
        let (biased, fraction) = (((bits >> MANTISSA) & 0x7ff) as usize, bits & ((1 << MANTISSA) - 1));
        // Numbers below the normal ones have the exponent of the smallest of these and no leading one.
        let mantissa = if biased == 0 { fraction } else { fraction | (1 << MANTISSA) };
        let place = biased.saturating_sub(1);
        let mut rest = u128::from(mantissa) << (place % DIGIT);
        for digit in &mut self.digits[place / DIGIT..][..3] {
            let part = (rest & 0xffff_ffff) as i64;
            *digit += if value.is_sign_negative() { -part } else { part };
            rest >>= DIGIT;
        }
        self.changes += 1;
        if self.changes >= MOST_CHANGES {
            self.carry();
        }
    }

    /// Passes carries on, after which all digits but the highest are below 2^32 and not negative.
    fn carry(&mut self) {
        let mut carried = 0;
        for digit in &mut self.digits[..DIGITS - 1] {
            let whole = *digit + carried;
            carried = whole >> DIGIT;
            *digit = whole & 0xffff_ffff;
        }
        self.digits[DIGITS - 1] += carried;
        self.changes = 0;
    }

    /// The sum in units of 2^[`LOWEST`].
    fn whole(&self) -> BigInt {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.digits.last().is_some_and(|highest| *highest < 0);
        if negative {
            sum.digits.iter_mut().for_each(|digit| *digit = -*digit);
            sum.carry();
        }
        // The highest is below 2^32 as well as long as there are fewer than 2^78 rows.
        let digits: Vec<u32> = sum.digits.iter().map(|digit| (*digit & 0xffff_ffff) as u32).collect();
        BigInt::from_slice(if negative { Sign::Minus } else { Sign::Plus }, &digits)
    }
}

/// A whole number times 2^`exponent`, to the precision of `f64`.
fn scaled(whole: &BigInt, exponent: i32) -> f64 {
    let shift = whole.bits().saturating_sub(64);
    let (sign, digits) = (whole >> shift).to_u64_digits();
    let size = digits.first().map_or(0.0, |digit| *digit as f64);
    let size = ldexp(size, i32::try_from(shift).unwrap_or(i32::MAX).saturating_add(exponent));
    if sign == Sign::Minus { -size } else { size }
}

/// The sums of rows of K numbers, and of their products.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals<const K: usize> {
    n: u64,
    /// Rows with NaN, infinity or a square beyond the range; they are in none of the sums.
    unfit: u64,
    sums: [Exactly; K],
    /// Of columns i and j <= i.
    products: [[Exactly; K]; K],
}

impl<const K: usize> Default for Totals<K> {
    fn default() -> Self {
        let none = || std::array::from_fn(|_| Exactly::default());
        Self { n: 0, unfit: 0, sums: none(), products: std::array::from_fn(|_| none()) }
    }
}

impl<const K: usize> Totals<K> {
    /// Adds a row.
    pub fn add(&mut self, row: &[f64; K]) {
        let count = if self.change(row, 1.0) { &mut self.n } else { &mut self.unfit };
        *count += 1;
    }

    /// Takes a row away that was added before.
    pub fn remove(&mut self, row: &[f64; K]) {
        let count = if self.change(row, -1.0) { &mut self.n } else { &mut self.unfit };
        *count = count.saturating_sub(1);
    }

    /// Whether the row fits in; nothing is changed otherwise.
    fn change(&mut self, row: &[f64; K], sign: f64) -> bool {
        // The largest product bounds the others.
        if !row.iter().all(|value| (value * value).is_finite()) {
            return false;
        }
        for i in 0..K {
            self.sums[i].add(sign * row[i]);
            for j in 0..=i {
                let product = row[i] * row[j];
                self.products[i][j].add(sign * product);
                self.products[i][j].add(sign * row[i].mul_add(row[j], -product));
            }
        }
        true
    }

    /// Number of rows.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their moments: means to the precision of `f64`, and central products that lose nothing by the size
    /// of the means.
    ///
    /// # Errors
    ///
    /// [`Undecided::NotFinite`] for a row with NaN, infinity or a square beyond the range.
    pub fn moments(&self) -> Result<Moments<K>, Undecided> {
        if self.unfit > 0 {
            return Err(Undecided::NotFinite);
        }
        if self.n == 0 {
            return Ok(Moments::default());
        }
        let sums = self.sums.each_ref().map(Exactly::whole);
        let n = self.n as f64;
        let means = sums.each_ref().map(|sum| scaled(sum, LOWEST) / n);
        Moments::from_central(self.n, means, |i, j| {
            let products = (self.products[i][j].whole() * self.n) << LOWEST.unsigned_abs();
            scaled(&(products - &sums[i] * &sums[j]), 2 * LOWEST) / n
        })
    }
}
