//! Shares of successes.

use std::f64::consts::PI;

use libm::{acos, cos, sqrt};

use crate::error::{Parameter, Undecided, probability};
use crate::intervals::{Interval, wilson};
use crate::special::{beta_quantile, binomial_cdf, binomial_pmf, binomial_sf, normal_isf, normal_sf};

/// Trials at most: exact tests take steps of the order of their root.
pub const MAX_TRIALS: u64 = 10_000_000_000;

/// Successes of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    successes: u64,
    trials: u64,
}

impl Proportion {
    /// `successes` of `trials`.
    ///
    /// # Errors
    ///
    /// [`Undecided::TooFew`] without trials, [`Undecided::Parameter`] for more successes than trials, or
    /// more than [`MAX_TRIALS`].
    pub fn new(successes: u64, trials: u64) -> Result<Self, Undecided> {
        if trials == 0 {
            return Err(Undecided::TooFew);
        }
        if successes > trials {
            return Err(Undecided::Parameter(Parameter::Successes));
        }
        if trials > MAX_TRIALS {
            return Err(Undecided::Parameter(Parameter::TooMany));
        }
        Ok(Self { successes, trials })
    }

    fn share(self) -> f64 {
        self.successes as f64 / self.trials as f64
    }

    fn n(self) -> f64 {
        self.trials as f64
    }

    fn variance(self) -> f64 {
        self.share() * (1.0 - self.share())
    }
}

/// How an interval for one proportion is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Wilson's score interval; the default.
    Wilson,
    /// Clopper and Pearson's: never below its level, wide.
    ClopperPearson,
    /// Jeffreys' prior, equal tails.
    Jeffreys,
    /// Agresti and Coull's.
    AgrestiCoull,
}

/// The interval for a proportion at 1 - `alpha`.
///
/// # Errors
///
/// [`Undecided::Parameter`] for `alpha` outside (0, 1).
pub fn interval(p: Proportion, method: Method, alpha: f64) -> Result<Interval, Undecided> {
    probability(alpha)?;
    let (k, n) = (p.successes as f64, p.n());
    let misses = n - k;
    let z = normal_isf(0.5 * alpha);
    Ok(match method {
        Method::Wilson => wilson(p.successes, p.trials, 1.0 - alpha).ok_or(Undecided::TooFew)?,
        Method::ClopperPearson => Interval {
            low: if k == 0.0 { 0.0 } else { beta_quantile(0.5 * alpha, k, misses + 1.0) },
            high: if misses == 0.0 { 1.0 } else { upper_beta(0.5 * alpha, k + 1.0, misses) },
        },
        Method::Jeffreys => Interval {
            low: beta_quantile(0.5 * alpha, k + 0.5, misses + 0.5),
            high: upper_beta(0.5 * alpha, k + 0.5, misses + 0.5),
        },
        Method::AgrestiCoull => {
            let n = n + z * z;
            let centre = (k + 0.5 * z * z) / n;
            let half = z * sqrt(centre * (1.0 - centre) / n);
            Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
        }
    })
}

/// The x with P(X > x) = `tail` of a beta distribution.
fn upper_beta(tail: f64, a: f64, b: f64) -> f64 {
    1.0 - beta_quantile(tail, b, a)
}

/// The difference of two proportions, b - a.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Pooled z statistic; NaN without variance.
    pub z: f64,
    /// Two-sided p-value of z; NaN without variance.
    pub p: f64,
    /// Interval with unpooled variance.
    pub wald: Interval,
    /// Agresti and Caffo's: Wald's with a success and a failure more in each arm.
    pub agresti_caffo: Interval,
    /// Newcombe's, of two Wilson intervals.
    pub newcombe: Interval,
}

/// Compares two proportions.
///
/// # Errors
///
/// [`Undecided::Parameter`] for `alpha` outside (0, 1).
pub fn compare(a: Proportion, b: Proportion, alpha: f64) -> Result<Comparison, Undecided> {
    probability(alpha)?;
    let quantile = normal_isf(0.5 * alpha);
    let difference = b.share() - a.share();
    let pooled = (a.successes as f64 + b.successes as f64) / (a.n() + b.n());
    let z = difference / sqrt(pooled * (1.0 - pooled) * (1.0 / a.n() + 1.0 / b.n()));
    let around = |pa: f64, na: f64, pb: f64, nb: f64| {
        let half = quantile * sqrt(pa * (1.0 - pa) / na + pb * (1.0 - pb) / nb);
        Interval { low: pb - pa - half, high: pb - pa + half }
    };
    let more = |p: Proportion| ((p.successes as f64 + 1.0) / (p.n() + 2.0), p.n() + 2.0);
    let ((pa, na), (pb, nb)) = (more(a), more(b));
    let (ia, ib) = (interval(a, Method::Wilson, alpha)?, interval(b, Method::Wilson, alpha)?);
    let apart = |x: f64, y: f64| sqrt(x * x + y * y);
    Ok(Comparison {
        z,
        p: if z.is_nan() { f64::NAN } else { 2.0 * normal_sf(z.abs()) },
        wald: around(a.share(), a.n(), b.share(), b.n()),
        agresti_caffo: around(pa, na, pb, nb),
        newcombe: Interval {
            low: difference - apart(b.share() - ib.low, ia.high - a.share()),
            high: difference + apart(ib.high - b.share(), a.share() - ia.low),
        },
    })
}

