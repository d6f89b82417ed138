//! Searches of traces by filter text.

use crate::Result;
use crate::validation::invalid;
use mainspring_domain::traces::TraceInfo;
use mainspring_expressions::search::{parse_trace_filter, parse_trace_order};
use mainspring_metadata_store::ReadTx;
use mainspring_metadata_store::traits::TraceSearch;
use mainspring_metadata_store::traits::search::Page;

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

/// Searches traces of experiments; their spans are not given.
///
/// # Errors
/// When the filter or the order is not understood.
pub fn traces(tx: &dyn ReadTx, experiments: &[i64], query: &Query) -> Result<Page<TraceInfo>> {
    let mut search = TraceSearch {
        conditions: parse_trace_filter(&query.filter)?,
        order: Vec::new(),
        limit: query.limit,
        offset: query.offset,
    };
    for text in &query.order_by {
        let key = parse_trace_order(text)?;
        if search.order.iter().any(|held| held.field == key.field) {
            let clauses = query.order_by.join("', '");
            return invalid(format!("`order_by` contains duplicate fields: ['{clauses}']"));
        }
        search.order.push(key);
    }
    Ok(tx.search_traces(experiments, &search)?)
}
