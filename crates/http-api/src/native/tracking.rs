//! Experiments and their runs as columns: what tables and charts of many runs need.

use super::ApiError;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use mainspring_domain::Timestamp;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::tracking::{KeyValue, Lifecycle, RunInfo};
use mainspring_governance::access::Principal;
use mainspring_metadata_store::Store;
use mainspring_metadata_store::traits::comparison::Axis;
use mainspring_metadata_store::traits::search::View;
use mainspring_tracking::compare::{
    self, Comparison, HistoryRequest, Keys, NumberColumn, Request, Selection, TextColumn,
};
use mainspring_tracking::experiments::{self, Overview};
use mainspring_tracking::{Series, TrackingError, search};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Experiments that one answer lists.
const EXPERIMENTS: usize = 10_000;
/// Runs of a page, unless told.
const PAGE: usize = 1000;
/// Characters of a text, unless told.
const TEXT: usize = 250;

/// The routes of experiments and runs. They need nothing but the store.
pub fn tracking_router(store: Store) -> Router {
    Router::new()
        .route("/api/v1/tracking/experiments", get(list))
        .route("/api/v1/tracking/compare", post(side_by_side))
        .with_state(store)
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lifecycles {
    #[default]
    Active,
    Deleted,
    All,
}

impl From<Lifecycles> for View {
    fn from(lifecycles: Lifecycles) -> Self {
        match lifecycles {
            Lifecycles::Active => Self::Active,
            Lifecycles::Deleted => Self::Deleted,
            Lifecycles::All => Self::All,
        }
    }
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    view: Lifecycles,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    run_ids: Option<Vec<String>>,
    experiment_ids: Option<Vec<String>>,
    #[serde(default)]
    view: Lifecycles,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    order_by: Vec<String>,
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    columns: ColumnWishes,
    text_limit: Option<usize>,
    history: Option<History>,
}

/// Which columns are shown. They are held together, since the gate reads ids from the same body.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ColumnWishes {
    params: Wish,
    metrics: Wish,
    tags: Wish,
}

/// Which columns of one kind: all, none, or these.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wish {
    All(bool),
    Only(Vec<String>),
}

impl Default for Wish {
    fn default() -> Self {
        Self::All(true)
    }
}

impl From<Wish> for Keys {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::All(true) => Self::All,
            Wish::All(false) => Self::Only(Vec::new()),
            Wish::Only(keys) => Self::Only(keys),
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AxisName {
    #[default]
    Step,
    Time,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    metrics: Vec<String>,
    #[serde(default)]
    axis: AxisName,
    buckets: usize,
}

impl Wanted {
    fn into_request(self) -> Result<Request, ApiError> {
        let selection = match (self.run_ids, self.experiment_ids) {
            (Some(runs), None) => Selection::Runs(runs),
            (None, Some(ids)) => Selection::Search {
                experiments: ids.iter().map(|id| experiments::parse_id(id)).collect::<Result<_, _>>()?,
                view: self.view.into(),
                query: search::Query {
                    filter: self.filter,
                    order_by: self.order_by,
                    limit: self.limit.unwrap_or(PAGE),
                    offset: self.offset,
                    ..search::Query::default()
                },
            },
            _ => {
                return Err(ApiError::bad("a comparison needs `run_ids` or `experiment_ids`, and not both")
                    .hint("give the ids of runs, or the ids of experiments with a filter"));
            }
        };
        Ok(Request {
            selection,
            params: self.columns.params.into(),
            metrics: self.columns.metrics.into(),
            tags: self.columns.tags.into(),
            text_limit: self.text_limit.unwrap_or(TEXT),
            history: self.history.map(|history| HistoryRequest {
                metrics: history.metrics,
                axis: match history.axis {
                    AxisName::Step => Axis::Step,
                    AxisName::Time => Axis::Time,
                },
                buckets: history.buckets,
            }),
        })
    }
}

#[derive(Serialize)]
struct Answer {
    runs: Runs,
    params: Vec<Texts>,
    metrics: Vec<Numbers>,
    tags: Vec<Texts>,
    histories: Vec<HistoryWire>,
    next: Option<usize>,
}

/// What runs are, as columns under the names that a filter knows.
#[derive(Serialize)]
struct Runs {
    run_id: Vec<String>,
    run_name: Vec<String>,
    experiment_id: Coded,
    status: Coded,
    user_id: Coded,
    created_by: Coded,
    lifecycle_stage: Coded,
    start_time: Vec<Timestamp>,
    end_time: Vec<Option<Timestamp>>,
}

/// Texts of which many are equal: the different ones, and which one each run has.
#[derive(Default, Serialize)]
struct Coded {
    values: Vec<String>,
    codes: Vec<usize>,
}

impl Coded {
    fn of<'a>(texts: impl Iterator<Item = std::borrow::Cow<'a, str>>) -> Self {
        let mut coded = Self::default();
        let mut places: HashMap<std::borrow::Cow<'a, str>, usize> = HashMap::new();
        for text in texts {
            let code = *places.entry(text).or_insert_with_key(|text| {
                coded.values.push(text.clone().into_owned());
                coded.values.len() - 1
            });
            coded.codes.push(code);
        }
        coded
    }
}

