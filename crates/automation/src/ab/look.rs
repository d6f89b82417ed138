//! One look at a test: what is known, what the rule says, and what follows.

use super::bandit::{self, Next};
use super::held::Held;
use super::{AbTests, current, end, find, subject};
use crate::AutomationError;
use crate::delivery::Releases;
use mainspring_domain::ab::{AbDecision, AbPhase, AbStatus, AbTest};
use mainspring_domain::events::Record;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{AbUnits, ReadTx, StoreError, WriteTx};
use mainspring_rollouts::ab::{AbSpec, Answers, Collected, Mode, Winner, snapshot};
use mainspring_stats::decide::{Because, Decision, Outcome, Plan, Snapshot, count_look, decide};
use serde_json::{Value, json};
use std::collections::HashMap;

/// How often a look that was overtaken is made anew.
const MAX_TRIES: usize = 5;

/// A look and what it is of.
struct Look {
    test: AbTest,
    phase: AbPhase,
    decision: Decision,
    /// What follows for a bandit.
    next: Next,
    /// The newest decision, when it is of the same phase and says the same.
    same: Option<AbDecision>,
    /// The number of the newest decision, of whatever phase.
    newest: u32,
}

/// What is looked at, as it is before databases are asked for it.
struct Asked {
    phase: AbPhase,
    spec: AbSpec,
    /// The number of the newest decision, of whatever phase.
    newest: u32,
}

impl Asked {
    fn read(tx: &dyn ReadTx, test: &str) -> Result<Self, AutomationError> {
        let test = running(tx, test)?;
        let (phase, spec) = current(tx, &test)?;
        Ok(Self { phase, spec, newest: newest(tx, &test)?.map_or(0, |newest| newest.number) })
    }
}

fn newest(tx: &dyn ReadTx, test: &AbTest) -> Result<Option<AbDecision>, StoreError> {
    Ok(tx.ab_decisions(&test.id, 1)?.pop())
}

impl AbTests {
    /// Looks at a running test now. Gives the decision, or the one before it when nothing has changed
    /// since. Why a look fails is kept until one succeeds.
    ///
    /// # Errors
    /// When there is no such test, it does not run, a database has no answer for a metric, or the plan
    /// cannot be followed.
    pub async fn look(&self, name: &str) -> Result<AbDecision, AutomationError> {
        let name = name.to_owned();
        let test = self.store.read(move |tx| running(tx, &name)).await?;
        let looked = self.look_until_it_counts(&test).await;
        match &looked {
            Ok(_) => self.failures.clear(&test.id),
            Err(error) => self.failures.put(&test.id, test.phase, error, self.clock.now()),
        }
        // Where nobody keeps routes in line, nobody else forgets tests that have ended.
        if let Ok(tests) = self.store.read(|tx| tx.running_ab_tests()).await {
            self.held.keep(|id| tests.iter().any(|test| test.id == id));
        }
        looked
    }

    async fn look_until_it_counts(&self, test: &AbTest) -> Result<AbDecision, AutomationError> {
        // Somebody else may write a decision between the reading and the writing of this one, and may
        // have read less than is there by now.
        for _ in 0..MAX_TRIES {
            let id = test.id.clone();
            let asked = self.store.read(move |tx| Asked::read(tx, &id)).await?;
            // Not before: this is later than the newest decision.
            let now = self.clock.now();
            let answers = self.ask(&test.name, &asked.phase, &asked.spec, now).await?;
            let held = self.held.of(&test.id);
            let look = self.store.read(move |tx| gather(tx, &asked, (answers, &held), now)).await?;
            let Some(look) = look else { continue };
            if let Some(same) = look.same {
                return Ok(same);
            }
            if let Some(decision) = self.decided(look, now).await? {
                return Ok(decision);
            }
        }
        Err(AutomationError::AbState {
            test: test.name.clone(),
            message: "is looked at by others all the time".to_owned(),
            hint: "look again".to_owned(),
        })
    }

