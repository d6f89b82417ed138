//! Where a rollout stands.

use crate::analysis::AnalysisRun;
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::Routing;
use serde::{Deserialize, Serialize};

/// Lines of a rollout's story that are kept: the newest.
const MAX_HISTORY: usize = 1000;

/// How a rollout shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// On its way.
    Progressing,
    /// Waiting for time or for a person.
    Paused,
    /// Given up, or stuck; stable answers everything once it is given up.
    Degraded,
    /// Done; the new version is stable, or the old one stayed.
    Healthy,
}

/// Why a rollout waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseReason {
    /// A pause step.
    CanaryPauseStep,
    /// Blue-green waits before its switch.
    BlueGreenPause,
    /// An analysis could not decide.
    InconclusiveAnalysisRun,
    /// An experiment could not decide.
    InconclusiveExperiment,
}

impl PauseReason {
    /// The name that Argo Rollouts gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CanaryPauseStep => "CanaryPauseStep",
            Self::BlueGreenPause => "BlueGreenPause",
            Self::InconclusiveAnalysisRun => "InconclusiveAnalysisRun",
            Self::InconclusiveExperiment => "InconclusiveExperiment",
        }
    }
}

/// Why and since when a rollout waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub reason: PauseReason,
    /// Since when.
    pub since: Timestamp,
}

/// One line of a rollout's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub time: Timestamp,
    /// The step it belongs to.
    pub step: usize,
    /// What happened.
    pub what: String,
}

/// How a rollout ended, in the words of Argo Rollouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Completion {
    /// Every step was done.
    Promoted,
    /// The rest was skipped by a person.
    FastPromoted,
    /// An older version was put back, by all steps.
    RolledBack,
    /// An older version was put back at once, or the version in charge was asked for again.
    FastRolledBack,
    /// Given up.
    Aborted,
    /// Another version took its place.
    Superseded,
}

/// How a rollout begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// By its steps.
    #[default]
    Steps,
    /// At once: there is no version in charge that it could be compared with.
    Initial,
    /// An older version, by its steps.
    RollBack,
    /// An older version, at once: it is within the rollback window or still loaded.
    FastRollBack,
}

/// The time of what was stored without one.
const LONG_AGO: Timestamp = Timestamp::from_millis(0);

const fn long_ago() -> Timestamp {
    LONG_AGO
}

/// Where a rollout stands. Serialised as it is between events, so that a restart goes on here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutState {
    /// How it shows itself.
    pub phase: Phase,
    /// Why, for people.
    pub message: String,
    /// How it began.
    #[serde(default)]
    pub entry: Entry,
    /// Whether the new version's workers answer.
    pub ready: bool,
    /// The step at work; the number of steps when all are done, 0 after an abort.
    pub step: usize,
    /// When that step began.
    pub step_started: Option<Timestamp>,
    /// The canary's share of the traffic in percent.
    pub weight: u8,
    /// The pause conditions.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// Set while the controller itself pauses: set without a pause condition means that somebody
    /// resumed it.
    pub controller_pause: bool,
    /// Paused by a person.
    #[serde(default)]
    pub paused: bool,
    /// A person asked to skip the rest.
    #[serde(default)]
    pub promote_full: bool,
    /// The step's analysis at work or last done.
    pub analysis: Option<AnalysisRun>,
    /// The analysis beside the steps.
    pub background: Option<AnalysisRun>,
    /// When it was given up.
    pub aborted: Option<Timestamp>,
    /// Whether nothing has moved for longer than the deadline.
    #[serde(default)]
    pub timed_out: bool,
    /// When something last moved.
    #[serde(default = "long_ago")]
    pub progressed: Timestamp,
    /// When this try began.
    #[serde(default = "long_ago")]
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub completion: Option<Completion>,
    /// Since when a person is waited for.
    pub manual_pause_since: Option<Timestamp>,
    /// Milliseconds that a person was waited for before.
    #[serde(default)]
    pub manual_pause_millis: i64,
    /// What happened, oldest first: the newest thousand lines.
    pub history: Vec<HistoryEntry>,
    /// How many lines were written in all.
    #[serde(default)]
    pub noted: u64,
}

impl RolloutState {
    /// The beginning: waiting for the new version's workers.
    #[must_use]
    pub fn new(now: Timestamp, entry: Entry, paused: bool) -> Self {
        Self {
            phase: if paused { Phase::Paused } else { Phase::Progressing },
            message: if paused { "manually paused" } else { "waiting for the new version to be ready" }
                .to_owned(),
            entry,
            ready: false,
            step: 0,
            step_started: None,
            weight: 0,
            pauses: Vec::new(),
            controller_pause: false,
            paused,
            promote_full: false,
            analysis: None,
            background: None,
            aborted: None,
            timed_out: false,
            progressed: now,
            started: now,
            finished: None,
            completion: None,
            manual_pause_since: paused.then_some(now),
            manual_pause_millis: 0,
            history: vec![HistoryEntry { time: now, step: 0, what: "rollout created".to_owned() }],
            noted: 1,
        }
    }

