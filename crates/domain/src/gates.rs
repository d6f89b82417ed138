//! Results of gates: the data gate, the model gate.

use crate::{Actor, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a gate decided. There is no third way to pass: what cannot be decided fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything held.
    Pass,
    /// Only warnings.
    Warn,
    /// Something did not hold or could not be decided.
    Fail,
}

impl Verdict {
    /// The stored and shown form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// Reads the stored form; anything unknown is a failure.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "pass" => Self::Pass,
            "warn" => Self::Warn,
            _ => Self::Fail,
        }
    }

    /// Whether the way is free.
    #[must_use]
    pub const fn passed(self) -> bool {
        matches!(self, Self::Pass | Self::Warn)
    }
}

/// A gate's report, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Its id.
    pub id: String,
    /// The kind of gate: `data` or `battery`.
    pub gate: String,
    /// What was judged, as `kind:id`: `run:<id>` or `data:<path>`.
    pub subject: String,
    /// The decision.
    pub verdict: Verdict,
    /// When.
    pub time: Timestamp,
    /// Who ran it.
    pub actor: Actor,
    /// One sentence for people.
    pub summary: String,
    /// The report in full.
    pub report: Value,
}
