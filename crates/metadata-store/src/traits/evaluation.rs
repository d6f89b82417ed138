//! Data sets for evaluation.

use super::search::Search;
use crate::Result;
use mainspring_domain::Timestamp;
use mainspring_domain::evaluation::{EvaluationDataset, EvaluationRecord};
use mainspring_domain::tracking::KeyValue;

/// Reading data sets for evaluation.
pub trait EvaluationRead {
    /// One data set.
    fn evaluation_dataset(&self, id: &str) -> Result<Option<EvaluationDataset>>;
    /// Data sets by condition, of any of the experiments when some are given; the newest first
    /// unless told.
    fn search_evaluation_datasets(
        &self,
        experiments: &[i64],
        search: &Search,
    ) -> Result<Vec<EvaluationDataset>>;
    /// Records in the order in which they were added, after the one with this time and id.
    fn evaluation_records(
        &self,
        dataset: &str,
        after: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Result<Vec<EvaluationRecord>>;
    /// The record with this hash of its inputs.
    fn evaluation_record(&self, dataset: &str, input_hash: &str) -> Result<Option<EvaluationRecord>>;
    /// How many records a data set has.
    fn count_evaluation_records(&self, dataset: &str) -> Result<u64>;
}

/// Writing data sets for evaluation.
pub trait EvaluationWrite {
    /// Adds a data set with its tags and experiments.
    fn insert_evaluation_dataset(&mut self, dataset: &EvaluationDataset) -> Result<()>;
    /// Writes digest, time and author of change, schema and profile.
    fn update_evaluation_dataset(&mut self, dataset: &EvaluationDataset) -> Result<()>;
    /// Removes a data set with all that belongs to it.
    fn delete_evaluation_dataset(&mut self, id: &str) -> Result<()>;
    /// Sets a tag.
    fn set_evaluation_dataset_tag(&mut self, id: &str, tag: &KeyValue) -> Result<()>;
    /// Removes a tag; says whether it was there.
    fn delete_evaluation_dataset_tag(&mut self, id: &str, key: &str) -> Result<bool>;
    /// Adds a data set to experiments; gives the number of those that it did not belong to.
    fn add_evaluation_dataset_to(&mut self, id: &str, experiments: &[i64]) -> Result<usize>;
    /// Removes a data set from experiments; gives the number of those that it belonged to.
    fn remove_evaluation_dataset_from(&mut self, id: &str, experiments: &[i64]) -> Result<usize>;
    /// Adds a record, or writes all of the one with this hash.
    fn put_evaluation_record(
        &mut self,
        dataset: &str,
        input_hash: &str,
        record: &EvaluationRecord,
    ) -> Result<()>;
    /// Removes records; gives the number of those that were there.
    fn delete_evaluation_records(&mut self, dataset: &str, ids: &[String]) -> Result<usize>;
}
