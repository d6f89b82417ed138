//! Carries rollouts out: starts the new version's workers, moves the state machine, shifts traffic.

use crate::AutomationError;
use crate::config::Config;
use crate::measure::measure;
use crate::models::ModelFiles;
use mainspring_domain::delivery::{Deployment, Rollout};
use mainspring_domain::events::Record;
use mainspring_domain::registry::Stage;
use mainspring_domain::{Actor, Clock};
use mainspring_governance::policy::StagePolicy;
use mainspring_metadata_store::{Store, StoreError, WriteTx};
use mainspring_registry::{CHAMPION, set_alias, transition_stage};
use mainspring_rollouts::{Command, Event, Phase, RolloutSpec, RolloutState, Step, advance};
use mainspring_serving::{Gateway, ModelServer, ServedVersion};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How often rollouts are looked at.
const TICK: Duration = Duration::from_millis(200);
/// How often the loading of a deployed version is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Drives deployments and rollouts. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    store: Store,
    gateway: Arc<Gateway>,
    models: Arc<ModelFiles>,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    /// Whether this server is the one that moves rollouts.
    leads: watch::Receiver<bool>,
    /// One event at a time per server: a person's abort must not race a tick.
    turn: Arc<Mutex<()>>,
}

type Loading = JoinHandle<Result<ModelServer, String>>;

/// Asks for a version to go to production by the project's rollout manifest. Gives the rollout's
/// id, or `None` when the version is in charge or on its way already.
///
/// # Errors
/// When there is no such version, no manifest, a mistake in it, or the policy refuses.
pub fn request_rollout(
    tx: &mut dyn WriteTx,
    config: &Config,
    project: &Path,
    policy: &StagePolicy,
    (model, version): (&str, u32),
    (requested_by, reason): (&str, &str),
) -> Result<Option<String>, AutomationError> {
    let found = tx
        .model_version(model, version)?
        .ok_or_else(|| AutomationError::UnknownVersion(model.to_owned(), version))?;
    if let Err(blocked) = policy.check(tx, &found, Stage::Production)? {
        return Err(AutomationError::Blocked { message: blocked.message, hint: blocked.hint });
    }
    let spec_text = manifest(config, project, model)?;
    let now = tx.now();
    let mut deployment = tx.deployment(model)?.unwrap_or_else(|| Deployment {
        model: model.to_owned(),
        stable: None,
        stable_rollout: None,
        active_rollout: None,
        updated: now,
    });
    if let Some(active) = deployment.active_rollout.take() {
        if let Some(active) = tx.rollout(&active)?.filter(|active| active.version == version) {
            tracing::debug!(rollout = active.id, "the version is on its way already");
            return Ok(None);
        }
        step(tx, &active, Event::Abort(format!("superseded by version {version}")))?;
    }
    if deployment.stable == Some(version) {
        return Ok(None);
    }
    let rollout = Rollout {
        id: uuid::Uuid::now_v7().simple().to_string(),
        model: model.to_owned(),
        version,
        previous: deployment.stable,
        requested_by: requested_by.to_owned(),
        reason: reason.to_owned(),
        ended: None,
        created: now,
        spec_text,
        state: serde_json::to_value(RolloutState::new(now)).map_err(StoreError::from)?,
    };
    deployment.active_rollout = Some(rollout.id.clone());
    deployment.updated = now;
    tx.put_rollout(&rollout)?;
    tx.put_deployment(&deployment)?;
    tx.record(
        Record::new("rollout.created", format!("rollout:{}", rollout.id))
            .because(reason)
            .with(json!({ "model": model, "version": version, "previous": rollout.previous })),
    )?;
    Ok(Some(rollout.id))
}

/// The text of a model's rollout manifest, checked.
pub(crate) fn manifest(config: &Config, project: &Path, model: &str) -> Result<String, AutomationError> {
    let rules = config.model.get(model).ok_or_else(|| AutomationError::NoRules(model.to_owned()))?;
    let path: PathBuf = project.join(&rules.rollout);
    let text = std::fs::read_to_string(&path).map_err(|error| AutomationError::File {
        path: rules.rollout.display().to_string(),
        reason: format!("{error}; `model.{model}.rollout` in mainspring.toml names it"),
    })?;
    RolloutSpec::parse(&text, &rules.rollout)?;
    Ok(text)
}

