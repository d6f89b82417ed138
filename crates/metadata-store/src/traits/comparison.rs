//! Many runs side by side. What can be long is handed over row by row, so that a caller never holds
//! more than it shows.

use super::search::{Search, View};
use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::tracking::RunInfo;

/// A run and the number that the other reads of this trait know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The number within this database.
    pub num: i64,
    /// What the run is.
    pub info: RunInfo,
}

/// Which texts of a run are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// Its parameters.
    Params,
    /// Its tags.
    Tags,
}

/// Which cells of which runs are read.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// The runs' numbers.
    pub runs: &'a [i64],
    /// The columns; none for all of them.
    pub keys: Option<&'a [String]>,
    /// How many cells are read at most.
    pub limit: usize,
}

/// What the position of a point is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// The step that the client gave.
    #[default]
    Step,
    /// The time in milliseconds.
    Time,
}

/// How far one metric's history of one run reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryExtent {
    /// The run's number.
    pub run: i64,
    /// The metric's number.
    pub metric: i64,
    /// The metric's name.
    pub key: String,
    /// How many points there are; at least one.
    pub points: u64,
    /// The lowest position on the axis.
    pub low: i64,
    /// The highest position on the axis.
    pub high: i64,
}

/// One point of a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPoint {
    /// The run's number.
    pub run: i64,
    /// The metric's number.
    pub metric: i64,
    /// The step.
    pub step: i64,
    /// The time in milliseconds.
    pub time: i64,
    /// The value, perhaps NaN.
    pub value: f64,
}

/// How much is going on in one experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExperimentActivity {
    /// The experiment.
    pub experiment: i64,
    /// Its runs that are in use.
    pub runs: u64,
    /// Those of them that are at work.
    pub running: u64,
    /// When the latest of them began.
    pub last_start: Timestamp,
}

/// Reading many runs as columns.
pub trait ComparisonRead {
    /// Runs of experiments by condition; the latest started first unless told.
    fn search_run_rows(&self, experiments: &[i64], view: View, search: &Search) -> Result<Vec<RunRow>>;
    /// The runs of ids, deleted or not, in no particular order. Unknown ids are left out.
    fn run_rows(&self, ids: &[String]) -> Result<Vec<RunRow>>;
    /// Visits parameters or tags as run number, key and value; values are cut after `chars`
    /// characters.
    fn each_text(
        &self,
        cells: &Cells<'_>,
        texts: Texts,
        chars: usize,
        visit: &mut dyn FnMut(i64, &str, &str),
    ) -> Result<()>;
    /// Visits the latest point of each metric as run number, key, step and value.
    fn each_latest_metric(&self, cells: &Cells<'_>, visit: &mut dyn FnMut(i64, &str, i64, f64))
    -> Result<()>;
    /// How far histories reach, by run and metric.
    fn history_extents(&self, runs: &[i64], keys: &[String], axis: Axis) -> Result<Vec<HistoryExtent>>;
    /// Visits the points of histories, in no particular order.
    fn each_history_point(
        &self,
        runs: &[i64],
        metrics: &[i64],
        visit: &mut dyn FnMut(HistoryPoint),
    ) -> Result<()>;
    /// What is going on in each experiment that has runs in use.
    fn experiment_activity(&self) -> Result<Vec<ExperimentActivity>>;
}
