//! One look at a test: what is known, what the rule says, and what follows.

use super::{AbTests, current, end, find, subject};
use crate::AutomationError;
use mainspring_domain::ab::{AbDecision, AbPhase, AbStatus, AbTest};
use mainspring_domain::events::Record;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{ReadTx, StoreError, WriteTx};
use mainspring_rollouts::ab::{AbSpec, Collected, Mode, Winner, snapshot};
use mainspring_stats::decide::{Because, Decision, Method, Outcome, Snapshot, decide};
use serde_json::json;

/// A look and what it is of.
struct Look {
    test: AbTest,
    spec: AbSpec,
    phase: AbPhase,
    snapshot: Snapshot,
    /// The newest decision, when it is of the same phase.
    before: Option<Decision>,
    /// The number of the newest decision, of whatever phase.
    newest: u32,
}

impl AbTests {
    /// Looks at a running test now. Gives the decision, or the one before it when nothing has changed
    /// since, or it is not yet time for a look that the plan counts.
    ///
    /// # Errors
    /// When there is no such test, it does not run, or its plan cannot be followed.
    pub async fn look(&self, name: &str) -> Result<Option<AbDecision>, AutomationError> {
        let (wanted, now) = (name.to_owned(), self.clock.now());
        let look = self.store.read(move |tx| gather(tx, &wanted, now)).await?;
        let Some(look) = look else { return Ok(None) };
        let decided = decide(&look.spec.plan, &look.snapshot);
        let decision = decided.map_err(|error| AutomationError::AbState {
            test: look.test.name.clone(),
            message: format!("cannot be decided: {error}"),
            hint: "revise the test".to_owned(),
        })?;
        if look.before.as_ref().is_some_and(|before| same(before, &decision)) {
            let id = look.test.id.clone();
            return Ok(self.store.read(move |tx| tx.ab_decisions(&id, 1)).await?.pop());
        }
        let releases = self.releases.clone();
        let written = self.store.write(Actor::system("ab"), move |tx| {
            let test = find(tx, &look.test.id)?;
            // Somebody else may have looked meanwhile, and knows more.
            let newest = tx.ab_decisions(&test.id, 1)?.pop();
            let overtaken = newest.as_ref().map_or(0, |newest| newest.number) != look.newest;
            if overtaken || test.status != AbStatus::Running || test.phase != look.phase.number {
                tx.bookkeeping();
                return Ok(newest);
            }
            let mut stored = AbDecision {
                test: test.id.clone(),
                phase: test.phase,
                number: 0,
                time: now,
                decision: serde_json::to_value(&decision).map_err(StoreError::from)?,
            };
            stored.number = tx.add_ab_decision(&stored)?;
            tx.bookkeeping();
            let ends = |tx: &mut dyn WriteTx, outcome: &str, rollout| -> Result<(), AutomationError> {
                let details = json!({ "number": stored.number, "outcome": outcome });
                tx.record(Record::new("ab_test.decided", subject(&test)).with(details))?;
                end(tx, test.clone(), outcome, rollout).map(|_| ())
            };
            match decision.outcome {
                Outcome::Continue { .. } => {}
                Outcome::KeepChampion { because } => {
                    ends(tx, &format!("the control stays: {}", why(because)), None)?;
                }
                Outcome::Stop { because } => {
                    ends(tx, &format!("stopped without a result: {}", why(because)), None)?;
                }
                Outcome::Winner { arm } => {
                    let won = look.spec.arms.get(arm);
                    let name = won.map_or("?", |arm| arm.name.as_str()).to_owned();
                    let target = test.model.clone().zip(won.and_then(|arm| arm.version));
                    let (mut outcome, mut rollout) = (format!("`{name}` wins"), None);
                    if let (Winner::RollOut, Some((model, version))) = (look.spec.winner, target) {
                        let by = format!("ab_test:{}", test.name);
                        let reason = format!("won the A/B test `{}`", test.name);
                        match releases.request(tx, (&model, version), (&by, &reason)) {
                            Ok(asked) => rollout = asked,
                            Err(AutomationError::Store(error)) => return Err(error.into()),
                            // A policy that refuses, or a manifest that is not there, does not undo the
                            // result; looking again would not help.
                            Err(error) => outcome = format!("{outcome}, and is not rolled out: {error}"),
                        }
                    }
                    ends(tx, &outcome, rollout)?;
                }
            }
            Ok::<_, AutomationError>(Some(stored))
        });
        written.await
    }
}

/// Whether nothing but time has passed between two decisions.
fn same(before: &Decision, now: &Decision) -> bool {
    let without_time = Snapshot { seconds: before.snapshot.seconds, ..now.snapshot.clone() };
    before.outcome == now.outcome && before.plan == now.plan && before.snapshot == without_time
}

const fn why(because: Because) -> &'static str {
    match because {
        Because::SampleRatioMismatch => "units are not split as planned (sample ratio mismatch)",
        Because::OutcomeRatioMismatch => "known outcomes are missing more in one arm",
        Because::Harm => "every candidate violates a guardrail or is worse in a goal",
        Because::MaximumReached => "the maximum of units was reached without a winner",
    }
}

fn gather(tx: &dyn ReadTx, name: &str, now: Timestamp) -> Result<Option<Look>, AutomationError> {
    let test = find(tx, name)?;
    if test.status != AbStatus::Running {
        return Err(super::state(&test, "does not run", "`mainspring ab status` shows how it ended"));
    }
    let (phase, spec) = current(tx, &test)?;
    let before = tx.ab_decisions(&test.id, 1)?.pop();
    let newest = before.as_ref().map_or(0, |before| before.number);
    let before = before.filter(|before| before.phase == phase.number).as_ref().and_then(super::decided);
    let mut collected =
        Collected { exposures: tx.ab_exposures(&test.id, phase.number)?, ..Collected::default() };
    let Some(looks) = counted_looks(&spec, &collected, before.as_ref()) else { return Ok(None) };
    collected.served = tx.ab_served(&test.id, phase.number)?;
    if spec.mode == Mode::Shadow {
        collected.mirrored = tx.ab_mirrored(&test.id, phase.number)?;
    }
    let from = phase.started.as_millis().saturating_sub(millis(Collected::lookback(&spec)));
    for name in Collected::wanted_events(&spec) {
        let events = tx.metric_events(name, Timestamp::from_millis(from), now)?;
        collected.events.insert(name.to_owned(), events);
    }
    let snapshot = snapshot(&spec, &collected, phase.started, now, looks);
    Ok(Some(Look { test, spec, phase, snapshot, before, newest }))
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The units at each look, this one included, for a plan that counts looks; none when it is not time
/// for the next. Other plans are looked at whenever somebody wants to.
fn counted_looks(spec: &AbSpec, collected: &Collected, before: Option<&Decision>) -> Option<Vec<u64>> {
    if !matches!(spec.plan.method, Method::Looks(_)) {
        return Some(Vec::new());
    }
    let units = collected.exposures.iter().filter(|one| !one.crossed).count() as u64;
    let mut looks = before.map(|before| before.snapshot.looks.clone()).unwrap_or_default();
    let next = spec.plan.planned_units * (looks.len() as u64 + 1) / u64::from(spec.looks);
    // A look at nothing new would spend error for nothing.
    if units < next.max(1) || looks.last().is_some_and(|last| units <= *last) {
        return None;
    }
    looks.push(units);
    Some(looks)
}
