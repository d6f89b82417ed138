//! Progressive delivery: the strategies of Argo Rollouts as a pure state machine.
//!
//! [`RolloutSpec::parse`] reads a manifest, [`advance`] moves a [`RolloutState`] by one event and
//! says what has to be done, [`arm_of`] assigns requests to arms. Nothing here does I/O; a driver
//! carries the commands out and feeds measurements back.

pub mod ab;
mod analysis;
mod assignment;
mod export;
mod machine;
mod release;
mod spec;
mod state;

pub use analysis::{AnalysisRun, Assessment, Counts, Measurement, MetricRun};
pub use assignment::arm_of;
pub use export::{Exported, Manifests, Target, export};
pub use machine::{Command, Event, Run, advance};
pub use mainspring_expressions::condition::Value;
pub use release::entry;
pub use spec::{
    Analysis, AnalysisMetric, Background, Experiment, Provider, Quantity, Query, RolloutSpec,
    RuntimeArgument, Step, Strategy, Warning, field_path, without_user,
};
pub use state::{Completion, Entry, HistoryEntry, Pause, PauseReason, Phase, RolloutState};