/// Moves a stored rollout by one event, with all that follows in the registry and the deployment.
fn step(tx: &mut dyn WriteTx, id: &str, event: Event) -> Result<Vec<Command>, AutomationError> {
    let Some(mut rollout) = tx.rollout(id)? else { return Ok(Vec::new()) };
    let (spec, before) = read(&rollout)?;
    let (state, commands) = advance(&spec, &before, event, tx.now());
    if state == before {
        tx.bookkeeping();
        return Ok(commands);
    }
    rollout.state = serde_json::to_value(&state).map_err(StoreError::from)?;
    if state.is_final() {
        rollout.ended = Some(tx.now());
    }
    tx.put_rollout(&rollout)?;
    for entry in &state.history[before.history.len()..] {
        tx.record(Record::new("rollout.progressed", format!("rollout:{id}")).with(json!({
            "model": rollout.model, "version": rollout.version, "step": entry.step,
            "weight": state.weight, "what": entry.what,
        })))?;
    }
    tx.bookkeeping();
    for command in &commands {
        match command {
            Command::Complete => completed(tx, &rollout)?,
            Command::RollBack { reason } => rolled_back(tx, &rollout, reason)?,
            Command::SetWeight(_) | Command::Measure { .. } => {}
        }
    }
    Ok(commands)
}

fn read(rollout: &Rollout) -> Result<(RolloutSpec, RolloutState), AutomationError> {
    let bad = |reason: String| AutomationError::StoredRollout(rollout.id.clone(), reason);
    let spec =
        RolloutSpec::parse(&rollout.spec_text, Path::new("(stored)")).map_err(|e| bad(e.to_string()))?;
    let state = serde_json::from_value(rollout.state.clone()).map_err(|e| bad(e.to_string()))?;
    Ok((spec, state))
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
    set_stage(tx, &rollout.model, rollout.version, Stage::Production)?;
    if let Some(previous) = rollout.previous {
        set_stage(tx, &rollout.model, previous, Stage::Archived)?;
    }
    set_alias(tx, &|_, _, _| Ok(()), &rollout.model, CHAMPION, rollout.version)?;
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
    set_stage(tx, &rollout.model, rollout.version, Stage::Archived)
}

/// The rollout's own judgement stands here for the gates, which were asked when it began.
fn set_stage(tx: &mut dyn WriteTx, model: &str, version: u32, stage: Stage) -> Result<(), AutomationError> {
    if tx.model_version(model, version)?.is_some_and(|found| found.stage != stage) {
        transition_stage(tx, &|_, _, _| Ok(()), model, version, stage, false)?;
    }
    Ok(())
}

impl Delivery {
    pub(crate) fn new(
        store: Store,
        gateway: Arc<Gateway>,
        models: Arc<ModelFiles>,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        leads: watch::Receiver<bool>,
    ) -> Self {
        Self { store, gateway, models, config, clock, leads, turn: Arc::new(Mutex::new(())) }
    }

    /// Brings the deployed versions back to life after a start.
    pub(crate) async fn restore(&self, tasks: &mut JoinSet<()>) -> Result<(), AutomationError> {
        let deployments = self.store.read(|tx| tx.deployments()).await?;
        for deployment in deployments {
            let Some(version) = deployment.stable else { continue };
            self.gateway.set_loading(&deployment.model);
            let this = self.clone();
            tasks.spawn(async move {
                loop {
                    match this.start_server(&deployment.model, version).await {
                        Ok(server) => {
                            let rollout = deployment.stable_rollout.clone();
                            let served = ServedVersion { version, rollout, server: Arc::new(server) };
                            this.gateway.restore_stable(&deployment.model, served);
                            return;
                        }
                        Err(error) => {
                            tracing::error!(model = deployment.model, version, error, "cannot serve");
                            tokio::time::sleep(RETRY).await;
                        }
                    }
                }
            });
        }
        Ok(())
    }

