//! Pure statistics: A/B tests, ranking metrics, calibration, paired tests, drift distances and the special
//! functions they need. No I/O; what cannot be computed is `None` or an [`error::Undecided`] with its
//! cause, never a made-up number.
//!
//! For A/B tests begin here:
//!
//! - [`assignment::Split`]: which arm a unit sees; [`assignment::sticky::evaluate`] remembers it.
//! - [`moments::Moments`]: the state of a metric in an arm; push, merge, store, restore.
//! - [`totals::Totals`]: the same for rows that change: exact, in any order.
//! - [`estimate`]: from moments to a [`estimate::Sample`] of each arm and an [`estimate::Effect`].
//! - [`fixed::power`]: how many units to plan.
//! - [`decide::decide`]: from a [`decide::Plan`] and a [`decide::Snapshot`] to a [`decide::Decision`];
//!   [`decide::looks`] for charts.
//! - [`decide::allocate`]: the weights of a bandit's next phase.
//! - [`compat::gbstats`]: the numbers that GrowthBook shows.
//!
//! docs/ab-statistics.md has formulas, defaults and differences from other tools.
#![warn(missing_docs)]

pub mod assignment;
pub mod bayes;
pub mod calibration;
pub mod compat;
pub mod counts;
pub mod decide;
pub mod drift;
pub mod error;
pub mod estimate;
pub mod exact;
pub mod fixed;
pub mod intervals;
pub mod ks;
pub mod moments;
pub mod ranking;
pub mod sequential;
pub mod special;
pub mod totals;
