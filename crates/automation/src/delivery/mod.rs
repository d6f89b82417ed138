//! Carries rollouts out: starts the new version's workers, moves the state machine, shifts traffic.

mod request;
mod stable;
mod step;
mod warm;

pub use request::revisions;
pub(crate) use request::{Releases, manifest};
pub(crate) use warm::Warm;

use crate::AutomationError;
use crate::measure::Measuring;
use crate::models::ModelFiles;
use mainspring_domain::delivery::{Deployment, Rollout};
use mainspring_domain::{Actor, Clock};
use mainspring_metadata_store::{ReadTx, Store, StoreError, WriteTx};
use mainspring_rollouts::{Command, Event, Exported, Phase, RolloutState, Run, Step, advance};
use mainspring_serving::{Gateway, ModelServer, ServedVersion};
use stable::Stables;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use step::{hears, read, save, step};
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};

/// How often rollouts are looked at.
const TICK: Duration = Duration::from_millis(200);

/// Drives deployments and rollouts. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    pub(crate) store: Store,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) models: Arc<ModelFiles>,
    pub(crate) releases: Releases,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether this server is the one that moves rollouts.
    pub(crate) leads: watch::Receiver<bool>,
    /// One event at a time per server: a person's abort must not race a tick.
    pub(crate) turn: Arc<Mutex<()>>,
}

type Loading = JoinHandle<Result<ModelServer, String>>;
/// A measurement that is due: of which analysis, and the metric's position in it.
type Due = (Run, usize);

/// A measurement of a rollout.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    rollout: String,
    run: Run,
    metric: usize,
}

/// Measurements under way, beside everything else: a slow metrics server holds nobody up. They end with
/// this value.
#[derive(Default)]
struct Measurements {
    tasks: JoinSet<()>,
    under_way: HashMap<tokio::task::Id, Asked>,
}

impl Measurements {
    /// Begins those that are not under way yet.
    fn take(&mut self, delivery: &Delivery, asked: Vec<Asked>) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            self.under_way.remove(&id);
        }
        for asked in asked {
            if self.under_way.values().any(|other| *other == asked) {
                continue;
            }
            let (delivery, wanted) = (delivery.clone(), asked.clone());
            let task = self.tasks.spawn(async move {
                if let Err(error) = delivery.measure(&wanted).await {
                    tracing::error!(rollout = wanted.rollout, %error, "measuring");
                }
            });
            self.under_way.insert(task.id(), asked);
        }
    }
}

impl Delivery {
    /// Announces the deployed versions after a start; [`Delivery::run`] brings them back to life.
    pub(crate) async fn restore(&self) -> Result<(), AutomationError> {
        for deployment in self.store.read(|tx| tx.deployments()).await? {
            if deployment.stable.is_some() {
                self.gateway.set_loading(&deployment.model);
            }
        }
        Ok(())
    }

