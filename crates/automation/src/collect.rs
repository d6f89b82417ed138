//! Deleting for good: what was deleted before goes away with all that belongs to it. The rows go at
//! once, a few at a time; their files follow in the background, from a list that survives a restart.

use mainspring_artifact_store::{ArtifactError, ArtifactPath, Artifacts};
use mainspring_domain::access::Scope;
use mainspring_domain::registry::ModelVersion;
use mainspring_domain::tracking::Lifecycle;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_domain::{Actor, Clock, Timestamp};
use mainspring_metadata_store::{ReadTx, Store, StoreError, WriteTx};
use mainspring_tracking::locations::own_folder;
use mainspring_tracking::{TrackingError, experiments, purge, runs, workspaces};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Things that go in one transaction: their points may be many.
const AT_ONCE: usize = 10;
/// Folders that are removed before the list is looked at again.
const FOLDERS: usize = 100;
/// How long what could not be removed waits for another try.
const AGAIN: Duration = Duration::from_secs(60);

/// What is to go. When nothing is named, all that was deleted; otherwise only what is named.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only what lies in this workspace; without, all of them, and what is left of those that were deleted.
    pub workspace: Option<WorkspaceName>,
    /// Deleted at least so long ago.
    pub older_than: Duration,
    /// These runs.
    pub runs: Option<Vec<String>>,
    /// These logged models.
    pub logged_models: Option<Vec<String>>,
    /// These experiments, with their runs and logged models.
    pub experiments: Option<Vec<i64>>,
}

/// What stays although it was to go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Kept {
    /// The kind and id.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Runs.
    pub runs: Vec<String>,
    /// Logged models.
    pub logged_models: Vec<String>,
    /// Experiments.
    pub experiments: Vec<i64>,
    /// What stays.
    pub kept: BTreeSet<Kept>,
    /// Artifacts that this server does not keep, and so does not remove.
    pub left: Vec<String>,
}

/// Deletes for good. Cheap to clone.
#[derive(Clone)]
pub struct Collector {
    store: Store,
    artifacts: Artifacts,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Collector {
    pub(crate) fn new(store: Store, artifacts: Artifacts, clock: Arc<dyn Clock>) -> Self {
        Self { store, artifacts, clock, wake: Arc::new(Notify::new()) }
    }

    /// What would go.
    ///
    /// # Errors
    /// When something is named that does not exist, is in use, or was deleted too recently.
    pub async fn preview(&self, wanted: Wanted) -> Result<Collected, TrackingError> {
        let before = self.before(&wanted);
        let store = match &wanted.workspace {
            Some(workspace) => self.store.within(workspace.clone()),
            None => self.store.clone(),
        };
        let query = move |tx: &dyn ReadTx| {
            // A name that was misspelt must not look like nothing to do.
            wanted.workspace.as_ref().map(|name| workspaces::get(tx, name)).transpose()?;
            plan(tx, &wanted, before)
        };
        store.read(query).await
    }

    /// Deletes for good; the files follow.
    ///
    /// # Errors
    /// As [`Collector::preview`]; also when the store fails on the way, and then some of it may have
    /// gone.
    pub async fn collect(&self, actor: &Actor, wanted: Wanted) -> Result<Collected, TrackingError> {
        let plan = self.preview(wanted).await?;
        let mut done = Collected { kept: plan.kept, ..Collected::default() };
        for some in plan.runs.chunks(AT_ONCE) {
            let artifacts = self.artifacts.clone();
            self.step(actor, some.to_vec(), &mut done, move |tx, id, done| {
                if let Some(reason) = used_by(&tx.model_versions_of_run(id)?) {
                    done.kept.insert(Kept { what: format!("run {id}"), reason });
                    return Ok(());
                }
                let run = purge::run(tx, id)?;
                done.release(tx, &artifacts, &run.artifact_uri, id)?;
                done.runs.push(id.clone());
                Ok(())
            })
            .await?;
        }
        for some in plan.logged_models.chunks(AT_ONCE) {
            let artifacts = self.artifacts.clone();
            self.step(actor, some.to_vec(), &mut done, move |tx, id, done| {
                if let Some(reason) = used_by(&tx.model_versions_of_logged_model(id)?) {
                    done.kept.insert(Kept { what: format!("logged model {id}"), reason });
                    return Ok(());
                }
                let model = purge::logged_model(tx, id)?;
                done.release(tx, &artifacts, &model.artifact_uri, id)?;
                done.logged_models.push(id.clone());
                Ok(())
            })
            .await?;
        }
        let artifacts = self.artifacts.clone();
        self.step(actor, plan.experiments, &mut done, move |tx, id, done| {
            let location = purge::experiment(tx, *id)?;
            tx.delete_grants_on(&Scope::Experiment(*id))?;
            // Another place may be shared with other experiments; what lay there has gone by itself.
            if own_folder(&location, *id).is_some() {
                done.release(tx, &artifacts, &location, &id.to_string())?;
            }
            done.experiments.push(*id);
            Ok(())
        })
        .await?;
        self.wake.notify_one();
        Ok(done)
    }

    fn before(&self, wanted: &Wanted) -> Timestamp {
        // What was deleted just now counts when nothing is said of its age.
        let now = self.clock.now();
        if wanted.older_than.is_zero() { now + Duration::from_millis(1) } else { now - wanted.older_than }
    }

    /// Deletes some things in one transaction. What has changed since the plan was made stays.
    async fn step<I: Send + 'static>(
        &self,
        actor: &Actor,
        items: Vec<I>,
        done: &mut Collected,
        delete: impl Fn(&mut dyn WriteTx, &I, &mut Collected) -> Result<(), TrackingError> + Send + 'static,
    ) -> Result<(), TrackingError> {
        if items.is_empty() {
            return Ok(());
        }
        let mut step = std::mem::take(done);
        let change = move |tx: &mut dyn WriteTx| {
            for item in &items {
                match delete(tx, item, &mut step) {
                    Ok(()) => {}
                    Err(TrackingError::Store(error)) => return Err(TrackingError::Store(error)),
                    Err(changed) => {
                        let what = "something that changed meanwhile".to_owned();
                        step.kept.insert(Kept { what, reason: changed.to_string() });
                    }
                }
            }
            tx.bookkeeping();
            Ok(step)
        };
        *done = self.store.write(actor.clone(), change).await?;
        Ok(())
    }

