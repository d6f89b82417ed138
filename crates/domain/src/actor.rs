//! Who did something.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The author of a change, as the audit trail names it: `user:alice`, `task:<dag>/<run>/<task>#<try>`,
/// `automation:<rule>`, `rollout:<id>` or `system:<part>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// A person or a client that gave no identity of its own.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self(format!("user:{name}"))
    }

    /// One attempt of a pipeline task.
    #[must_use]
    pub fn task(dag: &str, run: &str, task: &str, try_number: u32) -> Self {
        Self(format!("task:{dag}/{run}/{task}#{try_number}"))
    }

    /// A rule of the loop.
    #[must_use]
    pub fn automation(rule: &str) -> Self {
        Self(format!("automation:{rule}"))
    }

    /// The controller of one rollout.
    #[must_use]
    pub fn rollout(id: &str) -> Self {
        Self(format!("rollout:{id}"))
    }

    /// A part of the server itself.
    #[must_use]
    pub fn system(part: &str) -> Self {
        Self(format!("system:{part}"))
    }

    /// Reads back an actor that was stored as text.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `(dag, run, task, try)` when the actor is a task attempt.
    #[must_use]
    pub fn as_task(&self) -> Option<(&str, &str, &str, u32)> {
        let (path, try_number) = self.0.strip_prefix("task:")?.rsplit_once('#')?;
        let mut parts = path.splitn(3, '/');
        let (dag, run, task) = (parts.next()?, parts.next()?, parts.next()?);
        Some((dag, run, task, try_number.parse().ok()?))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Actor;

    #[test]
    fn a_task_actor_gives_back_its_parts() {
        let actor = Actor::task("flights_training", "data__1", "train", 2);
        assert_eq!(actor.as_task(), Some(("flights_training", "data__1", "train", 2)));
        assert_eq!(Actor::user("task:x").as_task(), None);
    }
}
