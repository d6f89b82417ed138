//! Arrivals, data versions and gate reports.

use super::tx::{SqlTx, to_i64, to_text, to_u64};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::{DataRead, DataWrite};
use mainspring_domain::data::{Arrival, DataVersion};
use mainspring_domain::gates::{GateReport, Verdict};
use mainspring_domain::{Actor, Timestamp};

const ARRIVAL: &str = "SELECT id, path, size, modified_ns, time, claimed_by FROM arrivals";
const REPORT: &str = "SELECT id, gate, subject, verdict, time, actor, summary, report FROM gate_reports";

fn arrival(row: &Row<'_>) -> Result<Arrival> {
    Ok(Arrival {
        id: row.get(0)?,
        path: row.get(1)?,
        size: to_u64(row.get(2)?),
        modified_ns: row.get(3)?,
        time: Timestamp::from_millis(row.get(4)?),
        claimed_by: row.get(5)?,
    })
}

fn report(row: &Row<'_>) -> Result<GateReport> {
    Ok(GateReport {
        id: row.get(0)?,
        gate: row.get(1)?,
        subject: row.get(2)?,
        verdict: Verdict::from_stored(row.text(3)?),
        time: Timestamp::from_millis(row.get(4)?),
        actor: Actor::from_stored(row.get(5)?),
        summary: row.get(6)?,
        report: serde_json::from_str(row.text(7)?).unwrap_or(serde_json::Value::Null),
    })
}

impl DataRead for SqlTx<'_> {
    fn arrival_known(&self, path: &str, size: u64, modified_ns: i64) -> Result<bool> {
        self.scalar(
            "SELECT EXISTS (SELECT 1 FROM arrivals WHERE path = ?1 AND size = ?2 AND modified_ns = ?3)",
            params![path, to_i64(size), modified_ns],
        )
    }

    fn open_arrivals(&self) -> Result<Vec<Arrival>> {
        self.rows(&format!("{ARRIVAL} WHERE claimed_by IS NULL ORDER BY id"), [], arrival)
    }

    fn recent_arrivals(&self, limit: u32) -> Result<Vec<Arrival>> {
        self.rows(&format!("{ARRIVAL} ORDER BY id DESC LIMIT ?1"), [limit], arrival)
    }

    fn data_versions(&self, up_to: i64) -> Result<Vec<DataVersion>> {
        self.rows(
            "SELECT id, path, md5, size, git_commit, time, actor FROM data_versions
             WHERE id IN (SELECT MAX(id) FROM data_versions WHERE id <= ?1 GROUP BY path) ORDER BY path",
            [up_to],
            |row| {
                Ok(DataVersion {
                    id: row.get(0)?,
                    path: row.get(1)?,
                    md5: row.get(2)?,
                    size: to_u64(row.get(3)?),
                    commit: row.get(4)?,
                    time: Timestamp::from_millis(row.get(5)?),
                    actor: Actor::from_stored(row.get(6)?),
                })
            },
        )
    }

    fn newest_data_version(&self) -> Result<i64> {
        self.scalar("SELECT COALESCE(MAX(id), 0) FROM data_versions", [])
    }

    fn gate_report(&self, gate: &str, subject: &str) -> Result<Option<GateReport>> {
        self.row(
            &format!("{REPORT} WHERE subject = ?1 AND gate = ?2 ORDER BY num DESC LIMIT 1"),
            params![subject, gate],
            report,
        )
    }

    fn gate_reports(&self, gate: Option<&str>, limit: u32) -> Result<Vec<GateReport>> {
        self.rows(
            &format!("{REPORT} WHERE CAST(?1 AS TEXT) IS NULL OR gate = ?1 ORDER BY num DESC LIMIT ?2"),
            params![gate, limit],
            report,
        )
    }
}

impl DataWrite for SqlTx<'_> {
    fn add_arrival(&mut self, arrival: &Arrival) -> Result<i64> {
        self.scalar(
            "INSERT INTO arrivals (path, size, modified_ns, time) VALUES (?1, ?2, ?3, ?4) RETURNING id",
            params![arrival.path, to_i64(arrival.size), arrival.modified_ns, arrival.time.as_millis()],
        )
    }

    fn claim_arrival(&mut self, id: i64, run_id: &str) -> Result<()> {
        self.execute("UPDATE arrivals SET claimed_by = ?2 WHERE id = ?1", params![id, run_id])?;
        Ok(())
    }

    fn add_data_version(&mut self, version: &DataVersion) -> Result<i64> {
        self.scalar(
            "INSERT INTO data_versions (path, md5, size, git_commit, time, actor)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
            params![
                version.path,
                version.md5,
                to_i64(version.size),
                version.commit,
                version.time.as_millis(),
                version.actor.as_str()
            ],
        )
    }

    fn add_gate_report(&mut self, report: &GateReport) -> Result<()> {
        self.execute(
            "INSERT INTO gate_reports (id, gate, subject, verdict, time, actor, summary, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                report.id,
                report.gate,
                report.subject,
                report.verdict.as_str(),
                report.time.as_millis(),
                report.actor.as_str(),
                report.summary,
                to_text(&report.report)?
            ],
        )?;
        Ok(())
    }
}