    /// Writes down what a look decided and does what follows. `None` when the look was overtaken.
    async fn decided(&self, look: Look, now: Timestamp) -> Result<Option<AbDecision>, AutomationError> {
        let decision = look.decision;
        let releases = self.releases.clone();
        let written = self.store.write(Actor::system("ab"), move |tx| {
            tx.bookkeeping();
            let test = find(tx, &look.test.id)?;
            if test.status != AbStatus::Running || test.phase != look.phase.number {
                let message = "was changed while it was looked at";
                return Err(super::state(&test, message, "`mainspring ab status` shows what holds"));
            }
            if newest(tx, &test)?.map_or(0, |newest| newest.number) != look.newest {
                return Ok(None);
            }
            // What becomes of a winner may have been revised meanwhile; all else begins a new phase.
            let (_, spec) = current(tx, &test)?;
            let mut stored = AbDecision {
                test: test.id.clone(),
                phase: test.phase,
                number: 0,
                time: now,
                decision: serde_json::to_value(&decision).map_err(StoreError::from)?,
            };
            stored.number = tx.add_ab_decision(&stored)?;
            let ends = |tx: &mut dyn WriteTx, outcome: &str, rollout| -> Result<(), AutomationError> {
                let details = json!({ "number": stored.number, "outcome": outcome });
                tx.record(Record::new("ab_test.decided", subject(&test)).with(details))?;
                end(tx, test.clone(), outcome, rollout).map(|_| ())
            };
            match decision.outcome {
                Outcome::Continue { .. } => match &look.next {
                    Next::Stay => {}
                    Next::Weigh(weights) => {
                        weigh(tx, test.clone(), (&look.phase, &spec), (weights, stored.number), now)?;
                    }
                    Next::End(Some(arm)) => {
                        let (outcome, rollout) = win(tx, &releases, &test, &spec, *arm)?;
                        ends(tx, &outcome, rollout)?;
                    }
                    Next::End(None) => {
                        let sure = 100.0 * (1.0 - spec.plan.alpha);
                        let outcome = format!("the control stays: no arm is the best with {sure:.0} %");
                        ends(tx, &outcome, None)?;
                    }
                },
                Outcome::KeepChampion { because } => {
                    ends(tx, &format!("the control stays: {}", why(because, &decision.plan)), None)?;
                }
                Outcome::Stop { because } => {
                    ends(tx, &format!("stopped without a result: {}", why(because, &decision.plan)), None)?;
                }
                Outcome::Winner { arm } => {
                    let (outcome, rollout) = win(tx, &releases, &test, &spec, arm)?;
                    ends(tx, &outcome, rollout)?;
                }
            }
            Ok(Some(stored))
        });
        written.await
    }
}

/// What becomes of a winner: how the test ended, and the rollout.
fn win(
    tx: &mut dyn WriteTx,
    releases: &Releases,
    test: &AbTest,
    spec: &AbSpec,
    arm: usize,
) -> Result<(String, Option<String>), AutomationError> {
    let won = spec.arms.get(arm);
    let outcome = format!("`{}` wins", won.map_or("?", |arm| arm.name.as_str()));
    let target = test.model.clone().zip(won.and_then(|arm| arm.version));
    let (Winner::RollOut, Some((model, version))) = (spec.winner, target) else {
        return Ok((outcome, None));
    };
    let by = format!("ab_test:{}", test.name);
    let reason = format!("won the A/B test `{}`", test.name);
    match releases.request(tx, (&model, version), (&by, &reason)) {
        Ok(rollout) => Ok((outcome, rollout)),
        Err(AutomationError::Store(error)) => Err(error.into()),
        // A policy that refuses, or a manifest that is not there, does not undo the result; looking again
        // would not help.
        Err(error) => Ok((format!("{outcome}, and is not rolled out: {error}"), None)),
    }
}

/// Begins the next phase of a bandit.
fn weigh(
    tx: &mut dyn WriteTx,
    mut test: AbTest,
    (phase, spec): (&AbPhase, &AbSpec),
    (weights, after): (&[f64], u32),
    now: Timestamp,
) -> Result<(), AutomationError> {
    test.phase += 1;
    tx.put_ab_test(&test)?;
    let reason = format!("the weights follow the results: {}", bandit::shown(spec, weights));
    let next = super::phase(&test, phase.spec_text.clone(), now, &reason);
    let details = json!({ "phase": test.phase, "weights": weights, "after_decision": after });
    tx.put_ab_phase(&AbPhase { weights: Some(weights.to_vec()), after: Some(after), ..next })?;
    tx.record(Record::new("ab_test.weighted", subject(&test)).because(&reason).with(details))?;
    Ok(())
}

/// Whether nothing but time has passed between two decisions.
fn same(before: &Decision, now: &Decision) -> bool {
    let without_time = Snapshot { seconds: before.snapshot.seconds, ..now.snapshot.clone() };
    before.outcome == now.outcome && before.plan == now.plan && before.snapshot == without_time
}

fn why(because: Because, plan: &Plan) -> &'static str {
    match because {
        Because::Harm if plan.weights.iter().skip(1).all(|weight| *weight <= 0.0) => {
            "no candidate has weight, so there is nothing to compare"
        }
        Because::SampleRatioMismatch => "units are not split as planned (sample ratio mismatch)",
        Because::OutcomeRatioMismatch => "known outcomes are missing more in one arm",
        Because::Harm => "every candidate violates a guardrail or is worse in a goal",
        Because::MaximumReached => "the maximum of units was reached without a winner",
    }
}

