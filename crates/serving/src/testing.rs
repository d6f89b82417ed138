//! A route that an A/B test splits.

use crate::gateway::ServedVersion;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Gives a unit its arm, by its name and the features of its request; none when it does not take part.
pub type Split = dyn Fn(&str, &Map<String, Value>) -> Option<usize> + Send + Sync;

/// How a test splits the requests of a model.
#[derive(Clone)]
pub struct TestRoute {
    /// The test.
    pub test: String,
    /// Its phase.
    pub phase: u32,
    /// The versions of its arms, the control first.
    pub arms: Vec<ServedVersion>,
    /// Whether the control answers everybody who takes part, and the others are asked beside it.
    pub shadow: bool,
    /// Who sees which.
    pub split: Arc<Split>,
}

impl std::fmt::Debug for TestRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestRoute")
            .field("test", &self.test)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// That a request counts for an arm of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The test.
    pub test: String,
    /// Its phase.
    pub phase: u32,
    /// Who asked: the caller's key, or the request when there is none.
    pub unit: String,
    /// The arm, from 0.
    pub arm: u16,
}