    /// Removes files that nobody owns any more; works until dropped.
    pub(crate) async fn run(self) {
        loop {
            if let Err(error) = self.sweep().await {
                tracing::error!(%error, "removing artifacts");
            }
            let _ = tokio::time::timeout(AGAIN, self.wake.notified()).await;
        }
    }

    /// Goes through the list once.
    async fn sweep(&self) -> Result<(), StoreError> {
        let began = self.clock.now();
        loop {
            let waiting = self.store.read(|tx| tx.artifact_garbage(FOLDERS)).await?;
            // What failed in this pass went to the end of the list.
            let mut worked = false;
            for garbage in waiting {
                if garbage.error.is_some() && garbage.queued >= began {
                    continue;
                }
                worked = true;
                let removed = match ArtifactPath::parse(&garbage.path) {
                    Ok(path) => match self.artifacts.own() {
                        Ok(own) => own.delete(&path).await,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                };
                let note = move |tx: &mut dyn WriteTx| {
                    match removed {
                        Ok(()) | Err(ArtifactError::NotFound(_)) => {
                            tx.drop_artifact_garbage(&garbage.path)?;
                        }
                        Err(error) => {
                            tx.fail_artifact_garbage(&garbage.path, &error.to_string())?;
                        }
                    }
                    tx.bookkeeping();
                    Ok::<_, StoreError>(())
                };
                self.store.write(Actor::system("collector"), note).await?;
            }
            if !worked {
                return Ok(());
            }
        }
    }
}

impl Collected {
    /// Puts a folder on the list of those to be removed.
    fn release(
        &mut self,
        tx: &mut dyn WriteTx,
        artifacts: &Artifacts,
        uri: &str,
        owner: &str,
    ) -> Result<(), StoreError> {
        // Where clients write by themselves, the server may only read.
        let found = artifacts.locate(uri).ok().filter(|found| found.own);
        let Some(path) = found.map(|found| found.path).filter(|path| !path.as_str().is_empty()) else {
            self.left.push(uri.to_owned());
            return Ok(());
        };
        // The folder that is the owner's own: `<id>` rather than `<id>/artifacts`.
        let own = match path.as_str().rsplit_once('/') {
            Some((parent, "artifacts")) if parent.rsplit('/').next() == Some(owner) => parent,
            _ => path.as_str(),
        };
        tx.add_artifact_garbage(own)
    }
}

/// Why something that versions come from stays.
fn used_by(versions: &[ModelVersion]) -> Option<String> {
    let first = versions.first()?;
    let more = if versions.len() > 1 { format!(" and {} more", versions.len() - 1) } else { String::new() };
    Some(format!("version {} of model `{}`{more} comes from it", first.version, first.name))
}

fn refuse<T>(message: String) -> Result<T, TrackingError> {
    Err(TrackingError::Invalid(message))
}

fn plan(tx: &dyn ReadTx, wanted: &Wanted, before: Timestamp) -> Result<Collected, TrackingError> {
    let all = wanted.runs.is_none() && wanted.logged_models.is_none() && wanted.experiments.is_none();
    let mut plan = Collected::default();
    let runs = match &wanted.runs {
        Some(named) => named.clone(),
        None if all => tx.deleted_runs(before)?,
        None => Vec::new(),
    };
    for id in &runs {
        let run = runs::info(tx, id)?;
        if run.lifecycle == Lifecycle::Active {
            return refuse(format!(
                "Run {id} is not in `deleted` lifecycle stage. Only runs in `deleted` lifecycle stage can be \
                 deleted."
            ));
        }
        if tx.run_deleted_at(id)?.is_some_and(|time| time >= before) {
            return refuse(format!("Run {id} is not older than the required age."));
        }
    }
    let models = match &wanted.logged_models {
        Some(named) => named.clone(),
        None if all => tx.deleted_logged_models(before)?,
        None => Vec::new(),
    };
    for id in &models {
        let model = tx.logged_model(id)?.ok_or_else(|| TrackingError::NoLoggedModel(id.clone()))?;
        if model.lifecycle == Lifecycle::Active {
            return refuse(format!(
                "Logged model {id} is not in `deleted` lifecycle stage. Only logged models in `deleted` \
                 lifecycle stage can be deleted."
            ));
        }
        if model.updated >= before {
            return refuse(format!("Logged model {id} is not older than the required age."));
        }
    }
    for id in runs {
        plan.add_run(tx, id)?;
    }
    for id in models {
        plan.add_logged_model(tx, id)?;
    }
    let experiments = match &wanted.experiments {
        Some(named) => named.clone(),
        None if all => tx.deleted_experiments(before)?,
        None => Vec::new(),
    };
    for id in experiments {
        let experiment = experiments::get(tx, id)?;
        if experiment.lifecycle == Lifecycle::Active {
            return refuse(format!(
                "Experiments ['{id}'] are not in the deleted lifecycle stage. Only experiments in the deleted \
                 lifecycle stage can be hard-deleted."
            ));
        }
        if experiment.updated >= before {
            return refuse(format!("Experiments ['{id}'] are not older than the required age."));
        }
        plan.add_experiment(tx, id)?;
    }
    Ok(plan)
}

impl Collected {
    /// Adds a run; says whether it goes.
    fn add_run(&mut self, tx: &dyn ReadTx, id: String) -> Result<bool, TrackingError> {
        if let Some(reason) = used_by(&tx.model_versions_of_run(&id)?) {
            self.kept.insert(Kept { what: format!("run {id}"), reason });
            return Ok(false);
        }
        if !self.runs.contains(&id) {
            self.runs.push(id);
        }
        Ok(true)
    }

