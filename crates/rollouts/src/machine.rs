//! The rollout's state machine. The table it follows is Argo Rollouts' canary controller with an
//! in-process traffic router.

use crate::analysis::{AnalysisRun, Assessment};
use crate::spec::{AnalysisMetric, RolloutSpec, Step};
use mainspring_domain::Timestamp;
use serde::{Deserialize, Serialize};

/// How a rollout shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// On its way.
    Progressing,
    /// Waiting for time or for a person.
    Paused,
    /// Given up; stable answers everything.
    Degraded,
    /// Done; the new version is stable.
    Healthy,
}

/// Why and since when a rollout waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `CanaryPauseStep` or `InconclusiveAnalysisRun`.
    pub reason: String,
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

/// Where a rollout stands. Serialised as it is between events, so that a restart goes on here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutState {
    /// How it shows itself.
    pub phase: Phase,
    /// Why, for people.
    pub message: String,
    /// Whether the new version's workers answer.
    pub ready: bool,
    /// The step at work; the number of steps when all are done.
    pub step: usize,
    /// The canary's share of the traffic in percent.
    pub weight: u8,
    /// The pause condition.
    pub pause: Option<Pause>,
    /// Set while the controller itself pauses: set without a pause condition means that somebody
    /// resumed it.
    pub controller_pause: bool,
    /// The analysis at work or last done.
    pub analysis: Option<AnalysisRun>,
    /// When it was given up.
    pub aborted: Option<Timestamp>,
    /// What happened so far, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// What can happen to a rollout.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The new version's workers answer.
    Ready,
    /// They could not be started, or died for good.
    Unavailable(String),
    /// Time has passed.
    Tick,
    /// A measurement of the present analysis, or why there is none.
    Measured {
        /// The metric's position in the step.
        metric: usize,
        /// The value, or why there is none.
        value: Result<f64, String>,
    },
    /// Somebody resumes: ends a pause, or steps over an analysis.
    Promote,
    /// Somebody skips all that is left.
    PromoteFull,
    /// Somebody gives it up.
    Abort(String),
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give the canary this share of the traffic.
    SetWeight(u8),
    /// Take a measurement and report it as [`Event::Measured`].
    Measure {
        /// The metric's position in the step.
        metric: usize,
    },
    /// Make the new version the stable one.
    Complete,
    /// Let stable answer everything and stop the new version.
    RollBack {
        /// Why.
        reason: String,
    },
}

impl RolloutState {
    /// The beginning: waiting for the new version's workers.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Progressing,
            message: "waiting for the new version to be ready".to_owned(),
            ready: false,
            step: 0,
            weight: 0,
            pause: None,
            controller_pause: false,
            analysis: None,
            aborted: None,
            history: vec![HistoryEntry { time: now, step: 0, what: "rollout created".to_owned() }],
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self.phase, Phase::Degraded | Phase::Healthy)
    }

    fn note(&mut self, now: Timestamp, what: impl Into<String>) {
        self.history.push(HistoryEntry { time: now, step: self.step, what: what.into() });
    }
}

/// Moves a rollout by one event. A final state stays as it is.
#[must_use]
pub fn advance(
    spec: &RolloutSpec,
    state: &RolloutState,
    event: Event,
    now: Timestamp,
) -> (RolloutState, Vec<Command>) {
    let mut machine = Machine { spec, state: state.clone(), commands: Vec::new(), now };
    if !state.is_final() {
        machine.handle(event);
    }
    (machine.state, machine.commands)
}

struct Machine<'a> {
    spec: &'a RolloutSpec,
    state: RolloutState,
    commands: Vec<Command>,
    now: Timestamp,
}