/// Fisher's exact test, two-sided: all tables with these margins that are not more likely than the seen.
#[must_use]
pub fn fisher_exact(a: Proportion, b: Proportion) -> f64 {
    let total = a.successes + b.successes;
    let trials = a.trials + b.trials;
    if total == 0 || total == trials {
        return 1.0;
    }
    // The hypergeometric probability as a quotient of binomial ones, whose errors do not grow with n.
    let p = total as f64 / trials as f64;
    let whole = binomial_pmf(total, trials, p);
    let of = |k: u64| binomial_pmf(k, a.trials, p) * binomial_pmf(total - k, b.trials, p) / whole;
    let seen = of(a.successes);
    let (low, high) = (total.saturating_sub(b.trials), total.min(a.trials));
    let mode = ((a.n() * p) as u64).clamp(low, high);
    let counts = |probability: f64| if probability <= seen * (1.0 + 1e-7) { probability } else { 0.0 };
    // Both ways from the mode, until nothing is left to add.
    let side = |ks: &mut dyn Iterator<Item = u64>| {
        let mut sum = 0.0;
        for k in ks {
            let probability = of(k);
            sum += counts(probability);
            if probability < 1e-20 * seen.max(sum) {
                break;
            }
        }
        sum
    };
    (side(&mut (low..=mode).rev()) + side(&mut (mode + 1..=high))).min(1.0)
}

/// Whether successes have the probability `p`: the exact two-sided test, all counts that are not more
/// likely than the seen.
///
/// # Errors
///
/// [`Undecided::Parameter`] for `p` outside (0, 1).
pub fn binomial_test(seen: Proportion, p: f64) -> Result<f64, Undecided> {
    probability(p)?;
    let (k, n) = (seen.successes, seen.trials);
    let limit = binomial_pmf(k, n, p) * (1.0 + 1e-7);
    let mean = seen.n() * p;
    // The far side falls towards its end: the nearest count there that is not more likely.
    let near_end = |mut inner: u64, mut outer: u64, likely: &dyn Fn(u64) -> bool| {
        while inner.abs_diff(outer) > 1 {
            let middle = inner.midpoint(outer);
            if likely(middle) { inner = middle } else { outer = middle }
        }
        outer
    };
    let likely = |count: u64| binomial_pmf(count, n, p) > limit;
    let tail = if k as f64 == mean {
        1.0
    } else if (k as f64) < mean {
        let other = if likely(n) { None } else { Some(near_end(mean as u64, n, &likely)) };
        binomial_cdf(k, n, p) + other.map_or(0.0, |from| binomial_sf(from - 1, n, p))
    } else {
        let other = if likely(0) { None } else { Some(near_end(mean as u64 + 1, 0, &likely)) };
        binomial_sf(k - 1, n, p) + other.map_or(0.0, |to| binomial_cdf(to, n, p))
    };
    Ok(tail.min(1.0))
}

/// Trials of both arms that [`barnard_exact`] takes at most: its work grows with their number times the
/// grid over the common share.
pub const MAX_BARNARD: u64 = 5_000;

