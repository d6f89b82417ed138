//! Many runs side by side, as columns: what was logged to them last, and the course of metrics.

use crate::downsample::{Downsampler, Series};
use crate::search::{self, Query};
use crate::validation::invalid;
use crate::{Result, TrackingError};
use mainspring_domain::tracking::RunInfo;
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::comparison::{Axis, Cells, RunRow, Texts};
use mainspring_metadata_store::traits::search::{Page, View};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Runs that can be named in one comparison.
pub const MAX_RUNS: usize = 500;
/// Runs that one page of a search holds.
pub const MAX_PAGE: usize = 10_000;
/// Parts into which a history is cut at most.
pub const MAX_BUCKETS: usize = 1000;
/// Experiments, and names of each kind, that one request can list.
const MAX_NAMES: usize = 1000;
/// Values in all columns of one answer.
const MAX_CELLS: usize = 2_000_000;
/// Characters of different texts in one answer.
const MAX_TEXT: usize = 64 << 20;
/// Characters that parameters and tags can have.
const MAX_CHARACTERS: usize = 8000;
/// Points of all histories in one answer, after they were cut into buckets.
const MAX_SHOWN_POINTS: u64 = 1_000_000;
/// Points that one answer is made from.
const MAX_READ_POINTS: u64 = 20_000_000;

/// Which runs are compared.
#[derive(Clone, Debug)]
pub enum Selection {
    /// These, in this order. Deleted ones are shown too.
    Runs(Vec<String>),
    /// A page of what a search finds.
    Search {
        /// In these experiments.
        experiments: Vec<i64>,
        /// In these lifecycles.
        view: View,
        /// Filter, order and page.
        query: Query,
    },
}

/// Which columns of one kind are shown.
#[derive(Clone, Debug, Default)]
pub enum Keys {
    /// All that one of the runs has.
    #[default]
    All,
    /// These.
    Only(Vec<String>),
}

/// Which histories are shown, and how.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// The metrics.
    pub metrics: Vec<String>,
    /// What their points are placed by.
    pub axis: Axis,
    /// In how many parts a longer history is cut.
    pub buckets: usize,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The runs.
    pub selection: Selection,
    /// Columns of parameters.
    pub params: Keys,
    /// Columns of latest metrics.
    pub metrics: Keys,
    /// Columns of tags.
    pub tags: Keys,
    /// Texts are cut after so many characters.
    pub text_limit: usize,
    /// The course of metrics.
    pub history: Option<HistoryRequest>,
}

/// A parameter or tag of many runs. Equal texts are kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextColumn {
    /// The name.
    pub key: String,
    /// The places of the runs that have it, ascending.
    pub rows: Vec<usize>,
    /// For each of them, the place of its text in `values`.
    pub codes: Vec<usize>,
    /// The different texts.
    pub values: Vec<String>,
}

/// A metric of many runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberColumn {
    /// The name.
    pub key: String,
    /// The places of the runs that have it, ascending.
    pub rows: Vec<usize>,
    /// For each of them, its latest value; NaN stays NaN.
    pub values: Vec<f64>,
    /// The highest step of these values: 0 where a metric has no course to draw.
    pub max_step: i64,
}

/// Runs and their columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The runs, in order.
    pub runs: Vec<RunInfo>,
    /// Parameters by name.
    pub params: Vec<TextColumn>,
    /// Latest metrics by name.
    pub metrics: Vec<NumberColumn>,
    /// Tags by name.
    pub tags: Vec<TextColumn>,
    /// Histories by run and metric.
    pub histories: Vec<Series>,
    /// Where the next page begins, when there is one.
    pub next: Option<usize>,
}

/// Reads runs side by side.
///
/// # Errors
/// When a run is not known, the search is not understood, or more is asked for than one answer holds.
pub fn compare(tx: &dyn ReadTx, request: &Request) -> Result<Comparison> {
    check(request)?;
    let Page { items, next } = select(tx, &request.selection)?;
    let nums: Vec<i64> = items.iter().map(|row| row.num).collect();
    let mut page = Columns::of(&nums);
    let comparison = Comparison {
        params: page.texts(tx, Texts::Params, &request.params, request.text_limit)?,
        metrics: page.metrics(tx, &request.metrics)?,
        tags: page.texts(tx, Texts::Tags, &request.tags, request.text_limit)?,
        histories: request
            .history
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |wanted| page.histories(tx, wanted))?,
        runs: items.into_iter().map(|row| row.info).collect(),
        next,
    };
    Ok(comparison)
}

