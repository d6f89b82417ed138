//! One event of a stored rollout, as one transaction with all that follows in the registry.

use crate::AutomationError;
use mainspring_domain::delivery::{Deployment, Rollout, route_parts};
use mainspring_domain::events::Record;
use mainspring_domain::registry::Stage;
use mainspring_metadata_store::{StoreError, WriteTx};
use mainspring_registry::{CHAMPION, set_alias, transition_stage};
use mainspring_rollouts::{Command, Completion, Event, RolloutSpec, RolloutState, advance};
use serde_json::json;
use std::path::Path;

/// Moves a stored rollout by one event, with all that follows in the registry and the deployment. One that
/// cannot be read any more can still be ended.
pub(super) fn step(tx: &mut dyn WriteTx, id: &str, event: Event) -> Result<Vec<Command>, AutomationError> {
    let Some(rollout) = tx.rollout(id)? else { return Ok(Vec::new()) };
    match read(&rollout) {
        Ok((spec, before)) => {
            let (state, commands) = advance(&spec, &before, event, tx.now());
            save(tx, rollout, &before, &state, &commands)?;
            Ok(commands)
        }
        Err(error) => end_unreadable(tx, rollout, event, error),
    }
}

/// Stores what an event made of a rollout, with all that follows.
pub(super) fn save(
    tx: &mut dyn WriteTx,
    mut rollout: Rollout,
    before: &RolloutState,
    state: &RolloutState,
    commands: &[Command],
) -> Result<(), AutomationError> {
    tx.bookkeeping();
    if state == before {
        return Ok(());
    }
    rollout.state = serde_json::to_value(state).map_err(StoreError::from)?;
    if state.is_final() != before.is_final() {
        rollout.ended = state.is_final().then(|| tx.now());
    }
    tx.put_rollout(&rollout)?;
    for entry in state.noted_since(before) {
        tx.record(Record::new("rollout.progressed", format!("rollout:{}", rollout.id)).with(json!({
            "model": rollout.model, "version": rollout.version, "step": entry.step,
            "weight": state.weight, "what": entry.what,
        })))?;
    }
    if before.is_final() && !state.is_final() {
        taken_up(tx, &rollout)?;
    }
    for command in commands {
        match command {
            Command::Complete => completed(tx, &rollout)?,
            Command::RollBack { reason } => rolled_back(tx, &rollout, reason)?,
            Command::SetWeight(_) | Command::SetRouting(_) | Command::Measure { .. } => {}
        }
    }
    Ok(())
}

/// Ends a rollout whose manifest or state this program cannot read: it must not stand in the way of others.
fn end_unreadable(
    tx: &mut dyn WriteTx,
    mut rollout: Rollout,
    event: Event,
    error: AutomationError,
) -> Result<Vec<Command>, AutomationError> {
    let (completion, reason) = match event {
        Event::Abort(reason) => (Completion::Aborted, reason),
        Event::Supersede(reason) => (Completion::Superseded, reason),
        Event::GoBack => (Completion::Superseded, "the version in charge was asked for again".to_owned()),
        _ => return Err(error),
    };
    if rollout.ended.is_some() {
        return Ok(Vec::new());
    }
    let state = RolloutState::given_up(rollout.created, tx.now(), completion, &reason);
    rollout.state = serde_json::to_value(state).map_err(StoreError::from)?;
    rollout.ended = Some(tx.now());
    tx.put_rollout(&rollout)?;
    rolled_back(tx, &rollout, &reason)?;
    Ok(vec![Command::RollBack { reason }])
}

/// A rollout's manifest and state.
pub(super) fn read(rollout: &Rollout) -> Result<(RolloutSpec, RolloutState), AutomationError> {
    let bad = |reason: String| AutomationError::StoredRollout(rollout.id.clone(), reason);
    let spec =
        RolloutSpec::parse(&rollout.spec_text, Path::new("(stored)")).map_err(|e| bad(e.to_string()))?;
    let state = RolloutState::stored(rollout.state.clone()).map_err(|e| bad(e.to_string()))?;
    Ok((spec, state))
}

/// Whether a person may still say something to a rollout: it is under way, or it is the last of its
/// route and was given up.
pub(super) fn hears(tx: &dyn WriteTx, rollout: &Rollout, event: &Event) -> Result<bool, AutomationError> {
    if rollout.ended.is_none() {
        return Ok(!matches!(event, Event::Retry));
    }
    if !matches!(event, Event::Retry | Event::PromoteFull) {
        return Ok(false);
    }
    let newest = tx.rollouts(Some(&rollout.model), 1)?.into_iter().next();
    let is_newest = newest.is_some_and(|newest| newest.id == rollout.id);
    let was_aborted = |(_, state): (_, RolloutState)| state.completion == Some(Completion::Aborted);
    Ok(is_newest && read(rollout).is_ok_and(was_aborted))
}

/// What was given up is on its way again.
fn taken_up(tx: &mut dyn WriteTx, rollout: &Rollout) -> Result<(), AutomationError> {
    if let Some(mut deployment) = tx.deployment(&rollout.model)? {
        deployment.active_rollout = Some(rollout.id.clone());
        deployment.updated = tx.now();
        tx.put_deployment(&deployment)?;
    }
    tx.record(
        Record::new("rollout.retried", format!("rollout:{}", rollout.id))
            .with(json!({ "model": rollout.model, "version": rollout.version })),
    )?;
    Ok(())
}

fn completed(tx: &mut dyn WriteTx, rollout: &Rollout) -> Result<(), AutomationError> {
    let deployment = Deployment {
        model: rollout.model.clone(),
        stable: Some(rollout.version),
        stable_rollout: Some(rollout.id.clone()),
        active_rollout: None,
        updated: tx.now(),
    };
    tx.put_deployment(&deployment)?;
    tx.record(
        Record::new("rollout.completed", format!("rollout:{}", rollout.id))
            .because(rollout.reason.clone())
            .with(
                json!({ "model": rollout.model, "version": rollout.version, "previous": rollout.previous }),
            ),
    )?;
    let (model, None) = route_parts(&rollout.model) else { return Ok(()) };
    set_stage(tx, model, rollout.version, Stage::Production)?;
    if let Some(previous) = rollout.previous {
        set_stage(tx, model, previous, Stage::Archived)?;
    }
    set_alias(tx, &|_, _, _| Ok(()), model, CHAMPION, rollout.version)?;
    Ok(())
}

fn rolled_back(tx: &mut dyn WriteTx, rollout: &Rollout, reason: &str) -> Result<(), AutomationError> {
    if let Some(mut deployment) = tx.deployment(&rollout.model)?
        && deployment.active_rollout.as_deref() == Some(rollout.id.as_str())
    {
        deployment.active_rollout = None;
        deployment.updated = tx.now();
        tx.put_deployment(&deployment)?;
    }
    tx.record(
        Record::new("rollout.aborted", format!("rollout:{}", rollout.id)).because(reason).with(
            json!({ "model": rollout.model, "version": rollout.version, "previous": rollout.previous }),
        ),
    )?;
    match route_parts(&rollout.model) {
        (model, None) => set_stage(tx, model, rollout.version, Stage::Archived),
        _ => Ok(()),
    }
}

/// The rollout's own judgement stands here for the gates, which were asked when it began.
fn set_stage(tx: &mut dyn WriteTx, model: &str, version: u32, stage: Stage) -> Result<(), AutomationError> {
    if tx.model_version(model, version)?.is_some_and(|found| found.stage != stage) {
        transition_stage(tx, &|_, _, _| Ok(()), model, version, stage, false)?;
    }
    Ok(())
}