    /// A stored state. One of a version that knew less is filled in: how it ended, and the pause that it
    /// waited in begins anew.
    ///
    /// # Errors
    /// When it is none.
    pub fn stored(value: serde_json::Value) -> Result<Self, serde_json::Error> {
        let single_pause = value.get("pause").is_some_and(|pause| !pause.is_null());
        let mut state: Self = serde_json::from_value(value)?;
        if single_pause {
            state.controller_pause = false;
        }
        let time = |entry: Option<&HistoryEntry>| entry.map_or(LONG_AGO, |entry| entry.time);
        if state.progressed == LONG_AGO {
            state.progressed = time(state.history.last());
        }
        if state.started == LONG_AGO {
            state.started = time(state.history.first());
        }
        state.completion = state.completion.or(match (state.aborted, state.phase) {
            (Some(_), _) => Some(Completion::Aborted),
            (None, Phase::Healthy) => Some(Completion::Promoted),
            _ => None,
        });
        Ok(state)
    }

    /// The end of a rollout whose own state is not known.
    #[must_use]
    pub fn given_up(began: Timestamp, now: Timestamp, completion: Completion, reason: &str) -> Self {
        let mut state = Self::new(began, Entry::Steps, false);
        state.note(now, format!("ended: {reason}"));
        state.phase = Phase::Degraded;
        reason.clone_into(&mut state.message);
        state.aborted = Some(now);
        state.finished = Some(now);
        state.completion = Some(completion);
        state
    }

    /// The lines that were written since an earlier state of the same rollout, as far as they are kept.
    #[must_use]
    pub fn noted_since(&self, before: &Self) -> &[HistoryEntry] {
        let new = usize::try_from(self.noted.saturating_sub(before.noted)).unwrap_or(usize::MAX);
        &self.history[self.history.len().saturating_sub(new)..]
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        self.completion.is_some()
    }

    /// Whether it ended with its version in charge.
    #[must_use]
    pub fn was_put_in_charge(&self) -> bool {
        match self.completion {
            Some(Completion::Promoted | Completion::FastPromoted | Completion::RolledBack) => true,
            // The other one of that name went back to what was in charge all the time.
            Some(Completion::FastRolledBack) => self.entry == Entry::FastRollBack && self.ready,
            _ => false,
        }
    }

    /// Whether steps, pauses and analyses are skipped.
    #[must_use]
    pub const fn is_fast(&self) -> bool {
        self.promote_full || matches!(self.entry, Entry::Initial | Entry::FastRollBack)
    }

    /// The pause of that reason.
    #[must_use]
    pub fn pause(&self, reason: PauseReason) -> Option<&Pause> {
        self.pauses.iter().find(|pause| pause.reason == reason)
    }

    /// The routes in force: none before the version answers and after the end.
    #[must_use]
    pub fn routing(&self, spec: &crate::RolloutSpec) -> Routing {
        if self.ready && !self.is_final() { spec.routing_at(self.step) } else { Routing::default() }
    }

    pub(crate) fn note(&mut self, now: Timestamp, what: impl Into<String>) {
        if self.history.len() >= MAX_HISTORY {
            self.history.remove(0);
        }
        self.history.push(HistoryEntry { time: now, step: self.step, what: what.into() });
        self.noted += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Completion, Entry, MAX_HISTORY, Phase, RolloutState};
    use mainspring_domain::Timestamp;
    use serde_json::json;

    #[test]
    fn a_state_of_a_version_that_knew_less_is_read() {
        let old = |phase: &str, pause: serde_json::Value, aborted: serde_json::Value| {
            RolloutState::stored(json!({
                "phase": phase, "message": "", "ready": true, "step": 1, "weight": 20, "pause": pause,
                "controller_pause": !pause.is_null(), "analysis": null, "aborted": aborted,
                "history": [{ "time": 5, "step": 0, "what": "rollout created" }],
            }))
            .unwrap()
        };
        let healthy = old("Healthy", json!(null), json!(null));
        assert!(healthy.is_final() && healthy.was_put_in_charge());
        assert_eq!(old("Degraded", json!(null), json!(7)).completion, Some(Completion::Aborted));
        let waiting = old("Paused", json!({ "reason": "CanaryPauseStep", "since": 5 }), json!(null));
        assert!(!waiting.is_final() && !waiting.controller_pause, "nobody resumed it");
        assert_eq!(
            (waiting.started, waiting.progressed),
            (Timestamp::from_millis(5), Timestamp::from_millis(5))
        );
        assert!(RolloutState::stored(json!({})).is_err());
    }

    #[test]
    fn the_newest_lines_are_kept_and_none_is_missed() {
        let now = Timestamp::from_millis(1);
        let mut state = RolloutState::new(now, Entry::Steps, false);
        for number in 0..MAX_HISTORY + 5 {
            let before = state.clone();
            state.note(now, number.to_string());
            let new: Vec<&str> = state.noted_since(&before).iter().map(|entry| entry.what.as_str()).collect();
            assert_eq!(new, [number.to_string()]);
        }
        assert_eq!((state.history.len(), state.phase), (MAX_HISTORY, Phase::Progressing));
    }
}
