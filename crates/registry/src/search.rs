//! Searches by filter text.

use crate::Result;
use mainspring_domain::registry::{ModelVersion, RegisteredModel};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::search::{Page, Search};

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

/// Searches registered models.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn models(tx: &dyn ReadTx, query: &Query) -> Result<Page<RegisteredModel>> {
    query.search()?.page(|search| Ok(tx.search_registered_models(search)?))
}

/// Searches versions.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn versions(tx: &dyn ReadTx, query: &Query) -> Result<Page<ModelVersion>> {
    query.search()?.page(|search| Ok(tx.search_model_versions(search)?))
}
