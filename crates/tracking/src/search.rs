//! Searches by filter text.

use crate::Result;
use mainspring_domain::tracking::{Experiment, LoggedModel, Run};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::search::{Page, Search, View};

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
}

impl Query {
    fn search(&self) -> Result<Search> {
        Ok(Search { limit: self.limit, offset: self.offset, ..Search::default() })
    }
}

/// Searches experiments.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn experiments(tx: &dyn ReadTx, view: View, query: &Query) -> Result<Page<Experiment>> {
    query.search()?.page(|search| Ok(tx.search_experiments(view, search)?))
}

/// Searches runs of experiments.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn runs(tx: &dyn ReadTx, experiments: &[i64], view: View, query: &Query) -> Result<Page<Run>> {
    query.search()?.page(|search| Ok(tx.search_runs(experiments, view, search)?))
}

/// Searches logged models of experiments.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn logged_models(tx: &dyn ReadTx, experiments: &[i64], query: &Query) -> Result<Page<LoggedModel>> {
    query.search()?.page(|search| Ok(tx.search_logged_models(experiments, search)?))
}
