//! Where an import writes, or would write.

use crate::Result;
use mainspring_artifact_store::ArtifactStore;
use mainspring_domain::Actor;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::Experiment;
use mainspring_metadata_store::{Onlooker, ReadTx, Store, StoreError, WriteTx};
use std::collections::{HashMap, HashSet};
use tokio::runtime::Handle;

/// The opened store of a data directory.
#[derive(Debug)]
pub struct Opened {
    /// What is known.
    pub store: Store,
    /// The bytes.
    pub artifacts: ArtifactStore,
    /// The runtime on which both work; imports run outside of it.
    pub runtime: Handle,
}

/// Where an import goes.
#[derive(Debug)]
pub enum Target {
    /// Into a store.
    Store(Opened),
    /// Nowhere: only what it would find there is looked at. None when there is no store yet.
    Look(Option<Onlooker>),
}

/// A run or logged model that is there already.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) artifact_uri: String,
    /// Only a part of its points was written.
    pub(crate) unfinished: bool,
}

impl Target {
    pub(crate) const fn is_dry(&self) -> bool {
        matches!(self, Self::Look(_))
    }

    fn read<T: Default + Send + 'static>(
        &self,
        query: impl FnOnce(&dyn ReadTx) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> Result<T> {
        Ok(match self {
            Self::Store(opened) => opened.runtime.block_on(opened.store.read(query))?,
            Self::Look(Some(onlooker)) => onlooker.read(query)?,
            Self::Look(None) => T::default(),
        })
    }

    /// Runs a change; a dry run has none.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        actor: &Actor,
        change: impl FnOnce(&mut dyn WriteTx) -> std::result::Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>> {
        let Self::Store(opened) = self else { return Ok(None) };
        Ok(Some(opened.runtime.block_on(opened.store.write(actor.clone(), change))?))
    }

    pub(crate) fn experiment_named(&self, name: &str) -> Result<Option<Experiment>> {
        let name = name.to_owned();
        self.read(move |tx| tx.experiment_by_name(&name))
    }

    pub(crate) fn has_experiment(&self, id: i64) -> Result<bool> {
        self.read(move |tx| Ok(tx.experiment(id)?.is_some()))
    }

    /// Those of the runs that are there.
    pub(crate) fn known_runs(&self, ids: Vec<String>) -> Result<HashMap<String, Known>> {
        self.read(move |tx| {
            let mut known = HashMap::new();
            for id in ids {
                if let Some(run) = tx.run_info(&id)? {
                    let unfinished = tx.cursor(&bookmark(&id))? != 0;
                    known.insert(id, Known { artifact_uri: run.artifact_uri, unfinished });
                }
            }
            Ok(known)
        })
    }

    /// Those of the logged models that are there.
    pub(crate) fn known_logged_models(&self, ids: Vec<String>) -> Result<HashMap<String, Known>> {
        self.read(move |tx| {
            let mut known = HashMap::new();
            for id in ids {
                if let Some(model) = tx.logged_model(&id)? {
                    let unfinished = tx.cursor(&bookmark(&id))? != 0;
                    known.insert(id, Known { artifact_uri: model.artifact_uri, unfinished });
                }
            }
            Ok(known)
        })
    }

    /// Those of the traces that are there.
    pub(crate) fn known_traces(&self, ids: Vec<String>) -> Result<HashSet<String>> {
        self.read(move |tx| {
            let mut known = HashSet::new();
            for id in ids {
                if tx.trace_experiment(&id)?.is_some() {
                    known.insert(id);
                }
            }
            Ok(known)
        })
    }

    /// A registered model with its versions.
    pub(crate) fn registered(&self, name: &str) -> Result<Option<(RegisteredModel, Vec<ModelVersion>)>> {
        let name = name.to_owned();
        self.read(move |tx| {
            let Some(model) = tx.registered_model(&name)? else { return Ok(None) };
            Ok(Some((model, tx.model_versions(&name)?)))
        })
    }
}

/// The bookmark of a run or logged model: not 0 while only a part of its points was written.
pub(crate) fn bookmark(id: &str) -> String {
    format!("import:{id}")
}
