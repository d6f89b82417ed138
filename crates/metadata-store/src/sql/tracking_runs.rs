//! Runs and what was logged to them, read a page at a time.

use super::search::{Entity, Property};
use super::tx::{SqlTx, to_text};
use super::workspaces::BURIED;
use crate::Result;
use crate::driver::Row;
use crate::traits::search::{Attribute, Search, View};
use mainspring_domain::tracking::{
    DatasetInput, KeyValue, Lifecycle, Metric, ModelOutput, Run, RunInfo, RunStatus,
};
use mainspring_domain::{Actor, Timestamp};
use std::collections::HashMap;

const COLUMNS: &str = "e.num, e.id, e.experiment, e.name, e.user_name, e.status, e.start_time, e.end_time,
    e.lifecycle, e.artifact_uri, e.created_by";

const RUN: Entity = Entity {
    column,
    tags: "run_tags t WHERE t.run = e.num",
    params: Some("run_params t WHERE t.run = e.num"),
    metrics: Some((
        "latest_metrics t WHERE t.run = e.num",
        "(SELECT k.id FROM metric_keys k WHERE k.key = {})",
    )),
    datasets: Some(
        "run_inputs i JOIN datasets d ON d.id = i.dataset
         LEFT JOIN run_input_tags t ON t.run = i.run AND t.dataset = i.dataset
         WHERE i.run = e.num",
    ),
    one_metric: true,
    default_order: "e.start_time DESC, e.id",
};

const PARAMS: &str = "SELECT run, key, value FROM run_params
    WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY run, key";

const TAGS: &str = "SELECT run, key, value FROM run_tags
    WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY run, key";

const fn column(attribute: Attribute) -> Option<Property> {
    Some(match attribute {
        Attribute::Id => Property::Text("e.id"),
        Attribute::Name => Property::Text("e.name"),
        Attribute::Status => Property::Text("e.status"),
        Attribute::User => Property::Text("e.user_name"),
        Attribute::Start | Attribute::Created => Property::Number("e.start_time"),
        Attribute::End => Property::Number("e.end_time"),
        Attribute::Duration => Property::Number("(e.end_time - e.start_time)"),
        Attribute::ArtifactUri => Property::Text("e.artifact_uri"),
        Attribute::Experiment => Property::Number("e.experiment"),
        Attribute::Updated
        | Attribute::Updater
        | Attribute::ModelType
        | Attribute::SourceRun
        | Attribute::Version
        | Attribute::Source
        | Attribute::Stage => return None,
    })
}

fn info(row: &Row<'_>) -> Result<(i64, RunInfo)> {
    let info = RunInfo {
        id: row.get(1)?,
        experiment: row.get(2)?,
        name: row.get(3)?,
        user: row.get(4)?,
        status: RunStatus::parse(row.text(5)?).unwrap_or(RunStatus::Failed),
        start: Timestamp::from_millis(row.get(6)?),
        end: row.get::<Option<i64>>(7)?.map(Timestamp::from_millis),
        lifecycle: Lifecycle::from_stored(row.text(8)?),
        artifact_uri: row.get(9)?,
        created_by: Actor::from_stored(row.get(10)?),
    };
    Ok((row.get(0)?, info))
}

pub(super) fn metric(key: String, row: &Row<'_>, first: usize) -> Result<Metric> {
    let is_nan: bool = row.get(first + 2)?;
    Ok(Metric {
        key,
        step: row.get(first)?,
        timestamp: Timestamp::from_millis(row.get(first + 1)?),
        value: if is_nan { f64::NAN } else { row.get(first + 3)? },
    })
}

fn pair(row: &Row<'_>) -> Result<(i64, KeyValue)> {
    Ok((row.get(0)?, KeyValue { key: row.get(1)?, value: row.get(2)? }))
}

/// Runs under way to being whole, findable by number.
struct Page {
    runs: Vec<Run>,
    place: HashMap<i64, usize>,
}

impl Page {
    fn of(rows: Vec<(i64, RunInfo)>) -> Self {
        let place = rows.iter().enumerate().map(|(index, (num, _))| (*num, index)).collect();
        let runs = rows
            .into_iter()
            .map(|(_, info)| Run {
                info,
                metrics: Vec::new(),
                params: Vec::new(),
                tags: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
            })
            .collect();
        Self { runs, place }
    }

    fn fill<T>(&mut self, items: Vec<(i64, T)>, put: impl Fn(&mut Run, T)) {
        for (num, item) in items {
            if let Some(run) = self.place.get(&num).and_then(|index| self.runs.get_mut(*index)) {
                put(run, item);
            }
        }
    }
}

