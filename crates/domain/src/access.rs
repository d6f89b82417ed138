//! Who may do what.

use crate::Timestamp;
use crate::workspaces::WorkspaceName;
use serde::{Deserialize, Serialize};

/// What somebody may do; each role includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See, download, ask models for predictions.
    Reader,
    /// Log, register, send labels.
    Editor,
    /// Delete, release, change stages, grant roles on the same resource.
    Manager,
    /// Manage users; on the whole server only.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Editor, Self::Manager, Self::Admin];

    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Editor => "editor",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }

    /// Reads the stored form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// What a role is held on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything.
    Server,
    /// One experiment with its runs, logged models, traces and artifacts.
    Experiment(i64),
    /// One registered model with its versions.
    Model(String),
    /// One workspace with all that lies in it.
    Workspace(WorkspaceName),
}

impl Scope {
    /// The stored form: `server`, `experiment:7`, `model:flights`, `workspace:team-a`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Server => "server".to_owned(),
            Self::Experiment(id) => format!("experiment:{id}"),
            Self::Model(name) => format!("model:{name}"),
            Self::Workspace(name) => format!("workspace:{name}"),
        }
    }

    /// Reads the stored form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "server" => Some(Self::Server),
            Some(("experiment", id)) => id.parse().ok().map(Self::Experiment),
            Some(("model", name)) if !name.is_empty() => Some(Self::Model(name.to_owned())),
            Some(("workspace", name)) => WorkspaceName::parse(name).ok().map(Self::Workspace),
            _ => None,
        }
    }
}

/// A person or a program with tokens of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Unique.
    pub name: String,
    /// When it was added.
    pub created: Timestamp,
}

/// A role that a user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: String,
    /// On what.
    pub scope: Scope,
    /// Which.
    pub role: Role,
}

/// A secret by which a user is known; only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// Names it without giving it away.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is for, in its owner's words.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is no longer taken.
    pub expires: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::{Role, Scope};
    use crate::workspaces::WorkspaceName;

    #[test]
    fn roles_include_those_below_and_scopes_read_back() {
        assert!(Role::Admin > Role::Manager && Role::Manager > Role::Editor && Role::Editor > Role::Reader);
        assert!(Role::ALL.iter().all(|role| Role::parse(role.as_str()) == Some(*role)));
        let workspace = Scope::Workspace(WorkspaceName::parse("team-a").unwrap());
        for scope in [Scope::Server, Scope::Experiment(7), Scope::Model("a:b/c".into()), workspace] {
            assert_eq!(Scope::parse(&scope.to_text()), Some(scope));
        }
        for text in ["", "server:1", "experiment:x", "model:", "nothing"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
