//! Workspaces: places in which teams keep experiments and models apart from those of others.

use crate::Timestamp;
use std::borrow::Cow;
use std::fmt;

/// The name of a workspace that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkspaceName(Cow<'static, str>);

/// Names that would be taken for parts of an address.
const RESERVED: [&str; 4] = ["workspaces", "api", "ajax-api", "static-files"];
/// Characters of a name.
const LENGTH: std::ops::RangeInclusive<usize> = 2..=63;

/// Why a text is no name of a workspace, in the words that MLflow's clients know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceNameError {
    /// Too short or too long.
    Length(String),
    /// Other characters than small letters, digits and hyphens between them.
    Pattern(String),
    /// A part of the server's addresses.
    Reserved(String),
}

impl fmt::Display for WorkspaceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(name) => write!(
                f,
                "Workspace name '{name}' must be between {} and {} characters.",
                LENGTH.start(),
                LENGTH.end()
            ),
            Self::Pattern(name) => write!(
                f,
                "Workspace name '{name}' must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$ (lowercase \
                 alphanumeric with optional internal hyphens)."
            ),
            Self::Reserved(name) => write!(f, "Workspace name '{name}' is reserved and cannot be used."),
        }
    }
}

impl std::error::Error for WorkspaceNameError {}

impl WorkspaceName {
    /// The name of the workspace that every store has.
    pub const DEFAULT: &'static str = "default";

    /// Checks a name.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, WorkspaceNameError> {
        if !LENGTH.contains(&text.chars().count()) {
            return Err(WorkspaceNameError::Length(text.to_owned()));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = text.chars().all(|c| plain(c) || c == '-');
        if !inner || !text.starts_with(plain) || !text.ends_with(plain) {
            return Err(WorkspaceNameError::Pattern(text.to_owned()));
        }
        if RESERVED.contains(&text) {
            return Err(WorkspaceNameError::Reserved(text.to_owned()));
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    /// A name that was stored.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the workspace that every store has.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }

    /// The name by which the whole server knows a registered model of this workspace: `NAME` in the
    /// default workspace, `WORKSPACE:NAME` elsewhere. Names of models hold no `:` themselves.
    #[must_use]
    pub fn qualify(&self, model: &str) -> String {
        if self.is_default() { model.to_owned() } else { format!("{}:{model}", self.0) }
    }

    /// Whether a registered model belongs to this workspace, by the name that the whole server knows.
    #[must_use]
    pub fn has_model(&self, qualified: &str) -> bool {
        match qualified.split_once(':') {
            None => self.is_default(),
            Some((workspace, _)) => workspace == self.0,
        }
    }

    /// The workspace of a registered model, by the name that the whole server knows.
    #[must_use]
    pub fn of_model(qualified: &str) -> Self {
        qualified
            .split_once(':')
            .map_or_else(Self::default, |(workspace, _)| Self(Cow::Owned(workspace.to_owned())))
    }
}

impl Default for WorkspaceName {
    fn default() -> Self {
        Self(Cow::Borrowed(Self::DEFAULT))
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a registered model within its workspace, by the name that the whole server knows.
#[must_use]
pub fn local_model_name(qualified: &str) -> &str {
    qualified.split_once(':').map_or(qualified, |(_, name)| name)
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its name.
    pub name: WorkspaceName,
    /// A text for people.
    pub description: Option<String>,
    /// Below what the artifacts of its new experiments go, as a URI; a folder of its own below the
    /// server's root when there is none.
    pub artifact_root: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{WorkspaceName, WorkspaceNameError as E, local_model_name};

    #[test]
    fn names_are_small_letters_digits_and_inner_hyphens() {
        for name in ["team-a", "ab", "0-9", "default", &"x".repeat(63)] {
            assert_eq!(WorkspaceName::parse(name).unwrap().as_str(), name);
        }
        for name in ["a", "", &"x".repeat(64)] {
            assert_eq!(WorkspaceName::parse(name), Err(E::Length(name.into())));
        }
        for name in ["-a", "a-", "Team", "a_b", "a/b", "ä-b", "a b", "ab\n"] {
            assert_eq!(WorkspaceName::parse(name), Err(E::Pattern(name.into())), "{name}");
        }
        assert_eq!(WorkspaceName::parse("api"), Err(E::Reserved("api".into())));
    }

    #[test]
    fn models_are_known_by_workspace_and_name() {
        let (default, team) = (WorkspaceName::default(), WorkspaceName::parse("team-a").unwrap());
        assert_eq!((default.qualify("m"), team.qualify("m")), ("m".into(), "team-a:m".into()));
        assert!(default.has_model("m") && !default.has_model("team-a:m"));
        assert!(team.has_model("team-a:m") && !team.has_model("m") && !team.has_model("team-ab:m"));
        assert_eq!((local_model_name("team-a:m"), local_model_name("m")), ("m", "m"));
        assert_eq!((WorkspaceName::of_model("team-a:m"), WorkspaceName::of_model("m")), (team, default));
    }
}