impl Machine<'_> {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Ready => {
                if !self.state.ready {
                    self.state.ready = true;
                    self.state.note(self.now, "new version is ready");
                    self.catch_up_weight();
                }
                self.progress();
            }
            Event::Unavailable(reason) => self.abort(format!("the new version is not available: {reason}")),
            Event::Tick => self.progress(),
            Event::Measured { metric, value } => {
                self.measured(metric, value);
                self.progress();
                // The answer to one measurement asks for no other: those that are due were asked
                // for together, and what comes next is asked for by time.
                self.commands.retain(|command| !matches!(command, Command::Measure { .. }));
            }
            Event::Promote => self.promote(),
            Event::PromoteFull => {
                self.state.note(self.now, "promoted in full");
                self.state.step = self.spec.steps.len();
                self.clear_pause();
                self.progress();
            }
            Event::Abort(reason) => self.abort(reason),
        }
    }

    /// Works through steps until one has to wait.
    fn progress(&mut self) {
        while self.state.ready && !self.state.is_final() {
            let Some(step) = self.spec.steps.get(self.state.step) else {
                self.complete();
                return;
            };
            let done = match step {
                Step::SetWeight(weight) => {
                    self.set_weight(*weight);
                    true
                }
                Step::Pause(duration) => self.pause_is_over(*duration),
                Step::Analysis { metrics, .. } => self.analysis_is_over(metrics),
            };
            if !done {
                return;
            }
            self.next_step();
        }
    }

    fn next_step(&mut self) {
        self.state.step += 1;
        self.clear_pause();
        self.state.phase = Phase::Progressing;
        "waiting for all steps to complete".clone_into(&mut self.state.message);
    }

    fn clear_pause(&mut self) {
        self.state.pause = None;
        self.state.controller_pause = false;
    }

    /// Gives the weight of steps that a person stepped over before anything could answer.
    fn catch_up_weight(&mut self) {
        let weight = self.spec.weight_at(self.state.step.saturating_sub(1));
        if (1..self.spec.steps.len()).contains(&self.state.step) && weight != self.state.weight {
            self.set_weight(weight);
        }
    }

    fn set_weight(&mut self, weight: u8) {
        self.state.weight = weight;
        self.state.note(self.now, format!("canary gets {weight} % of the traffic"));
        self.commands.push(Command::SetWeight(weight));
    }

    fn pause_is_over(&mut self, duration: Option<std::time::Duration>) -> bool {
        match (&self.state.pause, self.state.controller_pause) {
            // Somebody took the condition away: resumed.
            (None, true) => true,
            (None, false) => {
                self.wait("CanaryPauseStep");
                false
            }
            // Strictly later, as the controller this follows has it.
            (Some(pause), _) => duration.is_some_and(|duration| self.now > pause.since + duration),
        }
    }

    fn wait(&mut self, reason: &str) {
        self.state.pause = Some(Pause { reason: reason.to_owned(), since: self.now });
        self.state.controller_pause = true;
        self.state.phase = Phase::Paused;
        reason.clone_into(&mut self.state.message);
        self.state.note(self.now, format!("paused: {reason}"));
    }

    fn analysis_is_over(&mut self, metrics: &[AnalysisMetric]) -> bool {
        if self.state.pause.is_some() {
            return false;
        }
        if self.state.analysis.is_none() {
            self.state.analysis = Some(AnalysisRun::start(metrics, self.now));
            "waiting for analysis to complete".clone_into(&mut self.state.message);
            self.state.note(self.now, "analysis started");
        }
        let Some(run) = &self.state.analysis else { return false };
        match run.decision() {
            None => {
                self.commands.extend(run.due(self.now).map(|metric| Command::Measure { metric }));
                false
            }
            Some((Assessment::Successful, _)) => {
                self.state.note(self.now, "analysis successful");
                self.state.analysis = None;
                true
            }
            Some((Assessment::Inconclusive, _)) => {
                self.wait("InconclusiveAnalysisRun");
                false
            }
            Some((Assessment::Failed | Assessment::Error, reason)) => {
                self.abort(format!("analysis failed: {reason}"));
                false
            }
        }
    }

    fn measured(&mut self, index: usize, value: Result<f64, String>) {
        let Some(Step::Analysis { metrics, .. }) = self.spec.steps.get(self.state.step) else { return };
        let (Some(spec), Some(run)) = (metrics.get(index), &mut self.state.analysis) else { return };
        let Some(metric) = run.metrics.get_mut(index) else { return };
        // An answer that comes twice, or before its time, must not use up the count.
        if metric.is_due(self.now) {
            metric.measured(spec, value, self.now);
        }
    }

    fn promote(&mut self) {
        self.state.note(self.now, "promoted by hand");
        let in_analysis = matches!(self.spec.steps.get(self.state.step), Some(Step::Analysis { .. }));
        if in_analysis || self.state.pause.is_none() {
            self.state.analysis = None;
            if self.state.step < self.spec.steps.len() {
                self.next_step();
            }
        } else {
            self.state.pause = None;
        }
        self.progress();
    }

    fn abort(&mut self, reason: String) {
        self.state.note(self.now, format!("aborted: {reason}"));
        self.clear_pause();
        self.state.phase = Phase::Degraded;
        self.state.aborted = Some(self.now);
        self.state.weight = 0;
        self.state.message.clone_from(&reason);
        self.commands.push(Command::RollBack { reason });
    }

    fn complete(&mut self) {
        self.state.note(self.now, "completed: the new version is stable");
        self.state.phase = Phase::Healthy;
        self.state.weight = 0;
        "the new version is stable".clone_into(&mut self.state.message);
        self.commands.push(Command::Complete);
    }
}