    fn add_logged_model(&mut self, tx: &dyn ReadTx, id: String) -> Result<bool, TrackingError> {
        if let Some(reason) = used_by(&tx.model_versions_of_logged_model(&id)?) {
            self.kept.insert(Kept { what: format!("logged model {id}"), reason });
            return Ok(false);
        }
        if !self.logged_models.contains(&id) {
            self.logged_models.push(id);
        }
        Ok(true)
    }

    /// Adds an experiment with all that is in it; it stays when something in it does.
    fn add_experiment(&mut self, tx: &dyn ReadTx, id: i64) -> Result<(), TrackingError> {
        let keep = |kept: &mut BTreeSet<Kept>, reason: &str| {
            kept.insert(Kept { what: format!("experiment {id}"), reason: reason.to_owned() });
        };
        if id == 0 {
            keep(&mut self.kept, "it is the default experiment");
            return Ok(());
        }
        let mut whole = true;
        for run in tx.runs_of_experiment(id)? {
            if runs::info(tx, &run)?.lifecycle == Lifecycle::Active {
                keep(&mut self.kept, &format!("its run {run} is in use"));
                whole = false;
            } else {
                whole &= self.add_run(tx, run)?;
            }
        }
        for model in tx.logged_models_of_experiment(id)? {
            whole &= self.add_logged_model(tx, model)?;
        }
        if whole {
            self.experiments.push(id);
        } else {
            keep(&mut self.kept, "something in it stays");
        }
        Ok(())
    }
}
