//! A/B tests and what is collected for them.

use super::tx::{SqlTx, to_text, to_u64};
use crate::Result;
use crate::driver::{ToValue as _, Value, params};
use crate::traits::{AbRead, AbUnits, AbWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::ab::{
    AbCredit, AbDecision, AbExposure, AbInterleaved, AbMerged, AbMirrored, AbPhase, AbRequest, AbServed,
    AbTest, MetricEvent, ShownItem,
};
use serde_json::{Map, Value as JsonValue};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const EXPOSURE: &str =
    "SELECT unit, arm, first, times, crossed FROM ab_exposures WHERE test = ?1 AND phase = ?2";

fn exposure(row: &crate::driver::Row<'_>) -> Result<AbExposure> {
    Ok(AbExposure {
        unit: row.get(0)?,
        arm: row.get(1)?,
        first: Timestamp::from_millis(row.get(2)?),
        times: to_u64(row.get(3)?),
        crossed: row.get(4)?,
    })
}

/// Merged lists that are held at once.
const LISTS: u32 = 64;

fn interleaved(row: &crate::driver::Row<'_>) -> Result<AbInterleaved> {
    Ok(AbInterleaved {
        test: row.get(0)?,
        phase: row.get(1)?,
        request: row.get(2)?,
        unit: row.get(3)?,
        time: Timestamp::from_millis(row.get(4)?),
        list: serde_json::from_str(row.text(5)?)?,
    })
}

/// The values of a condition on units.
enum Narrowed<'a> {
    Nothing,
    Two(&'a str, &'a str),
    List(String),
}

impl Narrowed<'_> {
    /// They follow two others.
    fn after<'v>(&'v self, others: &[Value<'v>]) -> Vec<Value<'v>> {
        let mut all = others.to_vec();
        match self {
            Self::Nothing => {}
            Self::Two(from, until) => all.extend([from.to_value(), until.to_value()]),
            Self::List(list) => all.push(list.to_value()),
        }
        all
    }
}

/// Adds to a statement with two values which units are meant, by a column.
fn narrow<'a>(sql: &mut String, column: &str, units: AbUnits<'a>) -> Result<Narrowed<'a>> {
    Ok(match units {
        AbUnits::All => Narrowed::Nothing,
        AbUnits::Between(from, until) => {
            sql.push_str(&format!(" AND {column} >= ?3 AND {column} <= ?4"));
            Narrowed::Two(from, until)
        }
        AbUnits::Of(names) => {
            sql.push_str(&format!(" AND {column} IN (SELECT value FROM json_each(?3))"));
            Narrowed::List(to_text(names)?)
        }
    })
}

/// The time at which a change of a unit is noted: in steps, so that the index is not written anew for each
/// request of a unit.
const fn step(time: Timestamp) -> i64 {
    const MILLIS: i64 = 10_000;
    time.as_millis() - time.as_millis().rem_euclid(MILLIS)
}

/// The features of a request, which are kept as they were written.
fn features(text: &str) -> Map<String, JsonValue> {
    serde_json::from_str(text).unwrap_or_default()
}

