//! The rollout's state machine. The table it follows is Argo Rollouts' controller with an in-process
//! traffic router; blue-green is a list of steps like any other.

use crate::analysis::{AnalysisRun, Assessment};
use crate::spec::{Analysis, Experiment, RolloutSpec, Step, Strategy};
use crate::state::{Completion, Entry, Pause, PauseReason, Phase, RolloutState};
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::Routing;
use mainspring_expressions::condition::Value;
use std::time::Duration;

/// Which analysis a measurement belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Run {
    /// That of the step.
    Step,
    /// The one beside the steps.
    Background,
}

/// What can happen to a rollout.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The new version's workers answer.
    Ready,
    /// They do not for the moment.
    Unready,
    /// They could not be started, or died for good.
    Unavailable(String),
    /// Time has passed.
    Tick,
    /// A measurement, or why there is none.
    Measured {
        /// Of which analysis.
        run: Run,
        /// The metric's position in it.
        metric: usize,
        /// The value, or why there is none.
        value: Result<Value, String>,
    },
    /// Somebody resumes: ends a pause, or steps over an analysis.
    Promote,
    /// Somebody skips all that is left.
    PromoteFull,
    /// Somebody stops it where it is.
    Pause,
    /// Somebody gives it up.
    Abort(String),
    /// Somebody begins anew what was given up.
    Retry,
    /// Another version takes its place.
    Supersede(String),
    /// The version in charge was asked for again.
    GoBack,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give the canary this share of the traffic.
    SetWeight(u8),
    /// Direct and mirror requests like this from now on.
    SetRouting(Routing),
    /// Take a measurement and report it as [`Event::Measured`].
    Measure {
        /// Of which analysis.
        run: Run,
        /// The metric's position in it.
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

/// Moves a rollout by one event. What has ended stays as it is, except that a person may try again
/// what was given up.
#[must_use]
pub fn advance(
    spec: &RolloutSpec,
    state: &RolloutState,
    event: Event,
    now: Timestamp,
) -> (RolloutState, Vec<Command>) {
    let mut machine = Machine { spec, state: state.clone(), commands: Vec::new(), now };
    let again = state.completion == Some(Completion::Aborted);
    match event {
        Event::Retry if again => machine.begin_again("tried again by hand"),
        Event::PromoteFull if again => {
            machine.begin_again("promoted in full after it was given up");
            machine.state.promote_full = true;
        }
        event if !state.is_final() => machine.handle(event),
        _ => return (machine.state, machine.commands),
    }
    machine.settle();
    let routing = machine.state.routing(spec);
    if !machine.state.is_final() && routing != state.routing(spec) {
        machine.commands.insert(0, Command::SetRouting(routing));
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
                    self.moved();
                    self.catch_up_weight();
                }
                self.progress();
            }
            Event::Unready => self.unready(),
            Event::Unavailable(reason) => {
                self.give_up(Completion::Aborted, format!("the new version is not available: {reason}"));
            }
            Event::Tick => {
                self.progress();
                self.look_at_deadline();
            }
            Event::Measured { run, metric, value } => {
                self.measured(run, metric, value);
                self.progress();
                // The answer to one measurement asks for no other: those that are due were asked
                // for together, and what comes next is asked for by time.
                self.commands.retain(|command| !matches!(command, Command::Measure { .. }));
            }
            Event::Promote => self.promote(),
            Event::PromoteFull => {
                self.state.note(self.now, "promoted in full");
                self.state.promote_full = true;
                self.state.paused = false;
                self.clear_pauses();
                self.moved();
                self.progress();
            }
            Event::Pause => {
                if !self.state.paused {
                    self.state.paused = true;
                    self.state.note(self.now, "paused by hand");
                }
            }
            Event::Abort(reason) => self.give_up(Completion::Aborted, reason),
            Event::Supersede(reason) => self.give_up(Completion::Superseded, reason),
            Event::GoBack => {
                let reason = "the version in charge was asked for again".to_owned();
                self.give_up(Completion::FastRolledBack, reason);
            }
            Event::Retry => {}
        }
    }

    /// Works through steps until one has to wait.
    fn progress(&mut self) {
        loop {
            self.look_at_background();
            let held = self.state.paused || self.is_inconclusive();
            if self.state.is_final() || !self.state.ready || held {
                return;
            }
            if self.state.is_fast() {
                self.state.step = self.spec.steps.len();
            }
            let Some(step) = self.spec.steps.get(self.state.step) else {
                self.complete();
                return;
            };
            if self.state.step_started.is_none() {
                self.state.step_started = Some(self.now);
            }
            let done = match step {
                Step::SetWeight(weight) => {
                    self.set_weight(*weight);
                    true
                }
                Step::Switch => {
                    self.set_weight(100);
                    true
                }
                Step::Pause(duration) => self.pause_is_over(*duration),
                Step::Analysis(analysis) => self.analysis_is_over(analysis),
                Step::Experiment(experiment) => self.experiment_is_over(experiment),
                Step::SetCanaryScale(_) | Step::SetHeaderRoute(_) | Step::SetMirrorRoute(..) => {
                    self.state.note(self.now, step.label());
                    true
                }
            };
            if !done {
                return;
            }
            self.next_step();
        }
    }

    fn next_step(&mut self) {
        self.state.step += 1;
        self.state.step_started = self.state.ready.then_some(self.now);
        self.state.analysis = None;
        self.clear_pauses();
        self.moved();
        if self.state.ready {
            self.catch_up_weight();
        }
    }

    fn moved(&mut self) {
        self.state.progressed = self.now;
        self.state.timed_out = false;
    }

    fn clear_pauses(&mut self) {
        self.state.pauses.clear();
        self.state.controller_pause = false;
    }

    /// Whether something could not decide and a person has to.
    fn is_inconclusive(&self) -> bool {
        self.state.pause(PauseReason::InconclusiveAnalysisRun).is_some()
            || self.state.pause(PauseReason::InconclusiveExperiment).is_some()
    }

    /// Sets the weight that holds at this step where no step sets it: after an experiment, and
    /// for steps that a person stepped over before anything could answer.
    fn catch_up_weight(&mut self) {
        let weight = match self.spec.steps.get(self.state.step) {
            None | Some(Step::SetWeight(_) | Step::Switch) => self.spec.weight_before(self.state.step),
            Some(_) => self.spec.weight_at(self.state.step),
        };
        if weight != self.state.weight && !self.state.is_fast() {
            self.set_weight(weight);
        }
    }

    fn set_weight(&mut self, weight: u8) {
        self.state.weight = weight;
        self.state.note(self.now, format!("canary gets {weight} % of the traffic"));
        self.commands.push(Command::SetWeight(weight));
    }

    fn unready(&mut self) {
        if !self.state.ready {
            return;
        }
        self.state.ready = false;
        self.state.note(self.now, "new version does not answer");
        self.moved();
        if self.state.weight > 0 {
            self.set_weight(0);
        }
    }

    const fn step_pause(&self) -> PauseReason {
        match self.spec.strategy {
            Strategy::Canary => PauseReason::CanaryPauseStep,
            Strategy::BlueGreen => PauseReason::BlueGreenPause,
        }
    }

    fn pause_is_over(&mut self, duration: Option<Duration>) -> bool {
        let reason = self.step_pause();
        match (self.state.pause(reason), self.state.controller_pause) {
            // Somebody took the condition away: resumed.
            (None, true) => true,
            (None, false) => {
                self.wait(reason);
                false
            }
            // Strictly later, as the controller this follows has it.
            (Some(pause), _) => duration.is_some_and(|duration| self.now > pause.since + duration),
        }
    }

    fn wait(&mut self, reason: PauseReason) {
        if self.state.pause(reason).is_none() {
            self.state.pauses.push(Pause { reason, since: self.now });
            self.state.controller_pause = true;
            self.state.note(self.now, format!("paused: {}", reason.as_str()));
        }
    }

    fn analysis_is_over(&mut self, analysis: &Analysis) -> bool {
        let run = self.step_run(analysis, "analysis");
        match run.decision() {
            None => {
                self.ask(Run::Step);
                false
            }
            Some((Assessment::Successful, _)) => {
                self.state.note(self.now, "analysis successful");
                true
            }
            Some((Assessment::Inconclusive, _)) => {
                self.wait(PauseReason::InconclusiveAnalysisRun);
                false
            }
            Some((Assessment::Failed | Assessment::Error, reason)) => {
                self.give_up(Completion::Aborted, format!("analysis failed: {reason}"));
                false
            }
        }
    }

    /// The step's analysis, begun if it was not.
    fn step_run(&mut self, analysis: &Analysis, what: &str) -> &AnalysisRun {
        if self.state.analysis.is_none() {
            self.state.note(self.now, format!("{what} started"));
        }
        let now = self.now;
        self.state.analysis.get_or_insert_with(|| AnalysisRun::start(analysis, now))
    }

    /// Asks for the measurements that are due.
    fn ask(&mut self, which: Run) {
        let run = match which {
            Run::Step => &self.state.analysis,
            Run::Background => &self.state.background,
        };
        let due: Vec<usize> = run.iter().flat_map(|run| run.due(self.now)).collect();
        for metric in due {
            let command = Command::Measure { run: which, metric };
            if !self.commands.contains(&command) {
                self.commands.push(command);
            }
        }
    }

    fn experiment_is_over(&mut self, experiment: &Experiment) -> bool {
        let now = self.now;
        let run = self.step_run(&experiment.analysis, "experiment");
        let over = experiment.duration.is_none_or(|duration| now > run.started + duration);
        let waits = run
            .metrics
            .iter()
            .zip(&experiment.required)
            .any(|(metric, required)| *required && !metric.dry_run && metric.assessment.is_none());
        let knows_nothing = run.knows_nothing();
        match run.bad_end() {
            Some((Assessment::Inconclusive, _)) => {
                self.wait(PauseReason::InconclusiveExperiment);
                false
            }
            Some((_, reason)) => {
                self.give_up(Completion::Aborted, format!("experiment failed: {reason}"));
                false
            }
            None if over && !waits && !knows_nothing => {
                self.state.note(self.now, "experiment successful");
                true
            }
            None => {
                self.ask(Run::Step);
                false
            }
        }
    }

    /// Begins, asks and judges the analysis beside the steps.
    fn look_at_background(&mut self) {
        let Some(background) = &self.spec.background else { return };
        let begun = self.state.step >= background.starting_step && self.state.step < self.spec.steps.len();
        if self.state.is_final() || self.state.is_fast() || !self.state.ready {
            return;
        }
        if self.state.background.is_none() {
            if !begun || self.is_inconclusive() {
                return;
            }
            self.state.note(self.now, "background analysis started");
            self.state.background = Some(AnalysisRun::start(&background.analysis, self.now));
        }
        match self.state.background.as_ref().and_then(AnalysisRun::bad_end) {
            Some((Assessment::Inconclusive, _)) => self.wait(PauseReason::InconclusiveAnalysisRun),
            Some((_, reason)) => {
                self.give_up(Completion::Aborted, format!("background analysis failed: {reason}"));
            }
            None => self.ask(Run::Background),
        }
    }

    fn measured(&mut self, run: Run, metric: usize, value: Result<Value, String>) {
        let spec = match run {
            Run::Step => self.spec.steps.get(self.state.step).and_then(Step::analysis),
            Run::Background => self.spec.background.as_ref().map(|background| &background.analysis),
        };
        let at_work = match run {
            Run::Step => &mut self.state.analysis,
            Run::Background => &mut self.state.background,
        };
        if let (Some(spec), Some(at_work)) = (spec, at_work) {
            at_work.measured(spec, metric, value, self.now);
        }
    }

    fn promote(&mut self) {
        if !self.hears_promotion() {
            return;
        }
        self.state.note(self.now, "promoted by hand");
        self.moved();
        let by_hand = std::mem::replace(&mut self.state.paused, false);
        let undecided = |run: &Option<AnalysisRun>| {
            run.as_ref()
                .and_then(AnalysisRun::bad_end)
                .is_some_and(|(end, _)| end == Assessment::Inconclusive)
        };
        if undecided(&self.state.background) {
            // A new one is begun: who resumes does not say that all is well from now on.
            self.state.background = None;
        }
        if undecided(&self.state.analysis) {
            self.next_step();
        } else if !self.state.pauses.is_empty() {
            // Only the pause step that was really waited for is over by that.
            let waited = self.state.pause(self.step_pause()).is_some();
            if waited && !self.state.ready {
                // Nothing is worked through before the version answers: the step is over now.
                self.next_step();
            } else {
                self.state.pauses.clear();
                self.state.controller_pause = waited;
            }
        } else if !by_hand
            && self.spec.strategy == Strategy::Canary
            && self.state.step < self.spec.steps.len()
        {
            self.next_step();
        }
        self.progress();
    }

    /// Whether there is something that a promotion ends. An analysis of blue-green is not stepped over.
    fn hears_promotion(&self) -> bool {
        self.state.paused
            || !self.state.pauses.is_empty()
            || (self.spec.strategy == Strategy::Canary && self.state.step < self.spec.steps.len())
    }

    fn begin_again(&mut self, what: &str) {
        let fresh = RolloutState::new(self.now, self.state.entry, false);
        let history = std::mem::take(&mut self.state.history);
        self.state = RolloutState { history, noted: self.state.noted, ..fresh };
        self.state.note(self.now, what);
    }

    fn give_up(&mut self, completion: Completion, reason: String) {
        let what = if completion == Completion::Aborted { "aborted" } else { "ended" };
        self.state.note(self.now, format!("{what}: {reason}"));
        // The controller's own pause goes too: a retry whose first step is a pause must pause.
        self.clear_pauses();
        self.state.paused = false;
        self.state.promote_full = false;
        self.state.step = 0;
        self.state.step_started = None;
        self.state.ready = false;
        self.state.weight = 0;
        self.state.completion = Some(completion);
        if completion != Completion::FastRolledBack {
            self.state.aborted = Some(self.now);
        }
        self.state.message.clone_from(&reason);
        self.commands.clear();
        self.commands.push(Command::RollBack { reason });
    }

    fn complete(&mut self) {
        let unknown = self.state.background.as_ref().is_some_and(AnalysisRun::knows_nothing);
        if unknown && !self.state.is_fast() {
            return;
        }
        self.state.note(self.now, "completed: the new version is stable");
        self.state.completion = Some(match self.state.entry {
            Entry::FastRollBack => Completion::FastRolledBack,
            Entry::RollBack => Completion::RolledBack,
            _ if self.state.promote_full => Completion::FastPromoted,
            Entry::Steps | Entry::Initial => Completion::Promoted,
        });
        self.state.weight = 0;
        "the new version is stable".clone_into(&mut self.state.message);
        self.commands.retain(|command| !matches!(command, Command::Measure { .. }));
        self.commands.push(Command::Complete);
    }

    /// A rollout that waits for time or measurements is not stuck.
    fn look_at_deadline(&mut self) {
        let waits = match self.spec.steps.get(self.state.step) {
            Some(Step::Pause(_) | Step::Analysis(_) | Step::Experiment(_)) => self.state.ready,
            _ => false,
        };
        let late = self.now > self.state.progressed + self.spec.progress_deadline;
        if self.state.is_final() || self.state.paused || !self.state.pauses.is_empty() || waits || !late {
            return;
        }
        if self.spec.progress_deadline_abort {
            let reason = "ProgressDeadlineExceeded: the rollout has timed out progressing".to_owned();
            self.give_up(Completion::Aborted, reason);
        } else if !self.state.timed_out {
            self.state.timed_out = true;
            self.state.note(self.now, "timed out progressing");
        }
    }

    /// Brings what is shown in line with what is.
    fn settle(&mut self) {
        if self.state.pauses.is_empty() {
            self.state.controller_pause = false;
        }
        self.count_manual_pauses();
        let (phase, message) = self.shown();
        self.state.phase = phase;
        if let Some(message) = message {
            message.clone_into(&mut self.state.message);
        }
        if self.state.is_final() && self.state.finished.is_none() {
            self.state.finished = Some(self.now);
        }
    }

    /// The phase by precedence; the message of an end was set with it.
    fn shown(&self) -> (Phase, Option<&'static str>) {
        match self.state.completion {
            Some(Completion::Aborted | Completion::Superseded) => return (Phase::Degraded, None),
            Some(_) => return (Phase::Healthy, None),
            None => {}
        }
        if self.state.timed_out {
            let message = "ProgressDeadlineExceeded: the rollout has timed out progressing";
            return (Phase::Degraded, Some(message));
        }
        if self.state.paused {
            return (Phase::Paused, Some("manually paused"));
        }
        if let Some(pause) = self.state.pauses.first() {
            return (Phase::Paused, Some(pause.reason.as_str()));
        }
        let message = if !self.state.ready {
            "waiting for the new version to be ready"
        } else {
            match (self.spec.strategy, self.spec.steps.get(self.state.step)) {
                (_, Some(Step::Analysis(_))) => "waiting for analysis to complete",
                (_, Some(Step::Experiment(_))) => "waiting for experiment to complete",
                (_, None) => "waiting for the background analysis to measure something",
                (Strategy::Canary, Some(_)) => "waiting for all steps to complete",
                (Strategy::BlueGreen, Some(_)) => "active service cutover pending",
            }
        };
        (Phase::Progressing, Some(message))
    }

    fn count_manual_pauses(&mut self) {
        let endless = matches!(self.spec.steps.get(self.state.step), Some(Step::Pause(None)));
        let waits = self.state.paused
            || self.is_inconclusive()
            || (endless && self.state.pause(self.step_pause()).is_some());
        match (waits, self.state.manual_pause_since) {
            (true, None) => self.state.manual_pause_since = Some(self.now),
            (false, Some(since)) => {
                let waited = self.now.as_millis().saturating_sub(since.as_millis());
                self.state.manual_pause_millis = self.state.manual_pause_millis.saturating_add(waited);
                self.state.manual_pause_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}
