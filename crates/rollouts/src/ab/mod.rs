//! A/B tests: what a test's file says, who sees which arm, and what the collected rows say about the
//! arms. The rule that ends a test is `mainspring_stats::decide`.

mod assignment;
mod bandit;
mod collected;
mod evidence;
mod grouping;
mod interleaved;
mod ledger;
mod metric;
mod paired;
mod queries;
mod segments;
mod spec;
mod strata;
mod targeting;
mod told;

pub use assignment::Sticky;
pub use bandit::Bandit;
pub use collected::Collected;
pub use evidence::snapshot;
pub use grouping::plain_text;
pub use interleaved::interleave;
pub use ledger::Ledger;
pub use metric::{Cap, Measure, Metric, Origin, Outcome, Quantity, Query};
pub use queries::{Answers, QueryRow, WantedQuery};
pub use segments::{Group, Stretch, by_arrival, by_attribute};
pub use spec::{AbSpec, Arm, Mode, Ramp, Winner};
pub use targeting::Targeting;