    async fn start_server(&self, model: &str, version: u32) -> Result<ModelServer, String> {
        let workers = self.config.model.get(model).map_or(1, |rules| rules.workers);
        self.models.serve(model, version, workers).await
    }

    /// Works until dropped.
    pub(crate) async fn run(self) {
        let mut loading: HashMap<String, Loading> = HashMap::new();
        loop {
            if let Err(error) = self.tick(&mut loading).await {
                tracing::error!(%error, "rollouts");
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn tick(&self, loading: &mut HashMap<String, Loading>) -> Result<(), AutomationError> {
        let (open, deployments) =
            self.store.read(|tx| Ok::<_, StoreError>((tx.open_rollouts()?, tx.deployments()?))).await?;
        self.reconcile(&open, &deployments).await;
        loading.retain(|id, handle| {
            let keep = open.iter().any(|rollout| rollout.id == *id);
            if !keep {
                handle.abort();
            }
            keep
        });
        for rollout in open {
            // One rollout's trouble is not that of the others.
            if let Err(error) = self.advance_one(&rollout, loading).await {
                tracing::error!(rollout = rollout.id, %error, "rollout");
            }
        }
        Ok(())
    }

    /// Brings the gateway in line with the store: a trial whose rollout has ended gets no more
    /// requests, and what a rollout completed is in charge. Whoever changed the store may have been
    /// interrupted before it told the gateway.
    async fn reconcile(&self, open: &[Rollout], deployments: &[Deployment]) {
        let _turn = self.turn.lock().await;
        for view in self.gateway.views() {
            let deployment = deployments.iter().find(|deployment| deployment.model == view.model);
            let Some(canary) = self.gateway.canary(&view.model) else { continue };
            let under_way = open.iter().any(|rollout| Some(&rollout.id) == canary.rollout.as_ref());
            if under_way {
                continue;
            }
            // The lists may be older than the gateway's state; ask again before acting on them.
            let id = canary.rollout.clone().unwrap_or_default();
            let fresh: Result<_, StoreError> = self.store.read(move |tx| tx.rollout(&id)).await;
            let Ok(Some(fresh)) = fresh else { continue };
            if fresh.ended.is_none() {
                continue;
            }
            if deployment.and_then(|found| found.stable_rollout.as_ref()) == canary.rollout.as_ref() {
                self.gateway.set_stable(&view.model, canary);
            } else {
                self.gateway.drop_canary(&view.model);
            }
        }
    }

    async fn advance_one(
        &self,
        rollout: &Rollout,
        loading: &mut HashMap<String, Loading>,
    ) -> Result<(), AutomationError> {
        let served = self.gateway.canary(&rollout.model).and_then(|canary| canary.rollout);
        if served.as_deref() == Some(rollout.id.as_str()) {
            return self.feed(rollout, Event::Tick).await;
        }
        // After a restart the version in charge comes first: without it there is nothing to
        // compare with and nothing to fall back to.
        if rollout.previous.is_some() && self.gateway.stable(&rollout.model).is_none() {
            return Ok(());
        }
        match loading.get(&rollout.id) {
            None => {
                let this = self.clone();
                let (model, version) = (rollout.model.clone(), rollout.version);
                let handle = tokio::spawn(async move { this.start_server(&model, version).await });
                loading.insert(rollout.id.clone(), handle);
            }
            Some(handle) if handle.is_finished() => {
                let Some(handle) = loading.remove(&rollout.id) else { return Ok(()) };
                let loaded = handle.await.unwrap_or_else(|error| Err(error.to_string()));
                self.loaded(rollout, loaded).await?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn loaded(
        &self,
        rollout: &Rollout,
        loaded: Result<ModelServer, String>,
    ) -> Result<(), AutomationError> {
        match loaded {
            Ok(server) => {
                let (_, state) = read(rollout)?;
                let served = ServedVersion {
                    version: rollout.version,
                    rollout: Some(rollout.id.clone()),
                    server: Arc::new(server),
                };
                self.gateway.set_canary(&rollout.model, served);
                self.gateway.set_weight(&rollout.model, state.weight);
                self.feed(rollout, Event::Ready).await?;
                if rollout.previous.is_none() {
                    // The first version ever: there is nothing to compare it with.
                    self.feed(rollout, Event::PromoteFull).await?;
                }
                Ok(())
            }
            Err(reason) => self.feed(rollout, Event::Unavailable(reason)).await,
        }
    }

    /// Moves a rollout and does what follows, measurements included.
    async fn feed(&self, rollout: &Rollout, event: Event) -> Result<(), AutomationError> {
        let _turn = self.turn.lock().await;
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let id = rollout.id.clone();
            let actor = Actor::rollout(&rollout.id);
            let commands = self.store.write(actor, move |tx| step(tx, &id, event)).await?;
            for command in commands {
                if let Some(event) = self.carry_out(rollout, command).await? {
                    events.push(event);
                }
            }
        }
        Ok(())
    }

    async fn carry_out(&self, rollout: &Rollout, command: Command) -> Result<Option<Event>, AutomationError> {
        match command {
            Command::SetWeight(weight) => self.gateway.set_weight(&rollout.model, weight),
            Command::RollBack { .. } => self.gateway.drop_canary(&rollout.model),
            Command::Complete => {
                if let Some(canary) = self.gateway.canary(&rollout.model) {
                    self.gateway.set_stable(&rollout.model, canary);
                }
            }
            Command::Measure { metric } => {
                let (spec, state) = read(rollout)?;
                // The stored copy may be a few events old; the step under analysis is not.
                let id = rollout.id.clone();
                let fresh = self.store.read(move |tx| tx.rollout(&id)).await?;
                let step = match &fresh {
                    Some(fresh) => read(fresh)?.1.step,
                    None => state.step,
                };
                let Some(Step::Analysis { metrics, .. }) = spec.steps.get(step) else { return Ok(None) };
                let Some(found) = metrics.get(metric) else { return Ok(None) };
                let value = measure(&self.store, rollout, &found.query, self.clock.now()).await;
                return Ok(Some(Event::Measured { metric, value }));
            }
        }
        Ok(None)
    }

    /// Whether this server is the one that runs pipelines, rollouts and monitors.
    #[must_use]
    pub fn leads(&self) -> bool {
        *self.leads.borrow()
    }

    /// A person's word on a rollout. Gives its phase after; `None` when there is no such rollout
    /// under way. Runs to its end even when the one who asked goes away.
    ///
    /// # Errors
    /// When the store refuses, or another server moves the rollouts.
    pub async fn command(
        &self,
        id: &str,
        actor: Actor,
        event: Event,
    ) -> Result<Option<Phase>, AutomationError> {
        if !self.leads() {
            return Err(AutomationError::NotLeading);
        }
        let (this, id) = (self.clone(), id.to_owned());
        let work = tokio::spawn(async move { this.carry_word(id, actor, event).await });
        work.await
            .unwrap_or_else(|error| Err(AutomationError::StoredRollout("command".into(), error.to_string())))
    }

    async fn carry_word(
        &self,
        id: String,
        actor: Actor,
        event: Event,
    ) -> Result<Option<Phase>, AutomationError> {
        let _turn = self.turn.lock().await;
        let wanted = id.clone();
        let found = self.store.read(move |tx| tx.rollout(&wanted)).await?;
        let Some(rollout) = found.filter(|rollout| rollout.ended.is_none()) else { return Ok(None) };
        let owned = id.clone();
        let commands = self.store.write(actor, move |tx| step(tx, &owned, event)).await?;
        for command in commands {
            // Measurements are taken by the next tick.
            if !matches!(command, Command::Measure { .. }) {
                self.carry_out(&rollout, command).await?;
            }
        }
        let fresh = self.store.read(move |tx| tx.rollout(&id)).await?;
        fresh.map(|fresh| Ok(read(&fresh)?.1.phase)).transpose()
    }
}