/// A test that runs, by its id or name.
fn running(tx: &dyn ReadTx, name: &str) -> Result<AbTest, AutomationError> {
    let test = find(tx, name)?;
    if test.status == AbStatus::Running {
        return Ok(test);
    }
    Err(super::state(&test, "does not run", "`mainspring ab status` shows how it ended"))
}

/// From when on something may count for a phase.
pub(super) fn collected_from(phase: &AbPhase, spec: &AbSpec) -> Timestamp {
    phase.started - Collected::lookback(spec)
}

/// What is known and decided at `now`, with the answers to the queries of `asked` and what the look before
/// knew. `None` when the test was described anew or looked at by somebody else since they were asked.
fn gather(
    tx: &dyn ReadTx,
    asked: &Asked,
    (answers, held): (Answers, &Held),
    now: Timestamp,
) -> Result<Option<Look>, AutomationError> {
    let test = running(tx, &asked.phase.test)?;
    let (phase, spec) = current(tx, &test)?;
    let before = newest(tx, &test)?;
    let newest = before.as_ref().map_or(0, |before| before.number);
    if phase != asked.phase || newest != asked.newest {
        return Ok(None);
    }
    let before = before.filter(|before| before.phase == phase.number);
    let known = before.as_ref().map(|before| {
        // To go on without it would spend error anew.
        super::decided(before).ok_or_else(|| {
            let message = format!("goes by decision {}, which this version cannot read", before.number);
            super::state(&test, &message, "begin a new phase with `mainspring ab revise`")
        })
    });
    let known = known.transpose()?;
    let looks = known.as_ref().map(|known| known.snapshot.looks.clone()).unwrap_or_default();
    let judge = |mut snapshot: Snapshot| -> Result<(Decision, Next), AutomationError> {
        count_look(&spec.plan, spec.looks, &mut snapshot);
        let decision = decide(&spec.plan, &snapshot);
        let decision = decision.map_err(|error| {
            super::state(&test, &format!("cannot be decided: {error}"), "revise the test")
        })?;
        let next = bandit::next(tx, &phase, &spec, &decision, now)?;
        Ok((decision, next))
    };
    let (decision, next) = if spec.mode == Mode::Split {
        let mut held = held.lock();
        let (snapshot, all) = held.look(tx, (&phase, &spec), &answers, now, looks.clone())?;
        let (decision, next) = judge(snapshot)?;
        // What cannot be taken back is decided by all there is, read anew.
        if !all && (next != Next::Stay || !matches!(decision.outcome, Outcome::Continue { .. })) {
            held.forget();
            judge(held.look(tx, (&phase, &spec), &answers, now, looks)?.0)?
        } else {
            (decision, next)
        }
    } else {
        let collected = collect(tx, &phase, &spec, answers, now)?;
        judge(snapshot(&spec, &collected, phase.started, now, looks))?
    };
    let same = before.filter(|_| next == Next::Stay && known.is_some_and(|known| same(&known, &decision)));
    Ok(Some(Look { test, phase, decision, next, same, newest }))
}

/// Of units that have it: the attribute that tells strata apart, if one does.
pub(super) fn strata(
    tx: &dyn ReadTx,
    phase: &AbPhase,
    spec: &AbSpec,
) -> Result<HashMap<String, Value>, StoreError> {
    let Some(attribute) = &spec.strata else { return Ok(HashMap::new()) };
    let held = tx.ab_attribute(&phase.test, phase.number, attribute)?;
    Ok(held.into_iter().filter_map(|(unit, value)| Some((unit, value?))).collect())
}

/// What is known at `now` of a phase of a test, with the answers to its queries.
pub(super) fn collect(
    tx: &dyn ReadTx,
    phase: &AbPhase,
    spec: &AbSpec,
    answers: Answers,
    now: Timestamp,
) -> Result<Collected, StoreError> {
    let (test, number) = (phase.test.as_str(), phase.number);
    let mut exposures = tx.ab_exposures(test, number, AbUnits::All)?;
    // Who came while databases were asked is not in their answers.
    exposures.retain(|exposure| exposure.first <= now);
    let mut collected = Collected { exposures, answers, ..Collected::default() };
    match spec.mode {
        Mode::Shadow => collected.mirrored = tx.ab_mirrored(test, number)?,
        Mode::Split => collected.served = tx.ab_served(test, number, AbUnits::All)?,
        Mode::Interleaved => {
            collected.merged = tx.ab_merged(test, number)?;
            collected.merged.retain(|list| list.time <= now);
            for name in Collected::wanted_events(spec) {
                collected.credits.insert(name.to_owned(), tx.ab_credits(test, number, name, now)?);
            }
            return Ok(collected);
        }
    }
    collected.attributes = strata(tx, phase, spec)?;
    for name in Collected::wanted_events(spec) {
        let events = tx.metric_events(name, collected_from(phase, spec), AbUnits::All)?;
        collected.events.insert(name.to_owned(), events);
    }
    Ok(collected)
}
