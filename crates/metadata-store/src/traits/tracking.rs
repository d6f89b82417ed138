//! Experiments, runs, what is logged to them, and logged models.

use super::search::{Search, View};
use crate::Result;
use mainspring_domain::Actor;
use mainspring_domain::tracking::{
    DatasetInput, Experiment, KeyValue, Lifecycle, LoggedModel, Metric, ModelOutput, Run, RunInfo,
};

/// A point that was measured on a logged model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetric {
    /// The model.
    pub model_id: String,
    /// The run that logged it.
    pub run_id: String,
    /// The point.
    pub metric: Metric,
    /// Name of the data set it was measured on.
    pub dataset_name: Option<String>,
    /// Digest of that data set.
    pub dataset_digest: Option<String>,
}

/// A data set that runs of an experiment read, as far as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// How runs used it, where they said so.
    pub context: Option<String>,
}

/// Reading experiments, runs and logged models.
pub trait TrackingRead {
    /// One experiment, deleted or not.
    fn experiment(&self, id: i64) -> Result<Option<Experiment>>;
    /// The experiment of a name, deleted or not.
    fn experiment_by_name(&self, name: &str) -> Result<Option<Experiment>>;
    /// Experiments by condition; the newest first unless told.
    fn search_experiments(&self, view: View, search: &Search) -> Result<Vec<Experiment>>;
    /// What a run is, without what was logged to it.
    fn run_info(&self, id: &str) -> Result<Option<RunInfo>>;
    /// Whether a run lies in another workspace than the one that this transaction sees.
    fn has_run_out_of_sight(&self, id: &str) -> Result<bool>;
    /// A whole run.
    fn run(&self, id: &str) -> Result<Option<Run>>;
    /// Runs that an actor created, oldest first.
    fn runs_created_by(&self, actor: &Actor) -> Result<Vec<RunInfo>>;
    /// Runs of experiments by condition; the latest started first unless told.
    fn search_runs(&self, experiments: &[i64], view: View, search: &Search) -> Result<Vec<Run>>;
    /// The value of a parameter.
    fn param(&self, run: &str, key: &str) -> Result<Option<String>>;
    /// The value of a run's tag.
    fn run_tag(&self, run: &str, key: &str) -> Result<Option<String>>;
    /// Points of one metric in the order of step, time and value.
    fn metric_history(&self, run: &str, key: &str, limit: usize, offset: usize) -> Result<Vec<Metric>>;
    /// At most `buckets` points of one metric, perhaps of a range of steps: the first of each of as
    /// many equal parts of the history, and its last point.
    fn sample_metric_history(
        &self,
        run: &str,
        key: &str,
        steps: Option<(i64, i64)>,
        buckets: usize,
    ) -> Result<Vec<Metric>>;
    /// Data sets that runs of the experiments read, each once per use.
    fn dataset_summaries(&self, experiments: &[i64], limit: usize) -> Result<Vec<DatasetSummary>>;
    /// The logged models that a run read.
    fn model_inputs(&self, run: &str) -> Result<Vec<String>>;
    /// One logged model, deleted or not.
    fn logged_model(&self, id: &str) -> Result<Option<LoggedModel>>;
    /// Whether a logged model lies in another workspace than the one that this transaction sees.
    fn has_logged_model_out_of_sight(&self, id: &str) -> Result<bool>;
    /// Logged models of experiments by condition; the newest first unless told. Deleted ones are
    /// left out.
    fn search_logged_models(&self, experiments: &[i64], search: &Search) -> Result<Vec<LoggedModel>>;
    /// Logged models of an experiment by id, the deleted ones too: up to `limit` after the id `after`.
    fn logged_models_after(&self, experiment: i64, after: &str, limit: usize) -> Result<Vec<LoggedModel>>;
    /// All points that were measured on a logged model: up to `limit` after the first `offset`.
    fn model_metric_history(&self, model: &str, limit: usize, offset: usize) -> Result<Vec<ModelMetric>>;
    /// The latest point of each metric of the models, per run and data set.
    fn model_metrics(&self, models: &[String]) -> Result<Vec<ModelMetric>>;
}