/// Barnard's exact test with the pooled z as its order, two-sided: the largest probability, over the
/// unknown common share, of tables that are not nearer to equal shares than the seen.
///
/// # Errors
///
/// [`Undecided::Parameter`] beyond [`MAX_BARNARD`].
pub fn barnard_exact(a: Proportion, b: Proportion) -> Result<f64, Undecided> {
    if a.trials + b.trials > MAX_BARNARD {
        return Err(Undecided::Parameter(Parameter::TooMany));
    }
    let statistic = |i: u64, j: u64| {
        let pooled = (i + j) as f64 / (a.n() + b.n());
        let difference = (i as f64 / a.n() - j as f64 / b.n()).abs();
        if difference == 0.0 {
            0.0
        } else {
            difference / sqrt(pooled * (1.0 - pooled) * (1.0 / a.n() + 1.0 / b.n()))
        }
    };
    let seen = statistic(a.successes, b.successes) * (1.0 - 1e-14);
    if seen <= 0.0 {
        return Ok(1.0);
    }
    // For each i the far tables are j below one bound or from another on.
    let bounds: Vec<(u64, u64)> = (0..=a.trials)
        .map(|i| {
            let middle = ((i as f64 / a.n() * b.n()).round() as u64).min(b.trials);
            let below =
                (0..=middle).rev().find(|j| statistic(i, *j) >= seen && *j as f64 / b.n() < i as f64 / a.n());
            let above = (middle..=b.trials)
                .find(|j| statistic(i, *j) >= seen && *j as f64 / b.n() > i as f64 / a.n());
            (below.map_or(0, |j| j + 1), above.unwrap_or(b.trials + 1))
        })
        .collect();
    let probability = |share: f64| {
        let mut cumulated = Vec::with_capacity(b.trials as usize + 2);
        cumulated.push(0.0);
        let mut sum = 0.0;
        for j in 0..=b.trials {
            sum += binomial_pmf(j, b.trials, share);
            cumulated.push(sum);
        }
        let far = |(i, (below, above)): (usize, &(u64, u64))| {
            binomial_pmf(i as u64, a.trials, share)
                * (cumulated[*below as usize] + sum - cumulated[*above as usize])
        };
        bounds.iter().enumerate().map(far).sum::<f64>()
    };
    const GRID: usize = 400;
    let place = |index: usize| index as f64 / GRID as f64;
    let values: Vec<f64> = (0..=GRID).map(|index| probability(place(index))).collect();
    let best = (1..GRID).max_by(|i, j| values[*i].total_cmp(&values[*j])).unwrap_or(1);
    Ok(highest(probability, place(best - 1), place(best + 1)).min(1.0))
}

/// The largest value between `low` and `high` of a function with one peak there: golden section.
fn highest(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let mut best = 0.0_f64;
    for _ in 0..50 {
        let (left, right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        let (at_left, at_right) = (function(left), function(right));
        best = best.max(at_left).max(at_right);
        if at_left > at_right { high = right } else { low = left }
    }
    best
}

/// Whether the candidate is not worse by `margin`: the one-sided tests that b - a > -margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NonInferiority {
    /// z with unpooled variance.
    pub z_wald: f64,
    /// Its p-value.
    pub p_wald: f64,
    /// z with the variance where the difference is the margin (Farrington and Manning 1990).
    pub z_score: f64,
    /// Its p-value.
    pub p_score: f64,
}

/// Tests of non-inferiority for proportions of which more is better.
///
/// # Errors
///
/// [`Undecided::Parameter`] for a negative margin, [`Undecided::NoVariance`] if a variance is zero.
pub fn non_inferiority(a: Proportion, b: Proportion, margin: f64) -> Result<NonInferiority, Undecided> {
    if !(0.0..1.0).contains(&margin) {
        return Err(Undecided::Parameter(Parameter::Margin));
    }
    let distance = b.share() - a.share() + margin;
    let z = |variance: f64| {
        if variance > 0.0 { Ok(distance / sqrt(variance)) } else { Err(Undecided::NoVariance) }
    };
    let z_wald = z(a.variance() / a.n() + b.variance() / b.n())?;
    let (pa, pb) = restricted(a, b, -margin);
    let z_score = z(pa * (1.0 - pa) / a.n() + pb * (1.0 - pb) / b.n())?;
    Ok(NonInferiority { z_wald, p_wald: normal_sf(z_wald), z_score, p_score: normal_sf(z_score) })
}

/// The most likely shares whose difference b - a is `difference`: the root of the cubic in closed form
/// (Miettinen and Nurminen 1985).
fn restricted(a: Proportion, b: Proportion, difference: f64) -> (f64, f64) {
    if difference == 0.0 {
        let pooled = (a.successes as f64 + b.successes as f64) / (a.n() + b.n());
        return (pooled, pooled);
    }
    let (d, k, n) = (difference, a.successes as f64, a.n() + b.n());
    let c3 = 3.0 * n;
    let c2 = (b.n() + 2.0 * a.n()) * d - n - (k + b.successes as f64);
    let c1 = (k * d - n - 2.0 * k) * d + (k + b.successes as f64);
    let c0 = k * d * (1.0 - d);
    let third = c2 / c3;
    let v = third * third * third - c1 * c2 / (2.0 * c3 * n) + c0 / (2.0 * n);
    let u = sqrt((third * third - c1 / c3).max(0.0)) * if v < 0.0 { -1.0 } else { 1.0 };
    let ratio = if u == 0.0 { 0.0 } else { (v / (u * u * u)).clamp(-1.0, 1.0) };
    let pa = (2.0 * u * cos((PI + acos(ratio)) / 3.0) - third).clamp(0.0, 1.0);
    (pa, (pa + d).clamp(0.0, 1.0))
}