impl AbRead for SqlTx<'_> {
    fn ab_tests(&self, limit: u32) -> Result<Vec<AbTest>> {
        self.documents("SELECT doc FROM ab_tests ORDER BY num DESC LIMIT ?1", params![limit])
    }

    fn draft_ab_tests(&self, limit: u32) -> Result<Vec<AbTest>> {
        self.documents(
            "SELECT doc FROM ab_tests WHERE status = 'draft' ORDER BY num DESC LIMIT ?1",
            params![limit],
        )
    }

    fn running_ab_tests(&self) -> Result<Vec<AbTest>> {
        self.documents("SELECT doc FROM ab_tests WHERE status = 'running' ORDER BY num", [])
    }

    fn ab_test(&self, id_or_name: &str) -> Result<Option<AbTest>> {
        self.document(
            "SELECT doc FROM ab_tests WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC",
            [id_or_name],
        )
    }

    fn ab_phases(&self, test: &str) -> Result<Vec<AbPhase>> {
        self.documents("SELECT doc FROM ab_phases WHERE test = ?1 ORDER BY number", [test])
    }

    fn ab_phase(&self, test: &str) -> Result<Option<AbPhase>> {
        self.document("SELECT doc FROM ab_phases WHERE test = ?1 ORDER BY number DESC LIMIT 1", [test])
    }

    fn ab_exposures(&self, test: &str, phase: u32, units: AbUnits<'_>) -> Result<Vec<AbExposure>> {
        let mut sql = EXPOSURE.to_owned();
        let list = narrow(&mut sql, "unit", units)?;
        self.rows(&(sql + " ORDER BY unit"), list.after(params![test, phase]), exposure)
    }

    fn ab_exposures_after(&self, test: &str, phase: u32, unit: &str, limit: u32) -> Result<Vec<AbExposure>> {
        let sql = format!("{EXPOSURE} AND unit > ?3 ORDER BY unit LIMIT ?4");
        self.rows(&sql, params![test, phase, unit, limit], exposure)
    }

    fn ab_changed_units(
        &self,
        test: &str,
        phase: u32,
        names: &[&str],
        since: Timestamp,
    ) -> Result<BTreeSet<String>> {
        let mut units: BTreeSet<String> = BTreeSet::new();
        let changed = "SELECT unit FROM ab_exposures WHERE test = ?1 AND phase = ?2 AND changed >= ?3";
        units.extend(self.rows(changed, params![test, phase, step(since)], |row| row.get(0))?);
        for name in names {
            let happened = "SELECT DISTINCT unit FROM metric_events WHERE name = ?1 AND received >= ?2";
            units.extend(self.rows(happened, params![name, since.as_millis()], |row| row.get(0))?);
        }
        Ok(units)
    }

    fn ab_exposure(&self, test: &str, phase: u32, unit: &str) -> Result<Option<AbExposure>> {
        self.row(&format!("{EXPOSURE} AND unit = ?3"), params![test, phase, unit], exposure)
    }

    fn ab_labelled_units(&self, test: &str, phase: u32, after: i64) -> Result<BTreeSet<String>> {
        let units = self.rows(
            "SELECT r.unit FROM predictions p JOIN ab_requests r ON r.request = p.id
             WHERE p.label_num > ?3 AND r.test = ?1 AND r.phase = ?2",
            params![test, phase, after],
            |row| row.get(0),
        )?;
        Ok(units.into_iter().collect())
    }

    fn ab_served(&self, test: &str, phase: u32, units: AbUnits<'_>) -> Result<Vec<AbServed>> {
        let mut sql =
            "SELECT r.unit, p.time, p.latency_us, p.error IS NOT NULL, p.score, p.label, p.label_time,
                    p.version, p.failures
             FROM ab_requests r JOIN predictions p ON p.id = r.request
             WHERE r.test = ?1 AND r.phase = ?2"
                .to_owned();
        let list = narrow(&mut sql, "r.unit", units)?;
        self.rows(&(sql + " ORDER BY r.unit, r.request"), list.after(params![test, phase]), |row| {
            let label: Option<f64> = row.get(5)?;
            let time: Option<i64> = row.get(6)?;
            Ok(AbServed {
                unit: row.get(0)?,
                version: row.get(7)?,
                time: Timestamp::from_millis(row.get(1)?),
                latency_us: row.get(2)?,
                failed: row.get(3)?,
                failures: to_u64(row.get(8)?),
                score: row.get(4)?,
                label: label.zip(time.map(Timestamp::from_millis)),
            })
        })
    }

    fn ab_mirrored(&self, test: &str, phase: u32) -> Result<Vec<AbMirrored>> {
        let found = self.rows(
            "SELECT r.unit, s.version, p.time, s.live_latency_us, s.live_score, s.latency_us, s.error IS NOT NULL,
                    s.score, p.label, p.label_time, s.live_version, r.request, p.error IS NOT NULL
             FROM ab_requests r JOIN predictions p ON p.id = r.request
             JOIN shadows s ON s.rollout = ?3 AND s.request_id = r.request
             WHERE r.test = ?1 AND r.phase = ?2 ORDER BY r.unit, r.request, s.version, s.num",
            params![test, phase, format!("ab/{test}/{phase}")],
            |row| {
                let (unit, time): (String, i64) = (row.get(0)?, row.get(2)?);
                let (label, label_time): (Option<f64>, Option<i64>) = (row.get(8)?, row.get(9)?);
                let control = AbServed {
                    unit: unit.clone(),
                    version: row.get(10)?,
                    time: Timestamp::from_millis(time),
                    latency_us: row.get(3)?,
                    failed: row.get(12)?,
                    failures: 0,
                    score: row.get(4)?,
                    label: label.zip(label_time.map(Timestamp::from_millis)),
                };
                let version = row.get(1)?;
                let candidate = AbServed {
                    version,
                    latency_us: row.get(5)?,
                    failed: row.get(6)?,
                    score: row.get(7)?,
                    ..control.clone()
                };
                let request: String = row.get(11)?;
                Ok((request, AbMirrored { unit, version, control, candidate }))
            },
        );
        let mut found = found?;
        // A client that tries again has its request mirrored again; it is one pair all the same.
        found.dedup_by(|(again, pair), (request, kept)| {
            again == request && pair.unit == kept.unit && pair.version == kept.version
        });
        Ok(found.into_iter().map(|(_, pair)| pair).collect())
    }

    fn ab_merged(&self, test: &str, phase: u32) -> Result<Vec<AbMerged>> {
        self.rows(
            "SELECT request, unit, time FROM ab_interleaved WHERE test = ?1 AND phase = ?2
             ORDER BY unit, time, request",
            params![test, phase],
            |row| {
                Ok(AbMerged {
                    request: row.get(0)?,
                    unit: row.get(1)?,
                    time: Timestamp::from_millis(row.get(2)?),
                })
            },
        )
    }

    fn ab_credits(&self, test: &str, phase: u32, name: &str, until: Timestamp) -> Result<Vec<AbCredit>> {
        let mut credits = Vec::new();
        // No request is named by an empty text.
        let mut after = String::new();
        loop {
            let lists: Vec<(String, HashMap<String, u16>)> = self.rows(
                "SELECT l.request, l.list FROM ab_interleaved l
                 WHERE l.test = ?1 AND l.phase = ?2 AND l.request > ?3
                     AND EXISTS (SELECT 1 FROM metric_events e WHERE e.request = l.request AND e.name = ?4)
                 ORDER BY l.request LIMIT ?5",
                params![test, phase, after, name, LISTS],
                |row| {
                    let list: Vec<(String, Option<u16>)> = serde_json::from_str(row.text(1)?)?;
                    let put = list.into_iter().filter_map(|(item, arm)| Some((item, arm?)));
                    Ok((row.get(0)?, put.collect()))
                },
            )?;
            let Some((last, _)) = lists.last() else { return Ok(credits) };
            let last = last.clone();
            let arms: HashMap<String, HashMap<String, u16>> = lists.into_iter().collect();
            let found = self.rows(
                "SELECT e.request, e.item, e.value, e.time, e.received
                 FROM metric_events e JOIN ab_interleaved l ON l.request = e.request
                 WHERE l.test = ?1 AND l.phase = ?2 AND l.request > ?3 AND l.request <= ?4
                     AND e.name = ?5 AND e.time <= ?6
                 ORDER BY e.request, e.time, e.id",
                params![test, phase, after, last, name, until.as_millis()],
                |row| {
                    let request: String = row.get(0)?;
                    let item = row.text(1)?;
                    let arm = arms.get(&request).and_then(|arms| arms.get(item));
                    let Some(arm) = arm.copied() else { return Ok(None) };
                    Ok(Some(AbCredit {
                        request,
                        arm,
                        value: row.get(2)?,
                        time: Timestamp::from_millis(row.get(3)?),
                        received: Timestamp::from_millis(row.get(4)?),
                    }))
                },
            )?;
            credits.extend(found.into_iter().flatten());
            after = last;
        }
    }

    fn ab_interleaved_request(&self, test: &str, phase: u32, request: &str) -> Result<Option<AbInterleaved>> {
        self.row(
            "SELECT test, phase, request, unit, time, list FROM ab_interleaved
             WHERE test = ?1 AND phase = ?2 AND request = ?3",
            params![test, phase, request],
            interleaved,
        )
    }

    fn ab_attribute(&self, test: &str, phase: u32, name: &str) -> Result<Vec<(String, Option<JsonValue>)>> {
        let value = |row: &crate::driver::Row<'_>| -> Result<(String, Option<JsonValue>)> {
            Ok((row.get::<String>(0)?, features(row.text(1)?).remove(name)))
        };
        let mut found = self.rows(
            "SELECT r.unit, p.features FROM ab_requests r JOIN predictions p ON p.id = r.request
             WHERE r.test = ?1 AND r.phase = ?2 ORDER BY r.unit, p.time, r.request",
            params![test, phase],
            value,
        )?;
        found.dedup_by(|(unit, _), (kept, _)| unit == kept);
        let mut all: BTreeMap<String, Option<JsonValue>> = found.into_iter().collect();
        let told = self.rows(
            "SELECT unit, attributes FROM ab_exposures
             WHERE test = ?1 AND phase = ?2 AND attributes IS NOT NULL",
            params![test, phase],
            value,
        )?;
        for (unit, value) in told {
            let known = all.entry(unit).or_default();
            *known = value.or(known.take());
        }
        Ok(all.into_iter().collect())
    }

    fn ab_attribute_names(&self, test: &str, phase: u32, limit: u32) -> Result<BTreeSet<String>> {
        let mut found = self.rows(
            "SELECT p.features FROM ab_requests r JOIN predictions p ON p.id = r.request
             WHERE r.test = ?1 AND r.phase = ?2 ORDER BY r.unit, r.request LIMIT ?3",
            params![test, phase, limit],
            |row| Ok(features(row.text(0)?)),
        )?;
        found.extend(self.rows(
            "SELECT attributes FROM ab_exposures
             WHERE test = ?1 AND phase = ?2 AND attributes IS NOT NULL ORDER BY unit LIMIT ?3",
            params![test, phase, limit],
            |row| Ok(features(row.text(0)?)),
        )?);
        Ok(found.into_iter().flat_map(|features| features.into_iter().map(|(name, _)| name)).collect())
    }

    fn metric_events(&self, name: &str, from: Timestamp, units: AbUnits<'_>) -> Result<Vec<MetricEvent>> {
        let mut sql =
            "SELECT id, unit, value, time, request, item FROM metric_events WHERE name = ?1 AND time >= ?2"
                .to_owned();
        let list = narrow(&mut sql, "unit", units)?;
        self.rows(&(sql + " ORDER BY unit, time, id"), list.after(params![name, from.as_millis()]), |row| {
            let (request, item): (Option<String>, Option<String>) = (row.get(4)?, row.get(5)?);
            Ok(MetricEvent {
                about: request.zip(item).map(|(request, item)| ShownItem { request, item }),
                id: row.get(0)?,
                name: name.to_owned(),
                unit: row.get(1)?,
                value: row.get(2)?,
                time: Timestamp::from_millis(row.get(3)?),
            })
        })
    }

    fn ab_decisions(&self, test: &str, limit: u32) -> Result<Vec<AbDecision>> {
        self.documents(
            "SELECT doc FROM ab_decisions WHERE test = ?1 ORDER BY number DESC LIMIT ?2",
            params![test, limit],
        )
    }

    fn ab_course(&self, test: &str, limit: u32) -> Result<Vec<AbDecision>> {
        let last: u32 =
            self.scalar("SELECT COALESCE(MAX(number), 0) FROM ab_decisions WHERE test = ?1", [test])?;
        let stride = last.div_ceil(limit.max(1)).max(1);
        self.documents(
            "SELECT doc FROM ab_decisions WHERE test = ?1 AND (number % ?2 = 0 OR number = ?3) ORDER BY number",
            params![test, stride, last],
        )
    }

    fn ab_decision(&self, test: &str, number: u32) -> Result<Option<AbDecision>> {
        self.document("SELECT doc FROM ab_decisions WHERE test = ?1 AND number = ?2", params![test, number])
    }
}

