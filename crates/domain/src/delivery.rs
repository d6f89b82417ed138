//! Deployments: which version of a model answers.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which side of a rollout a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The version in charge.
    Stable,
    /// The version on trial.
    Canary,
}

impl Arm {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

/// What serves a model now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The registered model.
    pub model: String,
    /// The version in charge.
    pub stable: Option<u32>,
    /// The rollout that put it in charge.
    pub stable_rollout: Option<String>,
    /// The rollout under way.
    pub active_rollout: Option<String>,
    /// When it last changed.
    pub updated: Timestamp,
}

/// A rollout as it is stored: what the controller needs to go on after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its id.
    pub id: String,
    /// The registered model.
    pub model: String,
    /// The version on trial.
    pub version: u32,
    /// The version in charge when it began.
    pub previous: Option<u32>,
    /// Who or what asked for it.
    pub requested_by: String,
    /// Why.
    pub reason: String,
    /// Whether it has ended.
    pub ended: Option<Timestamp>,
    /// When it began.
    pub created: Timestamp,
    /// The rollout file's content, so that a change of the file cannot alter a rollout under way.
    pub spec_text: String,
    /// The state machine's state.
    pub state: Value,
}

/// A copy of one row of a live request, asked of a version on trial and compared with what the client
/// got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    /// When the version on trial answered.
    pub time: Timestamp,
    /// The rollout.
    pub rollout: String,
    /// The registered model.
    pub model: String,
    /// The version on trial.
    pub version: u32,
    /// The version that answered the client.
    pub live_version: u32,
    /// The row's id in the log of predictions.
    pub request_id: String,
    /// The features, by column.
    pub features: Map<String, Value>,
    /// The score that the client got.
    pub live_score: Option<f64>,
    /// The score of the version on trial.
    pub score: Option<f64>,
    /// Whether both decide alike; `None` when the version on trial failed.
    pub agrees: Option<bool>,
    /// Why it failed.
    pub error: Option<String>,
    /// Microseconds that the client's answer took.
    pub live_latency_us: i64,
    /// Microseconds that the other took.
    pub latency_us: i64,
}

/// How a text of a request is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// It is this text.
    Exact(String),
    /// It begins with this text.
    Prefix(String),
    /// The expression matches somewhere in it.
    Regex(String),
}

/// Requests that all go to the version on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRoute {
    /// Its name.
    pub name: String,
    /// Headers with what they must be; one of them is enough.
    pub headers: Vec<(String, TextMatch)>,
}

/// Requests that are also sent to the version on trial, whose answers nobody gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRoute {
    /// Its name.
    pub name: String,
    /// Conditions, one of which is enough; all requests when there are none.
    pub matches: Vec<MirrorMatch>,
    /// How many of these, in percent.
    pub percentage: u8,
}

/// What a mirrored request looks like: all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorMatch {
    /// The HTTP method.
    pub method: Option<TextMatch>,
    /// The path.
    pub path: Option<TextMatch>,
    /// Headers.
    pub headers: Vec<(String, TextMatch)>,
}

/// Which requests go where while a version is on trial, beside the share by weight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// In the order in which they are asked.
    pub headers: Vec<HeaderRoute>,
    /// In the order in which they are asked.
    pub mirrors: Vec<MirrorRoute>,
}

/// Stages before production that have routes of their own, in the order in which versions pass them.
pub const STAGES: [&str; 2] = ["development", "staging"];

/// A route's model and stage: `flights@staging` is the stage `staging` of `flights`. A name without one
/// of [`STAGES`] is production.
#[must_use]
pub fn route_parts(route: &str) -> (&str, Option<&str>) {
    match route.rsplit_once('@') {
        Some((model, stage)) if STAGES.contains(&stage) && !model.is_empty() => (model, Some(stage)),
        _ => (route, None),
    }
}

/// What is added to a route's name to reach the version on trial directly.
pub const PREVIEW: &str = "@preview";

/// The registered model behind a name by which requests may ask: of production, of a stage, or of the
/// preview of either.
#[must_use]
pub fn served_model(name: &str) -> &str {
    route_parts(name.strip_suffix(PREVIEW).unwrap_or(name)).0
}

#[cfg(test)]
mod tests {
    use super::{route_parts, served_model};

    #[test]
    fn routes_are_taken_apart() {
        assert_eq!(route_parts("flights"), ("flights", None));
        assert_eq!(route_parts("flights@staging"), ("flights", Some("staging")));
        assert_eq!(route_parts("a@b@development"), ("a@b", Some("development")));
        for other in ["flights@preview", "flights@production", "@staging", "staging"] {
            assert_eq!(route_parts(other), (other, None));
        }
        for name in ["flights", "flights@staging", "flights@preview", "flights@staging@preview"] {
            assert_eq!(served_model(name), "flights", "{name}");
        }
    }
}
