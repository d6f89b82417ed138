//! Who sees which arm, over the time of a phase.

use crate::AutomationError;
use mainspring_domain::Timestamp;
use mainspring_domain::ab::AbPhase;
use mainspring_rollouts::ab::{AbSpec, Targeting};
use mainspring_stats::assignment::Split;
use serde_json::{Map, Value};
use std::time::Duration;

/// The splits of a phase by the steps of its ramp.
pub(super) struct Steps {
    started: Timestamp,
    targeting: Targeting,
    steps: Vec<(Duration, Split)>,
}

impl Steps {
    pub(super) fn of(spec: &AbSpec, phase: &AbPhase) -> Result<Self, AutomationError> {
        let mut steps = Vec::with_capacity(spec.ramp.len());
        for step in &spec.ramp {
            let split = spec.split(&phase.seed, step.after).map_err(|reason| AutomationError::AbState {
                test: spec.name.clone(),
                message: format!("cannot be split: {reason}"),
                hint: "revise the test".to_owned(),
            })?;
            steps.push((step.after, split));
        }
        Ok(Self { started: phase.started, targeting: spec.targeting.clone(), steps })
    }

    /// The arm of a unit at a time; none when it does not take part.
    pub(super) fn arm(&self, now: Timestamp, unit: &str, attributes: &Map<String, Value>) -> Option<u16> {
        let since = now.since(self.started);
        let (_, split) = self.steps.iter().rev().find(|(after, _)| *after <= since)?;
        if !self.targeting.admits(attributes) {
            return None;
        }
        u16::try_from(split.arm(unit)?).ok()
    }
}