fn at_most(what: &str, limit: usize, count: usize) -> Result<()> {
    if count <= limit {
        return Ok(());
    }
    invalid(format!("A comparison takes at most {limit} {what}. Got {count}."))
}

fn check(request: &Request) -> Result<()> {
    match &request.selection {
        Selection::Runs(ids) => at_most("runs by id", MAX_RUNS, ids.len())?,
        Selection::Search { experiments, query, .. } => {
            at_most("experiments", MAX_NAMES, experiments.len())?;
            at_most("runs a page", MAX_PAGE, query.limit)?;
        }
    }
    for (kind, keys) in
        [("parameters", &request.params), ("metrics", &request.metrics), ("tags", &request.tags)]
    {
        if let Keys::Only(keys) = keys {
            at_most(kind, MAX_NAMES, keys.len())?;
        }
    }
    let Some(history) = &request.history else { return Ok(()) };
    at_most("histories by name", MAX_NAMES, history.metrics.len())?;
    if history.buckets == 0 {
        return invalid("A history is cut into at least 1 bucket. Got 0.");
    }
    at_most("buckets", MAX_BUCKETS, history.buckets)
}

fn select(tx: &dyn ReadTx, selection: &Selection) -> Result<Page<RunRow>> {
    match selection {
        Selection::Search { experiments, view, query } => search::run_rows(tx, experiments, *view, query),
        Selection::Runs(ids) => {
            let mut found: HashMap<String, RunRow> =
                tx.run_rows(ids)?.into_iter().map(|row| (row.info.id.clone(), row)).collect();
            let mut seen = HashSet::new();
            let named = ids.iter().filter(|id| seen.insert(id.as_str()));
            let items = named
                .map(|id| found.remove(id).ok_or_else(|| TrackingError::NoRun(id.clone())))
                .collect::<Result<_>>()?;
            Ok(Page { items, next: None })
        }
    }
}

/// Columns under way. One answer's bounds hold for all of them together.
struct Columns<'a> {
    runs: &'a [i64],
    place: HashMap<i64, usize>,
    cells: usize,
    text: usize,
}

fn too_much(what: &str) -> TrackingError {
    TrackingError::Invalid(format!(
        "The runs hold more {what} than one answer takes. Name the columns or ask for fewer runs."
    ))
}

impl<'a> Columns<'a> {
    fn of(runs: &'a [i64]) -> Self {
        let place = runs.iter().enumerate().map(|(index, num)| (*num, index)).collect();
        Self { runs, place, cells: 0, text: 0 }
    }

    /// What is still to be read, and one cell more, which shows that there are too many.
    fn cells<'k>(&'k self, keys: Option<&'k [String]>) -> Cells<'k> {
        Cells { runs: self.runs, keys, limit: MAX_CELLS - self.cells + 1 }
    }

    fn count(&mut self, cells: usize, text: usize) -> Result<()> {
        self.cells += cells;
        self.text += text;
        match (self.cells > MAX_CELLS, self.text > MAX_TEXT) {
            (true, _) => Err(too_much("values")),
            (_, true) => Err(too_much("text")),
            _ => Ok(()),
        }
    }

    fn texts(&mut self, tx: &dyn ReadTx, texts: Texts, keys: &Keys, chars: usize) -> Result<Vec<TextColumn>> {
        let Some(keys) = named(keys) else { return Ok(Vec::new()) };
        let mut building: BTreeMap<String, TextBuilder> = BTreeMap::new();
        let (mut cells, mut text) = (0, 0);
        tx.each_text(&self.cells(keys), texts, chars.min(MAX_CHARACTERS), &mut |run, key, value| {
            let Some(row) = self.place.get(&run) else { return };
            cells += 1;
            if self.text + text > MAX_TEXT {
                return;
            }
            if !building.contains_key(key) {
                building.insert(key.to_owned(), TextBuilder::default());
            }
            if let Some(column) = building.get_mut(key) {
                text += column.push(*row, value);
            }
        })?;
        self.count(cells, text)?;
        Ok(building.into_iter().map(|(key, column)| column.finish(key)).collect())
    }