impl AbWrite for SqlTx<'_> {
    fn put_ab_test(&mut self, test: &AbTest) -> Result<()> {
        self.execute(
            "INSERT INTO ab_tests (id, name, status, doc) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, status = excluded.status, doc = excluded.doc",
            params![test.id, test.name, test.status.as_str(), to_text(test)?],
        )?;
        Ok(())
    }

    fn put_ab_phase(&mut self, phase: &AbPhase) -> Result<()> {
        self.execute(
            "INSERT INTO ab_phases (test, number, doc) VALUES (?1, ?2, ?3)
             ON CONFLICT (test, number) DO UPDATE SET doc = excluded.doc",
            params![phase.test, phase.number, to_text(phase)?],
        )?;
        Ok(())
    }

    fn add_ab_request(&mut self, request: &AbRequest) -> Result<()> {
        let added = self.execute(
            "INSERT INTO ab_requests (test, phase, unit, request) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (test, phase, unit, request) DO NOTHING",
            params![request.test, request.phase, request.unit, request.request],
        )?;
        if added > 0 {
            let phase = (request.test.as_str(), request.phase);
            return self.expose(phase, &request.unit, request.arm, request.time, None);
        }
        // It was tried again.
        self.touch_ab_units(&request.request)
    }

    fn expose(
        &mut self,
        (test, phase): (&str, u32),
        unit: &str,
        arm: u16,
        time: Timestamp,
        attributes: Option<&Map<String, JsonValue>>,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO ab_exposures (test, phase, unit, arm, first, times, crossed, attributes, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, false, ?6, ?7)
             ON CONFLICT (test, phase, unit) DO UPDATE SET times = ab_exposures.times + 1,
                 crossed = ab_exposures.crossed OR ab_exposures.arm <> excluded.arm, changed = excluded.changed",
            params![
                test,
                phase,
                unit,
                arm,
                time.as_millis(),
                attributes.map(to_text).transpose()?,
                step(self.now)
            ],
        )?;
        Ok(())
    }

    fn add_ab_interleaved(&mut self, one: &AbInterleaved) -> Result<()> {
        self.execute(
            "INSERT INTO ab_interleaved (test, phase, request, unit, time, list) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (test, phase, request) DO NOTHING",
            params![one.test, one.phase, one.request, one.unit, one.time.as_millis(), to_text(&one.list)?],
        )?;
        Ok(())
    }

    fn add_metric_events(&mut self, events: &[MetricEvent]) -> Result<usize> {
        let received = self.now.as_millis();
        self.execute_many(
            "INSERT INTO metric_events (id, name, unit, value, time, request, item, received)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
            events.iter().map(|event| {
                let about = event.about.as_ref();
                [
                    event.id.to_value(),
                    event.name.to_value(),
                    event.unit.to_value(),
                    Value::Real(event.value),
                    Value::Integer(event.time.as_millis()),
                    about.map_or(Value::Null, |about| about.request.to_value()),
                    about.map_or(Value::Null, |about| about.item.to_value()),
                    Value::Integer(received),
                ]
            }),
        )
    }

    fn add_ab_decision(&mut self, decision: &AbDecision) -> Result<u32> {
        let number: u32 = self.scalar(
            "SELECT COALESCE(MAX(number), 0) + 1 FROM ab_decisions WHERE test = ?1",
            [&decision.test],
        )?;
        let decision = AbDecision { number, ..decision.clone() };
        self.execute(
            "INSERT INTO ab_decisions (test, number, doc) VALUES (?1, ?2, ?3)",
            params![decision.test, number, to_text(&decision)?],
        )?;
        Ok(number)
    }
}

impl SqlTx<'_> {
    /// Notes that something came of the units for which a request was made.
    fn touch_ab_units(&mut self, request: &str) -> Result<()> {
        // In one statement PostgreSQL goes through all units as long as it has no statistics.
        let units: Vec<(String, u32, String)> =
            self.rows("SELECT test, phase, unit FROM ab_requests WHERE request = ?1", [request], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        for (test, phase, unit) in units {
            self.execute(
                "UPDATE ab_exposures SET changed = ?4 WHERE test = ?1 AND phase = ?2 AND unit = ?3",
                params![test, phase, unit, step(self.now)],
            )?;
        }
        Ok(())
    }
}