    /// Works until dropped.
    pub(crate) async fn run(self) {
        let mut loading: HashMap<String, Loading> = HashMap::new();
        let mut stables = Stables::default();
        let mut measuring = Measurements::default();
        loop {
            match self.tick(&mut loading, &mut stables).await {
                Ok(asked) => measuring.take(&self, asked),
                Err(error) => tracing::error!(%error, "rollouts"),
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Looks at everything once; gives the measurements that are due.
    async fn tick(
        &self,
        loading: &mut HashMap<String, Loading>,
        stables: &mut Stables,
    ) -> Result<Vec<Asked>, AutomationError> {
        let (open, deployments) =
            self.store.read(|tx| Ok::<_, StoreError>((tx.open_rollouts()?, tx.deployments()?))).await?;
        self.reconcile(&open, &deployments).await;
        stables.look_after(self, &deployments);
        let on_trial: Vec<(&str, u32)> =
            open.iter().map(|rollout| (rollout.model.as_str(), rollout.version)).collect();
        self.releases.warm.release(self.clock.now(), &on_trial);
        loading.retain(|id, handle| {
            let keep = open.iter().any(|rollout| rollout.id == *id);
            if !keep {
                handle.abort();
            }
            keep
        });
        let mut asked = Vec::new();
        for rollout in open {
            // One rollout's trouble is not that of the others.
            match self.advance_one(&rollout, loading).await {
                Ok(due) => asked.extend(due.into_iter().map(|(run, metric)| Asked {
                    rollout: rollout.id.clone(),
                    run,
                    metric,
                })),
                Err(error) => tracing::error!(rollout = rollout.id, %error, "rollout"),
            }
        }
        Ok(asked)
    }

    /// Brings the gateway in line with the store: a trial whose rollout has ended gets no more
    /// requests, and what a rollout completed is in charge. Whoever changed the store may have been
    /// interrupted before it told the gateway.
    async fn reconcile(&self, open: &[Rollout], deployments: &[Deployment]) {
        let _turn = self.turn.lock().await;
        for route in self.gateway.routes() {
            let deployment = deployments.iter().find(|deployment| deployment.model == route);
            let Some(canary) = self.gateway.canary(&route) else { continue };
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
                self.put_in_charge(&fresh);
            } else {
                self.end_trial(&fresh);
            }
        }
    }

    async fn advance_one(
        &self,
        rollout: &Rollout,
        loading: &mut HashMap<String, Loading>,
    ) -> Result<Vec<Due>, AutomationError> {
        let canary = self.gateway.canary(&rollout.model);
        let served = canary.filter(|canary| canary.rollout.as_deref() == Some(rollout.id.as_str()));
        if let Some(canary) = served {
            let (_, state) = read(rollout)?;
            let event = match (state.ready, canary.server.is_ready()) {
                (true, false) => Event::Unready,
                (false, true) => Event::Ready,
                _ => Event::Tick,
            };
            return self.feed(rollout, event).await;
        }
        // The version in charge comes first: without it there is nothing to compare with and nothing
        // to fall back to. What skips its steps needs neither.
        if rollout.previous.is_some() && self.gateway.stable(&rollout.model).is_none() {
            let (_, state) = read(rollout)?;
            if !state.is_fast() {
                return self.time_passes(rollout, &state).await;
            }
        }
        if let Some(server) = self.releases.warm.take(&rollout.model, rollout.version) {
            return self.answers(rollout, server).await;
        }
        match loading.get(&rollout.id) {
            None => {
                let models = Arc::clone(&self.models);
                let (route, version) = (rollout.model.clone(), rollout.version);
                let handle = tokio::spawn(async move { models.serve(&route, version).await });
                loading.insert(rollout.id.clone(), handle);
            }
            Some(handle) if handle.is_finished() => {
                let Some(handle) = loading.remove(&rollout.id) else { return Ok(Vec::new()) };
                return match handle.await.unwrap_or_else(|error| Err(error.to_string())) {
                    Ok(server) => self.answers(rollout, Arc::new(server)).await,
                    Err(reason) => self.feed(rollout, Event::Unavailable(reason)).await,
                };
            }
            Some(_) => {
                let (_, state) = read(rollout)?;
                return self.time_passes(rollout, &state).await;
            }
        }
        Ok(Vec::new())
    }

    /// Time passes also for what does not come up. What was ready before a restart stands still until it
    /// is again: its steps must not go on without it.
    async fn time_passes(
        &self,
        rollout: &Rollout,
        state: &RolloutState,
    ) -> Result<Vec<Due>, AutomationError> {
        if state.ready { Ok(Vec::new()) } else { self.feed(rollout, Event::Tick).await }
    }

    /// A version on trial answers from now on.
    async fn answers(
        &self,
        rollout: &Rollout,
        server: Arc<ModelServer>,
    ) -> Result<Vec<Due>, AutomationError> {
        // What is read here is what the gateway is told: nobody may come between.
        let _turn = self.turn.lock().await;
        let fresh = self.fresh(&rollout.id).await?;
        let Some(fresh) = fresh.filter(|fresh| fresh.ended.is_none()) else { return Ok(Vec::new()) };
        let (spec, state) = read(&fresh)?;
        let served = ServedVersion { version: rollout.version, rollout: Some(rollout.id.clone()), server };
        self.gateway.set_canary(&rollout.model, served);
        self.gateway.set_weight(&rollout.model, state.weight);
        self.set_routing(rollout, &state.routing(&spec));
        self.feed_in_turn(rollout, Event::Ready).await
    }

    fn set_routing(&self, rollout: &Rollout, routing: &mainspring_domain::delivery::Routing) {
        // The manifest was checked; a rule that cannot be read directs nothing.
        if let Err(error) = self.gateway.set_routing(&rollout.model, routing) {
            tracing::error!(rollout = rollout.id, error, "the routes cannot be set");
        }
    }

    /// Moves a rollout and does what follows; gives the measurements that it asks for.
    async fn feed(&self, rollout: &Rollout, event: Event) -> Result<Vec<Due>, AutomationError> {
        let _turn = self.turn.lock().await;
        self.feed_in_turn(rollout, event).await
    }

    /// [`Delivery::feed`] for one who has the turn. Measurements are judged outside of the transaction,
    /// which only stores what came of them; where nothing did there is none.
    async fn feed_in_turn(&self, rollout: &Rollout, event: Event) -> Result<Vec<Due>, AutomationError> {
        let commands = loop {
            let Some(fresh) = self.fresh(&rollout.id).await? else { return Ok(Vec::new()) };
            let (spec, before) = read(&fresh)?;
            let (state, commands) = advance(&spec, &before, event.clone(), self.clock.now());
            if state == before {
                break commands;
            }
            let follows = commands.clone();
            let stored = self.store.write(Actor::rollout(&rollout.id), move |tx| {
                tx.bookkeeping();
                // A new request may have ended it meanwhile.
                let unchanged = tx.rollout(&fresh.id)?.is_some_and(|now| now == fresh);
                if unchanged {
                    save(tx, fresh, &before, &state, &follows)?;
                }
                Ok::<_, AutomationError>(unchanged)
            });
            if stored.await? {
                break commands;
            }
        };
        self.carry_out(rollout, &commands);
        let due = commands.into_iter().filter_map(|command| match command {
            Command::Measure { run, metric } => Some((run, metric)),
            _ => None,
        });
        Ok(due.collect())
    }

    /// Does what the machine asks of the gateway.
    fn carry_out(&self, rollout: &Rollout, commands: &[Command]) {
        for command in commands {
            match command {
                Command::SetWeight(weight) => self.gateway.set_weight(&rollout.model, *weight),
                Command::SetRouting(routing) => self.set_routing(rollout, routing),
                Command::RollBack { .. } => self.end_trial(rollout),
                Command::Complete => self.put_in_charge(rollout),
                Command::Measure { .. } => {}
            }
        }
    }

    /// The version on trial answers everything; the one before stays loaded for a while.
    fn put_in_charge(&self, rollout: &Rollout) {
        let Some(canary) = self.gateway.canary(&rollout.model) else { return };
        let before = self.gateway.stable(&rollout.model);
        self.gateway.set_stable(&rollout.model, canary);
        if let (Some(before), Ok((spec, _))) = (before, read(rollout)) {
            let time = Some(spec.scale_down_delay);
            self.releases.warm.keep(&rollout.model, before.version, before.server, time, self.clock.now());
        }
    }

    /// The version in charge answers everything; the one on trial stays loaded for a while.
    fn end_trial(&self, rollout: &Rollout) {
        let canary = self.gateway.canary(&rollout.model);
        self.gateway.drop_canary(&rollout.model);
        let own = canary.filter(|canary| canary.rollout.as_deref() == Some(rollout.id.as_str()));
        if let (Some(canary), Ok((spec, _))) = (own, read(rollout)) {
            let time = spec.abort_scale_down_delay;
            self.releases.warm.keep(&rollout.model, canary.version, canary.server, time, self.clock.now());
        }
    }

    /// Takes a measurement and feeds it to the rollout, unless that has gone on to another analysis
    /// meanwhile.
    async fn measure(&self, asked: &Asked) -> Result<(), AutomationError> {
        let Asked { rollout: id, run, metric } = asked;
        let (run, metric) = (*run, *metric);
        let Some(rollout) = self.fresh(id).await? else { return Ok(()) };
        let (spec, state) = read(&rollout)?;
        let analysis = match run {
            Run::Step => spec.steps.get(state.step).and_then(Step::analysis),
            Run::Background => spec.background.as_ref().map(|background| &background.analysis),
        };
        let Some(found) = analysis.and_then(|analysis| analysis.metrics.get(metric)) else { return Ok(()) };
        let since = rollout.created.max(state.started);
        let measuring = Measuring { store: &self.store, rollout: &rollout, since, now: self.clock.now() };
        let value = measuring.measure(found).await;
        let at = |state: &RolloutState| match run {
            Run::Step => (Some(state.step), state.analysis.as_ref().map(|run| run.started)),
            Run::Background => (None, state.background.as_ref().map(|run| run.started)),
        };
        if let Some(now) = self.fresh(id).await?
            && at(&read(&now)?.1) == at(&state)
        {
            self.feed(&now, Event::Measured { run, metric, value }).await?;
        }
        Ok(())
    }

    /// A rollout as it is stored now.
    async fn fresh(&self, id: &str) -> Result<Option<Rollout>, AutomationError> {
        let id = id.to_owned();
        Ok(self.store.read(move |tx| tx.rollout(&id)).await?)
    }

    /// Whether this server is the one that runs pipelines, rollouts and monitors.
    #[must_use]
    pub fn leads(&self) -> bool {
        *self.leads.borrow()
    }

    /// Asks for a version to be put in charge of a model, or of `MODEL@STAGE`, by the project's rollout
    /// manifest. Gives the rollout's id, or `None` when the version is in charge or on its way already.
    ///
    /// # Errors
    /// When there is no such version, no manifest, a mistake in it, or the policy refuses.
    pub fn request(
        &self,
        tx: &mut dyn WriteTx,
        release: (&str, u32),
        by: (&str, &str),
    ) -> Result<Option<String>, AutomationError> {
        self.releases.request(tx, release, by)
    }

    /// Asks for an earlier release: the one before, or that of a revision. Gives the version and the
    /// rollout's id.
    ///
    /// # Errors
    /// When there is no such release, and as [`Delivery::request`].
    pub fn undo(
        &self,
        tx: &mut dyn WriteTx,
        route: &str,
        revision: Option<u32>,
        requested_by: &str,
    ) -> Result<(u32, Option<String>), AutomationError> {
        self.releases.undo(tx, route, revision, requested_by)
    }

    /// What is deployed on a route, for another tool.
    ///
    /// # Errors
    /// When nothing is in charge of it, or its manifest cannot be read.
    pub fn exported(&self, tx: &dyn ReadTx, route: &str) -> Result<Exported, AutomationError> {
        self.releases.exported(tx, route)
    }

    /// A person's word on a rollout. Gives its phase after; `None` when there is no such rollout that
    /// would listen. Runs to its end even when the one who asked goes away.
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
        let answers = |rollout: &Rollout| {
            let canary = self.gateway.canary(&rollout.model);
            canary.is_some_and(|canary| {
                canary.rollout.as_deref() == Some(rollout.id.as_str()) && canary.server.is_ready()
            })
        };
        let answering = self.fresh(&id).await?.is_some_and(|rollout| answers(&rollout));
        let told = self.store.write(actor, move |tx| {
            tx.bookkeeping();
            let Some(mut before) = tx.rollout(&id)? else { return Ok::<_, AutomationError>(None) };
            if !hears(tx, &before, &event)? {
                return Ok(None);
            }
            let mut commands = Vec::new();
            // A restart may have come between: nothing is put in charge that is not loaded.
            if !answering && matches!(event, Event::Promote | Event::PromoteFull) {
                commands = step(tx, &id, Event::Unready)?;
                before = tx.rollout(&id)?.unwrap_or(before);
            }
            let has_to_change = matches!(event, Event::Promote);
            commands.extend(step(tx, &id, event)?);
            let fresh = tx.rollout(&id)?.filter(|fresh| !has_to_change || *fresh != before);
            Ok(fresh.map(|fresh| (fresh, commands)))
        });
        let Some((rollout, commands)) = told.await? else { return Ok(None) };
        // Measurements are taken by the next tick.
        self.carry_out(&rollout, &commands);
        let stored = |error: serde_json::Error| AutomationError::StoredRollout(rollout.id, error.to_string());
        Ok(Some(RolloutState::stored(rollout.state).map_err(stored)?.phase))
    }

    /// Ends what is loaded without traffic: this server does not lead any more.
    pub(crate) fn clear(&self) {
        self.releases.warm.clear();
    }
}
