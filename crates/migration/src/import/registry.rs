//! Registered models: one transaction each.

use super::Importer;
use crate::Result;
use mainspring_domain::events::Record;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::KeyValue;
use mainspring_metadata_store::StoreError;
use serde_json::json;
use std::collections::HashSet;

impl Importer<'_> {
    /// Brings a registered model with its versions. Stages and aliases come as they are: they say what
    /// was released elsewhere, and nothing is deployed because of them.
    pub(crate) fn registered_model(
        &mut self,
        model: RegisteredModel,
        versions: Vec<ModelVersion>,
    ) -> Result<()> {
        self.flush()?;
        if model.name.contains(':') {
            // Here that would be a model of another workspace.
            self.report.left_out(format!("model {}", model.name), "names of models have no `:` here");
            return Ok(());
        }
        let place = |version: &ModelVersion| format!("model {}/{}", version.name, version.version);
        let held = self.target.registered(&model.name)?;
        let (held, held_versions) = match held {
            Some((held, versions)) => (Some(held), versions),
            None => (None, Vec::new()),
        };
        let mut fresh = Vec::new();
        for mut version in versions {
            match held_versions.iter().find(|held| held.version == version.version) {
                Some(held) if held.created == version.created => {
                    self.report.already_there.model_versions += 1;
                }
                Some(_) => self.report.left_out(place(&version), "another version has this number here"),
                None => {
                    self.relocate(&mut version);
                    fresh.push(version);
                }
            }
        }
        let numbers: HashSet<u32> =
            fresh.iter().chain(&held_versions).map(|version| version.version).collect();
        let mut aliases = Vec::new();
        for (alias, version) in &model.aliases {
            let there = held.iter().flat_map(|held| &held.aliases).find(|(name, _)| name == alias);
            let place = || format!("model {} alias {alias}", model.name);
            match there {
                Some((_, held)) if held == version => self.report.already_there.aliases += 1,
                Some((_, held)) => {
                    self.report.left_out(place(), format!("it points to version {held} here"));
                }
                None if numbers.contains(version) => aliases.push((alias.clone(), *version)),
                None => self.report.left_out(place(), format!("there is no version {version}")),
            }
        }
        let is_new =
            |tag: &&KeyValue| held.iter().flat_map(|held| &held.tags).all(|other| other.key != tag.key);
        let tags: Vec<KeyValue> = model.tags.iter().filter(is_new).cloned().collect();
        match held {
            Some(_) => self.report.already_there.registered_models += 1,
            None => self.report.brought.registered_models += 1,
        }
        self.report.brought.model_versions += fresh.len() as u64;
        self.report.brought.aliases += aliases.len() as u64;
        if held.is_some() && fresh.is_empty() && aliases.is_empty() && tags.is_empty() {
            return Ok(());
        }
        let (source, actor, is_new) = (self.report.source.clone(), self.actor.clone(), held.is_none());
        self.target.write(&self.actor, move |tx| {
            if is_new {
                tx.insert_registered_model(&model)?;
            } else {
                tags.iter().try_for_each(|tag| tx.set_registered_model_tag(&model.name, tag))?;
            }
            for version in &mut fresh {
                version.created_by = actor.clone();
                tx.insert_model_version(version)?;
                tx.use_version_number(&version.name, version.version)?;
            }
            aliases.iter().try_for_each(|(alias, version)| tx.set_alias(&model.name, alias, *version))?;
            let stages: Vec<_> = fresh
                .iter()
                .map(|version| json!({ "version": version.version, "stage": version.stage.as_str() }))
                .collect();
            let details = json!({ "source": source, "versions": stages, "aliases": aliases });
            tx.record(Record::new("model.imported", format!("model:{}", model.name)).with(details))?;
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    /// Makes a version's locations name the place where its files are now.
    fn relocate(&self, version: &mut ModelVersion) {
        let owners = [version.model_id.as_deref(), version.run_id.as_deref()];
        let source = self.moved.follow(&version.source, &owners);
        let storage = self.moved.follow(&version.storage_location, &owners);
        if let Some(source) = source {
            version.source = source;
        }
        if let Some(storage) = storage {
            version.storage_location = storage;
        }
    }
}
