//! Other tools' numbers, so that a team that moves here finds them again.

mod drift;
pub mod gbstats;

pub use drift::{CountPair, categories, evidently_hellinger_numeric, evidently_numeric, nannyml_numeric};
