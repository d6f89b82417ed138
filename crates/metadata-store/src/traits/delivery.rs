//! Deployments and rollouts.

use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::{Deployment, Rollout, Shadow};

/// Reading deployments and rollouts.
pub trait DeliveryRead {
    /// All deployments, by model.
    fn deployments(&self) -> Result<Vec<Deployment>>;
    /// One deployment.
    fn deployment(&self, model: &str) -> Result<Option<Deployment>>;
    /// One rollout.
    fn rollout(&self, id: &str) -> Result<Option<Rollout>>;
    /// The newest rollouts, newest first, of one model or all.
    fn rollouts(&self, model: Option<&str>, limit: u32) -> Result<Vec<Rollout>>;
    /// Rollouts that have not ended.
    fn open_rollouts(&self) -> Result<Vec<Rollout>>;
    /// The versions of a model in the order of their first rollouts.
    fn tried_versions(&self, model: &str) -> Result<Vec<u32>>;
    /// The newest compared copies of a rollout since a moment, newest first.
    fn shadows(&self, rollout: &str, since: Timestamp, limit: u32) -> Result<Vec<Shadow>>;
}

/// Writing deployments and rollouts.
pub trait DeliveryWrite {
    /// Inserts or replaces a deployment.
    fn put_deployment(&mut self, deployment: &Deployment) -> Result<()>;
    /// Inserts or replaces a rollout.
    fn put_rollout(&mut self, rollout: &Rollout) -> Result<()>;
    /// Adds compared copies; the oldest go when there are more than 200,000 in all.
    fn add_shadows(&mut self, shadows: &[Shadow]) -> Result<()>;
}
