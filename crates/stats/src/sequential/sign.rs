//! The sign test for pairs as an e-process: exact at every number of requests.
//!
//! Of two models on the same request only those count on which exactly one is right. If both are
//! equally good, each discordant request is a fair coin. The likelihood ratio of a Beta(c, c) mixture of
//! coins against the fair one is a martingale: it exceeds 1/alpha ever with probability at most alpha
//! (Ville). So does the half of it that favours one side.

use std::f64::consts::LN_2;

use libm::{exp, log, log1p};
use serde::{Deserialize, Serialize};

use crate::error::{Undecided, positive, probability};
use crate::intervals::Interval;
use crate::special::{beta_sf, ln_beta, root};

/// Concentration of the mixture: coins near fair, as two versions of a model are.
pub const CONCENTRATION: f64 = 20.0;

/// Log-odds at which every share with a success and a failure is excluded.
const FAR: f64 = 700.0;

/// Discordant counts of two models.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SignTest {
    /// Requests on which only the champion is right.
    pub only_champion: u64,
    /// Requests on which only the candidate is right.
    pub only_candidate: u64,
    #[serde(with = "crate::exact")]
    concentration: f64,
}

impl Default for SignTest {
    fn default() -> Self {
        Self { only_champion: 0, only_candidate: 0, concentration: CONCENTRATION }
    }
}

impl SignTest {
    /// A test with another concentration than [`CONCENTRATION`]: lower for larger differences.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] unless it is positive.
    pub fn with_concentration(concentration: f64) -> Result<Self, Undecided> {
        Ok(Self { concentration: positive(concentration)?, ..Self::default() })
    }

    /// Adds counts of a batch.
    pub fn add(&mut self, only_champion: u64, only_candidate: u64) {
        self.only_champion = self.only_champion.saturating_add(only_champion);
        self.only_candidate = self.only_candidate.saturating_add(only_candidate);
    }

    /// The same with champion and candidate exchanged.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self { only_champion: self.only_candidate, only_candidate: self.only_champion, ..self }
    }

    fn posterior(&self) -> (f64, f64) {
        (self.only_candidate as f64 + self.concentration, self.only_champion as f64 + self.concentration)
    }

    /// ln of the e-value against "equally good".
    #[must_use]
    pub fn log_e(&self) -> f64 {
        let (a, b) = self.posterior();
        let n = self.only_champion as f64 + self.only_candidate as f64;
        ln_beta(a, b) - ln_beta(self.concentration, self.concentration) + n * LN_2
    }

    /// ln of the e-value against "the candidate is not better": the mixture over coins that favour it.
    #[must_use]
    pub fn log_e_better(&self) -> f64 {
        let (a, b) = self.posterior();
        self.log_e() + LN_2 + log(beta_sf(0.5, a, b))
    }

    /// Always-valid p-value of "equally good".
    #[must_use]
    pub fn p(&self) -> f64 {
        exp(-self.log_e()).min(1.0)
    }

    /// Always-valid p-value of "the candidate is not better".
    #[must_use]
    pub fn p_better(&self) -> f64 {
        exp(-self.log_e_better()).min(1.0)
    }

    /// Confidence sequence for the share of discordant requests on which the candidate is right.
    ///
    /// # Errors
    ///
    /// [`Undecided::Parameter`] for `alpha` outside (0, 1).
    pub fn interval(&self, alpha: f64) -> Result<Interval, Undecided> {
        let threshold = -log(probability(alpha)?);
        let (a, b) = self.posterior();
        let (wins, losses) = (self.only_candidate as f64, self.only_champion as f64);
        let mixture = ln_beta(a, b) - ln_beta(self.concentration, self.concentration);
        if wins + losses == 0.0 {
            return Ok(Interval { low: 0.0, high: 1.0 });
        }
        // ln e against the share at these log-odds; falls to the seen share and rises after it.
        let against = |u: f64| mixture + wins * log1p(exp(-u)) + losses * log1p(exp(u)) - threshold;
        let share = |u: f64| 1.0 / (1.0 + exp(-u));
        let seen = log(wins / losses).clamp(-FAR, FAR);
        let low = if wins == 0.0 { 0.0 } else { share(root(against, -FAR, seen)) };
        let high = if losses == 0.0 { 1.0 } else { share(root(against, seen, FAR)) };
        Ok(Interval { low, high })
    }
}
