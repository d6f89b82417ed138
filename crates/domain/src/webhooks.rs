//! Webhooks: addresses elsewhere that hear of changes in the registry.

use crate::Timestamp;
use crate::workspaces::WorkspaceName;
use std::fmt;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookEntity {
    /// A registered model.
    RegisteredModel,
    /// A version of a model.
    ModelVersion,
    /// A tag of a version.
    ModelVersionTag,
    /// An alias of a model.
    ModelVersionAlias,
    /// A prompt.
    Prompt,
    /// A version of a prompt.
    PromptVersion,
    /// A tag of a prompt.
    PromptTag,
    /// A tag of a version of a prompt.
    PromptVersionTag,
    /// An alias of a prompt.
    PromptAlias,
    /// A budget of an AI gateway.
    BudgetPolicy,
}

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookAction {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was removed.
    Deleted,
    /// It was given a value.
    Set,
    /// It went over a limit.
    Exceeded,
}

impl WebhookEntity {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RegisteredModel,
        Self::ModelVersion,
        Self::ModelVersionTag,
        Self::ModelVersionAlias,
        Self::Prompt,
        Self::PromptVersion,
        Self::PromptTag,
        Self::PromptVersionTag,
        Self::PromptAlias,
        Self::BudgetPolicy,
    ];

    /// The stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegisteredModel => "registered_model",
            Self::ModelVersion => "model_version",
            Self::ModelVersionTag => "model_version_tag",
            Self::ModelVersionAlias => "model_version_alias",
            Self::Prompt => "prompt",
            Self::PromptVersion => "prompt_version",
            Self::PromptTag => "prompt_tag",
            Self::PromptVersionTag => "prompt_version_tag",
            Self::PromptAlias => "prompt_alias",
            Self::BudgetPolicy => "budget_policy",
        }
    }

    /// What can happen to it, by name.
    #[must_use]
    pub const fn actions(self) -> &'static [WebhookAction] {
        use WebhookAction::{Created, Deleted, Exceeded, Set};
        match self {
            Self::RegisteredModel | Self::ModelVersion | Self::Prompt | Self::PromptVersion => &[Created],
            Self::ModelVersionTag | Self::PromptTag | Self::PromptVersionTag => &[Deleted, Set],
            Self::ModelVersionAlias | Self::PromptAlias => &[Created, Deleted],
            Self::BudgetPolicy => &[Exceeded],
        }
    }
}

impl WebhookAction {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Created, Self::Updated, Self::Deleted, Self::Set, Self::Exceeded];

    /// The stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Set => "set",
            Self::Exceeded => "exceeded",
        }
    }
}

/// A kind of event that a webhook can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WebhookEvent {
    /// What it is about.
    pub entity: WebhookEntity,
    /// What happened.
    pub action: WebhookAction,
}

impl WebhookEvent {
    /// An event, when the action is one that can happen to the entity.
    #[must_use]
    pub fn new(entity: WebhookEntity, action: WebhookAction) -> Option<Self> {
        entity.actions().contains(&action).then_some(Self { entity, action })
    }

    /// Reads the form in which it is shown: `model_version.created`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (entity, action) = text.split_once('.')?;
        let entity = WebhookEntity::ALL.into_iter().find(|one| one.as_str() == entity)?;
        let action = WebhookAction::ALL.into_iter().find(|one| one.as_str() == action)?;
        Self::new(entity, action)
    }
}

impl fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entity.as_str(), self.action.as_str())
    }
}

/// Whether a webhook is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookStatus {
    /// It is.
    #[default]
    Active,
    /// It is kept, but not called.
    Disabled,
}

impl WebhookStatus {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }

    /// Reads the form of [`WebhookStatus::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ACTIVE" => Some(Self::Active),
            "DISABLED" => Some(Self::Disabled),
            _ => None,
        }
    }
}

/// A secret in its encrypted form. Not even that is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub String);

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret")
    }
}

/// An address elsewhere that hears of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// A UUID.
    pub id: String,
    /// The workspace whose models it hears of.
    pub workspace: WorkspaceName,
    /// A name for people.
    pub name: String,
    /// A text for people.
    pub description: String,
    /// Where messages go.
    pub url: String,
    /// The events that it hears of.
    pub events: Vec<WebhookEvent>,
    /// Whether it is called.
    pub status: WebhookStatus,
    /// The key of its signatures.
    pub secret: Option<SealedSecret>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A message on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// A UUID; the receiver sees it, the same with every try.
    pub id: String,
    /// The webhook.
    pub webhook: String,
    /// The event.
    pub event: WebhookEvent,
    /// When it happened.
    pub time: Timestamp,
    /// What is told of it, as JSON text.
    pub payload: String,
    /// Tries that failed so far.
    pub tries: u32,
    /// Not to be sent before.
    pub due: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{SealedSecret, WebhookAction, WebhookEntity, WebhookEvent};

    #[test]
    fn events_are_what_can_happen() {
        assert!(WebhookEvent::new(WebhookEntity::ModelVersion, WebhookAction::Set).is_none());
        for entity in WebhookEntity::ALL {
            for action in entity.actions() {
                let event = WebhookEvent::new(entity, *action).unwrap();
                assert_eq!(WebhookEvent::parse(&event.to_string()), Some(event));
            }
        }
        assert_eq!(WebhookEvent::parse("model_version.updated"), None);
        assert_eq!(WebhookEvent::parse("model_version"), None);
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", SealedSecret("x".to_owned())), "SealedSecret");
    }
}