/// The rows of a column; left out when every run has a value.
type Rows = Option<Vec<usize>>;

fn rows(rows: Vec<usize>, runs: usize) -> Rows {
    (rows.len() < runs).then_some(rows)
}

#[derive(Serialize)]
struct Texts {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Rows,
    values: Vec<String>,
    codes: Vec<usize>,
}

/// NaN becomes null; a run without a value is not among the rows.
#[derive(Serialize)]
struct Numbers {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Rows,
    values: Vec<f64>,
    max_step: i64,
}

#[derive(Serialize)]
struct HistoryWire {
    run: usize,
    key: String,
    points: u64,
    nan_points: u64,
    exact: bool,
    x: Vec<i64>,
    last: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Vec<f64>>,
}

impl From<Series> for HistoryWire {
    fn from(series: Series) -> Self {
        let exact = series.band.is_none();
        let (min, max) = series.band.map(|band| (band.min, band.max)).unzip();
        let Series { run, key, points, nan_points, x, last, .. } = series;
        Self { run, key, points, nan_points, exact, x, last, min, max }
    }
}

impl From<Vec<RunInfo>> for Runs {
    fn from(runs: Vec<RunInfo>) -> Self {
        Self {
            experiment_id: Coded::of(runs.iter().map(|run| run.experiment.to_string().into())),
            status: Coded::of(runs.iter().map(|run| run.status.as_str().into())),
            user_id: Coded::of(runs.iter().map(|run| run.user.as_str().into())),
            created_by: Coded::of(runs.iter().map(|run| run.created_by.as_str().into())),
            lifecycle_stage: Coded::of(runs.iter().map(|run| run.lifecycle.as_str().into())),
            start_time: runs.iter().map(|run| run.start).collect(),
            end_time: runs.iter().map(|run| run.end).collect(),
            run_name: runs.iter().map(|run| run.name.clone()).collect(),
            run_id: runs.into_iter().map(|run| run.id).collect(),
        }
    }
}

impl From<Comparison> for Answer {
    fn from(comparison: Comparison) -> Self {
        let runs = comparison.runs.len();
        let texts = |column: TextColumn| Texts {
            key: column.key,
            rows: rows(column.rows, runs),
            values: column.values,
            codes: column.codes,
        };
        let numbers = |column: NumberColumn| Numbers {
            key: column.key,
            rows: rows(column.rows, runs),
            values: column.values,
            max_step: column.max_step,
        };
        Self {
            params: comparison.params.into_iter().map(texts).collect(),
            metrics: comparison.metrics.into_iter().map(numbers).collect(),
            tags: comparison.tags.into_iter().map(texts).collect(),
            histories: comparison.histories.into_iter().map(Into::into).collect(),
            runs: comparison.runs.into(),
            next: comparison.next,
        }
    }
}

/// `POST /api/v1/tracking/compare`: many runs side by side, as columns.
async fn side_by_side(
    State(store): State<Store>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Answer>, ApiError> {
    let Json(wanted) = wanted.map_err(|rejection| ApiError::bad(rejection.body_text()))?;
    let request = wanted.into_request()?;
    let comparison = store.read(move |tx| compare::compare(tx, &request)).await?;
    Ok(Json(comparison.into()))
}

#[derive(Serialize)]
struct ExperimentWire {
    experiment_id: String,
    workspace: String,
    name: String,
    lifecycle_stage: Lifecycle,
    created: Timestamp,
    updated: Timestamp,
    tags: Vec<KeyValue>,
    runs: u64,
    running: u64,
    last_start: Option<Timestamp>,
}

impl From<Overview> for ExperimentWire {
    fn from(overview: Overview) -> Self {
        let experiment = overview.experiment;
        Self {
            experiment_id: experiment.id.to_string(),
            workspace: experiment.workspace.to_string(),
            name: experiment.name,
            lifecycle_stage: experiment.lifecycle,
            created: experiment.created,
            updated: experiment.updated,
            tags: experiment.tags,
            runs: overview.runs,
            running: overview.running,
            last_start: overview.last_start,
        }
    }
}

#[derive(Serialize)]
struct Experiments {
    experiments: Vec<ExperimentWire>,
}

/// `GET /api/v1/tracking/experiments?view=`: experiments and how much is going on in each.
async fn list(
    State(store): State<Store>,
    Extension(principal): Extension<Arc<Principal>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Experiments>, ApiError> {
    let mut overview = store
        .read(move |tx| experiments::overview(tx, query.view.into(), EXPERIMENTS))
        .await
        .map_err(|error: TrackingError| error)?;
    overview.retain(|one| principal.may(Role::Reader, &Scope::Experiment(one.experiment.id)));
    Ok(Json(Experiments { experiments: overview.into_iter().map(Into::into).collect() }))
}