impl SqlTx<'_> {
    /// A run with its number.
    pub(super) fn run_row(&self, id: &str) -> Result<Option<(i64, RunInfo)>> {
        self.row_in_sight(&["SELECT ", COLUMNS, " FROM runs e WHERE e.id = ?1"].concat(), id, info)
    }

    pub(super) fn runs_of_creator(&self, actor: &Actor) -> Result<Vec<RunInfo>> {
        let sql = format!("SELECT {COLUMNS} FROM runs e WHERE e.created_by = ?1 ORDER BY e.num");
        let rows = self.rows(&sql, [actor.as_str()], info)?;
        Ok(rows.into_iter().map(|(_, info)| info).collect())
    }

    pub(super) fn find_runs(&self, experiments: &[i64], view: View, search: &Search) -> Result<Vec<Run>> {
        self.load_runs(self.find_run_rows(experiments, view, search)?)
    }

    /// The runs of ids, with their numbers; none of a workspace that was deleted.
    pub(super) fn run_rows_of_ids(&self, ids: &[String]) -> Result<Vec<(i64, RunInfo)>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs e WHERE e.id IN (SELECT value FROM json_each(?1)) AND NOT EXISTS
                 (SELECT 1 FROM experiments g WHERE g.id = e.experiment AND g.workspace LIKE {BURIED})"
        );
        self.rows_in_sight(&sql, &to_text(&ids)?, info)
    }

    /// The runs that a search finds, with their numbers.
    pub(super) fn find_run_rows(
        &self,
        experiments: &[i64],
        view: View,
        search: &Search,
    ) -> Result<Vec<(i64, RunInfo)>> {
        let experiments = &*self.experiments_in_sight(experiments)?;
        let mut statement = self.select(&format!("SELECT {COLUMNS} FROM runs e"));
        if let [one] = experiments {
            statement.of_experiment(*one);
        } else {
            let list = statement.bind(to_text(&experiments)?);
            statement.and(&format!("e.experiment IN (SELECT value FROM json_each({list}))"));
        }
        statement.view(view);
        let statement = statement.search(&RUN, search)?;
        self.rows(&statement.sql, statement.values, info)
    }

    /// Fills in what was logged to runs: one query per kind, however many runs there are.
    pub(super) fn load_runs(&self, rows: Vec<(i64, RunInfo)>) -> Result<Vec<Run>> {
        let list = to_text(&rows.iter().map(|(num, _)| num).collect::<Vec<_>>())?;
        let mut page = Page::of(rows);
        let metrics = self.rows(
            "SELECT m.run, k.key, m.step, m.ts, m.is_nan, m.value
             FROM latest_metrics m JOIN metric_keys k ON k.id = m.key
             WHERE m.run IN (SELECT value FROM json_each(?1)) ORDER BY m.run, k.key",
            [&list],
            |row| Ok((row.get::<i64>(0)?, metric(row.get(1)?, row, 2)?)),
        )?;
        page.fill(metrics, |run, metric| run.metrics.push(metric));
        page.fill(self.rows(PARAMS, [&list], pair)?, |run, param| run.params.push(param));
        page.fill(self.rows(TAGS, [&list], pair)?, |run, tag| run.tags.push(tag));
        page.fill(self.load_inputs(&list)?, |run, input| run.inputs.push(input));
        let outputs = self.rows(
            "SELECT run, model_id, step FROM run_outputs
             WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY run, step, model_id",
            [&list],
            |row| Ok((row.get(0)?, ModelOutput { model_id: row.get(1)?, step: row.get(2)? })),
        )?;
        page.fill(outputs, |run, output| run.outputs.push(output));
        Ok(page.runs)
    }

    fn load_inputs(&self, list: &str) -> Result<Vec<(i64, DatasetInput)>> {
        let mut inputs = self.rows(
            "SELECT i.run, i.dataset, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
             FROM run_inputs i JOIN datasets d ON d.id = i.dataset
             WHERE i.run IN (SELECT value FROM json_each(?1)) ORDER BY i.run, i.dataset",
            [list],
            |row| {
                let input = DatasetInput {
                    name: row.get(2)?,
                    digest: row.get(3)?,
                    source_type: row.get(4)?,
                    source: row.get(5)?,
                    schema: row.get(6)?,
                    profile: row.get(7)?,
                    tags: Vec::new(),
                };
                Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, input))
            },
        )?;
        if !inputs.is_empty() {
            let tags = self.rows(
                "SELECT run, dataset, key, value FROM run_input_tags
                 WHERE run IN (SELECT value FROM json_each(?1))",
                [list],
                |row| {
                    let tag = KeyValue { key: row.get(2)?, value: row.get(3)? };
                    Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, tag))
                },
            )?;
            for (run, dataset, tag) in tags {
                let owner = inputs.iter_mut().find(|(r, d, _)| *r == run && *d == dataset);
                if let Some((_, _, input)) = owner {
                    input.tags.push(tag);
                }
            }
        }
        Ok(inputs.into_iter().map(|(run, _, input)| (run, input)).collect())
    }
}
