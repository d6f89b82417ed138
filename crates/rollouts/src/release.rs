//! How a release begins, by what was released before.

use crate::spec::{RolloutSpec, Strategy};
use crate::state::Entry;

/// How a version begins its rollout. `tried` has the versions in the order of their first rollouts,
/// `stable` is the one in charge, `loaded` says that the version's workers still answer since it was
/// replaced.
///
/// A version that was tried before the one in charge is put *back*. That is done at once when fewer
/// versions than the manifest's `rollbackWindow` lie between the two, and in blue-green while the
/// version is still loaded.
#[must_use]
pub fn entry(spec: &RolloutSpec, tried: &[u32], stable: Option<u32>, version: u32, loaded: bool) -> Entry {
    let Some(stable) = stable else { return Entry::Initial };
    let place = |wanted: u32| tried.iter().position(|tried| *tried == wanted);
    let (Some(back), Some(current)) = (place(version), place(stable)) else { return Entry::Steps };
    if back >= current {
        return Entry::Steps;
    }
    let between = u32::try_from(current - back - 1).unwrap_or(u32::MAX);
    let within = spec.rollback_window.is_some_and(|window| between < window);
    if within || (loaded && spec.strategy == Strategy::BlueGreen) {
        Entry::FastRollBack
    } else {
        Entry::RollBack
    }
}