/// Writing experiments, runs and logged models.
pub trait TrackingWrite {
    /// The id that the next experiment gets.
    fn next_experiment_id(&self) -> Result<i64>;
    /// Keeps an id that was not taken with [`TrackingWrite::next_experiment_id`] from being given.
    fn reserve_experiment_id(&mut self, id: i64) -> Result<()>;
    /// Adds an experiment with its tags.
    fn insert_experiment(&mut self, experiment: &Experiment) -> Result<()>;
    /// Writes name, location of artifacts, lifecycle and time of change.
    fn update_experiment(&mut self, experiment: &Experiment) -> Result<()>;
    /// Sets a tag of an experiment.
    fn set_experiment_tag(&mut self, experiment: i64, tag: &KeyValue) -> Result<()>;
    /// Removes a tag of an experiment; says whether it was there.
    fn delete_experiment_tag(&mut self, experiment: i64, key: &str) -> Result<bool>;
    /// Sets the lifecycle of runs together with their experiment's; gives the number of those that
    /// changed. Deleting takes all that are in use, restoring brings back only those.
    fn set_lifecycle_with_experiment(&mut self, experiment: i64, lifecycle: Lifecycle) -> Result<usize>;
    /// Adds a run.
    fn insert_run(&mut self, run: &RunInfo) -> Result<()>;
    /// Writes name, status, end and lifecycle of a run.
    fn update_run(&mut self, run: &RunInfo) -> Result<()>;
    /// Sets tags of a run.
    fn set_run_tags(&mut self, run: &str, tags: &[KeyValue]) -> Result<()>;
    /// Removes a tag of a run; says whether it was there.
    fn delete_run_tag(&mut self, run: &str, key: &str) -> Result<bool>;
    /// Adds a parameter that is not there yet.
    fn insert_param(&mut self, run: &str, param: &KeyValue) -> Result<()>;
    /// Adds points; those that are there already count nothing. Gives the number of new ones.
    fn insert_metric_points(&mut self, run: &str, points: &[Metric]) -> Result<usize>;
    /// Replaces the latest point of each metric where the given one is later by step, time and
    /// value.
    fn raise_latest_metrics(&mut self, run: &str, points: &[&Metric]) -> Result<()>;
    /// Adds points that were measured on logged models; repeated ones count nothing.
    fn insert_model_metrics(&mut self, points: &[ModelMetric]) -> Result<()>;
    /// Adds data sets that a run read. One that is known by experiment, name and digest stays as it
    /// was.
    fn insert_inputs(&mut self, run: &RunInfo, inputs: &[DatasetInput]) -> Result<()>;
    /// Adds logged models that a run read.
    fn insert_model_inputs(&mut self, run: &str, models: &[String]) -> Result<()>;
    /// Adds logged models that a run produced.
    fn insert_outputs(&mut self, run: &str, outputs: &[ModelOutput]) -> Result<()>;
    /// Adds a logged model with its parameters and tags.
    fn insert_logged_model(&mut self, model: &LoggedModel) -> Result<()>;
    /// Writes status, lifecycle and time of change of a logged model.
    fn update_logged_model(&mut self, model: &LoggedModel) -> Result<()>;
    /// Sets tags of a logged model.
    fn set_logged_model_tags(&mut self, model: &str, tags: &[KeyValue]) -> Result<()>;
    /// Removes a tag of a logged model; says whether it was there.
    fn delete_logged_model_tag(&mut self, model: &str, key: &str) -> Result<bool>;
    /// Adds a parameter of a logged model that is not there yet.
    fn insert_logged_model_param(&mut self, model: &str, param: &KeyValue) -> Result<()>;
}
