//! Samples of long histories, and the data sets of experiments.

use super::tracking_runs::metric;
use super::tx::{SqlTx, to_text};
use crate::Result;
use crate::driver::params;
use crate::traits::DatasetSummary;
use mainspring_domain::tracking::Metric;

/// Points of a metric in a range of steps.
const POINTS: &str = "SELECT step, ts, is_nan, value FROM metric_points
    WHERE run = (SELECT num FROM runs WHERE id = ?1)
      AND key = (SELECT id FROM metric_keys WHERE key = ?2)
      AND step BETWEEN ?3 AND ?4";

impl SqlTx<'_> {
    /// The sample is drawn by row, not by step: a metric that was logged without steps has one step
    /// with all its points.
    pub(super) fn sample_history(
        &self,
        run: &str,
        key: &str,
        steps: Option<(i64, i64)>,
        buckets: usize,
    ) -> Result<Vec<Metric>> {
        let (from, to) = steps.unwrap_or((i64::MIN, i64::MAX));
        let buckets = buckets.max(1);
        let mut sample = self.rows(
            &format!(
                "SELECT step, ts, is_nan, value FROM (
                     SELECT step, ts, is_nan, value, row_number() OVER (
                         PARTITION BY bucket ORDER BY step, ts, value, is_nan) AS place
                     FROM (SELECT step, ts, is_nan, value, ntile(?5) OVER (
                               ORDER BY step, ts, value, is_nan) AS bucket
                           FROM ({POINTS}) AS points) AS bucketed
                 ) AS ranked WHERE place = 1 ORDER BY step, ts, value, is_nan"
            ),
            params![run, key, from, to, i64::try_from(buckets).unwrap_or(i64::MAX)],
            |row| metric(key.to_owned(), row, 0),
        )?;
        let last = self.row(
            &format!("{POINTS} ORDER BY step DESC, ts DESC, value DESC, is_nan DESC LIMIT 1"),
            params![run, key, from, to],
            |row| metric(key.to_owned(), row, 0),
        )?;
        if let Some(last) = last
            && sample.last().is_none_or(|held| !same(held, &last))
        {
            sample.truncate(buckets - 1);
            sample.push(last);
        }
        Ok(sample)
    }

    pub(super) fn summarize_datasets(
        &self,
        experiments: &[i64],
        limit: usize,
    ) -> Result<Vec<DatasetSummary>> {
        self.rows(
            "SELECT DISTINCT d.experiment, d.name, d.digest, t.value
             FROM datasets d JOIN run_inputs i ON i.dataset = d.id
             LEFT JOIN run_input_tags t
                 ON t.run = i.run AND t.dataset = i.dataset AND t.key = 'mlflow.data.context'
             WHERE d.experiment IN (SELECT value FROM json_each(?1))
             ORDER BY d.experiment, d.name, d.digest, t.value NULLS FIRST LIMIT ?2",
            params![
                to_text(&self.experiments_in_sight(experiments)?)?,
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            |row| {
                Ok(DatasetSummary {
                    experiment: row.get(0)?,
                    name: row.get(1)?,
                    digest: row.get(2)?,
                    context: row.get(3)?,
                })
            },
        )
    }
}

/// Whether two points are one: NaN equals itself here.
fn same(a: &Metric, b: &Metric) -> bool {
    let value = a.value.total_cmp(&b.value).is_eq() || (a.value.is_nan() && b.value.is_nan());
    (a.step, a.timestamp) == (b.step, b.timestamp) && value
}
