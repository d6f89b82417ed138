//! A/B tests at work: their life in the store, the split of live traffic, the looks that end them.

mod assign;
mod bandit;
mod drafts;
mod driver;
mod failures;
mod held;
mod insight;
mod look;
mod queries;
mod remembered;
mod split;

pub use assign::{Asked, Assignment, Merged, Rankings};
pub use failures::LookFailure;
pub(crate) use failures::LookFailures;
pub(crate) use held::HeldTests;
pub use insight::{Differences, GroupEffect, Progress, progress};
pub(crate) use queries::AT_A_TIME;
pub use remembered::{MAX_ASSIGNMENTS, MAX_DOCUMENTS};

use crate::AutomationError;
use crate::delivery::Releases;
use crate::models::ModelFiles;
use mainspring_domain::ab::{AbDecision, AbPhase, AbStatus, AbTest};
use mainspring_domain::events::Record;
use mainspring_domain::{Actor, Clock, Timestamp};
use mainspring_metadata_store::{ReadTx, Store, StoreError, WriteTx};
use mainspring_rollouts::ab::AbSpec;
use mainspring_serving::Gateway;
use mainspring_stats::decide::Decision;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A/B tests. Cheap to clone.
#[derive(Clone)]
pub struct AbTests {
    pub(crate) store: Store,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) models: Arc<ModelFiles>,
    pub(crate) releases: Releases,
    pub(crate) clock: Arc<dyn Clock>,
    /// Why tests cannot be looked at.
    pub(crate) failures: LookFailures,
    /// What the newest looks knew.
    pub(crate) held: HeldTests,
    /// Whose turn it is to ask databases.
    pub(crate) asking: Arc<Semaphore>,
}

pub(crate) fn subject(test: &AbTest) -> String {
    format!("ab_test:{}", test.id)
}

/// A test by its id or name.
pub(crate) fn find(tx: &dyn ReadTx, test: &str) -> Result<AbTest, AutomationError> {
    tx.ab_test(test)?.ok_or_else(|| AutomationError::NoAbTest(test.to_owned()))
}

/// The phase at work, with what its file says.
pub(crate) fn current(tx: &dyn ReadTx, test: &AbTest) -> Result<(AbPhase, AbSpec), AutomationError> {
    let phase = tx.ab_phase(&test.id)?.ok_or_else(|| AutomationError::NoAbTest(test.name.clone()))?;
    let spec = spec_of(&phase)?;
    Ok((phase, spec))
}

/// What the file of a phase says, with the weights that a bandit chose for it.
///
/// # Errors
/// When a later version of the format does not read it any more.
pub fn spec_of(phase: &AbPhase) -> Result<AbSpec, AutomationError> {
    Ok(AbSpec::parse_accepted(&phase.spec_text, Path::new("test"))?.weighted(phase.weights.as_deref()))
}

fn phase(test: &AbTest, spec_text: String, started: Timestamp, reason: &str) -> AbPhase {
    AbPhase {
        test: test.id.clone(),
        number: test.phase,
        seed: format!("{}.{}", test.id, test.phase),
        spec_text,
        started,
        reason: reason.to_owned(),
        weights: None,
        after: None,
    }
}

impl AbTests {
    /// What the text of a file says, which asks databases that are configured.
    fn described(&self, text: &str) -> Result<AbSpec, AutomationError> {
        let known: Vec<&str> = self.releases.config.warehouse.keys().map(String::as_str).collect();
        Ok(AbSpec::parse_with_sources(text, Path::new("test"), &known)?)
    }

    /// Why the newest look at a running test failed, if it did and this server looked; of one that is to
    /// start by itself, why it cannot.
    #[must_use]
    pub fn look_failed(&self, test: &AbTest) -> Option<LookFailure> {
        let of_now = |failure: &LookFailure| test.status != AbStatus::Ended && failure.phase == test.phase;
        self.failures.get(&test.id).filter(of_now)
    }

    /// Adds a test from its file's text; nothing is split yet.
    ///
    /// # Errors
    /// When the file has a mistake or asks a database that is not configured, or there is a test of its
    /// name.
    pub fn create(&self, tx: &mut dyn WriteTx, text: String, by: &Actor) -> Result<AbTest, AutomationError> {
        let spec = self.described(&text)?;
        if tx.ab_test(&spec.name)?.is_some() {
            return Err(AutomationError::AbState {
                test: spec.name,
                message: "is there already".to_owned(),
                hint: "choose another name, or begin a new phase of it".to_owned(),
            });
        }
        let test = AbTest {
            id: uuid::Uuid::now_v7().simple().to_string(),
            name: spec.name,
            model: spec.model,
            status: AbStatus::Draft,
            phase: 1,
            created_by: by.to_string(),
            created: tx.now(),
            started: None,
            ended: None,
            outcome: None,
            rollout: None,
        };
        tx.put_ab_test(&test)?;
        tx.put_ab_phase(&phase(&test, text, tx.now(), "described"))?;
        let details = json!({ "name": test.name, "model": test.model });
        tx.record(Record::new("ab_test.created", subject(&test)).with(details))?;
        Ok(test)
    }

    /// Starts a test.
    ///
    /// # Errors
    /// When it has been started, another one splits the model's route, or its control is not in charge.
    pub fn start(tx: &mut dyn WriteTx, name: &str) -> Result<AbTest, AutomationError> {
        let mut test = find(tx, name)?;
        let held = can_start(tx, &test)?;
        let now = tx.now();
        test.status = AbStatus::Running;
        test.started = Some(now);
        tx.put_ab_test(&test)?;
        tx.put_ab_phase(&AbPhase { started: now, ..held })?;
        tx.record(Record::new("ab_test.started", subject(&test)).with(json!({ "name": test.name })))?;
        Ok(test)
    }