    fn metrics(&mut self, tx: &dyn ReadTx, keys: &Keys) -> Result<Vec<NumberColumn>> {
        let Some(keys) = named(keys) else { return Ok(Vec::new()) };
        let mut building: BTreeMap<String, (i64, Vec<(usize, f64)>)> = BTreeMap::new();
        let mut cells = 0;
        tx.each_latest_metric(&self.cells(keys), &mut |run, key, step, value| {
            let Some(row) = self.place.get(&run) else { return };
            cells += 1;
            match building.get_mut(key) {
                Some((max_step, column)) => {
                    *max_step = step.max(*max_step);
                    column.push((*row, value));
                }
                None => drop(building.insert(key.to_owned(), (step, vec![(*row, value)]))),
            }
        })?;
        self.count(cells, 0)?;
        let columns = building.into_iter().map(|(key, (max_step, mut cells))| {
            cells.sort_unstable_by_key(|(row, _)| *row);
            let (rows, values) = cells.into_iter().unzip();
            NumberColumn { key, rows, values, max_step }
        });
        Ok(columns.collect())
    }

    fn histories(&self, tx: &dyn ReadTx, wanted: &HistoryRequest) -> Result<Vec<Series>> {
        let extents = tx.history_extents(self.runs, &wanted.metrics, wanted.axis)?;
        let read: u64 = extents.iter().map(|extent| extent.points).sum();
        let shown: u64 = extents.iter().map(|extent| extent.points.min(wanted.buckets as u64)).sum();
        if read > MAX_READ_POINTS || shown > MAX_SHOWN_POINTS {
            return invalid(format!(
                "The histories hold {read} points, of which {shown} would be shown. One answer is made from \
                 at most {MAX_READ_POINTS} and shows at most {MAX_SHOWN_POINTS}. Ask for fewer runs, metrics \
                 or buckets."
            ));
        }
        let metrics: HashSet<i64> = extents.iter().map(|extent| extent.metric).collect();
        let metrics: Vec<i64> = metrics.into_iter().collect();
        let mut runs: Vec<i64> = extents.iter().map(|extent| extent.run).collect();
        runs.dedup();
        let places: HashMap<(i64, i64), usize> =
            extents.iter().enumerate().map(|(index, e)| ((e.run, e.metric), index)).collect();
        let mut samplers: Vec<(i64, Downsampler)> = extents
            .into_iter()
            .map(|extent| (extent.run, Downsampler::new(wanted.axis, extent, wanted.buckets)))
            .collect();
        // Points mostly come history by history, so the last place is tried before it is looked up.
        let mut at = (0, 0);
        let mut place = None;
        tx.each_history_point(&runs, &metrics, &mut |point| {
            if place.is_none() || at != (point.run, point.metric) {
                at = (point.run, point.metric);
                place = places.get(&at).copied();
            }
            if let Some((_, sampler)) = place.and_then(|place| samplers.get_mut(place)) {
                sampler.add(point);
            }
        })?;
        let mut series: Vec<Series> = samplers
            .into_iter()
            .filter_map(|(run, sampler)| Some(sampler.finish(*self.place.get(&run)?)))
            .collect();
        series.sort_by(|a, b| a.run.cmp(&b.run).then_with(|| a.key.cmp(&b.key)));
        Ok(series)
    }
}

/// The names to ask the store for: none for all of them. Nothing when no column is wanted.
fn named(keys: &Keys) -> Option<Option<&[String]>> {
    match keys {
        Keys::All => Some(None),
        Keys::Only(keys) if keys.is_empty() => None,
        Keys::Only(keys) => Some(Some(keys)),
    }
}

#[derive(Default)]
struct TextBuilder {
    cells: Vec<(usize, usize)>,
    codes: HashMap<String, usize>,
    values: Vec<String>,
}

impl TextBuilder {
    /// Adds a cell; gives the bytes of text that are new.
    fn push(&mut self, row: usize, value: &str) -> usize {
        if let Some(code) = self.codes.get(value) {
            self.cells.push((row, *code));
            return 0;
        }
        let code = self.values.len();
        self.codes.insert(value.to_owned(), code);
        self.values.push(value.to_owned());
        self.cells.push((row, code));
        value.len()
    }

    fn finish(mut self, key: String) -> TextColumn {
        self.cells.sort_unstable();
        let (rows, codes) = self.cells.into_iter().unzip();
        TextColumn { key, rows, codes, values: self.values }
    }
}
