//! Searches by filter text.

use crate::validation::invalid;
use crate::{Result, TrackingError};
use mainspring_domain::evaluation::EvaluationDataset;
use mainspring_domain::tracking::{Experiment, LoggedModel, Run};
use mainspring_expressions::search::{EntityKind, parse_filter, parse_order_by};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::comparison::RunRow;
use mainspring_metadata_store::traits::search::{Attribute, Condition, Page, Search, SortKey, View};

/// What a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The filter text; empty for everything.
    pub filter: String,
    /// The order, one key a text.
    pub order_by: Vec<String>,
    /// How many to give at most.
    pub limit: usize,
    /// How many to skip.
    pub offset: usize,
    /// For logged models: the data sets, by name and perhaps digest, whose metrics count.
    pub measured_on: Vec<(String, Option<String>)>,
}

impl Query {
    fn search(&self, kind: EntityKind) -> Result<Search> {
        let unknown = || TrackingError::Invalid("The search names an unknown attribute.".to_owned());
        let mut search = Search {
            limit: self.limit,
            offset: self.offset,
            measured_on: self.measured_on.clone(),
            ..Search::default()
        };
        for comparison in parse_filter(&self.filter, kind)? {
            let condition = Condition::of(comparison, |key| attribute(kind, key)).ok_or_else(unknown)?;
            search.conditions.push(condition);
        }
        for text in &self.order_by {
            let order = parse_order_by(text, kind)?;
            let key = SortKey::of(order, |key| attribute(kind, key)).ok_or_else(unknown)?;
            if search.order.iter().any(|held| held.field == key.field) {
                let clauses = self.order_by.join("', '");
                return invalid(format!("`order_by` contains duplicate fields: ['{clauses}']"));
            }
            search.order.push(key);
        }
        Ok(search)
    }
}

/// What an attribute's name means.
fn attribute(kind: EntityKind, key: &str) -> Option<Attribute> {
    Some(match key {
        "experiment_id" if kind == EntityKind::Experiment => Attribute::Id,
        "experiment_id" => Attribute::Experiment,
        "run_id" | "model_id" => Attribute::Id,
        "name" | "run_name" => Attribute::Name,
        "status" => Attribute::Status,
        "user_id" => Attribute::User,
        "artifact_uri" => Attribute::ArtifactUri,
        "start_time" => Attribute::Start,
        "end_time" => Attribute::End,
        "created_by" => Attribute::User,
        "last_updated_by" => Attribute::Updater,
        "creation_time" | "creation_timestamp" | "created_time" => Attribute::Created,
        "last_update_time" | "last_updated_timestamp" => Attribute::Updated,
        "model_type" => Attribute::ModelType,
        "source_run_id" => Attribute::SourceRun,
        _ => return None,
    })
}

/// Searches experiments.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn experiments(tx: &dyn ReadTx, view: View, query: &Query) -> Result<Page<Experiment>> {
    query.search(EntityKind::Experiment)?.page(|search| Ok(tx.search_experiments(view, search)?))
}

/// Searches runs of experiments.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn runs(tx: &dyn ReadTx, experiments: &[i64], view: View, query: &Query) -> Result<Page<Run>> {
    query.search(EntityKind::Run)?.page(|search| Ok(tx.search_runs(experiments, view, search)?))
}

/// Searches runs of experiments without what was logged to them.
///
/// # Errors
/// When the filter or the order is not understood.
pub(crate) fn run_rows(
    tx: &dyn ReadTx,
    experiments: &[i64],
    view: View,
    query: &Query,
) -> Result<Page<RunRow>> {
    query.search(EntityKind::Run)?.page(|search| Ok(tx.search_run_rows(experiments, view, search)?))
}

/// Searches logged models of experiments.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn logged_models(tx: &dyn ReadTx, experiments: &[i64], query: &Query) -> Result<Page<LoggedModel>> {
    query.search(EntityKind::LoggedModel)?.page(|search| Ok(tx.search_logged_models(experiments, search)?))
}

/// Searches data sets for evaluation, of any of the experiments when some are given.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn evaluation_datasets(
    tx: &dyn ReadTx,
    experiments: &[i64],
    query: &Query,
) -> Result<Page<EvaluationDataset>> {
    query
        .search(EntityKind::EvaluationDataset)?
        .page(|search| Ok(tx.search_evaluation_datasets(experiments, search)?))
}