    /// Begins a new phase by another description: what was collected so far does not count for it, and
    /// units are split anew. A description that changes nothing which matters for results is taken over
    /// without one. Gives the test and what called for a new phase.
    ///
    /// # Errors
    /// When the description has a mistake, asks a database that is not configured or is of another test or
    /// model, or the test has ended.
    pub fn revise(
        &self,
        tx: &mut dyn WriteTx,
        name: &str,
        text: String,
        reason: &str,
    ) -> Result<(AbTest, Option<&'static str>), AutomationError> {
        let mut test = find(tx, name)?;
        let spec = self.described(&text)?;
        if test.status == AbStatus::Ended {
            return Err(state(&test, "has ended", "describe another test"));
        }
        if spec.name != test.name || spec.model != test.model {
            return Err(state(&test, "has another name or model", "describe another test"));
        }
        let (held, _) = current(tx, &test)?;
        // Weights that a bandit chose are no change of the file.
        let before = AbSpec::parse_accepted(&held.spec_text, Path::new("test"))?;
        let change = if test.status == AbStatus::Draft { None } else { spec.needs_new_phase(&before) };
        if change.is_some() {
            check_route(tx, &test, &spec)?;
            test.phase += 1;
            tx.put_ab_phase(&phase(&test, text, tx.now(), reason))?;
        } else {
            tx.put_ab_phase(&AbPhase { spec_text: text, ..held })?;
        }
        tx.put_ab_test(&test)?;
        let details = json!({ "phase": test.phase, "changed": change });
        tx.record(Record::new("ab_test.revised", subject(&test)).because(reason).with(details))?;
        Ok((test, change))
    }

    /// Ends a test by hand.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(tx: &mut dyn WriteTx, name: &str, reason: &str) -> Result<AbTest, AutomationError> {
        let test = find(tx, name)?;
        if test.status != AbStatus::Running {
            return Err(state(&test, "does not run", "`mainspring ab list` shows those that do"));
        }
        end(tx, test, &format!("stopped: {reason}"), None)
    }

    /// Whether a stored decision, made anew from its inputs, is the same to the last bit.
    ///
    /// # Errors
    /// When there is no such decision.
    pub fn replays(tx: &dyn ReadTx, name: &str, number: u32) -> Result<bool, AutomationError> {
        let test = find(tx, name)?;
        let held = tx.ab_decision(&test.id, number)?;
        let held = held.ok_or_else(|| {
            state(&test, &format!("has no decision {number}"), "`mainspring ab status` lists them")
        })?;
        let decision: Decision = serde_json::from_value(held.decision).map_err(StoreError::from)?;
        Ok(decision.replays())
    }
}

/// Ends a test.
pub(crate) fn end(
    tx: &mut dyn WriteTx,
    mut test: AbTest,
    outcome: &str,
    rollout: Option<String>,
) -> Result<AbTest, AutomationError> {
    test.status = AbStatus::Ended;
    test.ended = Some(tx.now());
    test.outcome = Some(outcome.to_owned());
    test.rollout = rollout;
    tx.put_ab_test(&test)?;
    let details = json!({ "name": test.name, "outcome": outcome, "rollout": test.rollout });
    tx.record(Record::new("ab_test.ended", subject(&test)).with(details))?;
    Ok(test)
}

/// The phase with which a test can start.
fn can_start(tx: &dyn ReadTx, test: &AbTest) -> Result<AbPhase, AutomationError> {
    if test.status != AbStatus::Draft {
        return Err(state(test, "has been started before", "describe another test"));
    }
    let (held, spec) = current(tx, test)?;
    check_route(tx, test, &spec)?;
    Ok(held)
}

/// A test that splits a model's route needs it for itself, with the control in charge.
fn check_route(tx: &dyn ReadTx, test: &AbTest, spec: &AbSpec) -> Result<(), AutomationError> {
    let Some(model) = &test.model else { return Ok(()) };
    let same_route = |other: &AbTest| other.model.as_ref() == Some(model) && other.id != test.id;
    if let Some(other) = tx.running_ab_tests()?.into_iter().find(same_route) {
        let message = format!("cannot start: `{}` splits the requests of `{model}`", other.name);
        return Err(state(test, &message, "stop that one, or wait for its end"));
    }
    for version in spec.arms.iter().filter_map(|arm| arm.version) {
        if tx.model_version(model, version)?.is_none() {
            return Err(AutomationError::UnknownVersion(model.clone(), version));
        }
    }
    let in_charge = tx.deployment(model)?.and_then(|deployment| deployment.stable);
    let control = spec.arms.first().and_then(|arm| arm.version);
    if in_charge.is_none() || in_charge != control {
        let now = in_charge.map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
        let message = format!("cannot start: the first arm must be in charge of `{model}`, which is {now}");
        return Err(state(test, &message, "name the version in charge as the first arm"));
    }
    Ok(())
}

fn state(test: &AbTest, message: &str, hint: &str) -> AutomationError {
    AutomationError::AbState { test: test.name.clone(), message: message.to_owned(), hint: hint.to_owned() }
}

/// What a decision says, for people.
#[must_use]
pub fn decided(decision: &AbDecision) -> Option<Decision> {
    serde_json::from_value(decision.decision.clone()).ok()
}
