//! Why tests cannot be looked at, for as long as that is so.

use crate::AutomationError;
use mainspring_domain::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why the newest look at a test failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookFailure {
    /// What went wrong, for people.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// When.
    pub time: Timestamp,
    /// The phase that was looked at.
    pub phase: u32,
}

/// The failures of tests whose newest look failed, by id. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct LookFailures(Arc<Mutex<HashMap<String, LookFailure>>>);

impl LookFailures {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, LookFailure>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps why a look failed.
    pub(super) fn put(&self, test: &str, phase: u32, error: &AutomationError, time: Timestamp) {
        let (message, hint) = (error.message(), error.hint().map(str::to_owned));
        self.with(|all| all.insert(test.to_owned(), LookFailure { message, hint, time, phase }));
    }

    /// A look succeeded.
    pub(super) fn clear(&self, test: &str) {
        self.with(|all| all.remove(test));
    }

    /// Forgets tests that do not run any more.
    pub(super) fn keep(&self, mut runs: impl FnMut(&str) -> bool) {
        self.with(|all| all.retain(|test, _| runs(test)));
    }

    pub(super) fn get(&self, test: &str) -> Option<LookFailure> {
        self.with(|all| all.get(test).cloned())
    }
}
