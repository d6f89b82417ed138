//! Many runs side by side: one query per kind, however many runs there are.

use super::tx::{SqlTx, place, to_text, to_u64};
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::ComparisonRead;
use crate::traits::comparison::{
    Axis, Cells, ExperimentActivity, HistoryExtent, HistoryPoint, RunRow, Texts,
};
use crate::traits::search::{Search, View};
use mainspring_domain::Timestamp;

// No list means all columns. The list comes first, as it tells PostgreSQL what is bound.
const PARAMS: &str = "SELECT run, key, SUBSTR(value, 1, ?3) FROM run_params
    WHERE run IN (SELECT value FROM json_each(?1))
      AND (key IN (SELECT value FROM json_each(?2)) OR ?2 IS NULL)
    LIMIT ?4";

const TAGS: &str = "SELECT run, key, SUBSTR(value, 1, ?3) FROM run_tags
    WHERE run IN (SELECT value FROM json_each(?1))
      AND (key IN (SELECT value FROM json_each(?2)) OR ?2 IS NULL)
    LIMIT ?4";

const LATEST: &str = "SELECT m.run, k.key, m.step, m.is_nan, m.value
    FROM latest_metrics m JOIN metric_keys k ON k.id = m.key
    WHERE m.run IN (SELECT value FROM json_each(?1))
      AND (k.key IN (SELECT value FROM json_each(?2)) OR ?2 IS NULL)
    LIMIT ?3";

// A history has exactly one latest point, so the small table names the histories, and its parts
// are looked up in the order of the large table's key.
const STEP_EXTENTS: &str = "SELECT m.run, m.key, k.key,
        (SELECT COUNT(*) FROM metric_points p WHERE p.run = m.run AND p.key = m.key),
        (SELECT MIN(p.step) FROM metric_points p WHERE p.run = m.run AND p.key = m.key),
        (SELECT MAX(p.step) FROM metric_points p WHERE p.run = m.run AND p.key = m.key)
    FROM latest_metrics m JOIN metric_keys k ON k.id = m.key
    WHERE m.run IN (SELECT value FROM json_each(?1))
      AND k.key IN (SELECT value FROM json_each(?2))
    ORDER BY m.run, k.key";

const TIME_EXTENTS: &str = "SELECT m.run, m.key, k.key,
        (SELECT COUNT(*) FROM metric_points p WHERE p.run = m.run AND p.key = m.key),
        (SELECT MIN(p.ts) FROM metric_points p WHERE p.run = m.run AND p.key = m.key),
        (SELECT MAX(p.ts) FROM metric_points p WHERE p.run = m.run AND p.key = m.key)
    FROM latest_metrics m JOIN metric_keys k ON k.id = m.key
    WHERE m.run IN (SELECT value FROM json_each(?1))
      AND k.key IN (SELECT value FROM json_each(?2))
    ORDER BY m.run, k.key";

const POINTS: &str = "SELECT run, key, step, ts, is_nan, value FROM metric_points
    WHERE run IN (SELECT value FROM json_each(?1))
      AND key IN (SELECT value FROM json_each(?2))";

const ACTIVITY: &str = "SELECT experiment, COUNT(*),
        SUM(CASE WHEN status = 'RUNNING' THEN 1 ELSE 0 END), MAX(start_time)
    FROM runs WHERE lifecycle = 'active' GROUP BY experiment";

fn extent(row: &Row<'_>) -> Result<HistoryExtent> {
    Ok(HistoryExtent {
        run: row.get(0)?,
        metric: row.get(1)?,
        key: row.get(2)?,
        points: to_u64(row.get(3)?),
        low: row.get(4)?,
        high: row.get(5)?,
    })
}

fn value(row: &Row<'_>, is_nan: usize) -> Result<f64> {
    Ok(if row.get(is_nan)? { f64::NAN } else { row.get(is_nan + 1)? })
}

/// The list of keys as a bound value; NULL for all.
fn names(keys: Option<&[String]>) -> Result<Option<String>> {
    keys.map(to_text).transpose()
}

impl ComparisonRead for SqlTx<'_> {
    fn search_run_rows(&self, experiments: &[i64], view: View, search: &Search) -> Result<Vec<RunRow>> {
        let rows = self.find_run_rows(experiments, view, search)?;
        Ok(rows.into_iter().map(|(num, info)| RunRow { num, info }).collect())
    }

    fn run_rows(&self, ids: &[String]) -> Result<Vec<RunRow>> {
        let rows = self.run_rows_of_ids(ids)?;
        Ok(rows.into_iter().map(|(num, info)| RunRow { num, info }).collect())
    }

    fn each_text(
        &self,
        cells: &Cells<'_>,
        texts: Texts,
        chars: usize,
        visit: &mut dyn FnMut(i64, &str, &str),
    ) -> Result<()> {
        let sql = match texts {
            Texts::Params => PARAMS,
            Texts::Tags => TAGS,
        };
        self.rows(
            sql,
            params![to_text(cells.runs)?, names(cells.keys)?, place(chars), place(cells.limit)],
            |row| {
                visit(row.get(0)?, row.text(1)?, row.text(2)?);
                Ok(())
            },
        )
        .map(drop)
    }

    fn each_latest_metric(
        &self,
        cells: &Cells<'_>,
        visit: &mut dyn FnMut(i64, &str, i64, f64),
    ) -> Result<()> {
        self.rows(LATEST, params![to_text(cells.runs)?, names(cells.keys)?, place(cells.limit)], |row| {
            visit(row.get(0)?, row.text(1)?, row.get(2)?, value(row, 3)?);
            Ok(())
        })
        .map(drop)
    }

    fn history_extents(&self, runs: &[i64], keys: &[String], axis: Axis) -> Result<Vec<HistoryExtent>> {
        let sql = match axis {
            Axis::Step => STEP_EXTENTS,
            Axis::Time => TIME_EXTENTS,
        };
        self.rows(sql, [to_text(runs)?, to_text(keys)?], extent)
    }

    fn each_history_point(
        &self,
        runs: &[i64],
        metrics: &[i64],
        visit: &mut dyn FnMut(HistoryPoint),
    ) -> Result<()> {
        self.rows(POINTS, [to_text(runs)?, to_text(metrics)?], |row| {
            visit(HistoryPoint {
                run: row.get(0)?,
                metric: row.get(1)?,
                step: row.get(2)?,
                time: row.get(3)?,
                value: value(row, 4)?,
            });
            Ok(())
        })
        .map(drop)
    }

    fn experiment_activity(&self) -> Result<Vec<ExperimentActivity>> {
        self.rows(ACTIVITY, [], |row| {
            Ok(ExperimentActivity {
                experiment: row.get(0)?,
                runs: to_u64(row.get(1)?),
                running: to_u64(row.get(2)?),
                last_start: Timestamp::from_millis(row.get(3)?),
            })
        })
    }
}
