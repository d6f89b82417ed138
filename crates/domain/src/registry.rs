//! Registered models and their versions.

use crate::tracking::KeyValue;
use crate::{Actor, Timestamp};
use serde::{Deserialize, Serialize};

/// The classic stages of a model version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// No stage yet.
    #[default]
    None,
    /// Under test.
    Staging,
    /// Meant for traffic.
    Production,
    /// Out of use.
    Archived,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// Reads a stage name in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str().eq_ignore_ascii_case(text))
    }
}

/// A model under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredModel {
    /// Unique.
    pub name: String,
    /// A text for people.
    pub description: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Its tags.
    pub tags: Vec<KeyValue>,
    /// Its aliases with the version each points to.
    pub aliases: Vec<(String, u32)>,
}

/// One version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelVersion {
    /// The registered model.
    pub name: String,
    /// 1, 2, 3 ... never used twice.
    pub version: u32,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Its stage.
    pub stage: Stage,
    /// A text for people.
    pub description: String,
    /// The source URI as the client gave it.
    pub source: String,
    /// Where its files really lie, as a URI.
    pub storage_location: String,
    /// The run that produced it.
    pub run_id: Option<String>,
    /// The logged model it was made from.
    pub model_id: Option<String>,
    /// A link to the run elsewhere.
    pub run_link: String,
    /// The user name that the client gave.
    pub user: String,
    /// Who registered it.
    pub created_by: Actor,
    /// Its tags.
    pub tags: Vec<KeyValue>,
    /// The aliases that point to it.
    pub aliases: Vec<String>,
}
