//! Registered models and their versions.

use super::search::Search;
use crate::Result;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_domain::tracking::KeyValue;

/// Reading registered models.
pub trait RegistryRead {
    /// One registered model.
    fn registered_model(&self, name: &str) -> Result<Option<RegisteredModel>>;
    /// Registered models by condition; by name unless told.
    fn search_registered_models(&self, search: &Search) -> Result<Vec<RegisteredModel>>;
    /// One version.
    fn model_version(&self, name: &str, version: u32) -> Result<Option<ModelVersion>>;
    /// All versions of a model, oldest first.
    fn model_versions(&self, name: &str) -> Result<Vec<ModelVersion>>;
    /// The newest version of each stage, of each of the models.
    fn latest_versions(&self, names: &[&str]) -> Result<Vec<ModelVersion>>;
    /// Versions made from what a run logged, oldest first.
    fn model_versions_of_run(&self, run: &str) -> Result<Vec<ModelVersion>>;
    /// Versions made from a logged model, oldest first.
    fn model_versions_of_logged_model(&self, id: &str) -> Result<Vec<ModelVersion>>;
    /// Versions by condition; the last changed first unless told.
    fn search_model_versions(&self, search: &Search) -> Result<Vec<ModelVersion>>;
    /// The version that an alias points to.
    fn alias(&self, name: &str, alias: &str) -> Result<Option<u32>>;
}

/// Writing registered models.
pub trait RegistryWrite {
    /// Adds a model with its tags.
    fn insert_registered_model(&mut self, model: &RegisteredModel) -> Result<()>;
    /// Writes description and time of change.
    fn update_registered_model(&mut self, model: &RegisteredModel) -> Result<()>;
    /// Gives a model another name, with all that belongs to it.
    fn rename_registered_model(&mut self, name: &str, new_name: &str) -> Result<()>;
    /// Removes a model with all that belongs to it.
    fn delete_registered_model(&mut self, name: &str) -> Result<()>;
    /// Sets a tag of a model.
    fn set_registered_model_tag(&mut self, name: &str, tag: &KeyValue) -> Result<()>;
    /// Removes a tag of a model; says whether it was there.
    fn delete_registered_model_tag(&mut self, name: &str, key: &str) -> Result<bool>;
    /// Takes the next version number of a model. A number is never given twice.
    fn take_version_number(&mut self, name: &str) -> Result<u32>;
    /// Makes the next version number of a model greater than `used`.
    fn use_version_number(&mut self, name: &str, used: u32) -> Result<()>;
    /// Adds a version with its tags.
    fn insert_model_version(&mut self, version: &ModelVersion) -> Result<()>;
    /// Writes stage, description and time of change.
    fn update_model_version(&mut self, version: &ModelVersion) -> Result<()>;
    /// Removes a version with its tags and aliases.
    fn delete_model_version(&mut self, name: &str, version: u32) -> Result<()>;
    /// Sets a tag of a version.
    fn set_model_version_tag(&mut self, name: &str, version: u32, tag: &KeyValue) -> Result<()>;
    /// Removes a tag of a version; says whether it was there.
    fn delete_model_version_tag(&mut self, name: &str, version: u32, key: &str) -> Result<bool>;
    /// Points an alias to a version.
    fn set_alias(&mut self, name: &str, alias: &str, version: u32) -> Result<()>;
    /// Removes an alias; says whether it was there.
    fn delete_alias(&mut self, name: &str, alias: &str) -> Result<bool>;
}
