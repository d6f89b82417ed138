//! Predictions, labels, monitor windows and alerts.

use super::tx::{SqlTx, to_text, to_u64};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::{ArmStatistics, MonitoringRead, MonitoringWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::delivery::Arm;
use mainspring_domain::monitoring::{Alert, MonitorWindow, Prediction};

/// Requests that one look at an arm reads at most.
const ARM_LIMIT: u32 = 20_000;

const PREDICTION: &str = "SELECT id, time, event_time, model, version, arm, rollout, canary_weight, features, \
     score, error, latency_us, label, label_time, label_num FROM predictions";

fn prediction(row: &Row<'_>) -> Result<Prediction> {
    Ok(Prediction {
        id: row.get(0)?,
        time: Timestamp::from_millis(row.get(1)?),
        event_time: row.get::<Option<i64>>(2)?.map(Timestamp::from_millis),
        model: row.get(3)?,
        version: row.get(4)?,
        arm: if row.text(5)? == "canary" { Arm::Canary } else { Arm::Stable },
        rollout: row.get(6)?,
        canary_weight: row.get(7)?,
        features: serde_json::from_str(row.text(8)?).unwrap_or_default(),
        score: row.get(9)?,
        error: row.get(10)?,
        latency_us: row.get(11)?,
        label: row.get(12)?,
        label_time: row.get::<Option<i64>>(13)?.map(Timestamp::from_millis),
    })
}

const ALERT: &str = "SELECT id, doc FROM alerts";

fn alert(row: &Row<'_>) -> Result<Alert> {
    let alert: Alert = serde_json::from_str(row.text(1)?)?;
    Ok(Alert { id: row.get(0)?, ..alert })
}

impl MonitoringRead for SqlTx<'_> {
    fn prediction(&self, id: &str) -> Result<Option<Prediction>> {
        self.row(&format!("{PREDICTION} WHERE id = ?1"), [id], prediction)
    }

    fn recent_predictions(&self, model: &str, limit: u32) -> Result<Vec<Prediction>> {
        self.rows(
            &format!("{PREDICTION} WHERE model = ?1 ORDER BY time DESC LIMIT ?2"),
            params![model, limit],
            prediction,
        )
    }

    fn arm_statistics(&self, model: &str, arm: Arm, version: u32, since: Timestamp) -> Result<ArmStatistics> {
        let rows: Vec<(Option<f64>, bool, i64, i64)> = self.rows(
            "SELECT score, error IS NOT NULL, latency_us, failures FROM predictions
             WHERE model = ?1 AND time >= ?2 AND arm = ?3 AND version = ?4 ORDER BY time DESC LIMIT ?5",
            params![model, since.as_millis(), arm.as_str(), version, ARM_LIMIT],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )?;
        let mut statistics = ArmStatistics::default();
        for (score, failed, latency, failures) in rows {
            // A client that tries again must not take its failures out of the account.
            statistics.requests += 1 + to_u64(failures);
            statistics.errors += to_u64(failures);
            if failed {
                statistics.errors += 1;
            } else {
                statistics.latencies_us.push(latency);
            }
            statistics.scores.extend(score);
        }
        statistics.latencies_us.sort_unstable();
        Ok(statistics)
    }

    fn arm_labels(&self, model: &str, arm: Arm, version: u32, since: Timestamp) -> Result<Vec<(f64, f64)>> {
        self.rows(
            "SELECT score, label FROM predictions
             WHERE model = ?1 AND time >= ?2 AND arm = ?3 AND version = ?4 AND score IS NOT NULL AND label IS NOT NULL
             ORDER BY time DESC LIMIT ?5",
            params![model, since.as_millis(), arm.as_str(), version, ARM_LIMIT],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    fn newest_label(&self) -> Result<i64> {
        self.scalar("SELECT COALESCE(MAX(label_num), 0) FROM predictions WHERE label_num IS NOT NULL", [])
    }

    fn labelled_after(&self, model: &str, after: i64, limit: u32) -> Result<Vec<(i64, Prediction)>> {
        self.rows(
            &format!("{PREDICTION} WHERE label_num > ?2 AND model = ?1 ORDER BY label_num LIMIT ?3"),
            params![model, after, limit],
            |row| Ok((row.get(14)?, prediction(row)?)),
        )
    }

    fn labelled_versions_after(&self, model: &str, after: i64, limit: u32) -> Result<Vec<u32>> {
        self.rows(
            "SELECT version FROM predictions WHERE label_num > ?2 AND model = ?1 ORDER BY label_num LIMIT ?3",
            params![model, after, limit],
            |row| row.get(0),
        )
    }

    fn traffic_since(&self, model: &str, since: Timestamp) -> Result<(u64, u64)> {
        let counts = self.row(
            "SELECT CAST(COUNT(*) + COALESCE(SUM(failures), 0) AS BIGINT),
                    CAST(COUNT(error) + COALESCE(SUM(failures), 0) AS BIGINT)
             FROM predictions WHERE model = ?1 AND time >= ?2",
            params![model, since.as_millis()],
            |row| Ok((to_u64(row.get(0)?), to_u64(row.get(1)?))),
        )?;
        Ok(counts.unwrap_or_default())
    }

    fn prediction_counts(&self, model: &str) -> Result<(u64, u64)> {
        // Both are counted in an index alone: the UI asks every second.
        let all = self.scalar("SELECT COUNT(*) FROM predictions WHERE model = ?1", [model])?;
        let labelled = self
            .scalar("SELECT COUNT(*) FROM predictions WHERE model = ?1 AND label_num IS NOT NULL", [model])?;
        Ok((to_u64(all), to_u64(labelled)))
    }

    fn orphan_count(&self) -> Result<u64> {
        Ok(to_u64(self.scalar("SELECT COUNT(*) FROM feedback_orphans", [])?))
    }

    fn monitor_windows(&self, model: &str, limit: u32) -> Result<Vec<MonitorWindow>> {
        self.rows(
            "SELECT id, doc FROM monitor_windows WHERE model = ?1 ORDER BY id DESC LIMIT ?2",
            params![model, limit],
            |row| {
                let window: MonitorWindow = serde_json::from_str(row.text(1)?)?;
                Ok(MonitorWindow { id: row.get(0)?, ..window })
            },
        )
    }

    fn alerts(&self, model: Option<&str>, limit: u32) -> Result<Vec<Alert>> {
        self.rows(
            &format!("{ALERT} WHERE CAST(?1 AS TEXT) IS NULL OR model = ?1 ORDER BY id DESC LIMIT ?2"),
            params![model, limit],
            alert,
        )
    }

    fn open_alert(&self, model: &str) -> Result<Option<Alert>> {
        self.row(
            &format!("{ALERT} WHERE model = ?1 AND resolved IS NULL ORDER BY id DESC LIMIT 1"),
            [model],
            alert,
        )
    }
}

impl MonitoringWrite for SqlTx<'_> {
    fn add_predictions(&mut self, predictions: &[Prediction]) -> Result<()> {
        for prediction in predictions {
            self.execute(
                "INSERT INTO predictions (id, time, event_time, model, version, arm, rollout, canary_weight,
                     features, score, error, latency_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (id) DO UPDATE SET time = excluded.time, version = excluded.version,
                     arm = excluded.arm, rollout = excluded.rollout, canary_weight = excluded.canary_weight,
                     features = excluded.features, score = excluded.score, error = excluded.error,
                     latency_us = excluded.latency_us, failures = predictions.failures + 1
                 WHERE predictions.error IS NOT NULL AND predictions.label IS NULL",
                params![
                    prediction.id,
                    prediction.time.as_millis(),
                    prediction.event_time.map(Timestamp::as_millis),
                    prediction.model,
                    prediction.version,
                    prediction.arm.as_str(),
                    prediction.rollout,
                    prediction.canary_weight,
                    to_text(&prediction.features)?,
                    prediction.score,
                    prediction.error,
                    prediction.latency_us
                ],
            )?;
        }
        Ok(())
    }

    fn add_label(&mut self, request_id: &str, label: f64) -> Result<bool> {
        let known: bool =
            self.scalar("SELECT EXISTS (SELECT 1 FROM predictions WHERE id = ?1)", [request_id])?;
        if !known {
            self.execute(
                "INSERT INTO feedback_orphans (request_id, label, time) VALUES (?1, ?2, ?3)
                 ON CONFLICT (request_id) DO NOTHING",
                params![request_id, label, self.now.as_millis()],
            )?;
            return Ok(false);
        }
        self.execute(
            "UPDATE predictions SET label = ?2, label_time = ?3,
                 label_num = (SELECT COALESCE(MAX(label_num), 0) + 1 FROM predictions WHERE label_num IS NOT NULL)
             WHERE id = ?1 AND label IS NULL",
            params![request_id, label, self.now.as_millis()],
        )?;
        Ok(true)
    }

    fn add_monitor_window(&mut self, window: &MonitorWindow) -> Result<i64> {
        self.scalar(
            "INSERT INTO monitor_windows (model, doc) VALUES (?1, ?2) RETURNING id",
            params![window.model, to_text(window)?],
        )
    }

    fn add_alert(&mut self, alert: &Alert) -> Result<i64> {
        self.scalar(
            "INSERT INTO alerts (model, resolved, doc) VALUES (?1, ?2, ?3) RETURNING id",
            params![alert.model, alert.resolved.map(Timestamp::as_millis), to_text(alert)?],
        )
    }

    fn put_alert(&mut self, alert: &Alert) -> Result<()> {
        self.execute(
            "UPDATE alerts SET resolved = ?2, doc = ?3 WHERE id = ?1",
            params![alert.id, alert.resolved.map(Timestamp::as_millis), to_text(alert)?],
        )?;
        Ok(())
    }
}
