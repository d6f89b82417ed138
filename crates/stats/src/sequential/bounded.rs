//! Means of values in [0, 1], such as quality scores: valid at every number of values, whatever their
//! distribution.

use libm::{log, log1p, sqrt};

use crate::error::{Parameter, Undecided, probability};
use crate::intervals::Interval;
use crate::sequential::mixture::{Kind, Mixture};

/// Candidates for the mean.
const GRID: usize = 1000;
/// Share of the stake that is bet at most.
const CAUTION: f64 = 0.5;

/// A confidence sequence by betting (Waudby-Smith and Ramdas 2020): who bets against a wrong mean gets
/// rich. For each mean of a grid two players bet, that the truth is above and below; those means against
/// which either is rich are excluded.
#[derive(Debug, Clone)]
pub struct Betting {
    threshold: f64,
    /// ln of the capital that bets on above and on below, for each mean.
    capital: Vec<[f64; 2]>,
    all: Interval,
    n: f64,
    sum: f64,
    squares: f64,
}

impl Betting {
    /// Without values yet.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for `alpha` outside (0, 1).
    pub fn new(alpha: f64) -> Result<Self, Undecided> {
        // Each player has half of the stake.
        let threshold = log(2.0 / probability(alpha)?);
        let all = Interval { low: 0.0, high: 1.0 };
        Ok(Self { threshold, capital: vec![[0.0; 2]; GRID + 1], all, n: 0.0, sum: 0.0, squares: 0.0 })
    }

    /// Adds a value.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] outside [0, 1].
    pub fn push(&mut self, x: f64) -> Result<(), Undecided> {
        if !(0.0..=1.0).contains(&x) {
            return Err(Undecided::Parameter(Parameter::Size));
        }
        // The bet is set before the value is seen, by the variance up to here.
        let variance = (0.25 + self.squares) / (self.n + 1.0);
        let bet = sqrt(2.0 * self.threshold / ((self.n + 1.0) * log1p(self.n + 1.0) * variance));
        for (index, [above, below]) in self.capital.iter_mut().enumerate() {
            let mean = index as f64 / GRID as f64;
            *above += outcome(bet.min(CAUTION / mean), x - mean);
            *below += outcome(bet.min(CAUTION / (1.0 - mean)), mean - x);
        }
        self.n += 1.0;
        self.sum += x;
        let mean = (0.5 + self.sum) / (self.n + 1.0);
        self.squares += (x - mean) * (x - mean);
        let now = self.interval();
        self.all.low = self.all.low.max(now.low);
        self.all.high = self.all.high.min(now.high);
        Ok(())
    }

    /// The means that the values up to here do not exclude, widened by a step of the grid.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let kept = |pair: &[f64; 2]| pair[0].max(pair[1]) <= self.threshold;
        let ends = (self.capital.iter().position(kept), self.capital.iter().rposition(kept));
        let (Some(first), Some(last)) = ends else { return Interval { low: 0.0, high: 1.0 } };
        let place = |index: usize| index as f64 / GRID as f64;
        Interval { low: place(first.saturating_sub(1)), high: place((last + 1).min(GRID)) }
    }

    /// The means that no look has excluded: the sequence of all intervals holds together, so this does.
    #[must_use]
    pub fn intersection(&self) -> Interval {
        self.all
    }
}

/// ln of what a stake becomes. A bet at infinite odds on what does not happen changes nothing.
fn outcome(bet: f64, gain: f64) -> f64 {
    if gain == 0.0 { 0.0 } else { log1p(bet * gain) }
}

/// The largest of all lower bounds for the mean of `values` in [0, 1], by the empirical Bernstein mixture,
/// wrong ever with probability `alpha`; narrowest at intrinsic time `v` (variance times number).
/// Simpler and a little wider than [`Betting`].
///
/// # Errors
///
/// [`Undecided::Parameter`] for values outside [0, 1] or parameters out of range.
pub fn bernstein_lower(values: &[f64], v: f64, alpha: f64) -> Result<f64, Undecided> {
    let mixture = Mixture::narrowest_at(Kind::GammaExponential(1.0), v, alpha)?;
    let (mut sum, mut time, mut mean, mut best) = (0.0, 0.0, 0.5, 0.0_f64);
    for (index, x) in values.iter().enumerate() {
        if !(0.0..=1.0).contains(x) {
            return Err(Undecided::Parameter(Parameter::Size));
        }
        time += (x - mean) * (x - mean);
        sum += x;
        let n = (index + 1) as f64;
        mean = sum / n;
        if time > 0.0 {
            best = best.max(mean - mixture.bound(time, alpha)? / n);
        }
    }
    Ok(best)
}
