//! What the store offers, one trait per area. Reads need `&self`, writes `&mut self`; both happen
//! within one transaction and see one consistent state.

mod ab;
mod access;
pub mod comparison;
mod data;
mod deletion;
mod delivery;
mod evaluation;
mod governance;
mod monitoring;
mod pipelines;
mod registry;
pub mod search;
pub mod trace_figures;
mod traces;
mod tracking;
mod wandb;
mod webhooks;
mod workspaces;

pub use ab::{AbRead, AbUnits, AbWrite};
pub use access::{AccessRead, AccessWrite};
pub use comparison::ComparisonRead;
pub use data::{DataRead, DataWrite};
pub use deletion::{DeletionRead, DeletionWrite, Garbage};
pub use delivery::{DeliveryRead, DeliveryWrite};
pub use evaluation::{EvaluationRead, EvaluationWrite};
pub use governance::{GovernanceRead, GovernanceWrite};
pub use monitoring::{ArmStatistics, MonitoringRead, MonitoringWrite};
pub use pipelines::{PipelinesRead, PipelinesWrite};
pub use registry::{RegistryRead, RegistryWrite};
pub use traces::{
    Dimension, Measured, MetricGroup, MetricQuery, SpanRecord, TraceSearch, TraceSelection, TracesRead,
    TracesWrite,
};
pub use tracking::{DatasetSummary, ModelMetric, TrackingRead, TrackingWrite};
pub use wandb::{Line, WandbRead, WandbWrite};
pub use webhooks::{WebhooksRead, WebhooksWrite};
pub use workspaces::{WorkspaceContents, WorkspacesRead, WorkspacesWrite};

/// Everything that can be read.
pub trait ReadTx:
    AbRead
    + AccessRead
    + GovernanceRead
    + PipelinesRead
    + DataRead
    + DeliveryRead
    + MonitoringRead
    + TrackingRead
    + ComparisonRead
    + TracesRead
    + RegistryRead
    + WebhooksRead
    + EvaluationRead
    + DeletionRead
    + WandbRead
    + WorkspacesRead
{
}

/// Everything that can be written.
pub trait WriteTx:
    ReadTx
    + AbWrite
    + AccessWrite
    + GovernanceWrite
    + PipelinesWrite
    + DataWrite
    + DeliveryWrite
    + MonitoringWrite
    + TrackingWrite
    + TracesWrite
    + RegistryWrite
    + WebhooksWrite
    + EvaluationWrite
    + DeletionWrite
    + WandbWrite
    + WorkspacesWrite
{
}

impl<T> ReadTx for T where
    T: AbRead
        + AccessRead
        + GovernanceRead
        + PipelinesRead
        + DataRead
        + DeliveryRead
        + MonitoringRead
        + TrackingRead
        + ComparisonRead
        + TracesRead
        + RegistryRead
        + WebhooksRead
        + EvaluationRead
        + DeletionRead
        + WandbRead
        + WorkspacesRead
{
}

impl<T> WriteTx for T where
    T: ReadTx
        + AbWrite
        + AccessWrite
        + GovernanceWrite
        + PipelinesWrite
        + DataWrite
        + DeliveryWrite
        + MonitoringWrite
        + TrackingWrite
        + TracesWrite
        + RegistryWrite
        + WebhooksWrite
        + EvaluationWrite
        + DeletionWrite
        + WandbWrite
        + WorkspacesWrite
{
}
