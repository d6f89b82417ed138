//! Deployments and rollouts.

use super::tx::{SqlTx, to_text};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::{DeliveryRead, DeliveryWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::{Deployment, Rollout, Shadow};

/// Compared copies that are kept, beside those that running tests go by.
const KEPT_SHADOWS: i64 = 200_000;
/// How many may come before the oldest are removed again.
const SHADOWS_BETWEEN: i64 = 1_000;

fn shadow(row: &Row<'_>) -> Result<Shadow> {
    Ok(Shadow {
        time: Timestamp::from_millis(row.get(0)?),
        rollout: row.get(1)?,
        model: row.get(2)?,
        version: row.get(3)?,
        live_version: row.get(4)?,
        request_id: row.get(5)?,
        features: serde_json::from_str(row.text(6)?)?,
        live_score: row.get(7)?,
        score: row.get(8)?,
        agrees: row.get::<Option<i64>>(9)?.map(|agrees| agrees != 0),
        error: row.get(10)?,
        live_latency_us: row.get(11)?,
        latency_us: row.get(12)?,
    })
}

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

    fn tried_versions(&self, model: &str) -> Result<Vec<u32>> {
        let rollouts: Vec<Rollout> =
            self.documents("SELECT doc FROM rollouts WHERE model = ?1 ORDER BY num", [model])?;
        let mut versions = Vec::new();
        for rollout in rollouts {
            if !versions.contains(&rollout.version) {
                versions.push(rollout.version);
            }
        }
        Ok(versions)
    }

    fn shadows(&self, rollout: &str, since: Timestamp, limit: u32) -> Result<Vec<Shadow>> {
        self.rows(
            "SELECT time, rollout, model, version, live_version, request_id, features, live_score, score, agrees,
                    error, live_latency_us, latency_us
             FROM shadows WHERE rollout = ?1 AND time >= ?2 ORDER BY num DESC LIMIT ?3",
            params![rollout, since.as_millis(), limit],
            shadow,
        )
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

    fn add_shadows(&mut self, shadows: &[Shadow]) -> Result<()> {
        for shadow in shadows {
            self.execute(
                "INSERT INTO shadows (time, rollout, model, version, live_version, request_id, features, live_score,
                     score, agrees, error, live_latency_us, latency_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                params![
                    shadow.time.as_millis(),
                    shadow.rollout,
                    shadow.model,
                    shadow.version,
                    shadow.live_version,
                    shadow.request_id,
                    to_text(&shadow.features)?,
                    shadow.live_score,
                    shadow.score,
                    shadow.agrees.map(i64::from),
                    shadow.error,
                    shadow.live_latency_us,
                    shadow.latency_us
                ],
            )?;
        }
        let newest: i64 = self.scalar("SELECT COALESCE(MAX(num), 0) FROM shadows", [])?;
        let added = i64::try_from(shadows.len()).unwrap_or(i64::MAX);
        if newest / SHADOWS_BETWEEN != newest.saturating_sub(added) / SHADOWS_BETWEEN {
            self.execute(
                "DELETE FROM shadows WHERE num <= ?1 AND NOT EXISTS (
                     SELECT 1 FROM ab_tests t
                     WHERE t.status = 'running' AND shadows.rollout LIKE 'ab/' || t.id || '/%')",
                [newest - KEPT_SHADOWS],
            )?;
        }
        Ok(())
    }
}
