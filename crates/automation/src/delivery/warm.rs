//! Versions that were replaced or given up and stay loaded for a while, so that going back is instant.

use mainspring_domain::Timestamp;
use mainspring_serving::ModelServer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Loaded versions without traffic, by route and version.
#[derive(Default)]
pub(crate) struct Warm(Mutex<HashMap<(String, u32), Held>>);

struct Held {
    server: Arc<ModelServer>,
    /// Until when; `None` until another version comes.
    until: Option<Timestamp>,
}

impl Warm {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<(String, u32), Held>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a version for a time.
    pub(crate) fn keep(
        &self,
        route: &str,
        version: u32,
        server: Arc<ModelServer>,
        time: Option<Duration>,
        now: Timestamp,
    ) {
        let until = time.map(|time| now + time);
        self.with(|held| held.insert((route.to_owned(), version), Held { server, until }));
    }

    /// Whether a version is loaded and answers.
    pub(crate) fn holds(&self, route: &str, version: u32) -> bool {
        self.with(|held| held.get(&(route.to_owned(), version)).is_some_and(|held| held.server.is_ready()))
    }

    /// Takes a version out that answers.
    pub(crate) fn take(&self, route: &str, version: u32) -> Option<Arc<ModelServer>> {
        let held = self.with(|held| held.remove(&(route.to_owned(), version)))?;
        held.server.is_ready().then_some(held.server)
    }

    /// Lets those go whose time is over, and those without one whose route has another version on trial.
    /// What is on trial, by route and version, is about to be taken.
    pub(crate) fn release(&self, now: Timestamp, on_trial: &[(&str, u32)]) {
        let over = |route: &str, version: u32, until: Option<Timestamp>| {
            let has_other = || on_trial.iter().any(|(other, _)| *other == route);
            !on_trial.contains(&(route, version)) && until.map_or_else(has_other, |until| now >= until)
        };
        // Ended outside the lock: the last reference ends processes.
        let gone: Vec<Held> = self.with(|held| {
            let keys: Vec<(String, u32)> = held
                .iter()
                .filter(|((route, version), held)| over(route, *version, held.until))
                .map(|(key, _)| key.clone())
                .collect();
            keys.iter().filter_map(|key| held.remove(key)).collect()
        });
        drop(gone);
    }

    /// Lets everything go.
    pub(crate) fn clear(&self) {
        let gone = self.with(std::mem::take);
        drop(gone);
    }
}
