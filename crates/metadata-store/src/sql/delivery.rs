//! Deployments and rollouts.

use super::tx::{SqlTx, to_text};
use crate::Result;
use crate::driver::params;
use crate::traits::{DeliveryRead, DeliveryWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::{Deployment, Rollout};

impl DeliveryRead for SqlTx<'_> {
    fn deployments(&self) -> Result<Vec<Deployment>> {
        self.documents("SELECT doc FROM deployments ORDER BY model", [])
    }

    fn deployment(&self, model: &str) -> Result<Option<Deployment>> {
        self.document("SELECT doc FROM deployments WHERE model = ?1", [model])
    }

    fn rollout(&self, id: &str) -> Result<Option<Rollout>> {
        self.document("SELECT doc FROM rollouts WHERE id = ?1", [id])
    }

    fn rollouts(&self, model: Option<&str>, limit: u32) -> Result<Vec<Rollout>> {
        self.documents(
            "SELECT doc FROM rollouts WHERE CAST(?1 AS TEXT) IS NULL OR model = ?1 ORDER BY num DESC LIMIT ?2",
            params![model, limit],
        )
    }

    fn open_rollouts(&self) -> Result<Vec<Rollout>> {
        self.documents("SELECT doc FROM rollouts WHERE ended IS NULL ORDER BY num", [])
    }
}

impl DeliveryWrite for SqlTx<'_> {
    fn put_deployment(&mut self, deployment: &Deployment) -> Result<()> {
        self.execute(
            "INSERT INTO deployments (model, doc) VALUES (?1, ?2)
             ON CONFLICT (model) DO UPDATE SET doc = excluded.doc",
            params![deployment.model, to_text(deployment)?],
        )?;
        Ok(())
    }

    fn put_rollout(&mut self, rollout: &Rollout) -> Result<()> {
        self.execute(
            "INSERT INTO rollouts (id, model, ended, doc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, doc = excluded.doc",
            params![rollout.id, rollout.model, rollout.ended.map(Timestamp::as_millis), to_text(rollout)?],
        )?;
        Ok(())
    }
}
