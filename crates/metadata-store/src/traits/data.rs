//! Arrivals, data versions and gate reports.

use crate::Result;
use mainspring_domain::data::{Arrival, DataVersion};
use mainspring_domain::gates::GateReport;

/// Reading arrivals, data versions and gate reports.
pub trait DataRead {
    /// Whether a file of this path, size and modification time was already seen.
    fn arrival_known(&self, path: &str, size: u64, modified_ns: i64) -> Result<bool>;
    /// Arrivals that no pipeline run has taken up, oldest first.
    fn open_arrivals(&self) -> Result<Vec<Arrival>>;
    /// The newest arrivals, newest first.
    fn recent_arrivals(&self, limit: u32) -> Result<Vec<Arrival>>;
    /// The newest version of each path among versions up to number `up_to`, by path.
    fn data_versions(&self, up_to: i64) -> Result<Vec<DataVersion>>;
    /// The number of the newest data version; 0 = none.
    fn newest_data_version(&self) -> Result<i64>;
    /// The newest report of a gate on a subject.
    fn gate_report(&self, gate: &str, subject: &str) -> Result<Option<GateReport>>;
    /// The newest reports, newest first, of one kind of gate or all.
    fn gate_reports(&self, gate: Option<&str>, limit: u32) -> Result<Vec<GateReport>>;
}

/// Writing arrivals, data versions and gate reports.
pub trait DataWrite {
    /// Adds an arrival; its `id` is ignored and the new one given back.
    fn add_arrival(&mut self, arrival: &Arrival) -> Result<i64>;
    /// Notes which run takes up an arrival.
    fn claim_arrival(&mut self, id: i64, run_id: &str) -> Result<()>;
    /// Adds a data version; its `id` is ignored and the new one given back.
    fn add_data_version(&mut self, version: &DataVersion) -> Result<i64>;
    /// Adds a report.
    fn add_gate_report(&mut self, report: &GateReport) -> Result<()>;
}
