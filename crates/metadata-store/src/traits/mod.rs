//! What the store offers, one trait per area. Reads need `&self`, writes `&mut self`; both happen
//! within one transaction and see one consistent state.

mod data;
mod delivery;
mod governance;
mod monitoring;
mod pipelines;

pub use data::{DataRead, DataWrite};
pub use delivery::{DeliveryRead, DeliveryWrite};
pub use governance::{GovernanceRead, GovernanceWrite};
pub use monitoring::{ArmStatistics, MonitoringRead, MonitoringWrite};
pub use pipelines::{PipelinesRead, PipelinesWrite};

/// Everything that can be read.
pub trait ReadTx: GovernanceRead + PipelinesRead + DataRead + DeliveryRead + MonitoringRead {}

/// Everything that can be written.
pub trait WriteTx:
    ReadTx + GovernanceWrite + PipelinesWrite + DataWrite + DeliveryWrite + MonitoringWrite
{
}

impl<T> ReadTx for T where T: GovernanceRead + PipelinesRead + DataRead + DeliveryRead + MonitoringRead {}

impl<T> WriteTx for T where
    T: ReadTx + GovernanceWrite + PipelinesWrite + DataWrite + DeliveryWrite + MonitoringWrite
{
}
