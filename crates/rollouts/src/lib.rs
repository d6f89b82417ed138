//! Progressive delivery: the canary strategy of Argo Rollouts as a pure state machine.
//!
//! [`RolloutSpec::parse`] reads a manifest, [`advance`] moves a [`RolloutState`] by one event and
//! says what has to be done, [`arm_of`] assigns requests to arms. Nothing here does I/O; a driver
//! carries the commands out and feeds measurements back.

mod analysis;
mod assignment;
mod machine;
mod spec;

pub use analysis::{AnalysisRun, Assessment, Measurement, MetricRun};
pub use assignment::arm_of;
pub use machine::{Command, Event, HistoryEntry, Pause, Phase, RolloutState, advance};
pub use spec::{AnalysisMetric, Quantity, Query, RolloutSpec, SpecError, Step};
