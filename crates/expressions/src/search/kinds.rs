//! What can be searched, and which keys and comparisons each has.

use super::{Entity, FilterError, Operator};

/// The kind of entity a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    /// Runs.
    Run,
    /// Experiments.
    Experiment,
    /// Registered models.
    RegisteredModel,
    /// Versions of registered models.
    ModelVersion,
    /// Logged models.
    LoggedModel,
    /// Data sets for evaluation.
    EvaluationDataset,
}

const NUMBERS: [Operator; 6] = [
    Operator::Greater,
    Operator::GreaterOrEqual,
    Operator::NotEqual,
    Operator::Equal,
    Operator::Less,
    Operator::LessOrEqual,
];
const TEXTS: [Operator; 4] = [Operator::NotEqual, Operator::Equal, Operator::Like, Operator::ILike];
const TEXTS_OR_NULL: [Operator; 6] = [
    Operator::NotEqual,
    Operator::Equal,
    Operator::Like,
    Operator::ILike,
    Operator::IsNull,
    Operator::IsNotNull,
];
const TEXTS_AND_LISTS: [Operator; 6] =
    [Operator::NotEqual, Operator::Equal, Operator::Like, Operator::ILike, Operator::In, Operator::NotIn];

impl EntityKind {
    /// The entity that a prefix such as `params` names.
    pub(super) fn entity(self, prefix: &str) -> Result<Entity, FilterError> {
        let entity = match prefix {
            "metric" | "metrics" => Some(Entity::Metric),
            "parameter" | "parameters" | "param" | "params" => Some(Entity::Parameter),
            "tag" | "tags" => Some(Entity::Tag),
            "attribute" | "attributes" | "attr" | "run" => Some(Entity::Attribute),
            "dataset" | "datasets" => Some(Entity::Dataset),
            _ => None,
        };
        let (allowed, valid): (fn(Entity) -> bool, &str) = match self {
            Self::Run => {
                (|_| true, "Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']")
            }
            Self::LoggedModel => (
                |entity| entity != Entity::Dataset,
                "Valid values are ['metric', 'parameter', 'tag', 'attribute']",
            ),
            Self::Experiment | Self::RegisteredModel | Self::ModelVersion | Self::EvaluationDataset => (
                |entity| matches!(entity, Entity::Tag | Entity::Attribute),
                "Valid entity types are ('attribute', 'tag', 'tags')",
            ),
        };
        entity
            .filter(|entity| allowed(*entity))
            .ok_or_else(|| FilterError::new(format!("Invalid entity type '{prefix}'. {valid}")))
    }

    /// The name of an attribute without its aliases.
    pub(super) fn resolved(self, key: &str) -> &str {
        match (self, key) {
            (Self::Run, "created" | "Created") => "start_time",
            (Self::Run, "run name" | "Run name" | "Run Name") => "run_name",
            (Self::RegisteredModel, "timestamp") => "last_updated_timestamp",
            (Self::LoggedModel, "creation_time") => "creation_timestamp",
            (Self::LoggedModel, "last_updated_time") => "last_updated_timestamp",
            _ => key,
        }
    }

    /// The attributes that a filter may name.
    pub(super) fn filter_keys(self) -> &'static [&'static str] {
        match self {
            Self::Run => &[
                "artifact_uri",
                "end_time",
                "experiment_id",
                "run_id",
                "run_name",
                "start_time",
                "status",
                "user_id",
            ],
            Self::Experiment => &["creation_time", "experiment_id", "last_update_time", "name"],
            Self::RegisteredModel => &["name"],
            Self::ModelVersion => &["name", "run_id", "source_path", "version_number"],
            Self::LoggedModel => &[
                "creation_timestamp",
                "last_updated_timestamp",
                "model_id",
                "model_type",
                "name",
                "source_run_id",
                "status",
            ],
            Self::EvaluationDataset => {
                &["created_by", "created_time", "last_update_time", "last_updated_by", "name"]
            }
        }
    }

    /// The attributes that an order may name.
    pub(super) fn order_keys(self) -> &'static [&'static str] {
        match self {
            Self::Run => &[
                "artifact_uri",
                "end_time",
                "experiment_id",
                "run_id",
                "run_name",
                "start_time",
                "status",
                "user_id",
            ],
            Self::Experiment => &["creation_time", "experiment_id", "last_update_time", "name"],
            Self::RegisteredModel => &["creation_timestamp", "last_updated_timestamp", "name"],
            Self::ModelVersion => &["creation_timestamp", "last_updated_timestamp", "name", "version_number"],
            Self::LoggedModel => self.filter_keys(),
            Self::EvaluationDataset => &["created_time", "last_update_time", "name"],
        }
    }

    /// Whether an attribute is a number.
    pub(super) fn is_numeric(self, key: &str) -> bool {
        let numeric: &[&str] = match self {
            Self::Run => &["start_time", "end_time"],
            Self::Experiment => &["creation_time", "last_update_time"],
            Self::RegisteredModel | Self::LoggedModel => &["creation_timestamp", "last_updated_timestamp"],
            Self::ModelVersion => &["version_number", "creation_timestamp", "last_updated_timestamp"],
            Self::EvaluationDataset => &["created_time", "last_update_time"],
        };
        numeric.contains(&key)
    }

    /// Whether an attribute may be compared with a list.
    pub(super) fn list_keys(self) -> &'static [&'static str] {
        match self {
            Self::Run => &["run_id"],
            Self::Experiment => &["experiment_id"],
            Self::RegisteredModel | Self::EvaluationDataset => &["name"],
            Self::ModelVersion => &["name", "run_id"],
            Self::LoggedModel => &["model_id", "model_type", "name", "source_run_id", "status"],
        }
    }

    /// The comparisons that an entity allows.
    pub(super) fn operators(self, entity: Entity, key: &str) -> &'static [Operator] {
        match entity {
            Entity::Metric => &NUMBERS,
            Entity::Attribute if self.is_numeric(key) => &NUMBERS,
            Entity::Attribute | Entity::Dataset => &TEXTS_AND_LISTS,
            Entity::Parameter | Entity::Tag if matches!(self, Self::Run | Self::Experiment) => &TEXTS_OR_NULL,
            Entity::Parameter | Entity::Tag => &TEXTS,
        }
    }
}
